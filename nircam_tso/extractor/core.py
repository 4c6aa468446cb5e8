"""TimeSeriesExtractor: the settings, and the loop over blocks."""

import os
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from nircam_tso.extractor import settings as check
from nircam_tso.extractor.block import measure_block
from nircam_tso.extractor.plan import make_plan
from nircam_tso.extractor.table import build_table
from nircam_tso.io.exposure import Exposure
from nircam_tso.io.sources import open_exposure
from nircam_tso.measure.background import FrameBackground
from nircam_tso.presets import choose_preset
from nircam_tso.quality import dq_mask
from nircam_tso.timing import exposure_times, offline

__all__ = ["TimeSeriesExtractor"]

#: Bytes of one block's pixels as float64: large enough to spread the cost of a step
#: over many integrations, small enough that a few blocks at once do not matter.
_BLOCK_BYTES = 16_000_000


@dataclass(frozen=True, eq=False)
class TimeSeriesExtractor:
    """
    Turns a stack of images of one star into a time series.

    Parameters
    ----------
    aperture_radii : float, sequence of float, or `~astropy.units.Quantity`
        Radii of the circular apertures in pixels. May be empty if there are masks.
    position : (float, float), `~astropy.coordinates.SkyCoord`, "brightest" or None
        Where the star is, (x, y) in zero-based pixels of the frame that is handed over.
        None takes XREF_SCI and YREF_SCI of a JWST header, refined to the brightest spot
        within 41 px, else its target's coordinates, else the middle of the frame.
        "brightest" is the brightest spot of the median of the first 32 integrations,
        smoothed by 3 px.
    subframe_shape : (int, int)
        Shape (ny, nx) of the stamp in which the star is centred.
    background : FrameBackground, AnnulusBackground or None
        How the sky is measured; None takes nothing off.
    template : None, GaussianTemplate, PSFTemplate, array, path or "median"
        What to correlate with: None is a Gaussian of ``template_fwhm``, "median" the
        median of the series.
    template_fwhm : float
        Full width at half maximum of the default template in pixels.
    cross_correlation : {"fourier", "image_registration"}
        Method of the cross-correlation centre.
    center : {"gaussian", "cross-correlation", "centroid", "median", "fixed"}
        Where the apertures sit: at one of the centres of each integration; at one
        place, the median of the Gaussian centres (of the cross-correlation centres,
        where the template has no single peak) of up to 64 integrations spread evenly
        over the series; or at ``position`` itself. Where the chosen centre is not valid
        the next of Gaussian, cross-correlation, centroid and ``position`` is used, and
        the row is flagged.
    ramp : {"last-first", "slope", "groups"}
        How ramps become images; "groups" makes a row per difference of two groups.
    group_range : (int, int), "auto" or None
        First and last group of ramps to use, zero-based. "auto" ends at the last group
        that is below ``saturation`` within the apertures in every integration.
    saturation : float, array of shape (ny, nx) or None
        Level of ramps in their own unit at which a pixel counts as saturated.
    bad_pixels : {"scale", "nan", "ignore"}
        What becomes of passing bad pixels: filled from the scaled median of the series;
        the aperture sum is NaN; left out. Pixels that are bad in more than half of the
        integrations are left out always. A single integration has no median to fill
        from: there "scale" is "nan".
    dq_bits : sequence of str
        Names of DQ bits that make a pixel bad, beside DO_NOT_USE.
    aperture_masks : dict of str to bool array of shape (ny, nx), optional
        Further apertures, summed as ``aperture_sum_<name>``.
    centroid_mask : bool array of shape (ny, nx), optional
        Pixels of the flux-weighted centre, instead of the subframe.
    gain : float, optional
        Electrons per image unit (per DN; for images in DN/s times the exposure time).
    read_noise : float, optional
        Electrons, of one frame for ramps, of one pixel for images. Pixel errors are
        made from ``gain`` and ``read_noise`` where the source has none.
    pixel_integrated : bool
        Whether the Gaussian is integrated over each pixel, or sampled at its centre.
    flux_unit : {None, "native", "Jy", "electron"}
        Unit of the sums. None is the image unit, but Jy for images in MJy/sr.
    row_reset_time : float
        Seconds of row resets before each integration that no keyword tells.
    time_reference : {"middle", "pixel"}
        Whether ``time`` is the middle of the readout of the frame or of the star's row.
    target : `~astropy.coordinates.SkyCoord`, optional
        Target of the barycentric correction, instead of the header's.
    preset : str
        Name of the preset that the settings came from, for the metadata; `for_source`
        sets it.

    Raises
    ------
    ValueError, TypeError
        For a setting out of its range; the message names it.

    Notes
    -----
    The steps are those of `nircam_tso.measure`; each is described there.

    Examples
    --------
    >>> import numpy as np
    >>> from astropy.time import Time
    >>> from nircam_tso import TimeSeriesExtractor
    >>> y, x = np.mgrid[:40, :50]
    >>> star = 100 + 1000 * np.exp(-((x - 26.3) ** 2 + (y - 18.7) ** 2) / 2)
    >>> extractor = TimeSeriesExtractor(aperture_radii=[3, 5])
    >>> ts = extractor.extract(np.stack([star] * 3), times=Time([60000.0, 60000.1, 60000.2], format="mjd"))
    >>> print(f"{ts['x_gauss'][0]:.3f} {ts['aperture_sum_r5'][0]:.0f}")
    26.300 pix 6283
    """

    aperture_radii: Any = (3.0, 5.0, 8.0)
    position: Any = None
    subframe_shape: tuple[int, int] = (21, 21)
    background: Any = FrameBackground()
    template: Any = None
    template_fwhm: float = 2.0
    cross_correlation: str = "fourier"
    center: str = "gaussian"
    ramp: str = "last-first"
    group_range: Any = None
    saturation: Any = None
    bad_pixels: str = "scale"
    dq_bits: Any = ()
    aperture_masks: Any = None
    centroid_mask: Any = None
    gain: float | None = None
    read_noise: float | None = None
    pixel_integrated: bool = False
    flux_unit: str | None = None
    row_reset_time: float = 0.0
    time_reference: str = "middle"
    target: Any = None
    preset: str = "none"

    def __post_init__(self):
        checked = {
            "aperture_radii": check.radii(self.aperture_radii),
            "position": check.position(self.position),
            "subframe_shape": check.shape("subframe_shape", self.subframe_shape),
            "background": check.background(self.background),
            "template": check.template(self.template),
            "template_fwhm": check.positive("template_fwhm", self.template_fwhm, unit="pix"),
            "cross_correlation": check.one_of("cross_correlation", self.cross_correlation, check.CORRELATIONS),
            "center": check.one_of("center", self.center, check.CENTERS),
            "ramp": check.one_of("ramp", self.ramp, check.RAMPS),
            "group_range": check.group_range(self.group_range),
            "saturation": check.saturation(self.saturation),
            "bad_pixels": check.one_of("bad_pixels", self.bad_pixels, check.BAD_PIXELS),
            "dq_bits": (self.dq_bits,) if isinstance(self.dq_bits, str) else tuple(self.dq_bits),
            "aperture_masks": check.masks(self.aperture_masks),
            "centroid_mask": check.centroid_mask(self.centroid_mask),
            "gain": check.positive("gain", self.gain, unit="electron / DN"),
            "read_noise": check.positive("read_noise", self.read_noise, unit="electron", zero=True),
            "flux_unit": check.one_of("flux_unit", self.flux_unit, check.FLUX_UNITS),
            "row_reset_time": check.positive("row_reset_time", self.row_reset_time, unit="s", zero=True),
            "time_reference": check.one_of("time_reference", self.time_reference, check.TIME_REFERENCES),
        }
        for name, value in checked.items():
            object.__setattr__(self, name, value)
        dq_mask(self.dq_bits)
        if self.group_range == "auto" and self.saturation is None:
            raise ValueError('group_range: "auto" needs `saturation`, the level at which a pixel is saturated')
        if (self.gain is None) != (self.read_noise is None):
            raise ValueError(f"gain, read_noise: {self.gain}, {self.read_noise}; give both or neither")
        if not self.aperture_radii and not self.aperture_masks:
            raise ValueError("aperture_radii: empty; give a radius, or a mask in aperture_masks")
        if self.flux_unit == "electron" and self.gain is None:
            raise ValueError('flux_unit: "electron" needs `gain` and `read_noise`')

    @classmethod
    def for_source(cls, source, *, select=None, axis=None, recursive=False, **overrides):
        """
        Settings by FILTER, PUPIL and SUBARRAY of a source.

        Parameters
        ----------
        source
            As for `extract`.
        select, axis, recursive
            As for `extract`.
        **overrides
            Settings that win over the preset's.

        Returns
        -------
        TimeSeriesExtractor

        Examples
        --------
        >>> import numpy as np
        >>> from nircam_tso import TimeSeriesExtractor
        >>> TimeSeriesExtractor.for_source(np.zeros((4, 32, 32)), aperture_radii=4).aperture_radii
        (4.0,)
        """
        exposure = (
            source
            if isinstance(source, Exposure)
            else open_exposure(source, select=select, axis=axis, recursive=recursive)
        )
        preset = choose_preset(exposure.header, exposure.shape)
        return cls(**{**preset.settings, "preset": preset.name, **overrides})

    def describe(self):
        """
        Every setting as plain JSON types, for the provenance of a product.

        Returns
        -------
        dict
        """
        return {entry.name: _plain(getattr(self, entry.name)) for entry in fields(self)}

    @offline()
    def extract(
        self,
        source,
        *,
        errors=None,
        mask=None,
        header=None,
        times=None,
        unit=None,
        axis=None,
        select=None,
        recursive=False,
        executor=None,
        progress=None,
        block_size=None,
    ):
        """
        Measure every integration of a source.

        Parameters
        ----------
        source : path, array, `~astropy.nddata.NDData`, HDUList, Exposure, or a list of these
            A FITS file, a list of files, a directory, a glob, a text file of names, or
            pixels: 2-D (one integration), 3-D (integrations, y, x), or
            4-D (integrations, groups, y, x).
        errors : "random", "total" or array, optional
            For JWST files "random" (the default) is sqrt(VAR_POISSON + VAR_RNOISE),
            "total" is ERR. For arrays 1 sigma of each value.
        mask : bool array, optional
            True for pixels to leave out, of the shape of the source or of one image.
        header : mapping, optional
            Header for arrays.
        times : `~astropy.time.Time`, optional
            Middle of each row, instead of the header's.
        unit : unit, optional
            Unit of the image values, where the source has none.
        axis : {"integrations", "groups"}, optional
            What the first axis of a 3-D FITS image is, where no header tells.
        select : dict, optional
            ``detector``, ``product`` and ``exposure``, where there are several.
        recursive : bool, optional
            Whether to look into the folders of a directory.
        executor : `concurrent.futures.Executor`, optional
            Where blocks are measured; by default threads, one per processor.
        progress : callable, optional
            Called as ``progress(total=n)``; must return an object with ``update(k)``
            and ``close()``, such as `tqdm.tqdm`.
        block_size : int, optional
            Integrations per block; changes no number, only speed and memory.

        Returns
        -------
        `~astropy.timeseries.TimeSeries`
            One row per integration (or group step). See the guide for its columns.

        Raises
        ------
        InputFileError, SegmentError, TimeMetadataError
            Where the source cannot be read or does not form one exposure.
        ValueError
            For a position outside the frame, or arguments that do not fit the source.
        """
        exposure = (
            source
            if isinstance(source, Exposure)
            else open_exposure(
                source,
                select=select,
                axis=axis,
                errors=errors,
                mask=mask,
                header=header,
                unit=unit,
                recursive=recursive,
            )
        )
        for name, value, what in (("executor", executor, "submit"), ("progress", progress, "__call__")):
            if value is not None and not hasattr(value, what):
                raise TypeError(f"{name}: {value!r} has no {what}; see the parameter's description")
        if block_size is not None and not (isinstance(block_size, int | np.integer) and block_size > 0):
            raise ValueError(f"block_size: {block_size!r} is not a positive whole number")
        plan = make_plan(self, exposure)
        row_times = exposure_times(
            exposure,
            ramp=self.ramp,
            group_range=plan.group_range,
            row_reset_time=self.row_reset_time,
            time_reference=self.time_reference,
            star_row=plan.position[1],
            target=self.target,
            given=times,
        )
        per_block = block_size or _default_block_size(plan, exposure)
        parts = _run(plan, exposure, per_block, executor, progress)
        numbers = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
        return build_table(self, exposure, plan, row_times, numbers)


def _default_block_size(plan, exposure):
    per_integration = 8 * plan.read.shape[0] * exposure.shape[1] * (exposure.n_groups or 1)
    return int(np.clip(_BLOCK_BYTES // per_integration, 1, 1024))


def _run(plan, exposure, per_block, executor, progress):
    n = len(exposure)
    ranges = [(first, min(first + per_block, n)) for first in range(0, n, per_block)]
    bar = progress(total=n) if progress is not None else None
    parts = []
    own = executor is None
    pool = ThreadPoolExecutor(min(os.cpu_count() or 1, len(ranges))) if own else executor
    # Other processes read files for themselves, but pixels in memory must be sent.
    shares_memory = isinstance(pool, ThreadPoolExecutor)
    remote = not shares_memory and any(segment.path is None for segment in exposure.segments)
    ahead = 2 * (getattr(pool, "_max_workers", None) or os.cpu_count() or 1)
    waiting = deque()
    try:
        todo = iter(ranges)
        while True:
            while len(waiting) < ahead and (bounds := next(todo, None)) is not None:
                if remote:
                    future = pool.submit(measure_block, plan, exposure.read(*bounds, plan.read.rows))
                else:
                    future = pool.submit(_read_and_measure, plan, exposure, *bounds)
                waiting.append((bounds, future))
            if not waiting:
                break
            (first, stop), future = waiting.popleft()
            parts.append(future.result())
            if bar is not None:
                bar.update(stop - first)
    finally:
        for _, future in waiting:
            future.cancel()
        if own:
            pool.shutdown(cancel_futures=True)
        if bar is not None:
            bar.close()
    return parts


def _read_and_measure(plan, exposure, first, stop):
    return measure_block(plan, exposure.read(first, stop, plan.read.rows))


def _plain(value):
    if hasattr(value, "describe"):
        return value.describe()
    if isinstance(value, dict):
        return {key: _plain(part) for key, part in value.items()}
    if isinstance(value, np.ndarray):
        import hashlib

        digest = hashlib.sha256(np.ascontiguousarray(value).tobytes()).hexdigest()
        return {"shape": list(value.shape), "sum": float(np.nansum(value)), "sha256": digest}
    if isinstance(value, tuple | list):
        return [_plain(part) for part in value]
    if isinstance(value, np.generic):
        return value.item()
    if hasattr(value, "to_string") and hasattr(value, "frame"):
        return value.icrs.to_string("decimal", precision=9)
    return value if isinstance(value, str | int | float | bool | type(None)) else repr(value)
