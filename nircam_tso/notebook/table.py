"""The notebook's two functions: one integration, and a series of them."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from nircam_tso.notebook.faults import NotebookFaults, check_faults
from nircam_tso.notebook.integration import Integration, NotebookSettings
from nircam_tso.notebook.times import TIME_FAULTS, integration_time
from nircam_tso.quality import DQ_BITS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pandas import DataFrame

    from nircam_tso.io.sources import Source

__all__ = ["JD_OFFSET", "Series", "column_names", "load_fit_phot_time", "loads_fits_phots_times", "notebook_days"]

#: Days that the notebook takes off Julian dates.
JD_OFFSET = 2450000.0


def column_names(radii):
    """
    Names of the notebook's columns.

    Parameters
    ----------
    radii : sequence of float
        Radii that are used.

    Returns
    -------
    list of str
        "filename", an "aperture phot 3.0" for each radius, and the rest.

    Raises
    ------
    ValueError
        If two radii have one name, which tells a single decimal.

    Examples
    --------
    >>> from nircam_tso.notebook.table import column_names
    >>> column_names([3, 5])[:4]
    ['filename', 'aperture phot 3.0', 'aperture phot 5.0', 'time']
    """
    apertures = [f"aperture phot {radius:.1f}" for radius in radii]
    if len(set(apertures)) < len(apertures):
        raise ValueError(f"aperrad: {list(radii)} are not told apart by their first decimal, which their columns have")
    return [
        "filename",
        *apertures,
        "time",
        "gaussian amplitude",
        "gaussian y center",
        "gaussian x center",
        "gaussian y width",
        "gaussian x width",
        "cross corr y center",
        "cross corr x center",
        "sky background",
    ]


def notebook_days(time):
    """
    Times as the notebook counts them.

    Parameters
    ----------
    time : `~astropy.time.Time`, shape (n,)
        UTC, or masked.

    Returns
    -------
    `~numpy.ndarray` of float64, shape (n,)
        JD - 2450000; NaN where masked.

    Examples
    --------
    >>> from astropy.time import Time
    >>> from nircam_tso.notebook.table import notebook_days
    >>> notebook_days(Time([2457400.25], format="jd"))
    array([7400.25])
    """
    days = np.ma.getdata(np.asarray((time.jd1 - JD_OFFSET) + time.jd2, float))
    return np.where(np.asarray(time.mask), math.nan, days)


class Series:
    """
    An exposure to be measured by the notebook's method.

    Parameters
    ----------
    source : path, array, Exposure or a list
        As for `nircam_tso.TimeSeriesExtractor.extract`.
    settings : NotebookSettings
        The notebook's inputs.

    Raises
    ------
    InputFileError, SegmentError
        Where the source cannot be read or does not form one exposure.
    ValueError
        For ramps of one group, and a guess whose subframe lies outside the frame.
    """

    def __init__(self, source, settings):
        from nircam_tso.io.sources import as_exposure

        self.exposure = as_exposure(source)
        self.settings = settings
        if self.exposure.n_groups == 1:
            raise ValueError(f"{self.exposure.segments[0].name}: has one group; a difference needs two")
        guess = settings.guesscenter
        if guess is not None and not all(0 <= g <= n - 1 for g, n in zip(guess, self.exposure.shape, strict=True)):
            raise ValueError(f"guesscenter: {guess} is not within the frame of {self.exposure.shape} (y, x)")
        self._times = None

    def __len__(self):
        return len(self.exposure)

    def check(self, faults):
        """Raise ValueError for faults that need what the source does not have."""
        groups = self.exposure.n_groups
        if groups == 2 and NotebookFaults.THREE_GROUPS in faults:
            raise ValueError(
                f"{self.exposure.segments[0].name}: has 2 groups, and the notebook takes the third; leave out "
                "NotebookFaults.THREE_GROUPS"
            )
        column_names(self.settings.radii(faults))

    def integration(self, row):
        """
        Read an integration.

        Parameters
        ----------
        row : int
            Zero-based.

        Returns
        -------
        Integration
        """
        block = self.exposure.read(row, row + 1)
        bad = None
        do_not_use = None if block.dq is None else block.dq & np.uint32(DQ_BITS["DO_NOT_USE"])
        for part in (block.mask, do_not_use):
            if part is not None:
                frame = part[0].astype(bool)
                frame = frame.any(axis=0) if frame.ndim == 3 else frame
                bad = frame if bad is None else bad | frame
        return Integration(block.data[0], self.settings, self._group_type(row), bad)

    def _group_type(self, row):
        image = getattr(self.exposure.segments[self.exposure.source[row]], "image", None)
        if hasattr(image, "parts"):
            return np.dtype(image.parts[0].dtype).newbyteorder("=")
        if hasattr(image, "bitpix"):
            unsigned = {(16, 32768): np.uint16, (32, 2147483648): np.uint32}
            plain = {8: np.uint8, 16: np.int16, 32: np.int32, -32: np.float32}
            return np.dtype(unsigned.get((image.bitpix, image.bzero), plain.get(image.bitpix, np.float64)))
        return np.dtype(np.float64)

    def time(self, row, faults):
        """
        The notebook's time of an integration.

        Parameters
        ----------
        row : int
            Zero-based.
        faults : NotebookFaults
            Faults to keep; without any that concerns times it is the extractor's.

        Returns
        -------
        float
            JD - 2450000, UTC; NaN where the source tells none.
        """
        if not faults & TIME_FAULTS:
            return self._right_times()[row]
        exposure = self.exposure
        segment = exposure.segments[exposure.source[row]]
        number = int(exposure.integration[row])
        jd = integration_time(segment, number, self._count(), faults, self.settings.nGroupsBig)
        return jd - JD_OFFSET

    def _count(self):
        promised = self.exposure.header.get("NINTS", 1)
        promised = promised if isinstance(promised, int) and not isinstance(promised, bool) else 1
        return max(promised, len(self), int(self.exposure.integration.max()))

    def _right_times(self):
        if self._times is None:
            from nircam_tso.timing import exposure_times, offline

            with offline():
                self._times = notebook_days(exposure_times(self.exposure, on_error="flag").middle).tolist()
        return self._times

    def row(self, row, faults, integration=None):
        """
        Measure an integration.

        Parameters
        ----------
        row : int
            Zero-based.
        faults : NotebookFaults
            Faults to keep.
        integration : Integration, optional
            Its pixels, if they have been read.

        Returns
        -------
        tuple
            Values in the order of `column_names`.
        """
        one = self.integration(row) if integration is None else integration
        fit = one.fit(faults)
        y, x = one.shift_center(faults)
        if NotebookFaults.SWAPPED_CORRELATION in faults:
            y, x = self._exchanged(y, x, faults)
        name = self.exposure.segments[self.exposure.source[row]].name
        return (
            name,
            *one.sums(faults),
            self.time(row, faults),
            fit.amplitude,
            fit.y,
            fit.x,
            fit.y_stddev,
            fit.x_stddev,
            y,
            x,
            one.frame(faults)[1],
        )

    def _exchanged(self, y, x, faults):
        """The shift in x stood on the middle of y, and the other way round."""
        ny, nx = self.exposure.shape
        if NotebookFaults.FRAME_MIDDLE in faults:
            return x - nx / 2 + ny / 2, y - ny / 2 + nx / 2
        return x, y

    def table(self, faults):
        """
        Measure all integrations.

        Parameters
        ----------
        faults : NotebookFaults
            Faults to keep.

        Returns
        -------
        `~pandas.DataFrame`
        """
        import pandas as pd

        self.check(faults)
        rows = [self.row(row, faults) for row in range(len(self))]
        return pd.DataFrame(rows, columns=column_names(self.settings.radii(faults)))


def load_fit_phot_time(
    fitsfile: Source,
    guesscenter: tuple[float, float] | None = None,
    subframesize: tuple[int, int] = (10, 10),
    aperrad: float | Sequence[float] = (5,),
    nGroupsBig: int = 100,
    stddev0: float = 2.0,
    *,
    faults: NotebookFaults = NotebookFaults.ALL,
) -> DataFrame:
    """
    Measure one integration by the notebook's method.

    Parameters
    ----------
    fitsfile : path, array or Exposure
        One integration: a file of NCDHAS (.red ramp or .slp slope) or of another kind
        that is read here, or an array (ny, nx) or (1, groups, ny, nx). An array tells no
        time.
    guesscenter : (float, float), optional
        Where the star is expected, (y, x) in zero-based pixels, in this order; the
        middle of the frame by default.
    subframesize : (int, int), optional
        Half the sides (y, x) of the subframe in pixels.
    aperrad : float or sequence of float, optional
        Radii of the apertures in pixels, of which the notebook used the first.
    nGroupsBig : int, optional
        Number of integrations that the exposure's span is divided by, with
        HUNDRED_INTEGRATIONS.
    stddev0 : float, optional
        Standard deviation in pixels of the Gaussian that is correlated with, and of the
        fit's start.
    faults : NotebookFaults, optional
        Which of the notebook's faults to keep; all by default.

    Returns
    -------
    `~pandas.DataFrame`
        One row with the notebook's columns: filename, aperture phot, time (JD - 2450000),
        gaussian amplitude, y and x centers, y and x widths, cross corr y and x centers,
        sky background. Pixels, and the unit of the image.

    Raises
    ------
    InputFileError
        Where the source cannot be read.
    ValueError
        For a source of several integrations, a ramp of two groups with THREE_GROUPS,
        and inputs that make no sense.
    TypeError
        For ``faults`` that are none.

    Examples
    --------
    The aperture, put at (y, x), misses most of a star that is off the middle:

    >>> import numpy as np
    >>> from nircam_tso.notebook import NotebookFaults, load_fit_phot_time
    >>> y, x = np.mgrid[:64, :64]
    >>> star = 74 + 12658 * np.exp(-((x - 34.68) ** 2 + (y - 32.06) ** 2) / (2 * 0.87**2))
    >>> float(load_fit_phot_time(star, aperrad=[3])["aperture phot 3.0"].iloc[0].round())
    10859.0
    >>> faults = NotebookFaults.ALL & ~NotebookFaults.SWAPPED_APERTURE
    >>> float(load_fit_phot_time(star, aperrad=[3], faults=faults)["aperture phot 3.0"].iloc[0].round())
    59923.0
    """
    settings = NotebookSettings(guesscenter, subframesize, aperrad, nGroupsBig, stddev0)
    series = Series(fitsfile, settings)
    if len(series) != 1:
        raise ValueError(f"fitsfile: holds {len(series)} integrations; give loads_fits_phots_times what holds several")
    return series.table(check_faults(faults))


def loads_fits_phots_times(
    fitsfiles: Source,
    guesscenter: tuple[float, float] | None = None,
    subframesize: tuple[int, int] = (10, 10),
    aperrad: float | Sequence[float] = (5,),
    stddev0: float = 2.0,
    *,
    nGroupsBig: int = 100,
    faults: NotebookFaults = NotebookFaults.ALL,
) -> DataFrame:
    """
    Measure a series of integrations by the notebook's method.

    Parameters
    ----------
    fitsfiles : path, array, Exposure or a list
        A list of files, a folder, a glob, a text file of names, or an array
        (integrations, ny, nx) or (integrations, groups, ny, nx).
    guesscenter, subframesize, aperrad, stddev0, nGroupsBig, faults
        As for `load_fit_phot_time`.

    Returns
    -------
    `~pandas.DataFrame`
        A row per integration, in the order of the integrations.

    Raises
    ------
    InputFileError, SegmentError
        Where the source cannot be read or does not form one exposure.
    ValueError, TypeError
        As for `load_fit_phot_time`.

    Examples
    --------
    >>> import numpy as np
    >>> from nircam_tso.notebook import NotebookFaults, loads_fits_phots_times
    >>> y, x = np.mgrid[:32, :48]
    >>> star = 1000 * np.exp(-((x - 25.0) ** 2 + (y - 16.0) ** 2) / 2)
    >>> table = loads_fits_phots_times(np.stack([star, 2 * star]), faults=NotebookFaults.NONE)
    >>> table["gaussian amplitude"].round(3).tolist()
    [1000.0, 2000.0]
    """
    settings = NotebookSettings(guesscenter, subframesize, aperrad, nGroupsBig, stddev0)
    return Series(fitsfiles, settings).table(check_faults(faults))
