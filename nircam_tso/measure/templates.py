"""What an image of the star is compared with: a Gaussian, or an image of the point-spread function.

Every template has a stated origin: the point of it whose position is reported as
the star's.
"""

from __future__ import annotations

import hashlib
import numbers
import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from nircam_tso.measure.origin import checked_image, find_origin
from nircam_tso.measure.psf_file import block_sums, read_psf
from nircam_tso.measure.shift import shift_images
from nircam_tso.measure.stamps import cut_stamps

if TYPE_CHECKING:
    from typing import Any, Literal

    from numpy.typing import ArrayLike

__all__ = ["GaussianTemplate", "PSFTemplate", "find_origin", "shift_images", "template_on_grid"]

_STDDEV_PER_FWHM = 1.0 / (2.0 * np.sqrt(2.0 * np.log(2.0)))


@dataclass(frozen=True)
class GaussianTemplate:
    """
    A round Gaussian, sampled at pixel centres; its origin is its centre.

    Parameters
    ----------
    fwhm : float, optional
        Full width at half maximum in px.

    Raises
    ------
    ValueError
        For a width that is not positive and finite.

    Examples
    --------
    >>> from nircam_tso import GaussianTemplate
    >>> round(GaussianTemplate(fwhm=2.0).stddev, 4)
    0.8493
    """

    fwhm: float = 2.0

    def __post_init__(self) -> None:
        try:
            fwhm = float(self.fwhm)
        except (TypeError, ValueError):
            fwhm = np.nan
        if not (np.isfinite(fwhm) and fwhm > 0):
            raise ValueError(f"fwhm: {self.fwhm!r} is not a width; give a positive number of pixels")
        object.__setattr__(self, "fwhm", fwhm)

    @property
    def stddev(self) -> float:
        """Standard deviation in px."""
        return self.fwhm * float(_STDDEV_PER_FWHM)

    def describe(self) -> dict[str, Any]:
        """
        What the template is, for a product's provenance.

        Returns
        -------
        dict
            Of plain strings and numbers.
        """
        return {"kind": "gaussian", "fwhm": self.fwhm}


@dataclass(frozen=True, init=False, eq=False, repr=False)
class PSFTemplate:
    """
    An image of the point-spread function in detector pixels, with sum 1.

    Parameters
    ----------
    image_or_path : array_like, shape (ny, nx), or str or path
        The image, or a FITS file that holds it, such as STPSF (formerly WebbPSF)
        writes: then DET_DIST is taken before DET_SAMP, OVERDIST and OVERSAMP; of
        other files the first image.
    hdu : str or int, optional
        Extension to take instead.
    oversample : int, optional
        Pixels of the image per detector pixel, along an axis. By default 1 for
        arrays and for the extensions DET_DIST and DET_SAMP, else what the header says:
        DET_SAMP, or OVERSAMP where that is absent. Finer images are
        summed in blocks; where they do not divide evenly, zeros are put around them.
    origin : {"gaussian", "centroid", "center"} or tuple of float, optional
        The point whose position is reported, see `find_origin`. An (x, y) is in pixels
        of the image as handed over; the names are found in detector pixels.

    Attributes
    ----------
    image : `~numpy.ndarray` of float64, shape (my, mx)
        Detector pixels; read-only.
    origin : tuple of float
        (x, y) in ``image``.
    origin_name : str
        How it was found: "gaussian", "centroid", "center" or "given".
    source, hdu : str or None
        Base name of the file, and name or number of its extension.
    oversample : int
        The factor by which the image was reduced.

    Raises
    ------
    InputFileError
        If the file is missing (`InputFileError`), is damaged (`CorruptFileError`), or
        has no such extension or no image in it (`UnsupportedFileError`).
    ValueError
        If the image is not two-dimensional, has a pixel that is not finite or a sum
        that is not positive, or if ``oversample`` or ``origin`` is none.

    Examples
    --------
    >>> import numpy as np
    >>> from nircam_tso import PSFTemplate
    >>> x, y = np.arange(25), np.arange(21)[:, None]
    >>> image = 3 * np.exp(-((x - 12.2) ** 2 + (y - 9.9) ** 2) / 4)
    >>> template = PSFTemplate(image)
    >>> print(f"{template.origin_name} {template.origin[0]:.3f} {template.origin[1]:.3f} {template.image.sum():.3f}")
    gaussian 12.200 9.900 1.000
    """

    image: np.ndarray
    origin: tuple[float, float]
    origin_name: str
    source: str | None = None
    hdu: str | int | None = None
    oversample: int = 1
    sha256: str = field(default="")

    def __init__(
        self,
        image_or_path: ArrayLike,
        *,
        hdu: str | int | None = None,
        oversample: int | None = None,
        origin: Literal["gaussian", "centroid", "center"] | tuple[float, float] | None = None,
    ) -> None:
        label, source = "image", None
        if isinstance(image_or_path, str | os.PathLike):
            image, hdu, factor = read_psf(image_or_path, hdu)
            label = source = os.path.basename(os.fspath(image_or_path))
        elif hdu is not None:
            raise ValueError(f"hdu: {hdu!r} is for a file, but an array was given; leave it out")
        else:
            image, factor = image_or_path, 1
        image = checked_image(image, label)
        if oversample is not None:
            factor = oversample
        is_number = isinstance(factor, numbers.Real) and not isinstance(factor, bool)
        if not (is_number and np.isfinite(factor) and factor >= 1 and factor == int(factor)):
            raise ValueError(f"oversample: {factor!r} is not a whole number of at least 1")
        factor = int(factor)
        if origin is not None and not isinstance(origin, str):
            x, y, _ = find_origin(image, origin)
        image, (pad_x, pad_y) = block_sums(image / image.sum(), factor)
        if origin is None or isinstance(origin, str):
            x, y, name = find_origin(image, origin)
        else:
            # Pixel centres are whole numbers on both grids, so that edges lie half a pixel before.
            x, y, name = (x + pad_x + 0.5) / factor - 0.5, (y + pad_y + 0.5) / factor - 0.5, "given"
        digest = hashlib.sha256(image.astype("<f8").tobytes()).hexdigest()
        self.__setstate__(
            {
                "image": image,
                "origin": (x, y),
                "origin_name": name,
                "source": source,
                "hdu": hdu,
                "oversample": factor,
                "sha256": digest,
            }
        )

    def __setstate__(self, state):
        for name, value in state.items():
            object.__setattr__(self, name, value)
        # Pickling forgets that an array is read-only.
        self.image.setflags(write=False)

    def _identity(self):
        return self.image.shape, self.sha256, self.origin, self.origin_name

    def __eq__(self, other):
        if not isinstance(other, PSFTemplate):
            return NotImplemented
        return self._identity() == other._identity()

    def __hash__(self):
        return hash(self._identity())

    def __repr__(self):
        ny, nx = self.image.shape
        x, y = self.origin
        return f"<PSFTemplate {self.source or 'array'} {ny} x {nx}, origin {self.origin_name} ({x:.3f}, {y:.3f})>"

    def describe(self) -> dict[str, Any]:
        """
        What the template is, for a product's provenance.

        Returns
        -------
        dict
            Of plain strings, numbers and lists; ``sha256`` is that of the normalised
            image in detector pixels, as little-endian float64.
        """
        return {
            "kind": "psf",
            "source": self.source,
            "hdu": self.hdu,
            "oversample": self.oversample,
            "shape": list(self.image.shape),
            "sha256": self.sha256,
            "origin": self.origin_name,
            "origin_x": self.origin[0],
            "origin_y": self.origin[1],
        }


def template_on_grid(
    template: GaussianTemplate | PSFTemplate, shape: tuple[int, int]
) -> tuple[np.ndarray, tuple[float, float], str]:
    """
    A template on a grid of pixels, its origin nearest to the middle.

    Parameters
    ----------
    template : GaussianTemplate or PSFTemplate
    shape : tuple of int
        (ny, nx) of the grid.

    Returns
    -------
    array : `~numpy.ndarray` of float64, shape (ny, nx)
        The part of the template on the grid; the sum over all of the template, also
        what lies beyond the grid, is 1.
    origin : tuple of float
        (x, y) of the template's origin in ``array``: the middle itself for a Gaussian,
        within half a pixel of it for an image, which is moved by whole pixels only.
    name : str
        How the origin is defined; "gaussian" for a Gaussian.

    Raises
    ------
    TypeError
        If ``template`` is of neither kind.

    Examples
    --------
    >>> from nircam_tso import GaussianTemplate
    >>> from nircam_tso.measure.templates import template_on_grid
    >>> array, origin, name = template_on_grid(GaussianTemplate(2.0), (20, 21))
    >>> array.shape, origin, name, round(float(array.sum()), 6)
    ((20, 21), (10.0, 9.5), 'gaussian', 1.0)
    """
    ny, nx = shape
    middle = ((nx - 1) / 2, (ny - 1) / 2)
    if isinstance(template, GaussianTemplate):
        across, up = (_gaussian_profile(template.stddev, n) for n in (nx, ny))
        return up[:, None] * across, middle, "gaussian"
    if not isinstance(template, PSFTemplate):
        raise TypeError(f"template: {template!r} is neither GaussianTemplate nor PSFTemplate")
    x_start, y_start = (
        int(np.floor(origin - center + 0.5)) for origin, center in zip(template.origin, middle, strict=True)
    )
    array = cut_stamps(template.image[None], [x_start], [y_start], shape, fill=0.0)[0]
    return array, (template.origin[0] - x_start, template.origin[1] - y_start), template.origin_name


def _gaussian_profile(stddev, n):
    # Sampled beyond the grid, too, for the sum over all of it.
    beyond = max(int(np.ceil(10 * stddev)) + 1 - n // 2, 0)
    offset = np.arange(-beyond, n + beyond) - (n - 1) / 2
    profile = np.exp(-0.5 * (offset / stddev) ** 2)
    if not profile.sum() > 0:
        raise ValueError(f"fwhm: a Gaussian of stddev {stddev:g} px falls between the pixels; give a wider one")
    return profile[beyond : beyond + n] / profile.sum()
