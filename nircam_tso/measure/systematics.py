"""Principal components of the star's image: how its shape changes over the series.

A mirror segment that tilts, or a focus that drifts, changes the shape of the star's image
before it changes the flux. Each subframe is divided by its flux, the median of all is
taken off, and what remains is described by a few images that are found once, on
a sample of the series.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from nircam_tso.measure.medians import MAD_TO_SIGMA

__all__ = ["Components", "Projections", "find_components", "project_components"]


#: Sigma from which on a pixel of one subframe is taken for a cosmic ray while components are looked for.
_CLIP = 6.0

#: Share of the star's light that good pixels must hold.
_LEAST_SHARE = 0.5


@dataclass(frozen=True)
class Components:
    """
    Images that describe how a star's image varies.

    Attributes
    ----------
    median : `~numpy.ndarray`, shape (ny, nx)
        Median of the subframes over their fluxes; 0 in pixels that are never good.
    images : `~numpy.ndarray`, shape (k, ny, nx)
        Components, orthonormal, that with most variance first. The largest value of
        each is positive.
    share : `~numpy.ndarray`, shape (k,)
        Each one's share of the sample's variance.

    Examples
    --------
    >>> import numpy as np
    >>> from nircam_tso.measure.systematics import find_components
    >>> stamps = np.ones((9, 4, 5)) + 0.1 * np.linspace(-1, 1, 9)[:, None, None] * np.eye(4, 5)
    >>> components = find_components(stamps, n_components=1)
    >>> components.images.shape, float((components.images[0] ** 2).sum().round(9))
    ((1, 4, 5), 1.0)
    """

    median: np.ndarray
    images: np.ndarray
    share: np.ndarray


@dataclass(frozen=True)
class Projections:
    """
    Components of each subframe.

    Attributes
    ----------
    value, error : `~numpy.ndarray`, shape (b, k)
        Coefficients and their 1 sigma, as fractions of the flux; NaN where there is no flux
        or too few pixels are good to tell the components apart, errors NaN too where no
        variance is given.

    Examples
    --------
    >>> import numpy as np
    >>> from nircam_tso.measure.systematics import find_components, project_components
    >>> stamps = np.ones((9, 4, 5)) + 0.1 * np.linspace(-1, 1, 9)[:, None, None] * np.eye(4, 5)
    >>> projections = project_components(stamps, find_components(stamps, n_components=1))
    >>> projections.value.shape, bool(np.isnan(projections.error).all())
    ((9, 1), True)
    """

    value: np.ndarray
    error: np.ndarray


def find_components(stamps: np.ndarray, bad: np.ndarray | None = None, n_components: int = 3) -> Components:
    """
    Find the components of a sample of subframes.

    Parameters
    ----------
    stamps : `~numpy.ndarray`, shape (s, ny, nx)
        Background-subtracted subframes, cut at one place.
    bad : `~numpy.ndarray` of bool, shape (s, ny, nx), optional
        Bad pixels; those that are not finite are bad in any case.
    n_components : int, optional
        How many to find.

    Returns
    -------
    Components
        Those beyond what the sample can tell (one less than its usable
        subframes) are 0 everywhere, with a share of 0.

    Raises
    ------
    ValueError
        For arrays of another shape, or no component.

    Notes
    -----
    The eigenvectors of the s x s matrix of products between subframes, with pixels
    that stand out by 6 robust sigma in one subframe alone set to 0. The sums are made row by row, so that their last
    digits do not depend on how many threads an algebra library has.

    Examples
    --------
    >>> import numpy as np
    >>> from nircam_tso.measure.systematics import find_components
    >>> stamps = np.ones((9, 4, 5)) + 0.1 * np.linspace(-1, 1, 9)[:, None, None] * np.eye(4, 5)
    >>> components = find_components(stamps, n_components=1)
    >>> bool(components.share[0] > 0.999)
    True
    """
    stamps, bad = _checked(stamps, bad)
    if isinstance(n_components, bool) or n_components != int(n_components) or n_components < 1:
        raise ValueError(f"n_components: {n_components!r} is not a positive number")
    shape = stamps.shape[1:]
    median = _median_share(stamps, bad)
    bad |= median == 0.0
    deviations, flux = _deviations(stamps, bad, median)
    use = np.isfinite(flux)
    # A cosmic ray adds to the flux, so that all other pixels seem too faint: it goes first.
    deviations, flux = _deviations(stamps[use], bad[use] | (_passing(deviations[use]) > 0), median)
    deviations = deviations[np.isfinite(flux)]
    images, share = np.zeros((n_components, *shape)), np.zeros(n_components)
    if len(deviations) < 2:
        return Components(median, images, share)
    deviations = np.where(_passing(deviations) != 0, 0.0, deviations)
    deviations -= deviations.mean(axis=0)
    products = np.array([(deviations * one).sum(axis=(1, 2)) for one in deviations])
    values, vectors = np.linalg.eigh((products + products.T) / 2)
    total = np.trace(products)
    for k in range(min(n_components, len(deviations) - 1)):
        value = values[-1 - k]
        # What is left of a matrix of lower rank is rounding.
        if not value > 1e-12 * total:
            break
        image = (vectors[:, -1 - k, None, None] * deviations).sum(axis=0)
        image /= np.sqrt((image**2).sum())
        images[k] = image if image.flat[np.argmax(np.abs(image))] > 0 else -image
        share[k] = value / total
    return Components(median, images, share)


def project_components(
    stamps: np.ndarray, components: Components, bad: np.ndarray | None = None, variance: np.ndarray | None = None
) -> Projections:
    """
    Measure the components in each subframe.

    Parameters
    ----------
    stamps : `~numpy.ndarray`, shape (b, ny, nx)
        Background-subtracted subframes, cut at the place of the sample.
    components : Components
        What to measure.
    bad : `~numpy.ndarray` of bool, shape (b, ny, nx), optional
        Bad pixels; those that are not finite are bad in any case.
    variance : `~numpy.ndarray`, shape (ny, nx) or (b, ny, nx), optional
        Variance of each pixel, for the errors.

    Returns
    -------
    Projections
        The same for each subframe, bit by bit, whatever the others.

    Raises
    ------
    ValueError
        For arrays of another shape.

    Examples
    --------
    >>> import numpy as np
    >>> from nircam_tso.measure.systematics import find_components, project_components
    >>> change = np.linspace(-1, 1, 9)
    >>> stamps = np.ones((9, 4, 5)) + 0.1 * change[:, None, None] * np.where(np.eye(4, 5), 1, -0.25)
    >>> pc1 = project_components(stamps, find_components(stamps, n_components=1)).value[:, 0]
    >>> bool(np.allclose(pc1 / pc1[-1], change))
    True
    """
    stamps, bad = _checked(stamps, bad)
    if stamps.shape[1:] != components.median.shape:
        raise ValueError(f"stamps: are of {stamps.shape[1:]} pixels, the components of {components.median.shape}")
    # Pixels that the sample hardly knows have no normal value to differ from.
    bad |= components.median == 0.0
    deviations, flux = _deviations(stamps, bad, components.median)
    held = _good_share(bad, components.median)
    n, k = len(stamps), len(components.images)
    value, error = np.full((n, k), np.nan), np.full((n, k), np.nan)
    known = np.flatnonzero(components.images.any(axis=(1, 2)))
    if variance is not None:
        spread = np.where(bad, 0.0, np.broadcast_to(np.asarray(variance, float), stamps.shape))
        # Where nothing is good, there is no flux either.
        held = np.where(held > 0, held, np.nan)
    for i, weights in zip(known, _weights(bad, components.images[known]), strict=True):
        value[:, i] = (weights * deviations).sum(axis=(1, 2))
        if variance is not None:
            # The flux, by which all is divided, has the noise of the same pixels.
            level = (weights * (deviations + components.median)).sum(axis=(1, 2)) / held
            slope = np.where(bad, 0.0, weights - level[:, None, None])
            error[:, i] = np.sqrt((slope**2 * spread).sum(axis=(1, 2))) / flux
    error[~np.isfinite(value)] = np.nan
    return Projections(value, error)


def _weights(bad, images):
    """
    Weights of the pixels, (b, ny, nx) for each component: least squares over the good ones.

    Where pixels are missing the components are no longer orthogonal. NaN where they
    cannot be told from each other.
    """
    masked = [np.where(bad, 0.0, image) for image in images]
    normal = np.array([[(one * other).sum(axis=(1, 2)) for other in masked] for one in masked])
    normal = np.moveaxis(normal, -1, 0).reshape(len(bad), len(images), len(images))
    singular = ~(np.linalg.eigvalsh(normal)[:, :1].min(axis=1, initial=1.0) > _LEAST_SHARE**2)
    normal[singular] = np.eye(len(images))
    inverse = np.linalg.inv(normal)
    inverse[singular] = np.nan
    for row in range(len(images)):
        yield sum(inverse[:, row, i, None, None] * masked[i] for i in range(len(images)))


def _checked(stamps, bad):
    stamps = np.asarray(stamps, np.float64)
    if stamps.ndim != 3:
        raise ValueError(f"stamps: have shape {stamps.shape}; give (n, ny, nx)")
    missing = ~np.isfinite(stamps)
    if bad is not None:
        bad = np.asarray(bad, bool)
        if bad.shape != stamps.shape:
            raise ValueError(f"bad: has shape {bad.shape}, the subframes {stamps.shape}")
        missing |= bad
    return np.where(missing, 0.0, stamps), missing


def _median_share(stamps, bad):
    """Median of the subframes over their fluxes, of pixels that most of them have."""
    from nircam_tso.measure.medians import nan_median

    mostly = bad.mean(axis=0) > 0.5
    flux = np.where(mostly, 0.0, stamps).sum(axis=(1, 2))
    use = flux > 0
    if mostly.all() or not use.any():
        return np.zeros(stamps.shape[1:])
    shares = np.where(bad, np.nan, stamps)[use] / flux[use, None, None]
    median = np.where(mostly, 0.0, np.nan_to_num(nan_median(shares)))
    total = median.sum()
    return median / total if total > 0 else median


def _good_share(bad, median):
    """Share of the median image's light that each subframe's good pixels hold."""
    return np.where(bad, 0.0, median).sum(axis=(1, 2))


def _deviations(stamps, bad, median):
    """Subframes over their fluxes, less the median, 0 in bad pixels; and the fluxes."""
    held = _good_share(bad, median)
    with np.errstate(invalid="ignore", divide="ignore"):
        # Light that bad pixels miss is that of the median image there.
        flux = np.where(bad, 0.0, stamps).sum(axis=(1, 2)) / np.where(held > _LEAST_SHARE, held, np.nan)
        flux = np.where(flux > 0, flux, np.nan)
        return np.where(bad, 0.0, stamps / flux[:, None, None] - median), flux


def _passing(deviations):
    """
    Sign of values that stand out in one subframe alone; 0 for all others.

    A tilt changes pixels by far more than noise does, but in all subframes that follow.
    """
    if len(deviations) < 3:
        return np.zeros(deviations.shape)
    n = len(deviations)
    first = np.clip(np.arange(n) - 1, 0, n - 3)
    middle = np.median([deviations[first], deviations[first + 1], deviations[first + 2]], axis=0)
    alone = deviations - middle
    noise = MAD_TO_SIGMA * np.median(np.abs(np.diff(deviations, axis=0)), axis=0) / np.sqrt(2)
    return np.where(np.abs(alone) > _CLIP * noise, np.sign(alone), 0.0)
