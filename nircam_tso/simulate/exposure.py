"""Simulated exposures on disk, with their truth beside them."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from astropy import units as u
from astropy.table import QTable
from astropy.time import Time

from nircam_tso.exceptions import OutputError
from nircam_tso.simulate.detector import Detector
from nircam_tso.simulate.jwst_files import jwst_file_names, write_jwst
from nircam_tso.simulate.light_curve import transit_light_curve
from nircam_tso.simulate.ncdhas_files import ncdhas_file_names, write_ncdhas
from nircam_tso.simulate.scene import Scene, make_truth
from nircam_tso.simulate.settings import EFFECTS, SimulationSettings
from nircam_tso.simulate.weak_lens import weak_lens_psf
from nircam_tso.timing.clock import offline

if TYPE_CHECKING:
    from collections.abc import Callable
    from os import PathLike
    from typing import Any

__all__ = ["DEMO_TRANSIT", "Simulation", "demo_exposure", "simulate_exposure"]

_FORMATS = {"jwst": (jwst_file_names, write_jwst), "ncdhas": (ncdhas_file_names, write_ncdhas)}

#: The planet of `demo_exposure`; its mid-transit is the middle of the exposure.
DEMO_TRANSIT = {
    "period": 3.068,
    "a_rs": 12.6,
    "inclination": 88.9,
    "depth": 0.01,
    "limb_darkening": (0.15, 0.15),
}


@dataclass(frozen=True)
class Simulation:
    """
    What a simulation has written.

    Attributes
    ----------
    paths : list of `~pathlib.Path`
        The FITS files, in the order of their integrations.
    truth : `~astropy.table.QTable`
        A row per integration, see `simulate_exposure`.
    truth_path : `~pathlib.Path`
        The same table as ECSV.
    settings : SimulationSettings
        All settings.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> from nircam_tso.simulate import simulate_exposure
    >>> with TemporaryDirectory() as folder:
    ...     simulation = simulate_exposure(folder, n_integrations=4, shape=(24, 32))
    >>> len(simulation.paths), len(simulation.truth), simulation.settings.shape
    (1, 4, (24, 32))
    """

    paths: list[Path]
    truth: QTable
    truth_path: Path
    settings: SimulationSettings


def _truth_meta(settings, scene):
    plain = (str, int, float, bool, tuple, type(None))
    meta = {"psf_image": scene.psf_name, "image_unit": str(settings.image_unit)}
    for name in settings.told:
        value = getattr(settings, name)
        if isinstance(value, plain):
            meta[name] = list(value) if isinstance(value, tuple) else value
        elif name in EFFECTS:
            parts = {key: getattr(value, key) for key in value.__dataclass_fields__ if key != "psf"}
            if isinstance(parts.get("time"), Time):
                parts["time"] = parts["time"].isot
            meta[name] = {key: list(part) if isinstance(part, tuple) else part for key, part in parts.items()}
    meta["start"] = settings.start.isot
    return meta


@offline()
def simulate_exposure(
    folder: str | PathLike[str],
    settings: SimulationSettings | None = None,
    *,
    overwrite: bool = False,
    progress: Callable[..., Any] | None = None,
    **changes: Any,
) -> Simulation:
    """
    Simulate an exposure of a star and write it as files of JWST or NCDHAS.

    Parameters
    ----------
    folder : path-like
        Where to write; made if it is not there.
    settings : SimulationSettings, optional
        What to simulate.
    overwrite : bool, optional
        Replace files of the same exposure, detector and product, whatever their number.
    progress : callable, optional
        Called with the number of integrations done since its last call, such as the
        ``update`` of a tqdm bar.
    **changes
        Any parameters of `SimulationSettings`, laid over ``settings``.

    Returns
    -------
    Simulation
        The files and the truth: ``integration``, ``time`` (middle, UTC), ``time_bjd``
        (TDB, JWST only), ``relative_flux``, ``flux`` (electron/s), ``x``, ``y``,
        ``background`` (electron/s in a pixel), and as they are measured in the image,
        ``flux_image`` and ``background_image``; ``settling`` and ``tilt`` where they are
        set. It is saved beside the files as
        ``..._truth.ecsv``.

    Raises
    ------
    ValueError
        For a setting out of range.
    TypeError
        For an unknown setting.
    OutputError
        If files of this exposure are there and ``overwrite`` is not set, or if the
        folder cannot be written.

    Notes
    -----
    The same settings give the same bytes, with one version of numpy. JWST files have
    the headers of flight files and obey
    ``EXPEND - EXPSTART = NRSTSTRT TFRAME + NINTS T_int + (NINTS - 1)(NRESETS + DRPFRMS3) TFRAME``,
    and NINTS - 1 times ``row_reset_time`` more.
    Values are float32; those of ``uncal`` are whole DN, without noise too. Memory is
    bounded by one block of integrations.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> from nircam_tso.simulate import simulate_exposure
    >>> with TemporaryDirectory() as folder:
    ...     simulation = simulate_exposure(folder, n_integrations=4, shape=(24, 32), flux=5e4, segments=2)
    >>> [path.name for path in simulation.paths]  # doctest: +NORMALIZE_WHITESPACE
    ['jw01234001001_03101_00001-seg001_nrcb1_rateints.fits',
     'jw01234001001_03101_00001-seg002_nrcb1_rateints.fits']
    >>> simulation.truth["x"][0], simulation.truth["flux_image"][0].round(1)
    (<Quantity 15.5 pix>, <Quantity 24390.2 DN / s>)
    """
    settings = SimulationSettings(**changes) if settings is None else settings.changed(**changes)
    truth = make_truth(settings)
    scene = Scene(settings, truth)
    truth.meta.update(_truth_meta(settings, scene))
    file_names, write = _FORMATS[settings.format]
    _, pattern, label = file_names(settings)

    folder = Path(os.fspath(folder))
    truth_path = folder / f"{label}_truth.ecsv"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        earlier = sorted({*folder.glob(pattern), *(p for p in (truth_path,) if p.exists())})
        if earlier and not overwrite:
            raise OutputError(
                "exists already; choose another folder, or overwrite (overwrite=True, --overwrite)", path=earlier[0]
            )
        # A run with fewer segments must not leave the last ones of a longer run behind.
        for path in earlier:
            path.unlink()
        paths = write(folder, settings, scene, Detector(settings), progress)
        truth.write(truth_path, format="ascii.ecsv")
    except OutputError:
        raise
    except OSError as error:
        raise OutputError(f"cannot be written ({error.strerror or error})", path=error.filename or folder) from error
    return Simulation(paths=paths, truth=truth, truth_path=truth_path, settings=settings)


def demo_exposure(
    folder: str | PathLike[str], *, overwrite: bool = False, progress: Callable[..., Any] | None = None, **changes: Any
) -> Simulation:
    """
    The exposure that the demo measures: a transit of about 1 % in 3.3 hours.

    Parameters
    ----------
    folder : path-like
        Where to write; made if it is not there.
    overwrite : bool, optional
        Replace the files of an earlier demo.
    progress : callable, optional
        Called with the number of integrations done since its last call.
    **changes
        Parameters of `SimulationSettings` to change.

    Returns
    -------
    Simulation
        600 integrations of 64 x 64 pixels in three ``calints`` segments: a focused star
        at 2.1 um with jitter, a slow drift, photon and read noise and 0.2 % of dead
        pixels, crossed by the planet of `DEMO_TRANSIT`.

    Raises
    ------
    OutputError
        See `simulate_exposure`.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> from nircam_tso.simulate import demo_exposure
    >>> with TemporaryDirectory() as folder:
    ...     simulation = demo_exposure(folder, n_integrations=30)
    >>> bool(simulation.truth["relative_flux"].min() < 0.9905)
    True
    """
    settings = SimulationSettings(
        **{
            "product": "calints",
            "n_integrations": 600,
            "shape": (64, 64),
            "position": (32.6, 30.3),
            "flux": 2.4e4,
            "psf": weak_lens_psf((65, 65), waves=0),
            "sky": 0.8,
            "n_groups": 20,
            "n_frames": 8,
            "group_gap": 12,
            "jitter": 3e-3,
            "drift": (0.02, -0.015),
            "segments": 3,
            "dead_fraction": 0.002,
            **changes,
        }
    )
    if settings.light_curve is None:
        middle = settings.start + settings.readout.span(settings.n_integrations) / 2 * u.s
        settings = settings.changed(light_curve=lambda time: transit_light_curve(time, t0=middle, **DEMO_TRANSIT))
    return simulate_exposure(folder, settings, overwrite=overwrite, progress=progress)
