"""Time of reading a part of an exposure in blocks, against astropy's sections of whole rows."""

import argparse
import tempfile
from pathlib import Path

from astropy.io import fits

from benchmarks.sources import write_calints
from benchmarks.timing import ratios
from nircam_tso.io.sources import open_exposure

__all__ = ["main"]

SHAPE = (256, 2048)
ROWS = slice(78, 178)
#: What an extraction keeps of these rows, and where it wants variances.
COLUMNS = slice(974, 1077)
BOX = (slice(104, 153), slice(1000, 1049))


def main(args=None):
    """
    Run the benchmark and print its figures.

    Parameters
    ----------
    args : list of str, optional
        Arguments; by default the command line's.
    """
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--integrations", type=int, default=100, help="integrations in the file (default 100)")
    parser.add_argument("--block", type=int, default=8, help="integrations in a block (default 8)")
    parser.add_argument("--repeats", type=int, default=7, help="turns; the median counts (default 7)")
    options = parser.parse_args(args)
    n, block = options.integrations, options.block
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "wide_calints.fits"
        write_calints(path, n, SHAPE)
        exposure = open_exposure(path, errors="total")

        def whole_rows():
            for first in range(0, n, block):
                exposure.read(first, min(first + block, n), ROWS)

        def as_extracted():
            for first in range(0, n, block):
                exposure.read(first, min(first + block, n), ROWS, COLUMNS, variance_of=BOX)

        def theirs():
            with fits.open(path, memmap=False) as hdus:
                for first in range(0, n, block):
                    for name in ("SCI", "ERR", "DQ"):
                        hdus[name].section[first : first + block, ROWS, :]

        size = 12 * n * (ROWS.stop - ROWS.start) * SHAPE[1]
        for name, ours in (("whole rows", whole_rows), ("what an extraction keeps", as_extracted)):
            ours()
            theirs()
            own, other, ratio = ratios(ours, theirs, options.repeats)
            print(
                f"{name} of {n} integrations, {size / 1e9:.2f} GB: {own:.3f} s, astropy {other:.3f} s, "
                f"ratio {ratio:.2f}"
            )


if __name__ == "__main__":
    main()
