"""The sky before the detector: where the star is, how bright, and its image."""

from dataclasses import replace
from functools import partial

import numpy as np
from astropy import units as u
from astropy.table import QTable
from scipy import fft

from nircam_tso.presets import defocus_waves
from nircam_tso.simulate.gaussian import gaussian_images, pixel_response
from nircam_tso.simulate.streams import random_stream
from nircam_tso.simulate.tilt import ghost_part, ghost_stddev, moved_patch, wavelength_of

__all__ = ["Scene", "TemplateImages", "make_truth"]

#: Values of finely sampled images that are worked on at once.
_BLOCK_VALUES = 1 << 22


def _mid_times(settings, numbers):
    if settings.format == "jwst":
        return settings.readout.integrations(settings.start, numbers)[1]
    # The ground tests tell only the exposure's span: each integration is taken to be
    # the middle of its share.
    return settings.start + (numbers - 0.5) * settings.readout.cadence * u.s


def make_truth(settings):
    """
    The table of what is simulated.

    Parameters
    ----------
    settings : SimulationSettings
        What to simulate.

    Returns
    -------
    `~astropy.table.QTable`
        A row per integration: ``integration``, ``time`` (UTC) and, for JWST, ``time_bjd``
        (TDB) of its middle, ``relative_flux``, ``flux`` (electron/s), ``x``, ``y``,
        ``background`` (electron/s in a pixel), and the last two as they are measured:
        ``flux_image`` and ``background_image``; with these effects on, ``settling`` (the
        factor that the flux has of it) and ``tilt`` (the part of the integration that
        has the tilt).

    Raises
    ------
    ValueError
        If a callable light curve returns no (n_integrations,) finite values of 0 or more.
    """
    n = settings.n_integrations
    numbers = np.arange(1, n + 1)
    time = _mid_times(settings, numbers)
    curve = settings.light_curve
    relative = np.ones(n) if curve is None else np.asarray(curve(time) if callable(curve) else curve, dtype=np.float64)
    if relative.shape != (n,) or not (np.isfinite(relative).all() and (relative >= 0).all()):
        raise ValueError(f"light_curve: returned shape {relative.shape}, not ({n},), or values below 0 or not finite")
    position = np.broadcast_to(np.asarray(settings.position, dtype=np.float64), (n, 2))
    progress = np.linspace(-0.5, 0.5, n)[:, None] if n > 1 else np.zeros((1, 1))
    shake = random_stream(settings.seed, "pointing").standard_normal((n, 2)) * settings.jitter
    position = position + progress * settings.drift + shake
    background = np.broadcast_to(np.asarray(settings.sky, dtype=np.float64), n).copy()
    if settings.sky_drift:
        background += progress[:, 0] * settings.sky_drift
        if background.min() < 0:
            raise ValueError(f"sky_drift: {settings.sky_drift:g} electron/s takes the sky below 0")
    middle = (time - settings.start).to_value(u.s)
    measured = relative
    if settings.settling is not None:
        settling = 1 + settings.settling.amplitude * np.exp(-middle / settings.settling.time)
        measured = relative * settling

    scale, unit = settings.image_scale, settings.image_unit
    flux_unit, flux_scale = unit, scale
    if settings.is_calibrated:
        flux_unit, flux_scale = u.Jy, scale * settings.pixel_area * 1e6
    truth = QTable()
    truth["integration"] = numbers.astype(np.int32)
    truth["time"] = time
    if settings.format == "jwst":
        truth["time_bjd"] = settings.ephemeris.barycentric_time(time, *settings.target_coordinates)
    truth["relative_flux"] = relative
    truth["flux"] = settings.flux * measured * u.electron / u.s
    truth["x"] = position[:, 0] * u.pix
    truth["y"] = position[:, 1] * u.pix
    truth["background"] = background * u.electron / u.s
    truth["flux_image"] = settings.flux * measured * flux_scale * flux_unit
    truth["background_image"] = background * scale * unit
    if settings.settling is not None:
        truth["settling"] = settling
    if settings.tilt is not None:
        half = settings.readout.integration_time / 2
        truth["tilt"] = settings.tilt.part_behind(middle - half, middle + half, settings.start)
    descriptions = {
        "time": "middle of the integration",
        "time_bjd": "middle of the integration at the barycentre",
        "relative_flux": "light of the star over its light outside the transit",
        "flux": "light of the star over the whole PSF",
        "x": "centre of the star, zero-based",
        "y": "centre of the star, zero-based",
        "background": "light of the sky in one pixel",
        "flux_image": "flux as it is measured in the image (ramps: last less first group)",
        "background_image": "background as it is measured in the image (ramps: last less first group)",
        "settling": "factor of the flux while the detector settles",
        "tilt": "part of the integration behind the tilt",
    }
    for name in descriptions.keys() & set(truth.colnames):
        truth[name].info.description = descriptions[name]
    for name in {"time", "time_bjd"} & set(truth.colnames):
        truth[name].format = "isot"
        truth[name].precision = 9
    return truth


class TemplateImages:
    """
    Copies of a template, shifted by parts of a pixel.

    Parameters
    ----------
    template : `~numpy.ndarray`, shape (my, mx)
        Image of a star.
    origin : tuple of float (x, y)
        The point of the template that shall lie at the star's position.
    x, y : `~numpy.ndarray`, shape (n,)
        All positions that will be asked for, zero-based pixels of the frame.
    shape : tuple of int
        (ny, nx) of the frame.

    Notes
    -----
    Whole pixels, the same for all copies, are moved as such; the rest is a phase of the
    Fourier transform, on a canvas wide enough for all positions, so that nothing comes
    back on the other side and no copy depends on which others are made with it.
    """

    def __init__(self, template, origin, x, y, shape):
        sides, corners, frames, self._anchor = [], [], [], []
        for axis, positions in ((0, np.asarray(y)), (1, np.asarray(x))):
            offset = positions - origin[1 - axis]
            whole = int(np.rint(offset.mean()))
            margin = int(np.ceil(np.abs(offset - whole).max())) + 8
            low = min(0, whole) - margin
            high = max(shape[axis], whole + template.shape[axis]) + margin
            sides.append(fft.next_fast_len(high - low, real=True))
            corners.append(slice(whole - low, whole - low + template.shape[axis]))
            frames.append(slice(-low, -low + shape[axis]))
            self._anchor.append(origin[1 - axis] + whole)
        canvas = np.zeros(sides)
        canvas[tuple(corners)] = template
        self._spectrum, self._sides, self._frames = fft.rfft2(canvas), tuple(sides), tuple(frames)
        self._frequencies = fft.fftfreq(sides[0]), fft.rfftfreq(sides[1])

    def __call__(self, x, y):
        """
        Images of the star at some of the positions.

        Parameters
        ----------
        x, y : `~numpy.ndarray`, shape (b,)
            Zero-based pixels of the frame.

        Returns
        -------
        `~numpy.ndarray` of float64, shape (b, ny, nx)
        """
        along_y, along_x = (
            np.exp(-2j * np.pi * frequency * (np.asarray(positions)[:, None] - anchor))
            for frequency, positions, anchor in zip(self._frequencies, (y, x), self._anchor, strict=True)
        )
        spectrum = self._spectrum * along_y[:, :, None] * along_x[:, None, :]
        images = fft.irfft2(spectrum, s=self._sides)
        return images[:, self._frames[0], self._frames[1]]


def _template_of(settings):
    """The template with sum 1, its origin (x, y) in its own pixels and what the origin is."""
    # The same functions place a template here and say what a measured centre means.
    from nircam_tso.measure.origin import find_origin
    from nircam_tso.measure.psf_file import block_sums
    from nircam_tso.measure.templates import template_on_grid

    if not (isinstance(settings.psf, (list, tuple)) or hasattr(settings.psf, "ndim")):
        # Wide enough that the frame holds no less of the star when it is far from the middle.
        return template_on_grid(settings.psf, tuple(2 * n + 1 for n in settings.shape))
    image = np.asarray(settings.psf, dtype=np.float64)
    if image.ndim != 2 or not np.isfinite(image).all() or not image.sum() > 0:
        raise ValueError(f"psf: shape {image.shape} is no image (my, mx) of finite values with a positive sum")
    image = image / image.sum()
    fine = settings.psf_oversample
    if fine == 1:
        x, y, name = find_origin(image, settings.psf_origin)
        return image, (x, y), name
    if image.shape[0] % fine or image.shape[1] % fine:
        raise ValueError(f"psf: shape {image.shape} is not a whole number of detector pixels of {fine} x {fine}")
    if settings.psf_origin is not None and not isinstance(settings.psf_origin, str):
        x, y = settings.psf_origin
        return image, (float(x), float(y)), "given"
    x, y, name = find_origin(block_sums(image, fine)[0], settings.psf_origin)
    return image, (_on_fine(x, fine), _on_fine(y, fine)), name


def _on_fine(position, fine):
    """A position in detector pixels on a grid of so many samples a pixel."""
    return (position + 0.5) * fine - 0.5


class Scene:
    """
    The light that falls on the detector, integration by integration.

    Parameters
    ----------
    settings : SimulationSettings
        What to simulate.
    truth : `~astropy.table.QTable`
        Positions and fluxes, from `make_truth`.

    Attributes
    ----------
    psf_name : str
        What the star's image is, and what its origin.

    Raises
    ------
    ValueError
        If the PSF is no two-dimensional image with light in it.
    """

    def __init__(self, settings, truth):
        self._shape, self._fine = settings.shape, settings.psf_oversample
        self._x, self._y = truth["x"].value, truth["y"].value
        self._flux, self._sky = truth["flux"].value, truth["background"].value
        intra = settings.pixels.intra_pixel if settings.pixels is not None else 0.0
        self._response = pixel_response(np.linspace(-0.5, 0.5, self._fine + 1), intra)
        template = None
        if settings.psf is None:
            kind = "pixel-integrated" if settings.pixel_integrated else "point-sampled"
            sx, sy = settings.stddev
            self.psf_name = f"{kind} Gaussian, stddev {sx:g} x {sy:g} px, theta {settings.theta:g} deg"
            self._images = partial(
                gaussian_images,
                shape=settings.shape,
                stddev=settings.stddev,
                theta=settings.theta,
                pixel_integrated=settings.pixel_integrated,
                intra_pixel=intra,
            )
        else:
            template, origin, name = _template_of(settings)
            self.psf_name = f"image {template.shape[0]} x {template.shape[1]}, origin {name}"
            self._images = self._copies(template, origin)
        self._tilted, self._tilt = None, None
        if settings.tilt is not None:
            self._tilt = truth["tilt"]
            self._set_tilt(settings, template, origin if template is not None else None)

    def _copies(self, template, origin):
        fine = self._fine
        x, y = _on_fine(self._x, fine), _on_fine(self._y, fine)
        return TemplateImages(template, origin, x, y, tuple(n * fine for n in self._shape))

    def _set_tilt(self, settings, template, origin):
        """Make the images of the star behind the tilt."""
        if settings.tilt.psf is not None:
            behind = np.asarray(settings.tilt.psf, dtype=np.float64)
            if np.shape(settings.psf) != behind.shape or not behind.sum() > 0:
                raise ValueError(
                    f"TiltEvent.psf: shape {behind.shape} is not that of the exposure's psf, or it is dark"
                )
            self._tilted = self._copies(behind / behind.sum(), origin)
            return
        waves, wavelength = defocus_waves(settings.filter, settings.pupil), wavelength_of(settings.filter)
        if waves and template is not None:
            moved = replace(settings.tilt, shift=tuple(self._fine * way for way in settings.tilt.shift))
            scale = settings.pixel_scale / self._fine
            self._tilted = self._copies(moved_patch(template, origin, moved, waves=waves, pixel_scale=scale), origin)
            return
        part = ghost_part(settings.tilt, wavelength=wavelength, pixel_scale=settings.pixel_scale)
        width = ghost_stddev(wavelength=wavelength, pixel_scale=settings.pixel_scale)

        def with_ghost(x, y):
            dx, dy = settings.tilt.shift
            ghost = gaussian_images(x + dx, y + dy, self._shape, stddev=(width, width))
            return (1 - part) * self._on_pixels(self._images, x, y) + part * ghost

        self._tilted = with_ghost

    def _on_pixels(self, images, x, y):
        """Images on the detector's pixels, of makers that work on finer ones too."""
        fine = self._fine
        if fine == 1 or not isinstance(images, TemplateImages):
            return images(x, y)
        ny, nx = self._shape
        step = max(1, _BLOCK_VALUES // (ny * nx * fine**2))
        summed = np.empty((len(x), ny, nx))
        for k in range(0, len(x), step):
            part = images(_on_fine(x[k : k + step], fine), _on_fine(y[k : k + step], fine))
            part = part.reshape(-1, ny, fine, nx, fine)
            summed[k : k + step] = (part * self._response[:, None, None] * self._response).sum(axis=(2, 4))
        return summed

    def expected(self, start, stop):
        """
        Light in each pixel.

        Parameters
        ----------
        start, stop : int
            Zero-based range of integrations.

        Returns
        -------
        `~numpy.ndarray` of float64, shape (stop - start, ny, nx)
            Electron/s.
        """
        rows = slice(start, stop)
        x, y = self._x[rows], self._y[rows]
        if np.ptp(x) == 0 and np.ptp(y) == 0:
            # A star that stands still needs one image only.
            x, y = x[:1], y[:1]
        images = self._on_pixels(self._images, x, y)
        if self._tilted is not None and self._tilt[rows].any():
            part = self._tilt[rows, None, None]
            images = (1 - part) * images + part * self._on_pixels(self._tilted, x, y)
        return self._flux[rows, None, None] * images + self._sky[rows, None, None]
