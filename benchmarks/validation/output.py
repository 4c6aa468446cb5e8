"""The tables and figures that the documentation shows, from the visits of a run."""

import csv

import numpy as np

from benchmarks.validation.cases import CASES, STARS
from benchmarks.validation.study import TOLERANCE, pulls_of
from benchmarks.validation.visits import make_visit
from nircam_tso.inspect.plotting.style import BLUE, VERMILION

__all__ = [
    "CASE_HEADER",
    "PEER_HEADER",
    "REAL_HEADER",
    "RUN_HEADER",
    "STAR_HEADER",
    "TILT_HEADER",
    "case_rows",
    "draw_pulls",
    "draw_tilt",
    "read_rows",
    "star_rows",
    "tilt_rows",
    "write_rows",
]

STAR_HEADER = ("star", "frame (pix)", "electron/s", "aperture (pix)", "sky (pix)", "integrations", "seconds of each")
CASE_HEADER = (
    "case",
    "beside photon and read noise",
    "visits",
    "depth (ppm)",
    "pulls",
    "mid-time (s)",
    "pulls",
    "chi-squared",
    "limits",
)
TILT_HEADER = (
    "star",
    "step (ppm)",
    "depth, step in the fit (ppm)",
    "no step (ppm)",
    "mid-time, step in the fit (s)",
    "no step (s)",
)
PEER_HEADER = (
    "cube",
    "by",
    "flux: scatter (ppm)",
    "error (ppm)",
    "ratio",
    "sky less truth",
    "scatter",
    "over error",
    "centre (mpix)",
    "ms",
    "sums differ",
)
REAL_HEADER = ("source", "quantity", "ours", "theirs", "difference")
RUN_HEADER = ("part", "what", "processor time (s)", "on")


def write_rows(path, header, rows):
    """
    Write a table of texts.

    Parameters
    ----------
    path : `~pathlib.Path`
        File, replaced if it is there.
    header : sequence of str
        Names of the columns.
    rows : iterable of sequence
        Lines.
    """
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file, lineterminator="\n").writerows([header, *rows])


def read_rows(path):
    """
    Read a table of texts.

    Parameters
    ----------
    path : `~pathlib.Path`
        File.

    Returns
    -------
    list of list of str
        The names of the columns first.
    """
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.reader(file))


def star_rows():
    """
    A line for each star: what is simulated, and how it is measured.

    Returns
    -------
    list of tuple of str
        As in ``STAR_HEADER``.
    """
    rows = []
    for name, star in STARS.items():
        # Of any case of the star: cases change neither the readout nor the sky's place.
        case = next(case for case in CASES.values() if case.star == name and not case.effects)
        settings, sky = make_visit(case, 0).settings, star.settings["background"]
        rows.append(
            (
                star.label,
                f"{star.shape[0]} x {star.shape[1]}",
                f"{star.flux:.0e}".replace("e+0", "e"),
                f"{star.radius:g}",
                f"{sky.inner:g} to {sky.outer:g}",
                f"{star.integrations}",
                f"{settings.readout.cadence:.0f}",
            )
        )
    return rows


def case_rows(found):
    """
    A line for each case.

    Parameters
    ----------
    found : dict of str to list of Found
        Visits by case.

    Returns
    -------
    list of tuple of str
        As in ``CASE_HEADER``.
    """
    rows = []
    for name, visits in found.items():
        case = CASES[name]
        depth, middle = pulls_of(visits, "depth"), pulls_of(visits, "middle")
        verdict = "within" if depth.good and middle.good else "OUT"
        rows.append(
            (
                name,
                case.suffers,
                f"{depth.n}",
                f"{1e6 * depth.error:.0f}",
                f"{depth.mean:+.2f}, {depth.scatter:.2f}",
                f"{middle.error:.1f}",
                f"{middle.mean:+.2f}, {middle.scatter:.2f}",
                f"{np.mean([one.chi2 for one in visits]):.2f}",
                verdict if case.asserted else f"{verdict} (told only)",
            )
        )
    return rows


def _mean_and_error(values, scale):
    values = scale * np.asarray(values)
    return f"{values.mean():+.1f} ± {values.std(ddof=1) / np.sqrt(len(values)):.1f}"


def tilt_rows(found):
    """
    A line for each case with a tilt.

    Parameters
    ----------
    found : dict of str to list of Found
        Visits by case.

    Returns
    -------
    list of tuple of str
        As in ``TILT_HEADER``.
    """
    rows = []
    for name, visits in found.items():
        if not CASES[name].has_tilt:
            continue
        depth, middle = (
            (
                _mean_and_error([getattr(one, part + "_found") - getattr(one, part) for one in visits], scale),
                _mean_and_error([getattr(one, part + "_plain") - getattr(one, part) for one in visits], scale),
            )
            for part, scale in (("depth", 1e6), ("middle", 1.0))
        )
        step = _mean_and_error([one.step for one in visits], 1e6)
        rows.append((STARS[CASES[name].star].label, step, *depth, *middle))
    return rows


def _save(figure, path):
    import matplotlib.pyplot as plt

    # The same numbers give the same bytes.
    with plt.rc_context({"svg.hashsalt": "nircam_tso", "svg.fonttype": "none"}):
        figure.savefig(path, metadata={"Date": None, "Creator": None})
    plt.close(figure)


def draw_pulls(path, found):
    """
    Draw mean and scatter of the pulls of every case, with their limits.

    Parameters
    ----------
    path : `~pathlib.Path`
        SVG, replaced if it is there.
    found : dict of str to list of Found
        Visits by case.
    """
    import matplotlib.pyplot as plt

    rows = np.arange(len(found))[::-1]
    figure, axes = plt.subplots(
        1, 2, figsize=(8.5, 1.3 + 0.27 * len(found)), sharey=True, layout="constrained", squeeze=True
    )
    for place, (name, color, shift) in enumerate((("depth", BLUE, 0.13), ("middle", VERMILION, -0.13))):
        pulls = [pulls_of(visits, name) for visits in found.values()]
        n = np.array([pull.n for pull in pulls])
        for axis, values, errors in (
            (axes[0], [pull.mean for pull in pulls], 1 / np.sqrt(n)),
            (axes[1], [pull.scatter for pull in pulls], 1 / np.sqrt(2 * n)),
        ):
            label = {"depth": "depth", "middle": "mid-time"}[name]
            axis.errorbar(values, rows + shift, xerr=errors, fmt="os"[place], color=color, markersize=4, label=label)
    for axis, at, errors, title in (
        (axes[0], 0.0, 1 / np.sqrt(n), "mean of the pulls"),
        (axes[1], 1.0, 1 / np.sqrt(2 * n), "scatter of the pulls"),
    ):
        axis.barh(rows, 2 * TOLERANCE * errors, left=at - TOLERANCE * errors, height=0.7, color="0.9", zorder=0)
        axis.axvline(at, color="0.5", linewidth=0.8)
        axis.set_xlabel(title)
        axis.tick_params(left=False)
    axes[0].set_yticks(rows, found, fontsize=8)
    axes[0].set_ylim(-0.6, len(found) - 0.4)
    figure.legend(*axes[1].get_legend_handles_labels(), fontsize=8, loc="outside upper right", ncols=2)
    _save(figure, path)


def draw_tilt(path, curves):
    """
    Draw visits with a tilt, and their fits with a step and without.

    Parameters
    ----------
    path : `~pathlib.Path`
        SVG, replaced if it is there.
    curves : dict of str to tuple
        By label: hours, flux and its errors relative to the level, model with a step, model without.
    """
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(
        2, len(curves), figsize=(8.5, 4.4), sharex=True, layout="constrained", height_ratios=(3, 2), squeeze=False
    )
    for column, (label, (hours, flux, errors, stepped, plain)) in zip(axes.T, curves.items(), strict=True):
        column[0].errorbar(hours, flux, errors, fmt=".", color="0.6", markersize=4, linewidth=0.8, zorder=1)
        for model, color, style, name in (
            (stepped, BLUE, "-", "with a step"),
            (plain, VERMILION, "--", "without"),
        ):
            column[0].plot(hours, model, style, color=color, label=name)
            column[1].plot(hours, 1e6 * (flux - model), ".", color=color, markersize=4)
        column[1].axhline(0, color="0.5", linewidth=0.8)
        column[0].set_title(label, fontsize=10)
        column[1].set_xlabel("hours from the middle of the visit")
    axes[0, 0].set_ylabel("relative flux")
    axes[1, 0].set_ylabel("residual (ppm)")
    axes[0, 0].legend(fontsize=8)
    _save(figure, path)
