"""Run the validation study and write what the documentation shows of it.

::

    python -m benchmarks.validation                    # all of it, under twenty minutes on two processors
    python -m benchmarks.validation --quick            # a few visits of each case, two minutes
    python -m benchmarks.validation --only wlp8,real   # parts; the others stay as they are
"""

import argparse
import sys
import time
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from benchmarks.timing import machine
from benchmarks.validation.cases import CASES, STARS
from benchmarks.validation.output import (
    CASE_HEADER,
    PEER_HEADER,
    REAL_HEADER,
    RUN_HEADER,
    STAR_HEADER,
    TILT_HEADER,
    case_rows,
    draw_pulls,
    draw_tilt,
    read_rows,
    star_rows,
    tilt_rows,
    write_rows,
)
from benchmarks.validation.realpixels import compare_real, data_folder
from benchmarks.validation.study import pulls_of, read_found, run_case, workers, write_found

__all__ = ["main"]

#: What the documentation shows, and where trials go.
_PAGE, _SCRATCH = Path("docs/validation"), Path(".tmp/validation")
#: Visits of a case with --quick.
_FEW = 20
#: What there is beside the cases; "tables" draws again what earlier runs have left.
_PARTS = ("tables", "real", "peers")


def _tilted_visits(names):
    """Light curves of the first visit of each case with a tilt, and their fits."""
    from benchmarks.validation.transit import fit_transit
    from benchmarks.validation.visits import light_curve, make_visit

    curves = {}
    for name in names:
        case = CASES[name]
        days, flux, errors, tilt = light_curve(case, make_visit(case, 0))
        level = np.median(flux[np.abs(days) > 0.75 * np.abs(days).max()])
        models = [fit_transit(days, flux, errors, step=step).curve / level for step in (tilt, None)]
        curves[STARS[case.star].label] = (24 * days, flux / level, errors / level, *models)
    return curves


def _run_cases(options, names):
    """Simulate, measure and fit the visits of some cases; what is done stays if the rest is stopped."""
    folder = options.out / "visits"
    folder.mkdir(exist_ok=True)
    began = time.perf_counter()
    with workers(options.processes) as executor:
        for name in names:
            n = min(_FEW, CASES[name].visits) if options.quick else CASES[name].visits
            write_found(folder / f"{name}.csv", run_case(name, n, executor))
            print(f"{name}: {n} visits, {time.perf_counter() - began:.0f} s", flush=True)


def _show_cases(out):
    """Write tables and figures of all visits that are there; the cases beyond their limits are returned."""
    found = {name: read_found(path) for name in CASES if (path := out / "visits" / f"{name}.csv").exists()}
    if not found:
        return []
    write_rows(out / "stars.csv", STAR_HEADER, star_rows())
    write_rows(out / "cases.csv", CASE_HEADER, case_rows(found))
    draw_pulls(out / "pulls.svg", found)
    tilted = [name for name in found if CASES[name].has_tilt]
    if tilted:
        write_rows(out / "tilt.csv", TILT_HEADER, tilt_rows(found))
        draw_tilt(out / "tilt.svg", _tilted_visits(tilted))
    seconds = sum(one.seconds for visits in found.values() for one in visits)
    _tell_run(out, "visits", seconds, f"{sum(map(len, found.values()))} of {len(found)} cases")
    return [
        name
        for name, visits in found.items()
        if CASES[name].asserted and not (pulls_of(visits, "depth").good and pulls_of(visits, "middle").good)
    ]


def _tell_run(out, part, seconds, what):
    """Put what a part was run on into the table of the parts."""
    path = out / "runs.csv"
    rows = {row[0]: row for row in read_rows(path)[1:]} if path.exists() else {}
    rows[part] = (part, what, f"{seconds:.0f}", machine())
    write_rows(path, RUN_HEADER, [rows[name] for name in sorted(rows)])


def main(args=None):
    """
    Run the study.

    Parameters
    ----------
    args : list of str, optional
        Arguments; by default the command line's.

    Returns
    -------
    int
        1 if the pulls of a case are beyond their limits, else 0.
    """
    parser = argparse.ArgumentParser(prog="python -m benchmarks.validation", description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help=f"{_FEW} visits of each case, and short cubes")
    parser.add_argument(
        "--only",
        type=lambda text: text.split(","),
        help=f"parts, separated by commas: {', '.join(_PARTS)}, or cases: {', '.join(CASES)}",
    )
    parser.add_argument("--out", type=Path, help=f"folder to write to ({_PAGE}; with --quick {_SCRATCH})")
    parser.add_argument("--processes", type=int, default=2, help="how many at once (%(default)s); changes no number")
    options = parser.parse_args(args)
    parts = options.only or [*CASES, *_PARTS]
    for part in parts:
        if part not in (*CASES, *_PARTS):
            parser.error(f"--only: {part!r} is no part; choose among {', '.join((*_PARTS, *CASES))}")
    # A few visits are no study: they stay out of the documentation.
    options.out = options.out or (_SCRATCH if options.quick else _PAGE)
    options.out.mkdir(parents=True, exist_ok=True)
    names = [part for part in parts if part in CASES]
    if names:
        _run_cases(options, names)
    bad = _show_cases(options.out) if names or "tables" in parts else []
    if "real" in parts:
        _show_real(options.out)
    if "peers" in parts:
        _show_peers(options.out, options.quick)
    if bad:
        print("beyond their limits: " + ", ".join(bad))
    return int(bool(bad))


def _show_real(out):
    folder = data_folder()
    if folder is None:
        print("real: no folder of public observations; NIRCAM_TSO_DATA can name it")
        return
    began = time.process_time()
    rows = compare_real(folder)
    write_rows(out / "real.csv", REAL_HEADER, rows)
    _tell_run(out, "real pixels", time.process_time() - began, f"{len(rows)} numbers")


def _show_peers(out, quick):
    if find_spec("jwst") is None:
        print("peers: jwst is not installed; tox -e peers has an environment with it")
        return
    from benchmarks.validation.peers import compare_peers, peer_name

    began = time.process_time()
    rows = compare_peers(quick)
    write_rows(out / "peers.csv", PEER_HEADER, rows)
    _tell_run(out, "side by side", time.process_time() - began, peer_name())


if __name__ == "__main__":
    sys.exit(main())
