"""Processor time of an integration with some settings, for the table of the page "Measuring"."""

import time

import numpy as np
from astropy.time import Time

from nircam_tso import AnnulusBackground, LineBackground, MeshBackground, TimeSeriesExtractor

__all__ = ["SETTINGS", "cost", "main", "series"]

SETTINGS = {
    "the defaults (``FrameBackground()``)": {},
    "``background=AnnulusBackground(12, 20)``": {"background": AnnulusBackground(12, 20)},
    "``background=LineBackground()``": {"background": LineBackground()},
    "``background=MeshBackground(16)``": {"background": MeshBackground(16)},
    '``striping="row"``': {"striping": "row"},
    '``clean="temporal"``': {"clean": "temporal"},
    "``pixel_integrated=True``": {"pixel_integrated": True},
    '``cross_correlation="image_registration"``': {"cross_correlation": "image_registration"},
    '``template="median"``, ``components=3``': {"template": "median", "components": 3},
}


def series(n, side):
    """
    A constant star in white noise.

    Parameters
    ----------
    n, side : int
        Integrations, and pixels of a side.

    Returns
    -------
    `~numpy.ndarray` of float32, shape (n, side, side)
    """
    y, x = np.mgrid[:side, :side]
    star = 20000 * np.exp(-((x - side / 2 - 0.3) ** 2 + (y - side / 2 + 0.2) ** 2) / (2 * 1.4**2)) + 20
    rng = np.random.default_rng(1)
    return np.stack([star + 12 * rng.standard_normal(star.shape, np.float32) for _ in range(n)]).astype(np.float32)


def cost(images, settings, repeat=3):
    """
    Median processor time of an extraction.

    Parameters
    ----------
    images : `~numpy.ndarray`
        From `series`.
    settings : dict
        Of the extractor.
    repeat : int, optional
        How often it is measured.

    Returns
    -------
    float
        Milliseconds for each integration.
    """
    extractor = TimeSeriesExtractor(aperture_radii=[3, 5, 8], gain=1, read_noise=12, **settings)
    times = Time(60000 + np.arange(len(images)) / 1440, format="mjd")
    extractor.extract(images[:40], times=times[:40], unit="electron")
    taken = []
    for _ in range(repeat):
        start = time.process_time()
        extractor.extract(images, times=times, unit="electron")
        taken.append(time.process_time() - start)
    return 1e3 * float(np.median(taken)) / len(images)


def main():
    """Print the table's rows."""
    cubes = series(4000, 64), series(1000, 256)
    for label, settings in SETTINGS.items():
        short = slice(800 if "Mesh" in label else None)
        print(f"{label:42}", *(f"{cost(cube[short], settings):8.2f}" for cube in cubes), flush=True)


if __name__ == "__main__":
    main()
