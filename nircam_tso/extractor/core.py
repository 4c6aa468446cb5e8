"""TimeSeriesExtractor: the settings, and the loop over blocks."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from nircam_tso.extractor import settings as check
from nircam_tso.extractor.line_noise import add_line_noise
from nircam_tso.extractor.loop import keep_memory, measure_all
from nircam_tso.extractor.plan import make_plans
from nircam_tso.extractor.table import build_table
from nircam_tso.io.sources import as_exposure
from nircam_tso.measure.background import FrameBackground
from nircam_tso.presets import choose_preset
from nircam_tso.quality import dq_mask
from nircam_tso.timing import exposure_times, offline

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from concurrent.futures import Executor
    from typing import Literal

    from astropy.coordinates import SkyCoord
    from astropy.time import Time
    from astropy.timeseries import TimeSeries
    from astropy.units import Quantity, UnitBase
    from numpy.typing import ArrayLike

    from nircam_tso.io.sources import Source

__all__ = ["TimeSeriesExtractor"]


@dataclass(frozen=True, eq=False)
class TimeSeriesExtractor:
    """
    Turns a stack of images of one star into a time series.

    Parameters
    ----------
    aperture_radii : float, sequence of float, or `~astropy.units.Quantity`
        Radii of the circular apertures in pixels. May be empty if there are masks or
        other apertures.
    radius_unit : {"pix", "fwhm"}
        Unit of the radii: pixels, or the width (FWHM) of each integration's Gaussian;
        where the fit fails or its width is off by over a factor of 1.5, that of the
        series' median. Columns then end in ``fwhm``.
    aperture_shapes : dict of str to shape, optional
        Apertures of other shapes about the same centre, summed as
        ``aperture_sum_<name>``: `~nircam_tso.EllipseShape`, `~nircam_tso.RectangleShape`,
        `~nircam_tso.HexagonShape`, or an aperture of `photutils.aperture`, whose own
        position does not count.
    edge : {"nan", "sum"}
        What becomes of an aperture that leaves the frame: NaN, or the sum of what is
        covered. Both are flagged.
    position : (float, float), `~astropy.coordinates.SkyCoord`, "brightest", None, or a list
        Where the star is, (x, y) in zero-based pixels of the frame that is handed over.
        None takes XREF_SCI and YREF_SCI of a JWST header, moved to the brightest spot
        of the 41 x 41 px about it, else its target's coordinates, else the middle of the frame.
        "brightest" is the brightest spot of the median of the first 32 integrations,
        smoothed by 3 px. A list of positions measures several stars in one pass: the
        columns of the first have their plain names, those of the second and further
        ones end in ``_star2``, ``_star3`` and so on.
    subframe_shape : (int, int)
        Shape (ny, nx) of the subframe in which the star is centred.
    background : FrameBackground, AnnulusBackground, MeshBackground, LineBackground or None
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
    clean : {None, "temporal"}
        "temporal" looks for cosmic rays before measuring: pixels that differ from a
        running median over ``clean_window`` integrations by over ``clean_sigma``. They
        are treated as passing bad pixels, and counted in ``n_cleaned``.
    clean_window : int
        Integrations of the running median.
    clean_sigma : float
        Threshold, in standard deviations.
    striping : {None, "row", "column", "row-amplifier"}
        Which 1/f noise to take off: a level of each row or column, or of each
        amplifier's part of it.
    striping_reference : {"auto", "median", "none"}
        What is taken off before levels are found: the scaled median of the series, or
        nothing. "auto" is the median from 10 integrations on.
    striping_odd_even : bool
        Whether odd and even pixels along a line have levels of their own.
    dq_bits : sequence of str
        Names of DQ bits that make a pixel bad, beside DO_NOT_USE.
    aperture_masks : dict of str to bool array of shape (ny, nx), optional
        Further apertures, summed as ``aperture_sum_<name>``.
    components : int
        Number of principal components of the subframe's shape, measured as ``pc1``,
        ``pc2`` and so on, up to 3: what changes in the star's image beside its flux.
    centroid_mask : bool array of shape (ny, nx), optional
        Pixels of the flux-weighted centre, instead of the subframe.
    gain : float, optional
        Electrons per image unit (per DN; for images in DN/s times the exposure time).
    read_noise : float, optional
        Electrons, of one frame for ramps, of one pixel for images. Pixel errors are
        made from ``gain`` and ``read_noise`` where the source has none.
    pixel_integrated : bool
        Whether the Gaussian is integrated over each pixel, or sampled at its centre.
    fit_background : bool
        Whether the Gaussian fit has a constant of its own, on top of the subtracted sky.
    theta : float or `~astropy.units.Quantity`, optional
        Angle of the Gaussian's axes in degrees, if it is known; None fits it.
    bounds : dict of str to (float, float), optional
        Limits of the Gaussian's ``amplitude``, ``x``, ``y`` (in the frame), ``x_stddev``,
        ``y_stddev`` and ``theta`` (degrees); None in place of a number is no limit. A fit
        that comes out beyond them is no star's: NaN and FIT_FAILED.
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

    aperture_radii: float | Sequence[float] | np.ndarray | Quantity = (3.0, 5.0, 8.0)
    radius_unit: Literal["pix", "fwhm"] = "pix"
    aperture_shapes: Mapping[str, Any] | None = None
    edge: Literal["nan", "sum"] = "nan"
    position: Any = None
    subframe_shape: tuple[int, int] = (21, 21)
    background: Any = FrameBackground()
    template: Any = None
    template_fwhm: float = 2.0
    cross_correlation: Literal["fourier", "image_registration"] = "fourier"
    center: Literal["gaussian", "cross-correlation", "centroid", "median", "fixed"] = "gaussian"
    ramp: Literal["last-first", "slope", "groups"] = "last-first"
    group_range: Any = None
    saturation: Any = None
    bad_pixels: Literal["scale", "nan", "ignore"] = "scale"
    clean: Literal["temporal"] | None = None
    clean_window: int = 11
    clean_sigma: float = 5.0
    striping: Literal["row", "column", "row-amplifier"] | None = None
    striping_reference: Literal["auto", "median", "none"] = "auto"
    striping_odd_even: bool = False
    dq_bits: str | Sequence[str] = ()
    aperture_masks: Mapping[str, ArrayLike] | None = None
    components: int = 0
    centroid_mask: ArrayLike | None = None
    gain: float | None = None
    read_noise: float | None = None
    pixel_integrated: bool = False
    fit_background: bool = False
    theta: float | Quantity | None = None
    bounds: Mapping[str, tuple[float | None, float | None]] | None = None
    flux_unit: Literal["native", "Jy", "electron"] | None = None
    row_reset_time: float = 0.0
    time_reference: Literal["middle", "pixel"] = "middle"
    target: SkyCoord | None = None
    preset: str = "none"

    def __post_init__(self) -> None:
        checked = {
            "aperture_radii": check.radii(self.aperture_radii),
            "radius_unit": check.one_of("radius_unit", self.radius_unit, check.RADIUS_UNITS),
            "edge": check.one_of("edge", self.edge, check.EDGES),
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
            "clean": check.one_of("clean", self.clean, check.CLEANINGS),
            "clean_window": check.window("clean_window", self.clean_window),
            "clean_sigma": check.positive("clean_sigma", self.clean_sigma),
            "striping": check.one_of("striping", self.striping, check.STRIPINGS),
            "striping_reference": check.one_of(
                "striping_reference", self.striping_reference, check.STRIPING_REFERENCES
            ),
            "aperture_masks": check.masks(self.aperture_masks),
            "aperture_shapes": check.shapes(self.aperture_shapes, self.aperture_masks or ()),
            "components": check.count("components", self.components, 3),
            "centroid_mask": check.centroid_mask(self.centroid_mask),
            "gain": check.positive("gain", self.gain, unit="electron / DN"),
            "read_noise": check.positive("read_noise", self.read_noise, unit="electron", zero=True),
            "theta": check.angle("theta", self.theta),
            "bounds": check.bounds(self.bounds),
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
        if self.striping is None and (self.striping_odd_even or self.striping_reference != "auto"):
            raise ValueError("striping_reference, striping_odd_even: mean nothing without `striping`; give that too")
        if not (self.aperture_radii or self.aperture_masks or self.aperture_shapes):
            raise ValueError(
                "aperture_radii: empty; give a radius, a shape in aperture_shapes, or a mask in aperture_masks"
            )
        if self.flux_unit == "electron" and self.gain is None:
            raise ValueError('flux_unit: "electron" needs `gain` and `read_noise`')

    @classmethod
    def for_source(
        cls,
        source: Source,
        *,
        select: Mapping[str, Any] | None = None,
        axis: Literal["integrations", "groups"] | None = None,
        recursive: bool = False,
        on_error: Literal["raise", "flag"] = "raise",
        allow_missing: bool = False,
        allow_missing_dq: bool = False,
        **overrides: Any,
    ) -> TimeSeriesExtractor:
        """
        Settings by FILTER, PUPIL and SUBARRAY of a source.

        Parameters
        ----------
        source
            As for `extract`.
        select, axis, recursive, on_error, allow_missing, allow_missing_dq
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
        exposure = as_exposure(
            source,
            select=select,
            axis=axis,
            recursive=recursive,
            on_error=on_error,
            allow_missing=allow_missing,
            allow_missing_dq=allow_missing_dq,
        )
        preset = choose_preset(exposure.header, exposure.shape)
        return cls(**{**preset.settings, "preset": preset.name, **overrides})

    def describe(self) -> dict[str, Any]:
        """
        Every setting as plain JSON types, for the provenance of a product.

        Returns
        -------
        dict
        """
        return {entry.name: check.plain(getattr(self, entry.name)) for entry in fields(self)}

    @offline()
    def extract(
        self,
        source: Source,
        *,
        errors: Literal["random", "total"] | ArrayLike | None = None,
        mask: ArrayLike | None = None,
        header: Mapping[str, Any] | None = None,
        times: Time | None = None,
        unit: str | UnitBase | None = None,
        axis: Literal["integrations", "groups"] | None = None,
        select: Mapping[str, Any] | None = None,
        recursive: bool = False,
        executor: Executor | None = None,
        progress: Callable[..., Any] | None = None,
        block_size: int | None = None,
        on_error: Literal["raise", "flag"] = "raise",
        allow_missing: bool = False,
        allow_missing_dq: bool = False,
        verify_checksums: bool = False,
        hash_inputs: bool = False,
        max_memory: int | str | None = None,
    ) -> TimeSeries:
        """
        Measure every integration of a source.

        Parameters
        ----------
        source : path, array, `~astropy.nddata.NDData`, HDUList, Exposure, or a list of these
            A FITS file, a list of files, a folder, a glob, a text file of names, or
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
            Whether to look into the folders within a folder, too.
        executor : `concurrent.futures.Executor`, optional
            Where blocks are measured; by default threads, one per processor.
        progress : callable, optional
            Called as ``progress(total=n)``; must return an object with ``update(k)``
            and ``close()``, such as `tqdm.tqdm`.
        block_size : int, optional
            Integrations per block; changes no number, only speed and memory.
        on_error : {"raise", "flag"}, optional
            Whether a file that cannot be read is an error, or rows of NaN with
            READ_ERROR; and a date that does not exist, or a source of which no file
            tells any time, an error, or masked times with TIME_INVALID.
        allow_missing : bool, optional
            Whether missing segments become rows of NaN with MISSING_INTEGRATION.
        allow_missing_dq : bool, optional
            Whether JWST files without DQ are taken.
        verify_checksums : bool, optional
            Whether CHECKSUM and DATASUM of every file are checked.
        hash_inputs : bool, optional
            Whether the provenance holds the sha256 of every file.
        max_memory : int or str, optional
            Bytes that pixels may take, or text such as "4 GB"; by default half of the
            machine's memory.

        Returns
        -------
        `~astropy.timeseries.TimeSeries`
            One row per integration (or group step). See the guide for its columns.

        Raises
        ------
        InputFileError, SegmentError, TimeMetadataError, ResourceLimitError
            Where the source cannot be read or does not form one exposure.
        ValueError
            For a position outside the frame, or arguments that do not fit the source.
        """
        exposure = as_exposure(
            source,
            select=select,
            axis=axis,
            errors=errors,
            mask=mask,
            header=header,
            unit=unit,
            recursive=recursive,
            on_error=on_error,
            allow_missing=allow_missing,
            allow_missing_dq=allow_missing_dq,
            verify_checksums=verify_checksums,
            hash_inputs=hash_inputs,
            max_memory=max_memory,
        )
        for name, value, what in (("executor", executor, "submit"), ("progress", progress, "__call__")):
            if value is not None and not hasattr(value, what):
                raise TypeError(f"{name}: {value!r} has no {what}; see the parameter's description")
        check.one_of("on_error", on_error, ("raise", "flag"))
        if block_size is not None and not (isinstance(block_size, int | np.integer) and block_size > 0):
            raise ValueError(f"block_size: {block_size!r} is not a positive whole number")
        keep_memory()
        plans, search = make_plans(self, exposure)
        row_times = exposure_times(
            exposure,
            ramp=self.ramp,
            group_range=plans[0].group_range,
            row_reset_time=self.row_reset_time,
            time_reference=self.time_reference,
            star_row=plans[0].position[1],
            target=self.target,
            given=times,
            on_error=on_error,
        )
        numbers, noises = measure_all(
            plans, exposure, beside=search, executor=executor, progress=progress, block_size=block_size
        )
        numbers = [add_line_noise(self, *pair) for pair in zip(noises, numbers, strict=True)]
        plans = [replace(plan, line_noise=noise) for plan, noise in zip(plans, noises, strict=True)]
        return build_table(self, exposure, plans, row_times, numbers)
