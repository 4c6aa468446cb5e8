"""Images of point-spread functions in FITS files, as STPSF (formerly WebbPSF) writes them."""

import os
import warnings

import numpy as np

from nircam_tso.exceptions import CorruptFileError, InputFileError, UnsupportedFileError

__all__ = ["block_sums", "read_psf"]

#: Extensions of such files, best first.
_EXTENSIONS = ("DET_DIST", "DET_SAMP", "OVERDIST", "OVERSAMP")


def read_psf(path, hdu=None):
    """
    Read one image of a point-spread function.

    Files of STPSF (formerly WebbPSF) hold up to four: OVERSAMP, the finely sampled one,
    DET_SAMP in detector pixels, and OVERDIST and DET_DIST with the detector's distortion and
    other effects. In detector pixels is taken before finer, with distortion before without.

    Parameters
    ----------
    path : str or path
        Local file; a name is never followed to the network.
    hdu : str or int, optional
        Extension to take, whatever there is.

    Returns
    -------
    image : `~numpy.ndarray`, shape (ny, nx)
        As it is in the file.
    hdu : str or int
        Name of the extension, or its number where it has no name.
    oversample : int
        Pixels per detector pixel along an axis, as the header has it.

    Raises
    ------
    InputFileError
        If the file is missing or cannot be opened.
    CorruptFileError
        If it is no FITS file, or damaged.
    UnsupportedFileError
        If it has no such extension, or no image in it.

    Examples
    --------
    >>> from nircam_tso.measure.psf_file import read_psf
    >>> read_psf("nowhere.fits")
    Traceback (most recent call last):
        ...
    nircam_tso.exceptions.InputFileError: nowhere.fits: there is no such file; give the path of a FITS image
    """
    from astropy.io import fits
    from astropy.io.fits.verify import VerifyWarning
    from astropy.utils.exceptions import AstropyWarning

    path = os.fspath(path)
    try:
        # A file object, because astropy would follow a name that is a URL. What astropy warns of is
        # harmless or makes the image unreadable, which is an error below; but where a header cannot
        # be read, the extension that ought to be taken may be the one behind it.
        with warnings.catch_warnings(), open(path, "rb") as stream:
            warnings.simplefilter("ignore", AstropyWarning)
            warnings.filterwarnings("error", "Error validating header", VerifyWarning)
            hdus = fits.open(stream, memmap=False)
            index = _choose(hdus, hdu, path)
            header, image = hdus[index].header, hdus[index].data
            if getattr(image, "dtype", None) is None or image.dtype.names or image.ndim != 2:
                found = "no image" if image is None or image.dtype.names else f"an array of shape {image.shape}"
                raise UnsupportedFileError(
                    f"holds {found} in extension {index} ({hdus[index].name}); give an hdu with one image (ny, nx)",
                    path=path,
                    hdu=index,
                )
            return image, hdus[index].name or index, _oversampling(header, hdus[index].name)
    except InputFileError:
        raise
    except FileNotFoundError:
        raise InputFileError("there is no such file; give the path of a FITS image", path=path) from None
    except (OSError, EOFError, ValueError, TypeError, VerifyWarning) as error:
        reason = " ".join(str(error).split())
        raise CorruptFileError(f"cannot be read as FITS ({reason})", path=path, hdu=hdu) from error


def _choose(hdus, hdu, path):
    if hdu is not None:
        try:
            return hdus.index_of(hdu) if isinstance(hdu, str) else range(len(hdus))[hdu]
        except (KeyError, IndexError, TypeError):
            names = ", ".join(f"{i} {each.name}".rstrip() for i, each in enumerate(hdus))
            raise UnsupportedFileError(f"hdu: {hdu!r} is not in it; it has {names}", path=path, hdu=hdu) from None
    names = [each.name for each in hdus]
    for name in _EXTENSIONS:
        if name in names:
            return names.index(name)
    for index, each in enumerate(hdus):
        if each.is_image and each.header.get("NAXIS", 0) == 2:
            return index
    shapes = "; ".join(f"{i} {each.name} {each.shape if each.is_image else 'table'}" for i, each in enumerate(hdus))
    raise UnsupportedFileError(f"holds no image (ny, nx), but {shapes}", path=path)


def _oversampling(header, name):
    # In real files DET_SAMP stays what the calculation used after the pixels were
    # summed to the detector's, and so may OVERSAMP: the extension's name decides.
    if name in ("DET_DIST", "DET_SAMP"):
        return 1
    if name not in _EXTENSIONS and header.get("OVERSAMP") == 1:
        return 1
    for card in ("DET_SAMP", "OVERSAMP"):
        if card in header:
            return header[card]
    return 1


def block_sums(image, factor):
    """
    Sum blocks of pixels to larger ones.

    Parameters
    ----------
    image : `~numpy.ndarray` of float64, shape (ny, nx)
    factor : int
        Side of a block. Where it does not divide the image, zeros are put around.

    Returns
    -------
    sums : `~numpy.ndarray` of float64, shape (ceil(ny / factor), ceil(nx / factor))
    before : tuple of int
        Columns and rows of zeros (x, y) put before the image's first ones.

    Examples
    --------
    >>> import numpy as np
    >>> from nircam_tso.measure.psf_file import block_sums
    >>> block_sums(np.ones((2, 3)), 2)
    (array([[4., 2.]]), (0, 0))
    """
    if factor == 1:
        return image, (0, 0)
    pads = [(-n % factor) for n in image.shape]
    before = [pad // 2 for pad in pads]
    padded = np.pad(image, [(first, pad - first) for first, pad in zip(before, pads, strict=True)])
    ny, nx = (n // factor for n in padded.shape)
    blocks = padded.reshape(ny, factor, nx, factor)
    return np.ascontiguousarray(blocks.sum(axis=(1, 3))), (before[1], before[0])
