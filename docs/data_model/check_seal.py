"""Whether an HDF5 product has the bytes with which it was written."""

import hashlib
import sys

with open(sys.argv[1], "rb") as file:
    content = file.read()
hdf5, _, seal = content.rpartition(b"\nnircam_tso sha256 ")
print("as it was written" if hashlib.sha256(hdf5).hexdigest() == seal.strip().decode() else "changed")
