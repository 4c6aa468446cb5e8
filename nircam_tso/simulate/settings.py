"""What to simulate: one frozen, checked set of settings."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, fields, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from astropy import units as u
from astropy.coordinates import SkyCoord
from astropy.time import Time

from nircam_tso.simulate.checks import in_pixels, pair, positive
from nircam_tso.simulate.effects import CosmicRays, PixelDefects, ResetEffects, Settling, TiltEvent, as_effect
from nircam_tso.simulate.orbit import ephemeris
from nircam_tso.simulate.readout import Readout, frame_time_of

if TYPE_CHECKING:
    from astropy.units import UnitBase

    from nircam_tso.simulate.orbit import Ephemeris

__all__ = ["EFFECTS", "SimulationSettings"]

_PRODUCTS = {"jwst": ("rateints", "calints", "crfints", "uncal"), "ncdhas": ("slp", "red")}
#: The detectors, and their numbers (SCA_NUM).
_DETECTORS = {
    **{f"NRCA{n}": 480 + n for n in range(1, 5)},
    "NRCALONG": 485,
    **{f"NRCB{n}": 485 + n for n in range(1, 5)},
    "NRCBLONG": 490,
}
#: The second and fourth chips of module A, and the odd ones of B, are mounted the other way round.
_FLIPPED = ("NRCA2", "NRCA4", "NRCB1", "NRCB3", "NRCBLONG")
#: The table of truth tells of these only where they are set.
_LATER = {"told": "where set"}
#: What may befall an exposure, and is None where it does not.
EFFECTS = {
    "cosmic_rays": CosmicRays,
    "pixels": PixelDefects,
    "reset": ResetEffects,
    "settling": Settling,
    "tilt": TiltEvent,
}
_SUBARRAYS = {(64, 64): "SUB64P", (160, 160): "SUB160P", (400, 400): "SUB400P", (256, 2048): "SUBGRISM256"}


@dataclass(frozen=True, eq=False)
class SimulationSettings:
    """
    Settings of a simulated exposure: one star, one detector.

    Parameters
    ----------
    format : {"jwst", "ncdhas"}, optional
        Kind of files.
    product : str, optional
        ``"rateints"``, ``"calints"``, ``"crfints"`` or ``"uncal"`` for JWST, ``"slp"`` (slopes) or
        ``"red"`` (ramps) for NCDHAS; the first of them by default.
    n_integrations : int, optional
        Number of integrations.
    shape : tuple of int, optional
        (ny, nx) of one image.
    position : tuple of float (x, y) or array of shape (n_integrations, 2), optional
        Where the star is, zero-based pixels, before jitter and drift; None is the
        middle of the frame. Headers give the mean as the nominal position.
    flux : float, optional
        Light of the star in electron/s, summed over the whole PSF.
    psf : `~nircam_tso.PSFTemplate` or array of shape (my, mx), optional
        Image of the star, shifted so that its origin lies at the star's position; None
        is a Gaussian.
    psf_origin : str or tuple of float, optional
        Origin of an array ``psf``, as ``origin`` of `~nircam_tso.PSFTemplate`.
    psf_oversample : int, optional
        Pixels of an array ``psf`` in one of the detector, along an axis.
    stddev : float or tuple of float, optional
        Widths of the Gaussian along its own axes, pixels.
    theta : float, optional
        Angle of its first axis from x towards y, degrees.
    pixel_integrated : bool, optional
        Integrate the Gaussian over each pixel; otherwise its values at pixel centres.
    sky : float or array of shape (n_integrations,), optional
        Background, electron/s in a pixel.
    sky_drift : float, optional
        Change of the sky over the exposure at a constant pace, electron/s; half of it
        before and half behind ``sky``.
    gain : float, optional
        Electrons per DN (or ADU).
    read_noise : float, optional
        Noise of one read of one pixel, electrons.
    correlated_noise : float, optional
        1/f noise of one read, electrons: the root of its variance per e-fold of
        frequency, as `~nircam_tso.simulate.read_noise.CorrelatedNoise` lays it along
        rows.
    common_noise : float, optional
        Part of the variance of the 1/f noise that all outputs share, 0 to 1.
    outputs : int, optional
        Amplifiers that read a frame; None is four for 2048 columns, otherwise one.
    n_groups, n_frames, group_gap : int, optional
        Groups of an integration, frames averaged into one, frames dropped between two.
    frame_time : float, optional
        Seconds from frame to frame; None takes the rule of NIRCam's subarrays.
    dropped_first, dropped_between : int, optional
        Frames dropped before the first group, and between integrations.
    resets_at_start, resets : int, optional
        Reset frames before the first integration, and between integrations.
    row_reset_time : float, optional
        Seconds that resetting rows adds between two integrations, as subarrays do in
        flight: INT_TIMES and the exposure's end hold it, no readout keyword does.
    light_curve : array of shape (n_integrations,) or callable, optional
        Relative flux. A callable gets the mid-times, a UTC `~astropy.time.Time` of
        shape (n_integrations,).
    jitter : float, tuple of float or str, optional
        Scatter of the star's position from integration to integration, pixels rms
        along x and y, or with its unit, such as "1 mas" on each axis, or "none".
    drift : tuple of float (dx, dy), optional
        Way that the star goes at a constant pace over the exposure, pixels; half of it
        before and half behind ``position``.
    segments : int, optional
        Number of files that a JWST exposure is cut into.
    noise : bool, optional
        False leaves out photon, read, reset and 1/f noise.
    saturation : float, optional
        Electrons that a pixel holds; None is without end. Ramps stay at this level, rates
        come from the groups before it, with the bit SATURATED.
    cosmic_rays, pixels, reset, settling, tilt : optional
        `CosmicRays`, `PixelDefects`, `ResetEffects`, `Settling` and `TiltEvent`, or
        mappings of their parameters; None has none of it.
    dead_fraction : float, optional
        Part of the pixels that are dead in every integration.
    flat_error : float, optional
        Relative error of the flat field, which the ERR of ``calints`` holds.
    poisson_variance : {"segment", "integration"}, optional
        Where VAR_POISSON comes from, see Notes.
    bias : float, optional
        Level of an unexposed pixel of ``uncal``, DN.
    start : `~astropy.time.Time` or str, optional
        Start of the exposure, UTC.
    target : str, optional
        Name of the star.
    target_coordinates : tuple of float (ra, dec) or `~astropy.coordinates.SkyCoord`, optional
        ICRS, degrees.
    filter, pupil, detector : str, optional
        As in the headers of JWST.
    subarray : str, optional
        Name of the subarray; None finds it from ``shape``.
    program, observation, visit : int, optional
        Numbers that make the file names.
    exposure : int, optional
        Number of the exposure.
    seed : int, optional
        Seed of everything random.

    Attributes
    ----------
    readout : Readout
        Groups, frames and the times that follow from them.

    Raises
    ------
    ValueError
        For a setting that is out of range, naming it.

    Notes
    -----
    The pipeline's ramp fit takes the Poisson variance of a pixel from its median
    rate over all integrations of the file, so the map is smooth and the same for all
    of them: ``poisson_variance="segment"``. The other choice takes it from the
    integration's own noisy rate, as NCDHAS does: pixels that scatter low then look
    better than they are, which biases any sum that is weighted with it. Neither goes
    below the variance of one electron.

    Examples
    --------
    >>> from nircam_tso.simulate import SimulationSettings
    >>> settings = SimulationSettings(shape=(64, 64), n_groups=10)
    >>> settings.subarray, settings.position, round(settings.readout.cadence, 4)
    ('SUB64P', (31.5, 31.5), 0.5518)
    """

    format: str = "jwst"
    product: str | None = None
    n_integrations: int = 20
    shape: tuple[int, int] = (64, 64)
    position: Any = None
    flux: float = 1e5
    psf: Any = None
    psf_origin: Any = None
    psf_oversample: int = field(default=1, metadata=_LATER)
    stddev: Any = 1.0
    theta: float = 0.0
    pixel_integrated: bool = False
    sky: Any = 1.0
    sky_drift: float = field(default=0.0, metadata=_LATER)
    gain: float = 2.05
    read_noise: float = 11.0
    correlated_noise: float = 0.0
    common_noise: float = 0.5
    outputs: int | None = field(default=None, metadata=_LATER)
    n_groups: int = 5
    n_frames: int = 1
    group_gap: int = 0
    frame_time: float | None = None
    dropped_first: int = 0
    dropped_between: int = 0
    resets_at_start: int = 1
    resets: int = 1
    row_reset_time: float = 0.0
    light_curve: np.ndarray | Callable | None = None
    jitter: Any = 0.0
    drift: Any = (0.0, 0.0)
    segments: int = 1
    noise: bool = True
    saturation: float | None = field(default=None, metadata=_LATER)
    cosmic_rays: CosmicRays | None = field(default=None, metadata=_LATER)
    pixels: PixelDefects | None = field(default=None, metadata=_LATER)
    reset: ResetEffects | None = field(default=None, metadata=_LATER)
    settling: Settling | None = field(default=None, metadata=_LATER)
    tilt: TiltEvent | None = field(default=None, metadata=_LATER)
    dead_fraction: float = 0.0
    flat_error: float = 0.001
    poisson_variance: str = "segment"
    bias: float = 10000.0
    start: Any = "2024-06-12T05:21:00.000"
    target: str = "WASP-80"
    target_coordinates: Any = (303.16673, -2.14447)
    filter: str = "F210M"
    pupil: str = "CLEAR"
    detector: str = "NRCB1"
    subarray: str | None = None
    program: int = 1234
    observation: int = 1
    visit: int = 1
    exposure: int = 1
    seed: int = 1
    readout: Readout = field(init=False, repr=False)

    def changed(self, **changes: Any) -> SimulationSettings:
        """
        These settings with some of them changed.

        Parameters
        ----------
        **changes
            New values. What was left to be found (product, position, frame time,
            subarray, outputs) is found again.

        Returns
        -------
        SimulationSettings

        Examples
        --------
        >>> from nircam_tso.simulate import SimulationSettings
        >>> SimulationSettings(shape=(64, 64)).changed(shape=(160, 160)).subarray
        'SUB160P'
        """
        return replace(self, **{**dict.fromkeys(vars(self)["_found"]), **changes})

    def __post_init__(self) -> None:
        put = lambda name, value: object.__setattr__(self, name, value)  # noqa: E731
        put(
            "_found",
            [
                name
                for name in ("product", "position", "frame_time", "subarray", "outputs")
                if getattr(self, name) is None
            ],
        )
        if self.format not in _PRODUCTS:
            raise ValueError(f"format: {self.format!r} is none of {', '.join(map(repr, _PRODUCTS))}")
        products = _PRODUCTS[self.format]
        put("product", products[0] if self.product is None else self.product)
        if self.product not in products:
            raise ValueError(
                f"product: {self.product!r} is no product of format {self.format!r}; choose among {', '.join(products)}"
            )
        for name in ("n_integrations", "segments", "program", "observation", "visit", "exposure"):
            value = getattr(self, name)
            if int(value) != value or value < 1:
                raise ValueError(f"{name}: {value} is not a whole number from 1")
            put(name, int(value))
        if int(self.seed) != self.seed or self.seed < 0:
            raise ValueError(f"seed: {self.seed} is not a whole number from 0")
        if self.segments > self.n_integrations:
            raise ValueError(f"segments: {self.segments} is more than the {self.n_integrations} integrations")
        shape = tuple(int(n) for n in self.shape)
        if len(shape) != 2 or min(shape) < 1 or max(shape) > 2048:
            raise ValueError(f"shape: {self.shape} is not (ny, nx) with sides of 1 to 2048 pixels")
        put("shape", shape)
        for name, kind in EFFECTS.items():
            put(name, as_effect(kind, name, getattr(self, name)))
        self._check_star(put)
        self._check_detector(put)
        if int(self.psf_oversample) != self.psf_oversample or self.psf_oversample < 1:
            raise ValueError(f"psf_oversample: {self.psf_oversample} is not a whole number from 1")
        is_array = isinstance(self.psf, (list, tuple)) or hasattr(self.psf, "ndim")
        if self.psf_oversample > 1 and not is_array:
            raise ValueError(f"psf_oversample: {self.psf_oversample} needs an array as psf")
        fine = self.psf_oversample > 1 if self.psf is not None else self.pixel_integrated
        if self.pixels is not None and self.pixels.intra_pixel > 0 and not fine:
            raise ValueError(
                f"pixels: intra_pixel {self.pixels.intra_pixel:g} needs a star that is finer than a pixel: "
                "pixel_integrated=True, or an array with psf_oversample"
            )

    def _check_star(self, put):
        ny, nx = self.shape
        n = self.n_integrations
        if self.position is None:
            put("position", ((nx - 1) / 2, (ny - 1) / 2))
        position = np.asarray(self.position, dtype=np.float64)
        if position.shape not in ((2,), (n, 2)) or not np.isfinite(position).all():
            raise ValueError(f"position: shape {position.shape} is neither (x, y) nor ({n}, 2), or it is not finite")
        put("position", tuple(position.tolist()) if position.ndim == 1 else position)
        put("flux", positive("flux", self.flux, zero=True))
        put("stddev", tuple(positive("stddev", v) for v in pair("stddev", self.stddev)))
        put("theta", float(self.theta))
        put("jitter", in_pixels("jitter", self.jitter, self.pixel_scale))
        put("jitter", tuple(positive("jitter", v, zero=True) for v in pair("jitter", self.jitter)))
        put("drift", pair("drift", self.drift))
        sky = np.asarray(self.sky, dtype=np.float64)
        if sky.shape not in ((), (n,)) or not (np.isfinite(sky).all() and (sky >= 0).all()):
            raise ValueError(
                f"sky: shape {sky.shape} is neither one number nor {n} of them, or not 0 or more electron/s"
            )
        put("sky", float(sky) if sky.ndim == 0 else sky)
        put("sky_drift", float(self.sky_drift))
        if self.light_curve is not None and not callable(self.light_curve):
            curve = np.asarray(self.light_curve, dtype=np.float64)
            if curve.shape != (n,) or not (np.isfinite(curve).all() and (curve >= 0).all()):
                raise ValueError(f"light_curve: shape {curve.shape} is not ({n},), or it is negative or not finite")
            put("light_curve", curve)
        try:
            put("start", Time(self.start, scale="utc") if not isinstance(self.start, Time) else self.start.utc)
        except ValueError as error:
            raise ValueError(
                f"start: {self.start!r} is no date that is understood; give 2024-06-12T05:21:00"
            ) from error
        if isinstance(self.target_coordinates, SkyCoord):
            icrs = self.target_coordinates.icrs
            put("target_coordinates", (float(icrs.ra.to_value(u.deg)), float(icrs.dec.to_value(u.deg))))
        put("target_coordinates", pair("target_coordinates", self.target_coordinates))

    def _check_detector(self, put):
        for name in ("gain", "flat_error", "bias", "read_noise", "correlated_noise", "common_noise"):
            put(name, positive(name, getattr(self, name), zero=name != "gain"))
        if self.common_noise > 1:
            raise ValueError(f"common_noise: {self.common_noise:g} is not from 0 to 1")
        if not 0 <= self.dead_fraction < 1:
            raise ValueError(f"dead_fraction: {self.dead_fraction} is not from 0 to below 1")
        if self.poisson_variance not in ("segment", "integration"):
            raise ValueError(f"poisson_variance: {self.poisson_variance!r} is neither 'segment' nor 'integration'")
        if self.detector not in _DETECTORS:
            raise ValueError(f"detector: {self.detector!r} is none of {', '.join(_DETECTORS)}")
        if self.subarray is None:
            ny, nx = self.shape
            put("subarray", "FULL" if (ny, nx) == (2048, 2048) else _SUBARRAYS.get((ny, nx), "GENERIC"))
        if self.outputs not in (None, 1, 4) or (self.outputs == 4 and self.shape[1] % 4):
            raise ValueError(f"outputs: {self.outputs} is neither 1 nor 4, or does not divide {self.shape[1]} columns")
        time, outputs = frame_time_of(self.shape, self.outputs)
        put("outputs", outputs)
        if self.frame_time is None:
            put("frame_time", time)
        if self.saturation is not None:
            put("saturation", positive("saturation", self.saturation))
        # Checks the counts and the times.
        put("readout", Readout(**{part.name: getattr(self, part.name) for part in fields(Readout)}))

    @cached_property
    def ephemeris(self) -> Ephemeris:
        """Where the observatory is, an `~nircam_tso.simulate.orbit.Ephemeris` for the middle of the exposure."""
        middle = self.start + self.readout.span(self.n_integrations) / 2 * u.s
        # Headers give it for a whole minute.
        return ephemeris(Time(np.round(middle.mjd * 1440) / 1440, format="mjd", scale="utc"))

    @property
    def is_ramp(self) -> bool:
        """Whether the product holds groups rather than one image per integration."""
        return self.product in ("uncal", "red")

    @property
    def told(self) -> list[str]:
        """Names of the settings that the table of truth tells, in order."""
        return [
            name
            for name, part in self.__dataclass_fields__.items()
            if not part.metadata or not (name in vars(self)["_found"] or getattr(self, name) == part.default)
        ]

    @property
    def is_calibrated(self) -> bool:
        """Whether the values are MJy/sr."""
        return self.product in ("calints", "crfints")

    @property
    def is_long(self) -> bool:
        """Whether the detector belongs to the long-wave channel."""
        return self.detector.endswith("LONG")

    @property
    def is_flipped(self) -> bool:
        """Whether rows are read from left to right and from the top down (FASTAXIS 1, SLOWAXIS -2)."""
        return self.detector in _FLIPPED

    @property
    def detector_number(self) -> int:
        """Number of the detector (SCA_NUM)."""
        return _DETECTORS[self.detector]

    @property
    def pixel_scale(self) -> float:
        """Width of a pixel, arcsec."""
        return 0.063 if self.is_long else 0.0311

    @property
    def pixel_area(self) -> float:
        """Area of a pixel, sr (PIXAR_SR)."""
        return (self.pixel_scale * np.pi / 180 / 3600) ** 2

    @property
    def photmjsr(self) -> float:
        """MJy/sr of a DN/s (PHOTMJSR), near that of F210M and of F444W."""
        return 0.3925 if self.is_long else 1.42

    @property
    def image_scale(self) -> float:
        """What one electron/s in a pixel comes to in the image as it is measured (ramps: last less first group)."""
        if self.is_ramp:
            return self.readout.group_time * max(self.n_groups - 1, 1) / self.gain
        return self.photmjsr / self.gain if self.is_calibrated else 1 / self.gain

    @property
    def image_unit(self) -> UnitBase:
        """Unit of the image as it is measured, an astropy unit."""
        count = u.DN if self.format == "jwst" else u.adu
        if self.is_ramp:
            return count
        return u.MJy / u.sr if self.is_calibrated else count / u.s

    @cached_property
    def nominal_position(self) -> tuple[float, float]:
        """Mean of ``position``, (x, y)."""
        x, y = np.atleast_2d(self.position).mean(axis=0)
        return float(x), float(y)
