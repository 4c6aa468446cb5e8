"""
Many visits on Dask
===================

Measuring one visit takes seconds to minutes on a laptop. For hundreds of visits, or one with
tens of thousands of integrations, blocks of integrations can be measured by the workers of a
Dask cluster. The numbers stay the same, bit by bit.
"""

# %%
# A script for a cluster
# ----------------------
#
# ``extract`` takes any `concurrent.futures.Executor`, and `dask.distributed
# <https://distributed.dask.org>`_ makes one of its client. Workers read the files for
# themselves, so that only names and results travel; every worker must see the files by the same
# names. The products are written here.

from pathlib import Path
from tempfile import TemporaryDirectory

import matplotlib.pyplot as plt
import numpy as np
from dask.distributed import Client, LocalCluster

from nircam_tso import TimeSeriesExtractor, read, write
from nircam_tso.exceptions import NircamTSOError
from nircam_tso.simulate import simulate_exposure


def simulate_visits(folder, count):
    """Visits of one star, each in a folder of its own."""
    for number in range(1, count + 1):
        simulate_exposure(
            folder / f"visit{number}",
            observation=number,
            start=f"2024-06-{10 + 3 * number}T05:21:00",
            n_integrations=150,
            segments=2,
            n_groups=20,
            flux=1e6,
            light_curve=1 - 0.01 * (np.abs(np.arange(150) - 75) < 8 * number),
            seed=number,
        )
    return sorted(folder.glob("visit*"))


def measure_all(visits, products, executor=None):
    """Measure each visit and write its product; tell of those that cannot be measured."""
    products.mkdir()
    written = []
    for visit in visits:
        try:
            extractor = TimeSeriesExtractor.for_source(visit, aperture_radii=[3, 5])
            ts = extractor.extract(visit, executor=executor)
        except NircamTSOError as error:
            print(str(error).replace(f"{visit.parent}/", ""))
        else:
            written.append(write(ts, products / f"{visit.name}.h5"))
    return written


# %%
# Work is done only below ``if __name__ == "__main__":``. A worker process imports the script
# that started it; without this line it would start a cluster of its own.
#
# Four visits, one of which has lost a segment on its way:

if __name__ == "__main__":
    folder = TemporaryDirectory()
    visits = simulate_visits(Path(folder.name), 4)
    next(visits[2].glob("*seg001*.fits")).unlink()

# %%
# On two workers
# --------------
#
# Two processes on this machine, as a stand-in for a cluster. For a real one, give its address:
# ``Client("tcp://10.0.0.1:8786")``. The workers need the same versions of the packages.

if __name__ == "__main__":
    options = {"host": "127.0.0.1", "dashboard_address": ":0", "silence_logs": "ERROR"}
    with (
        LocalCluster(n_workers=2, threads_per_worker=1, **options) as cluster,
        Client(cluster) as client,
    ):
        print(f"{len(client.nthreads())} workers")
        written = measure_all(visits, Path(folder.name) / "dask", client.get_executor())
    print("written:", *(path.name for path in written))

# %%
# A visit that cannot be measured does not end the night: every error of the package is a
# `~nircam_tso.exceptions.NircamTSOError` with the file's name in it. A worker that dies is
# another matter: Dask gives its blocks to the next one, and
# `~nircam_tso.exceptions.WorkerCrashError` tells if none is left.
#
# The same without Dask
# ---------------------
#
# By default blocks are measured by threads of this process, one per processor. The products do
# not tell how they were made:

if __name__ == "__main__":
    alone = measure_all(visits, Path(folder.name) / "threads")
    same = [
        first.read_bytes() == second.read_bytes()
        for first, second in zip(written, alone, strict=True)
    ]
    print(f"{sum(same)} of {len(same)} products are the same, byte by byte")

# %%
# On one machine a `concurrent.futures.ProcessPoolExecutor` serves as well. The light curves,
# each with its own dip:

if __name__ == "__main__":
    figure, axis = plt.subplots(figsize=(7, 3.6), layout="constrained")
    for i, path in enumerate(written):
        ts = read(path)
        minutes = (ts["time"] - ts["time"][0]).to_value("min")
        flux = ts["aperture_sum_r5"] / np.nanmedian(ts["aperture_sum_r5"])
        axis.plot(minutes, flux - 0.03 * i, ".", label=path.stem)
    axis.set(xlabel="minutes", ylabel="relative flux, each 0.03 lower", ylim=(None, 1.02))
    axis.legend(ncols=3, loc="upper right")
    folder.cleanup()
    plt.show()

# %%
# From a shell, with a scheduler that runs:
#
# .. code-block:: console
#
#   $ nircam-tso extract visit1/ --scheduler tcp://10.0.0.1:8786 -o visit1.h5
