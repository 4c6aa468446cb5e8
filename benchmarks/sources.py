"""Synthetic cubes and files of a jittering star, to be measured by the benchmarks."""

import numpy as np
from astropy.io import fits

__all__ = ["make_cube", "write_calints", "write_slopes", "write_stack"]


def make_cube(n, shape=(64, 64), seed=1, *, star=None, distinct=None, dtype=np.float64):
    """
    Simulate a jittering star.

    Parameters
    ----------
    n : int
        Number of integrations.
    shape : tuple of int, optional
        (ny, nx) of one image.
    seed : int, optional
        Of the random numbers.
    star : tuple of float, optional
        (x, y) of the star; near the middle by default.
    distinct : int, optional
        How many integrations are simulated, all by default; the others repeat them.
    dtype : data-type, optional
        Of the cube.

    Returns
    -------
    cube : `~numpy.ndarray`, shape (n, ny, nx)
        Electrons, with photon and read noise.
    centers : `~numpy.ndarray`, shape (n, 2)
        True (x, y).
    """
    rng = np.random.default_rng(seed)
    ny, nx = shape
    distinct = min(n, distinct or n)
    centers = np.array(star or (nx / 2 + 1.3, ny / 2 - 0.7)) + rng.normal(0, 0.05, (distinct, 2))
    y, x = np.mgrid[:ny, :nx]
    cube = np.empty((n, ny, nx), dtype)
    for image, (x0, y0) in zip(cube, centers, strict=False):
        light = 2e4 * np.exp(-((x - x0) ** 2 / 2.2 + (y - y0) ** 2 / 1.8))
        image[:] = rng.poisson(light + 50.0) + rng.normal(0, 8.0, shape)
    for first in range(distinct, n, distinct):
        part = cube[first : first + distinct]
        part[:] = cube[: len(part)]
    return cube, centers[np.arange(n) % distinct]


def _primary(n, shape):
    header = fits.Header()
    cards = {
        "TELESCOP": "JWST",
        "INSTRUME": "NIRCAM",
        "DETECTOR": "NRCA1",
        "DATAMODL": "CubeModel",
        "EXP_TYPE": "NRC_TSIMAGE",
        "FILTER": "F444W",
        "PUPIL": "CLEAR",
        "SUBARRAY": "BENCH",
        "NINTS": n,
        "NGROUPS": 5,
        "INTSTART": 1,
        "INTEND": n,
        "SUBSIZE1": shape[1],
        "SUBSIZE2": shape[0],
        "S_PHOTOM": "COMPLETE",
    }
    for name, value in cards.items():
        header[name] = value
    return fits.PrimaryHDU(header=header)


def _times(n):
    numbers = np.arange(1, n + 1)
    middle = 59850.25 + numbers * 1e-4
    columns = [fits.Column("integration_number", "J", array=numbers)]
    for name, shift in (("start", -4e-5), ("mid", 0.0), ("end", 4e-5)):
        columns.append(fits.Column(f"int_{name}_MJD_UTC", "D", array=middle + shift))
    return fits.BinTableHDU.from_columns(columns, name="INT_TIMES")


def write_calints(path, n, shape, *, star=None, planes=("SCI", "ERR", "DQ")):
    """
    Write finished images as the JWST pipeline does.

    Parameters
    ----------
    path : path-like
        File, replaced if it is there.
    n : int
        Number of integrations.
    shape : tuple of int
        (ny, nx).
    star : tuple of float, optional
        (x, y) of the star.
    planes : sequence of str, optional
        Extensions to write.
    """
    science, _ = make_cube(n, shape, star=star, distinct=20, dtype=np.float32)
    hdus = [_primary(n, shape)]
    for name in planes:
        if name == "SCI":
            data = science
        elif name == "ERR":
            data = np.sqrt(np.maximum(science, 0) + 64).astype(np.float32)
        else:
            data = np.zeros(science.shape, np.uint32)
        hdu = fits.ImageHDU(data, name=name)
        if name == "SCI":
            hdu.header["BUNIT"] = "DN/s"
        hdus.append(hdu)
    fits.HDUList([*hdus, _times(n)]).writeto(path, overwrite=True)


def write_slopes(folder, n, shape=(320, 320)):
    """
    Write slope images as NCDHAS does, one integration a file.

    Parameters
    ----------
    folder : `~pathlib.Path`
        An empty folder.
    n : int
        Number of files.
    shape : tuple of int, optional
        (ny, nx).

    Returns
    -------
    list of str
        The files.
    """
    cube, _ = make_cube(min(n, 20), shape)
    files = []
    for k in range(1, n + 1):
        image = cube[k % len(cube)].astype(np.float32)
        header = fits.Header()
        header["DATE-OBS"], header["TIME-OBS"] = "2016-01-12", f"18:{k // 60:02d}:{k % 60:02d}.100"
        header["NGROUP"], header["NFRAME"], header["SCA_ID"], header["ON_NINT"] = 7, 1, 481, k
        header["NCDHPROC"], header["NCDVERS"] = True, "v2.0"
        files.append(str(folder / f"NRCN821_I{k:04d}.slp.fits"))
        fits.PrimaryHDU(np.stack([image, np.sqrt(np.maximum(image, 0) + 64)]), header).writeto(files[-1])
    return files


def write_stack(path, n, shape, *, distinct=None):
    """
    Write a plain image stack of any length, a part at a time.

    Parameters
    ----------
    path : path-like
        File, replaced if it is there.
    n : int
        Number of integrations.
    shape : tuple of int
        (ny, nx).
    distinct : int, optional
        How many integrations are simulated; the others repeat them. None leaves a hole
        in the file, which reads as zeros and takes no room on the disk.
    """
    header = fits.Header([("SIMPLE", True), ("BITPIX", -32), ("NAXIS", 3)])
    header["NAXIS1"], header["NAXIS2"], header["NAXIS3"] = shape[1], shape[0], n
    size = n * shape[0] * shape[1] * 4
    with open(path, "wb") as file:
        file.write(header.tostring().encode("ascii"))
        begin = file.tell()
        if distinct:
            part = make_cube(distinct, shape)[0].astype(">f4")
            for first in range(0, n, distinct):
                file.write(part[: n - first].tobytes())
        file.truncate(begin - (-size // 2880) * 2880)
