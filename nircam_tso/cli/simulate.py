"""``nircam-tso simulate``: a synthetic exposure with known truth."""

import math
import sys

from nircam_tso.cli.arguments import numbers

__all__ = ["add_arguments", "run"]

_EXAMPLES = """\
examples:
  nircam-tso simulate sim/ --n-integrations 200 --shape 64,64 --depth 0.01
  nircam-tso simulate sim/ --format ncdhas --product red --n-groups 7
  nircam-tso simulate sim/ --weak-lens --shape 256,256 --subarray SUBGRISM256 --pupil WLP8
"""

#: Options that go to `~nircam_tso.simulate.SimulationSettings` as they are: name, keywords.
_DIRECT = {
    "format": {"choices": ["jwst", "ncdhas"]},
    "product": {"help": "rateints, calints or uncal (JWST); slp or red (NCDHAS)"},
    "n_integrations": {"type": int, "metavar": "N"},
    "segments": {"type": int, "metavar": "N", "help": "files of a JWST exposure"},
    "shape": {"metavar": "NY,NX"},
    "position": {"metavar": "X,Y", "help": "the star, zero-based pixels"},
    "flux": {"type": float, "metavar": "E", "help": "electron/s of the star"},
    "stddev": {"metavar": "PX[,PX]", "help": "width, or two widths, of a Gaussian star"},
    "theta": {"type": float, "metavar": "DEG"},
    "sky": {"type": float, "metavar": "E", "help": "electron/s in a pixel"},
    "gain": {"type": float, "metavar": "E", "help": "electrons per DN"},
    "read_noise": {"type": float, "metavar": "E", "help": "electrons per read"},
    "n_groups": {"type": int, "metavar": "N"},
    "n_frames": {"type": int, "metavar": "N"},
    "group_gap": {"type": int, "metavar": "N"},
    "row_reset_time": {"type": float, "metavar": "S", "help": "seconds that row resets add per integration"},
    "jitter": {"type": float, "metavar": "PX", "help": "rms on each axis"},
    "drift": {"metavar": "DX,DY", "help": "over the exposure, pixels"},
    "dead_fraction": {"type": float, "metavar": "F"},
    "start": {"metavar": "UTC", "help": "start of the exposure, ISO 8601"},
    "target": {"metavar": "NAME"},
    "filter": {},
    "pupil": {},
    "detector": {},
    "subarray": {},
    "seed": {"type": int, "metavar": "N"},
}


def add_arguments(parser):
    """Add this subcommand's options."""
    parser.epilog = _EXAMPLES
    parser.add_argument("folder", help="where to write; made if it is not there")
    for name, keywords in _DIRECT.items():
        parser.add_argument(f"--{name.replace('_', '-')}", **keywords)
    parser.add_argument("--depth", type=float, metavar="D", help="depth of a transit in the middle, such as 0.01")
    parser.add_argument("--weak-lens", action="store_true", help="spread the light by eight waves of defocus")
    parser.add_argument("--psf", metavar="FITS", help="a PSF of STPSF or WebbPSF kind")
    parser.add_argument("--noiseless", action="store_true", help="no photon and no read noise")
    parser.add_argument("--overwrite", action="store_true", help="replace the same exposure")


def run(options):
    """Run this subcommand and return its exit code."""
    from tqdm import tqdm

    from nircam_tso.simulate import simulate_exposure

    settings = _settings(options)
    show = not options.quiet and sys.stderr.isatty()
    with tqdm(total=settings.n_integrations, unit="int", file=sys.stderr, disable=not show) as bar:
        simulation = simulate_exposure(options.folder, settings, overwrite=options.overwrite, progress=bar.update)
    if not options.quiet:
        for path in simulation.paths if len(simulation.paths) <= 10 else simulation.paths[:3]:
            print(f"wrote {path}")
        if len(simulation.paths) > 10:
            print(f"wrote {len(simulation.paths) - 3} more")
        print(f"wrote {simulation.truth_path}")
    return 0


def _settings(options):
    from nircam_tso.simulate import SimulationSettings, weak_lens_psf

    given = {name: getattr(options, name) for name in _DIRECT if getattr(options, name) is not None}
    for name, count, kind in (("shape", 2, int), ("position", 2, float), ("drift", 2, float), ("stddev", None, float)):
        if name in given:
            given[name] = numbers(f"--{name}", given[name], count, kind)
    if len(given.get("stddev", ())) == 1:
        given["stddev"] = given["stddev"][0]
    if options.weak_lens and options.psf:
        raise ValueError("--weak-lens, --psf: give one of them")
    if options.weak_lens:
        given["psf"] = weak_lens_psf(given.get("shape", SimulationSettings.shape))
    if options.psf:
        from nircam_tso.measure.templates import PSFTemplate

        given["psf"] = PSFTemplate(options.psf)
    settings = SimulationSettings(noise=not options.noiseless, **given)
    if options.depth is not None:
        settings = settings.changed(light_curve=_transit(settings, options.depth))
    return settings


def _transit(settings, depth):
    """A transit in the middle of the exposure that lasts 0.4 of it."""
    from astropy import units as u

    from nircam_tso.simulate import DEMO_TRANSIT, transit_light_curve

    if not 0 < depth < 0.5:
        raise ValueError(f"--depth: {depth} is not between 0 and 0.5")
    span = settings.readout.span(settings.n_integrations)
    planet = {**DEMO_TRANSIT, "depth": depth}
    # The star's diameter is 1 / (pi a/R) of the orbit: the period follows from the duration.
    planet["period"] = 0.4 * span / 86400 * math.pi * planet["a_rs"]
    middle = settings.start + span / 2 * u.s
    return lambda time: transit_light_curve(time, t0=middle, **planet)
