"""Measure the sky of a block, whatever the kind of background."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from nircam_tso.measure.background.lines import LineBackground, line_levels
from nircam_tso.measure.background.mesh import MeshBackground, mesh_levels
from nircam_tso.measure.background.scalar import scalar_levels

if TYPE_CHECKING:
    from nircam_tso.measure.background.levels import BackgroundLevels
    from nircam_tso.measure.background.scalar import AnnulusBackground, FrameBackground

__all__ = ["estimate_background"]


def estimate_background(
    data: np.ndarray,
    footprint: np.ndarray,
    background: FrameBackground | AnnulusBackground | MeshBackground | LineBackground,
    bad: np.ndarray | None = None,
    region: np.ndarray | None = None,
) -> BackgroundLevels:
    """
    Sky of each integration.

    The median, mean, mode, MMM and SExtractor estimators with ordinary clipping are
    computed by `nircam_tso.measure.clipping` (equal to photutils, much quicker); any
    other estimator by photutils.

    Of a single level, ``error`` is ``factor scatter / sqrt(n)`` with n the pixels
    measured and a factor for Gaussian noise
    (`nircam_tso.measure.estimators.noise_response`): with 3 sigma clipping or none 1.0
    for the mean, 1.25 for the median, 2.5 for mode and MMM, 2.1 for SExtractor, 1.07 for
    the biweight location; 1.25 for estimators of one's own. Of an image it is that of
    the mean over ``region``; how, `MeshBackground` and `LineBackground` tell. It knows
    nothing of noise that pixels share.

    Parameters
    ----------
    data : `~numpy.ndarray` of float64 or float32, shape (B, ny, nx)
        Images.
    footprint : `~numpy.ndarray` of bool, shape (ny, nx)
        Pixels to use.
    background : FrameBackground, AnnulusBackground, MeshBackground or LineBackground
        Kind, estimator and clipping.
    bad : `~numpy.ndarray` of bool, shape (B, ny, nx) or (ny, nx), optional
        True for pixels to leave out. Values that are not finite always are.
    region : `~numpy.ndarray` of bool, shape (ny, nx), optional
        Pixels whose mean is the ``level`` of an image, usually those of the largest
        aperture; the whole image if None. Without meaning where the sky has one level.

    Returns
    -------
    BackgroundLevels

    Raises
    ------
    ValueError
        If shapes do not go together, or the region is empty.

    Examples
    --------
    >>> import numpy as np
    >>> from nircam_tso.measure.background import FrameBackground, estimate_background
    >>> data = np.full((2, 40, 50), 7.5)
    >>> sky = FrameBackground()
    >>> estimate_background(data, sky.footprint((40, 50), (25, 20)), sky).level
    array([7.5, 7.5])
    """
    single = data.dtype == np.float32 and not isinstance(background, MeshBackground | LineBackground)
    data = np.ascontiguousarray(data, np.float32 if single else np.float64)
    footprint = np.asarray(footprint, bool)
    if data.ndim != 3 or footprint.shape != data.shape[1:]:
        raise ValueError(f"footprint: shape {footprint.shape} does not go with data of shape {data.shape}")
    if bad is not None:
        bad = np.asarray(bad, bool)
        bad = bad[np.newaxis] if bad.ndim == 2 else bad
        if bad.shape[1:] != footprint.shape or len(bad) not in (1, len(data)):
            raise ValueError(f"bad: shape {bad.shape} does not go with data of shape {data.shape}")
    region = np.ones(footprint.shape, bool) if region is None else np.asarray(region, bool)
    if region.shape != footprint.shape or not region.any():
        raise ValueError(f"region: {region.sum()} pixels of shape {region.shape} in images of {footprint.shape}")
    if isinstance(background, MeshBackground):
        return mesh_levels(data, footprint, background, bad, region)
    if isinstance(background, LineBackground):
        return line_levels(data, footprint, background, bad, region)
    return scalar_levels(data, footprint, background, bad)
