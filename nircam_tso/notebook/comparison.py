"""The old and the new numbers side by side, and what each fault of the notebook changes."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from nircam_tso.io.provenance import recorded_sources
from nircam_tso.notebook.faults import NotebookFaults
from nircam_tso.notebook.integration import NotebookSettings
from nircam_tso.notebook.table import Series, column_names, notebook_days

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from astropy.timeseries import TimeSeries
    from matplotlib.figure import Figure

    from nircam_tso.extractor.core import TimeSeriesExtractor
    from nircam_tso.io.sources import Source

__all__ = ["Comparison", "compare", "matching_extractor"]

#: The notebook's columns, and ours.
_OURS = {
    "gaussian amplitude": "amplitude",
    "gaussian y center": "y_gauss",
    "gaussian x center": "x_gauss",
    "gaussian y width": "y_stddev",
    "gaussian x width": "x_stddev",
    "cross corr y center": "y_cc",
    "cross corr x center": "x_cc",
    "sky background": "background",
}


@dataclass(frozen=True, eq=False)
class Comparison:
    """
    What the notebook of 2016 makes of a source, and what this package does.

    Attributes
    ----------
    table : `~astropy.table.Table`
        A row per integration: ``filename``, ``integration``; of each of the notebook's
        columns ``old ...`` (all faults) and ``new ...`` (the extractor's); and a column
        such as ``SWAPPED_APERTURE aperture phot 3.0`` for every fault that changes one,
        the change that this fault makes by itself.
    effects : `~astropy.table.Table`
        A row per fault: ``fault``, ``what`` it does, and for each of the notebook's columns the
        change that it makes by itself, the median over the integrations (``time`` in
        seconds). Below them ``ALL``, the change by all together, and ``remainder``, what
        the method without faults has more than the extractor. A change to or
        from NaN is NaN.
    image : `~numpy.ndarray`, shape (ny, nx)
        The first integration's subframe without sky.
    corner : (int, int)
        (x, y) of its first pixel in the frame.
    old_center, new_center : (float, float)
        (x, y) in the frame where the notebook and the method without faults put the
        first integration's aperture.
    radius : float
        Its radius in pixels.

    Examples
    --------
    >>> import numpy as np
    >>> from nircam_tso.notebook import compare
    >>> y, x = np.mgrid[:64, :64]
    >>> comparison = compare(74 + 12658 * np.exp(-((x - 34.7) ** 2 + (y - 32.1) ** 2) / 1.5), aperrad=[3])
    >>> comparison.radius, comparison.image.shape == comparison.image.shape[::-1]
    (3.0, True)
    """

    table: Any
    effects: Any
    image: np.ndarray
    corner: tuple[int, int]
    old_center: tuple[float, float]
    new_center: tuple[float, float]
    radius: float

    def plot(self, *, fig: Figure | None = None) -> Figure:
        """
        Draw the comparison.

        Parameters
        ----------
        fig : `~matplotlib.figure.Figure`, optional
            Where to draw; a new figure by default.

        Returns
        -------
        `~matplotlib.figure.Figure`
            The first subframe with both apertures, both light curves, and the effects.
        """
        from nircam_tso.notebook.figure import plot_comparison

        return plot_comparison(self, fig=fig)


def matching_extractor(
    guesscenter: tuple[float, float] | None = None,
    subframesize: tuple[int, int] = (10, 10),
    aperrad: float | Sequence[float] = (5,),
    stddev0: float = 2.0,
    group_range: tuple[int, int] | None = None,
) -> TimeSeriesExtractor:
    """
    The extractor whose settings are the notebook's.

    Parameters
    ----------
    guesscenter, subframesize, aperrad, stddev0
        As for `load_fit_phot_time`.
    group_range : (int, int), optional
        First and last group of ramps to use; all by default.

    Returns
    -------
    `~nircam_tso.TimeSeriesExtractor`
        With the plain median of the whole frame as sky, `image_registration` for the
        cross-correlation, the same template, subframe and radii, apertures at the
        Gaussian's centre, and bad pixels left out.

    Raises
    ------
    ValueError
        For inputs that make no sense.

    Examples
    --------
    >>> from nircam_tso.notebook import matching_extractor
    >>> extractor = matching_extractor(guesscenter=(16, 25), aperrad=[3, 5])
    >>> extractor.position, extractor.subframe_shape, extractor.aperture_radii
    ((25.0, 16.0), (20, 20), (3.0, 5.0))
    """
    from nircam_tso import FrameBackground, TimeSeriesExtractor
    from nircam_tso.measure.gaussian.model import FWHM_PER_STDDEV

    settings = NotebookSettings(guesscenter, subframesize, aperrad, stddev0=stddev0)
    guess = settings.guesscenter
    return TimeSeriesExtractor(
        aperture_radii=settings.aperrad,
        position=None if guess is None else guess[::-1],
        subframe_shape=tuple(2 * half for half in settings.subframesize),
        background=FrameBackground(sigma_clip=None, exclude_radius=0),
        template_fwhm=settings.stddev0 * FWHM_PER_STDDEV,
        cross_correlation="image_registration",
        group_range=group_range,
        bad_pixels="ignore",
        flux_unit="native",
    )


def compare(
    ts_or_source: TimeSeries | Source,
    source: Source | None = None,
    *,
    guesscenter: tuple[float, float] | None = None,
    subframesize: tuple[int, int] = (10, 10),
    aperrad: float | Sequence[float] = (5,),
    nGroupsBig: int = 100,
    stddev0: float = 2.0,
    progress: Callable[..., Any] | None = None,
) -> Comparison:
    """
    Hold the notebook's method of 2016 against this package's.

    Parameters
    ----------
    ts_or_source : `~astropy.timeseries.TimeSeries`, path, array, Exposure or a list
        A product, or the images themselves. Images are measured by both methods with the
        same inputs (`matching_extractor`). A product's columns are taken as they are; its
        radii and its place of the star then are the notebook's.
    source : path, array, Exposure or a list, optional
        The images of a product; by default the files that it names, in this folder.
    guesscenter, subframesize, aperrad, nGroupsBig, stddev0
        As for `load_fit_phot_time`; of these a product sets ``guesscenter`` and
        ``aperrad``.
    progress : callable, optional
        Called as ``progress(total=n)``; must return an object with ``update(k)`` and
        ``close()``, such as `tqdm.tqdm`.

    Returns
    -------
    Comparison

    Raises
    ------
    InputFileError, SegmentError
        Where the source cannot be read or does not form one exposure.
    ValueError
        For inputs that make no sense, and a product and images that do not go together.

    Notes
    -----
    The change of a fault is that of the method with this fault only against the method
    without any. Faults act on each other: their changes need not add up to that of all.
    Of ramps of two groups THREE_GROUPS is left out throughout, because there is no third.

    Examples
    --------
    >>> import numpy as np
    >>> from nircam_tso.notebook import compare
    >>> y, x = np.mgrid[:64, :64]
    >>> star = 74 + 12658 * np.exp(-((x - 34.68) ** 2 + (y - 32.06) ** 2) / (2 * 0.87**2))
    >>> comparison = compare(star, aperrad=[3])
    >>> row = comparison.table[0]
    >>> print(f"{row['old aperture phot 3.0']:.0f} {row['new aperture phot 3.0']:.0f}")
    10859 59923
    """
    ts = ts_or_source if hasattr(ts_or_source, "colnames") else None
    if ts is None:
        if source is not None:
            raise ValueError("source: goes with a product; images are handed over as the first argument alone")
        series = Series(ts_or_source, NotebookSettings(guesscenter, subframesize, aperrad, nGroupsBig, stddev0))
        extractor = matching_extractor(guesscenter, subframesize, aperrad, stddev0)
        ts = extractor.extract(series.exposure, on_error="flag")
    else:
        given = {"guesscenter": guesscenter, "aperrad": None if aperrad == (5,) else aperrad}
        guesscenter, aperrad = _inputs_of(ts, given)
        settings = NotebookSettings(guesscenter, subframesize, aperrad, nGroupsBig, stddev0)
        series = Series(_files_of(ts) if source is None else source, settings)
        if len(series) != len(ts):
            raise ValueError(
                f"source: has {len(series)} integrations, but the product has {len(ts)} rows; hand over the images "
                "that it was extracted from"
            )
    return _compare(series, ts, progress)


def _inputs_of(ts, given):
    """Guess and radii of a product, unless they are given."""
    guess, radii = given["guesscenter"], given["aperrad"]
    if guess is None and "position_x" in ts.meta:
        guess = (ts.meta["position_y"], ts.meta["position_x"])
    if radii is None:
        radii = ts.meta.get("aperture_radii")
        if not radii or ts.meta.get("radius_unit", "pix") != "pix":
            raise ValueError("ts: tells no aperture radii in pixels; give aperrad")
    return guess, tuple(np.atleast_1d(radii).tolist())


def _files_of(ts):
    from pathlib import Path

    names = [source["name"] for source in recorded_sources(ts)]
    lost = next((name for name in names if not Path(name).is_file()), None)
    if not names or lost:
        what = f"{lost} is not in this folder" if lost else "it names no files"
        raise ValueError(f"source: {what}; hand over the images that the product was extracted from")
    return names


def _ours(ts, names):
    """The product's columns under the notebook's names; NaN where it has none."""
    from nircam_tso.io.export import aperture_photometry

    n = len(ts)
    sums = aperture_photometry(ts)
    values = {}
    for name in names:
        if name.startswith("aperture phot "):
            radius = next((r for r in sums.columns if f"{r:.1f}" == name.split()[-1]), None)
            values[name] = np.full(n, np.nan) if radius is None else sums[radius].to_numpy(float)
        elif name == "time":
            values[name] = notebook_days(ts["time"])
        else:
            column = ts[_OURS[name]] if _OURS[name] in ts.colnames else np.full(n, np.nan)
            values[name] = np.asarray(getattr(column, "value", column), float)
    return values


def _compare(series, ts, progress):
    all_faults = NotebookFaults.ALL
    if series.exposure.n_groups == 2:
        all_faults &= ~NotebookFaults.THREE_GROUPS
    # One after the other, from the faultless to 2016.
    ways = [NotebookFaults.NONE, *NotebookFaults, all_faults]
    ways = [way for way in ways if way in all_faults]
    names = column_names(series.settings.aperrad)[1:]
    series.check(NotebookFaults.NONE)
    found = np.full((len(ways), len(series), len(names)), np.nan)
    bar = None if progress is None else progress(total=len(series))
    first = None
    for row in range(len(series)):
        one = series.integration(row)
        first = one if first is None else first
        for index, way in enumerate(ways):
            values = dict(zip(column_names(series.settings.radii(way)), series.row(row, way, one), strict=True))
            found[index, row] = [values.get(name, np.nan) for name in names]
        if bar is not None:
            bar.update(1)
    if bar is not None:
        bar.close()
    ours = _ours(ts, names)
    rows, columns, _ = first.stamp(NotebookFaults.NONE)
    frame, sky = first.frame(NotebookFaults.NONE)
    return Comparison(
        table=_table(series, ways, names, found, ours),
        effects=_effects(series, ways, names, found, ours),
        image=frame[rows, columns] - sky,
        corner=(columns.start, rows.start),
        old_center=first.aperture_center(all_faults),
        new_center=first.aperture_center(NotebookFaults.NONE),
        radius=series.settings.aperrad[0],
    )


def _changes(found, reference, names):
    """Numbers less those of the reference, both of shape (rows, names); 0 where both are NaN."""
    changes = np.where(np.isnan(found) & np.isnan(reference), 0.0, found - reference)
    # A Julian date in one float64 tells 40 microseconds.
    time = changes[:, names.index("time")]
    time[np.abs(time) < 1e-9] = 0.0
    return changes


def _matters(changes, values):
    """Whether anything has changed by more than a fit's rounding from another start."""
    level = np.nanmax(np.abs(values), initial=0.0)
    return bool((np.isnan(changes) | (np.abs(changes) > 1e-6 * level)).any())


def _units(series, names):
    image, pixel = series.exposure.unit, "pix"
    units = {name: pixel for name in names if name.endswith(("center", "width"))}
    units |= {name: image for name in names if name.startswith("aperture") or name in ("gaussian amplitude", names[-1])}
    return units


def _table(series, ways, names, found, ours):
    from astropy.table import Table

    units = _units(series, names) | {"time": "d"}
    exposure = series.exposure
    table = Table()
    table["filename"] = [exposure.segments[index].name for index in exposure.source]
    table["integration"] = exposure.integration
    for column, name in enumerate(names):
        table[f"old {name}"] = found[-1, :, column]
        table[f"new {name}"] = ours[name]
        for which in ("old", "new"):
            table[f"{which} {name}"].unit = units[name]
    for index, way in enumerate(ways[1:-1], 1):
        changes = _changes(found[index], found[0], names)
        for column, name in enumerate(names):
            # Times are large numbers, and rounding has been taken off.
            if changes[:, column].any() if name == "time" else _matters(changes[:, column], found[0, :, column]):
                table[f"{way.name} {name}"] = changes[:, column]
                table[f"{way.name} {name}"].unit = units[name]
    table["old time"].description = table["new time"].description = "JD - 2450000, UTC"
    table.meta["faults"] = {way.name: way.text for way in ways[1:-1]}
    return table


def _effects(series, ways, names, found, ours):
    from astropy.table import Table

    remainder = _changes(found[0], np.stack([ours[name] for name in names], axis=1), names)
    parts = [_changes(found[index], found[0], names) for index in range(1, len(ways))]
    table = Table()
    table["fault"] = [way.name for way in ways[1:-1]] + ["ALL", "remainder"]
    texts = [way.text for way in ways[1:-1]]
    table["what"] = [*texts, "all of these together", "the method without faults less the extractor"]
    middle = np.stack([_medians(part) for part in [*parts, remainder]])
    units = _units(series, names) | {"time": "s"}
    for column, name in enumerate(names):
        table[name] = middle[:, column] * (86400.0 if name == "time" else 1.0)
        table[name].unit = units[name]
    return table


_medians = partial(np.median, axis=0)
