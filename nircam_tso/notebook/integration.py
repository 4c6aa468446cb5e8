"""One integration by the notebook's steps, each with or without its faults."""

import math
import warnings
from dataclasses import dataclass

import numpy as np

from nircam_tso.measure.registration import registered_shift
from nircam_tso.notebook.faults import NotebookFaults

__all__ = ["Fit", "Integration", "NotebookSettings"]

_FRAME = NotebookFaults.THREE_GROUPS | NotebookFaults.UNSIGNED_WRAP | NotebookFaults.BLIND_TO_BAD
_STAMP = _FRAME | NotebookFaults.X_FROM_Y | NotebookFaults.FRAME_MIDDLE
_FIT = _STAMP | NotebookFaults.RAW_START | NotebookFaults.UNNOTICED_FAILURE | NotebookFaults.FREE_ANGLE

# What MINPACK returns when it has found a minimum.
_CONVERGED = (1, 2, 3, 4)


@dataclass(frozen=True)
class NotebookSettings:
    """
    The notebook's own inputs, checked.

    Parameters
    ----------
    guesscenter : (float, float), optional
        Where the star is expected, (y, x) in zero-based pixels; the frame's middle by
        default.
    subframesize : (int, int)
        Half the sides (y, x) of the subframe.
    aperrad : float or sequence of float
        Radii of the apertures in pixels.
    nGroupsBig : int
        Number of integrations that the exposure's span is divided by.
    stddev0 : float
        Standard deviation in pixels of the Gaussian that is correlated with and that the
        fit starts from.

    Raises
    ------
    ValueError
        For anything that makes no sense.
    """

    guesscenter: tuple[float, float] | None = None
    subframesize: tuple[int, int] = (10, 10)
    aperrad: tuple[float, ...] = (5.0,)
    nGroupsBig: int = 100
    stddev0: float = 2.0

    def __post_init__(self):
        from nircam_tso.measure.overlap import check_radii

        if self.guesscenter is not None:
            object.__setattr__(self, "guesscenter", _pair("guesscenter", self.guesscenter, float))
        object.__setattr__(self, "subframesize", _pair("subframesize", self.subframesize, int))
        if min(self.subframesize) < 3:
            raise ValueError(f"subframesize: {self.subframesize} is half of the subframe's sides; give at least (3, 3)")
        radii = np.atleast_1d(np.asarray(self.aperrad, float))
        if radii.ndim != 1 or not radii.size:
            raise ValueError(f"aperrad: {self.aperrad!r} is not a radius or a list of radii")
        check_radii(radii)
        object.__setattr__(self, "aperrad", tuple(float(radius) for radius in radii))
        if isinstance(self.nGroupsBig, bool) or self.nGroupsBig != int(self.nGroupsBig) or self.nGroupsBig < 1:
            raise ValueError(f"nGroupsBig: {self.nGroupsBig!r} is not a whole number of at least 1")
        if not 0 < self.stddev0 < math.inf:
            raise ValueError(f"stddev0: {self.stddev0!r} is not a positive number of pixels")

    def radii(self, faults):
        """Radii that are used."""
        return self.aperrad[:1] if NotebookFaults.FIRST_RADIUS in faults else self.aperrad


def _pair(name, value, kind):
    try:
        first, second = (kind(part) for part in value)
        whole = kind is float or (first, second) == tuple(value)
    except (TypeError, ValueError):
        whole = False
    if not (whole and math.isfinite(first) and math.isfinite(second)):
        what = "two numbers" if kind is float else "two whole numbers"
        raise ValueError(f"{name}: {value!r} is not (y, x) with {what}")
    return first, second


@dataclass(frozen=True)
class Fit:
    """
    A fitted Gaussian; places in the frame.

    Attributes
    ----------
    amplitude, y, x, y_stddev, x_stddev : float
        Parameters.
    """

    amplitude: float
    y: float
    x: float
    y_stddev: float
    x_stddev: float


class Integration:
    """
    The pixels of one integration, measured step by step.

    Steps that a fault does not touch are done once.

    Parameters
    ----------
    values : `~numpy.ndarray` of float64, shape (ny, nx) or (groups, ny, nx)
        A finished image, or a ramp.
    settings : NotebookSettings
        The notebook's inputs.
    group_type : `~numpy.dtype`, optional
        Type in which the source holds its groups.
    bad : `~numpy.ndarray` of bool, shape (ny, nx), optional
        Pixels not to use, beside those that are NaN.
    """

    def __init__(self, values, settings, group_type=np.float64, bad=None):
        self.values = values
        self.settings = settings
        self.group_type = np.dtype(group_type)
        self.bad = bad
        self._done = {}

    def _once(self, step, faults, relevant):
        key = (step, faults & relevant)
        if key not in self._done:
            self._done[key] = step(self, faults & relevant)
        return self._done[key]

    def frame(self, faults):
        """
        The image, NaN where not used, and its sky.

        Parameters
        ----------
        faults : NotebookFaults
            Faults to keep.

        Returns
        -------
        frame : `~numpy.ndarray`, shape (ny, nx)
        sky : float
            The frame's median.
        """
        return self._once(_frame, faults, _FRAME)

    def stamp(self, faults):
        """
        The subframe.

        Parameters
        ----------
        faults : NotebookFaults
            Faults to keep.

        Returns
        -------
        rows, columns : slice
            Where in the frame; within its edges.
        guess : (float, float)
            (y, x) in the frame where the Gaussian to correlate with stands.
        """
        return self._once(_stamp, faults, _STAMP)

    def shift(self, faults):
        """
        Shift (dy, dx) of the star against the Gaussian of `stamp`, NaN where there is none.

        Parameters
        ----------
        faults : NotebookFaults
            Faults to keep.

        Returns
        -------
        (dy, dx) : tuple of float
        """
        return self._once(_shift, faults, _STAMP)

    def shift_center(self, faults):
        """
        Centre by cross-correlation.

        Parameters
        ----------
        faults : NotebookFaults
            Faults to keep.

        Returns
        -------
        (y, x) : tuple of float
            In the frame; NaN where there is none.
        """
        dy, dx = self.shift(faults)
        # The shift is against the Gaussian, but the frame's middle was added.
        frame_middle = NotebookFaults.FRAME_MIDDLE in faults
        y, x = _middle(self.values.shape[-2:], faults) if frame_middle else self.stamp(faults)[2]
        return y + dy, x + dx

    def fit(self, faults):
        """
        The Gaussian.

        Parameters
        ----------
        faults : NotebookFaults
            Faults to keep.

        Returns
        -------
        Fit
        """
        return self._once(_fit, faults, _FIT)

    def aperture_center(self, faults):
        """
        Where the apertures sit.

        Parameters
        ----------
        faults : NotebookFaults
            Faults to keep.

        Returns
        -------
        (x, y) : tuple of float
            In the frame. Without UNNOTICED_FAILURE a failed fit gives way to the
            cross-correlation, and that to the guess.
        """
        rows, columns, guess = self.stamp(faults)
        fit = self.fit(faults)
        y, x = fit.y, fit.x
        if NotebookFaults.UNNOTICED_FAILURE not in faults and not math.isfinite(y + x):
            y, x = self.shift_center(faults)
            if not math.isfinite(y + x):
                y, x = guess
        if NotebookFaults.FRAME_MIDDLE in faults:
            middle = _middle(self.values.shape[-2:], faults)
            y, x = (place - m + size for place, m, size in zip((y, x), middle, self.settings.subframesize, strict=True))
        else:
            y, x = y - rows.start, x - columns.start
        if NotebookFaults.SWAPPED_APERTURE in faults:
            y, x = x, y
        return x + columns.start, y + rows.start

    def sums(self, faults):
        """
        Light within the apertures.

        Parameters
        ----------
        faults : NotebookFaults
            Faults to keep.

        Returns
        -------
        list of float
            For each radius that is used; NaN where the aperture leaves the frame, or,
            with STAMP_APERTURE, where no part of it lies in the subframe.
        """
        from photutils.aperture import CircularAperture, aperture_photometry

        frame, sky = self.frame(faults)
        rows, columns, _ = self.stamp(faults)
        x, y = self.aperture_center(faults)
        radii = self.settings.radii(faults)
        if not math.isfinite(x + y):
            return [math.nan] * len(radii)
        light, start = frame - sky, (0, 0)
        if NotebookFaults.STAMP_APERTURE in faults:
            light, start = light[rows, columns], (columns.start, rows.start)
        mask = None if NotebookFaults.BLIND_TO_BAD in faults else np.isnan(light)
        place = (x - start[0], y - start[1])
        apertures = [CircularAperture(place, radius) for radius in radii]
        table = aperture_photometry(light, apertures, mask=mask)
        # With several apertures photutils numbers its columns, also when there is but one in the list.
        found = [float(table[f"aperture_sum_{index}"][0]) for index in range(len(radii))]
        if NotebookFaults.STAMP_APERTURE in faults:
            return found
        ny, nx = frame.shape
        room = min(x + 0.5, nx - 0.5 - x, y + 0.5, ny - 0.5 - y)
        return [value if radius <= room else math.nan for value, radius in zip(found, radii, strict=True)]


def _frame(self, faults):
    values = self.values
    if values.ndim == 3:
        first, last = (0, 2) if NotebookFaults.THREE_GROUPS in faults else (0, len(values) - 1)
        kind = self.group_type if NotebookFaults.UNSIGNED_WRAP in faults else np.float64
        values = np.subtract(values[last].astype(kind), values[first].astype(kind)).astype(np.float64)
    if NotebookFaults.BLIND_TO_BAD not in faults:
        out = ~np.isfinite(values) if self.bad is None else self.bad | ~np.isfinite(values)
        values = np.where(out, np.nan, values)
        good = values[~out]
        return values, float(np.median(good)) if good.size else math.nan
    return values, float(np.median(values))


def _middle(shape, faults):
    ny, nx = shape
    # Pixel centres have whole numbers, so that the middle of n pixels is (n - 1) / 2.
    return (ny / 2, nx / 2) if NotebookFaults.FRAME_MIDDLE in faults else ((ny - 1) / 2, (nx - 1) / 2)


def _stamp(self, faults):
    from nircam_tso.measure.stamps import stamp_start

    shape = self.values.shape[-2:]
    guess = _middle(shape, faults) if self.settings.guesscenter is None else self.settings.guesscenter
    size = self.settings.subframesize
    about = (guess[0], guess[0] if NotebookFaults.X_FROM_Y in faults else guess[1])
    if NotebookFaults.FRAME_MIDDLE in faults:
        # Fractions of a pixel were cut off.
        starts = [int(place - half) for place, half in zip(about, size, strict=True)]
    else:
        starts = stamp_start(about[::-1], (2 * size[0], 2 * size[1]))[::-1]
        guess = tuple(start + half - 0.5 for start, half in zip(starts, size, strict=True))
        if NotebookFaults.X_FROM_Y in faults:
            guess = (guess[0], about[1] if self.settings.guesscenter is None else self.settings.guesscenter[1])
    rows, columns = (
        slice(min(max(start, 0), n), min(max(start + 2 * half, 0), n))
        for start, half, n in zip(starts, size, shape, strict=True)
    )
    return rows, columns, guess


def _grid(rows, columns):
    return np.arange(rows.start, rows.stop)[:, None], np.arange(columns.start, columns.stop)[None, :]


def _shift(self, faults):
    frame, sky = self.frame(faults)
    rows, columns, guess = self.stamp(faults)
    y, x = _grid(rows, columns)
    template = np.exp(-((y - guess[0]) ** 2 + (x - guess[1]) ** 2) / (2 * self.settings.stddev0**2))
    image = frame[rows, columns]
    if NotebookFaults.BLIND_TO_BAD not in faults:
        known = image[np.isfinite(image)]
        if known.size == 0 or known.min() == known.max():
            # Nothing is nowhere.
            return math.nan, math.nan
        image = np.where(np.isnan(image), sky, image)
    dx, dy = registered_shift(template, image)
    return dy, dx


def _fit(self, faults):
    from astropy.modeling.fitting import LevMarLSQFitter, NonFiniteValueError
    from astropy.modeling.models import Gaussian2D

    frame, sky = self.frame(faults)
    rows, columns, guess = self.stamp(faults)
    light = frame[rows, columns] - sky
    y, x = np.broadcast_arrays(*_grid(rows, columns))
    good = np.ones(light.shape, bool) if NotebookFaults.BLIND_TO_BAD in faults else np.isfinite(light)
    options = {}
    if NotebookFaults.RAW_START in faults:
        settings_guess = self.settings.guesscenter
        start = _middle(frame.shape, faults) if settings_guess is None else settings_guess
        top = float(np.max(self.values))
    else:
        shift = self.shift(faults)
        start = [place + way if math.isfinite(way) else place for place, way in zip(guess, shift, strict=True)]
        top = float(light[good].max(initial=0.0)) or 1.0
        options = {"maxiter": 1000, "acc": 1e-12}
    width = self.settings.stddev0
    model = Gaussian2D(top, start[1], start[0], width, width, theta=0)
    fitter, done = LevMarLSQFitter(), False
    if good.sum() > 6:
        try:
            with warnings.catch_warnings(), np.errstate(all="ignore"):
                # What became of the fit is told below, or, as in the notebook, is not.
                warnings.simplefilter("ignore")
                model = fitter(model, x[good], y[good], light[good], **options)
            done = fitter.fit_info["ierr"] in _CONVERGED
        except (NonFiniteValueError, ArithmeticError, np.linalg.LinAlgError):
            # Not finite: of old the parameters that were started from came back.
            done = False
    found = [float(getattr(model, name).value) for name in ("amplitude", "y_mean", "x_mean")]
    widths = [abs(float(getattr(model, name).value)) for name in ("y_stddev", "x_stddev")]
    if NotebookFaults.UNNOTICED_FAILURE not in faults:
        inside = (
            rows.start - 0.5 <= found[1] <= rows.stop - 0.5 and columns.start - 0.5 <= found[2] <= columns.stop - 0.5
        )
        if not (done and inside and np.isfinite(found + widths).all()):
            return Fit(*[math.nan] * 5)
    quarter_turns = round(float(model.theta.value) / (math.pi / 2)) if math.isfinite(model.theta.value) else 0
    if NotebookFaults.FREE_ANGLE not in faults and quarter_turns % 2:
        widths.reverse()
    return Fit(*found, *widths)
