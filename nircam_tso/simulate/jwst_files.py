"""JWST products of a simulated exposure: _rateints, _calints, _crfints and _uncal, in segments."""

from functools import partial

import numpy as np
from astropy.io import fits

from nircam_tso.quality import DQ_BITS
from nircam_tso.simulate.fits_stack import FitsStack, table_bytes
from nircam_tso.simulate.jwst_headers import file_root, image_header, integration_times, primary_header

__all__ = ["jwst_file_names", "write_jwst"]

_OUTLIER = np.uint32(DQ_BITS["DO_NOT_USE"] | DQ_BITS["OUTLIER"])
#: Pixel values worked on at once; several arrays of 8 bytes each come of them.
_BLOCK_VALUES = 1 << 20


def jwst_file_names(settings):
    """
    Names of an exposure's files, and of those of an earlier run that they replace.

    Parameters
    ----------
    settings : SimulationSettings
        What is simulated.

    Returns
    -------
    names : list of str
        One for each segment.
    pattern : str
        Glob of any number of segments of this exposure, detector and product.
    label : str
        Name without the segment, for the table of truth.
    """
    root, rest = file_root(settings), f"{settings.detector.lower()}_{settings.product}"
    names = [f"{root}-seg{number:03d}_{rest}.fits" for number in range(1, settings.segments + 1)]
    return names, f"{root}-seg*_{rest}.fits", f"{root}_{rest}"


def write_jwst(folder, settings, scene, detector, progress=None):
    """
    Write the segments of an exposure.

    Parameters
    ----------
    folder : `~pathlib.Path`
        Where to.
    settings : SimulationSettings
        What is simulated.
    scene : Scene
        Light.
    detector : Detector
        Noise.
    progress : callable, optional
        Called with the number of integrations done since its last call.

    Returns
    -------
    list of `~pathlib.Path`
    """
    names, _, _ = jwst_file_names(settings)
    edges = np.linspace(0, settings.n_integrations, settings.segments + 1).round().astype(int)
    write = _write_ramps if settings.is_ramp else _write_images
    paths = []
    for number, (name, start, stop) in enumerate(zip(names, edges[:-1], edges[1:], strict=True), start=1):
        primary = primary_header(settings, name, number, int(start) + 1, int(stop))
        tail = table_bytes("INT_TIMES", integration_times(settings, int(start) + 1, int(stop)))
        write(folder / name, primary, tail, settings, scene, detector, int(start), int(stop), progress)
        paths.append(folder / name)
    return paths


def _blocks(start, stop, values_each):
    step = max(1, _BLOCK_VALUES // values_each)
    return [(first, min(first + step, stop)) for first in range(start, stop, step)]


def _write_ramps(path, primary, tail, settings, scene, detector, start, stop, progress):
    shape = (stop - start, settings.n_groups, *settings.shape)
    alive = ~detector.dead
    with FitsStack(path, primary, [("SCI", np.uint16, shape, image_header(settings))], tail) as stack:
        for first, last in _blocks(start, stop, int(np.prod(shape[1:])) * settings.n_frames):
            electrons = detector.ramps(scene.expected(first, last) * alive)
            counts = np.rint(electrons / settings.gain + settings.bias)
            stack.write("SCI", first - start, np.clip(counts, 0, 65535))
            if progress is not None:
                progress(last - first)


def _write_images(path, primary, tail, settings, scene, detector, start, stop, progress):
    n = stop - start
    shape = (n, *settings.shape)
    unit = fits.Header([("BUNIT", image_header(settings)["BUNIT"], "unit of the values")])
    names = ["VAR_POISSON", "VAR_RNOISE"] + (["VAR_FLAT"] if settings.is_calibrated else [])
    images = [
        ("SCI", np.float32, shape, image_header(settings)),
        ("ERR", np.float32, shape, unit),
        ("DQ", np.uint32, shape, fits.Header()),
        *((name, np.float32, shape, fits.Header()) for name in names),
    ]
    scale = settings.image_scale
    blocks = _blocks(start, stop, settings.shape[0] * settings.shape[1])
    with FitsStack(path, primary, images, tail) as stack:
        total, counted = np.zeros(settings.shape), np.zeros(settings.shape)
        for first, last in blocks:
            rates = detector.rates(scene.expected(first, last))
            total += np.nansum(rates, axis=0)
            counted += np.isfinite(rates).sum(axis=0)
            rates[:, detector.dead] = np.nan
            stack.write("SCI", first - start, rates * scale)
            if progress is not None:
                progress(last - first)
        mean = np.divide(total, counted, out=np.full(settings.shape, np.nan), where=(counted > 0) & ~detector.dead)
        # The variances of a segment need the mean rate of all its integrations, so they
        # come in a second pass.
        for first, last in blocks:
            image = stack.read("SCI", first - start, last - first).astype(np.float64)
            if settings.poisson_variance == "segment":
                rates = np.broadcast_to(mean, image.shape)
            else:
                rates = image / scale
            photons, reads, events = detector.noise_of(first, partial(scene.expected, first, last), rates)
            dq = detector.constant_dq
            if events is not None:
                dq = dq | events.dq
                if settings.product == "crfints":
                    found = detector.events.outliers(events, np.nan_to_num(rates))
                    dq = dq | np.where(found, _OUTLIER, np.uint32(0))
            variances = {
                "VAR_POISSON": photons * scale**2,
                "VAR_RNOISE": np.where(detector.dead, np.nan, reads * scale**2),
                "VAR_FLAT": (settings.flat_error * image) ** 2,
            }
            for name in names:
                stack.write(name, first - start, np.broadcast_to(variances[name], image.shape))
            stack.write("ERR", first - start, np.sqrt(sum(variances[name] for name in names)))
            stack.write("DQ", first - start, np.broadcast_to(dq, image.shape))
