"""Many visits of each case, kept in files, and what their pulls say."""

import csv
import multiprocessing
import os
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass, fields
from functools import partial

import numpy as np

from benchmarks.validation.cases import CASES
from benchmarks.validation.visits import Found, find_transit

__all__ = ["TOLERANCE", "Pulls", "pulls_of", "read_found", "run_case", "workers", "write_found"]

#: How many of its own standard errors a mean or a scatter of pulls may be off.
TOLERANCE = 3.5


@dataclass(frozen=True)
class Pulls:
    """
    Mean and scatter of ``(found - put in) / error`` over visits.

    Attributes
    ----------
    n : int
        Visits.
    mean, scatter : float
        0 and 1 for unbiased numbers with right errors.
    error : float
        Median of the errors, in the unit of the number.
    """

    n: int
    mean: float
    scatter: float
    error: float

    @property
    def mean_limit(self):
        """How far the mean may be from 0: 3.5 of its standard errors."""
        return TOLERANCE / np.sqrt(self.n)

    @property
    def scatter_limit(self):
        """How far the scatter may be from 1: 3.5 of its standard errors."""
        return TOLERANCE / np.sqrt(2 * self.n)

    @property
    def good(self):
        """Whether both are within their limits."""
        return bool(abs(self.mean) < self.mean_limit and abs(self.scatter - 1) < self.scatter_limit)


def pulls_of(found, name):
    """
    Pulls of one number.

    Parameters
    ----------
    found : list of Found
        Visits.
    name : {"depth", "middle"}
        Which.

    Returns
    -------
    Pulls

    Examples
    --------
    >>> from benchmarks.validation.study import pulls_of
    >>> from benchmarks.validation.visits import Found
    >>> nothing = {"middle": 0, "middle_found": 0, "middle_err": 1, "step": 0, "chi2": 1}
    >>> nothing |= {"depth_plain": 0, "middle_plain": 0, "seconds": 0}
    >>> found = [Found(k, 0.01, 0.01 + way, 1e-4, **nothing) for k, way in enumerate((1e-4, -1e-4))]
    >>> pulls = pulls_of(found, "depth")
    >>> round(pulls.mean, 9), round(pulls.scatter, 3), pulls.n
    (0.0, 1.414, 2)
    """
    truth, values, errors = (np.array([getattr(one, name + end) for one in found]) for end in ("", "_found", "_err"))
    pulls = (values - truth) / errors
    return Pulls(len(pulls), float(pulls.mean()), float(pulls.std(ddof=1)), float(np.median(errors)))


def workers(n):
    """
    Processes for visits, each with one thread.

    Parameters
    ----------
    n : int
        How many.

    Returns
    -------
    `concurrent.futures.ProcessPoolExecutor`
    """
    # Read by the linear algebra of each new process when it is loaded there.
    for name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS"):
        os.environ.setdefault(name, "1")
    return ProcessPoolExecutor(n, mp_context=multiprocessing.get_context("spawn"))


def run_case(name, n, executor):
    """
    Simulate, measure and fit visits of a case.

    Parameters
    ----------
    name : str
        One of `CASES`.
    n : int
        How many.
    executor : `concurrent.futures.Executor`
        Where; it changes no number.

    Returns
    -------
    list of Found
    """
    return list(executor.map(partial(find_transit, CASES[name]), range(n), chunksize=5))


def write_found(path, found):
    """
    Write the visits of a case as a table.

    Parameters
    ----------
    path : `~pathlib.Path`
        File, replaced if it is there.
    found : list of Found
        Visits.
    """
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, [part.name for part in fields(Found)], lineterminator="\n")
        writer.writeheader()
        writer.writerows(asdict(one) for one in found)


def read_found(path):
    """
    Read what `write_found` wrote.

    Parameters
    ----------
    path : `~pathlib.Path`
        File.

    Returns
    -------
    list of Found
    """
    with path.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    return [Found(**{part.name: part.type(row[part.name]) for part in fields(Found)}) for row in rows]
