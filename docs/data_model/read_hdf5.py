"""Read an HDF5 product without the package that wrote it."""

import json
import sys

import h5py
import yaml

with h5py.File(sys.argv[1]) as file:
    rows = file["timeseries"][()]
    header = b"\n".join(file["timeseries.__table_column_meta__"][()]).decode()
    prefix = "timeseries.meta."  # only where texts are very long
    texts = {name[len(prefix) :]: file[name][()].tobytes().decode() for name in file if name.startswith(prefix)}

header = yaml.safe_load(header.partition("- __serialized_columns__:")[0])
units = {entry["name"]: entry.get("unit", "") for entry in header["datatype"]}
meta = dict(header["meta"]) | texts
bits = json.loads(meta["provenance"])["quality_bits"]

days = (rows["time.jd1"] - 2400000.5) + rows["time.jd2"]  # MJD, UTC
if "time.jd1.mask" in rows.dtype.names:  # only where some times are unknown
    days[rows["time.jd1.mask"]] = float("nan")
names = [name for name in units if name.startswith("aperture_sum_r")]
informs = bits["SATURATED"] | bits["JUMP_DET"] | bits["TIME_FROM_HEADER"] | bits["MIDNIGHT_ROLLOVER"]
kept = (rows["quality"] | informs) == informs
for day, row in zip(days[kept], rows[kept], strict=True):
    print(f"{day:.9f}", *(f"{row[name]:.6g} {units[name]}" for name in names))
