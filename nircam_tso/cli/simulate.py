"""``nircam-tso simulate``: a synthetic exposure with known truth."""

import sys

from nircam_tso.cli.arguments import numbers

__all__ = ["add_arguments", "run"]

_EXAMPLES = """\
examples:
  nircam-tso simulate sim/ --n-integrations 200 --shape 64,64 --depth 0.01
  nircam-tso simulate sim/ --preset sub160p --tilt 600,2,1
  nircam-tso simulate sim/ --settings visit.toml --seed 7
  nircam-tso simulate sim/ --format ncdhas --product red --n-groups 7

options win over the file, and the file over the preset.
"""

#: Options that go to `~nircam_tso.simulate.SimulationSettings` as they are: name, keywords.
_DIRECT = {
    "format": {"choices": ["jwst", "ncdhas"]},
    "product": {"help": "rateints, calints, crfints or uncal (JWST); slp or red (NCDHAS)"},
    "n_integrations": {"type": int, "metavar": "N"},
    "segments": {"type": int, "metavar": "N", "help": "files of a JWST exposure"},
    "shape": {"metavar": "NY,NX"},
    "position": {"metavar": "X,Y", "help": "the star, zero-based pixels"},
    "flux": {"type": float, "metavar": "E", "help": "electron/s of the star"},
    "stddev": {"metavar": "PX[,PX]", "help": "width, or two widths, of a Gaussian star"},
    "theta": {"type": float, "metavar": "DEG"},
    "sky": {"type": float, "metavar": "E", "help": "electron/s in a pixel"},
    "sky_drift": {"type": float, "metavar": "E", "help": "its change over the exposure, electron/s"},
    "gain": {"type": float, "metavar": "E", "help": "electrons per DN"},
    "read_noise": {"type": float, "metavar": "E", "help": "electrons per read"},
    "correlated_noise": {"type": float, "metavar": "E", "help": "1/f noise, electrons per e-fold of frequency"},
    "common_noise": {"type": float, "metavar": "F", "help": "part of its variance that all outputs share"},
    "outputs": {"type": int, "metavar": "N", "help": "amplifiers, 1 or 4"},
    "n_groups": {"type": int, "metavar": "N", "help": "groups of an integration"},
    "n_frames": {"type": int, "metavar": "N", "help": "frames averaged into a group"},
    "group_gap": {"type": int, "metavar": "N", "help": "frames dropped between two groups"},
    "row_reset_time": {"metavar": "S", "help": 'seconds that row resets add per integration, or "rule"'},
    "jitter": {"metavar": "PX", "help": 'rms on each axis, pixels, or "1 mas"'},
    "drift": {"metavar": "DX,DY", "help": "over the exposure, pixels"},
    "saturation": {"type": float, "metavar": "E", "help": "electrons that a pixel holds"},
    "dead_fraction": {"type": float, "metavar": "F", "help": "part of the pixels that are dead"},
    "start": {"metavar": "UTC", "help": "start of the exposure, ISO 8601"},
    "target": {"metavar": "NAME", "help": "TARGNAME of the headers"},
    "filter": {"help": "FILTER of the headers"},
    "pupil": {"help": "PUPIL of the headers"},
    "detector": {"help": "DETECTOR of the headers"},
    "subarray": {"help": "SUBARRAY of the headers"},
    "seed": {"type": int, "metavar": "N", "help": "of the random numbers"},
}


def add_arguments(parser):
    """Add this subcommand's options."""
    parser.epilog = _EXAMPLES
    parser.add_argument("folder", help="where to write; made if it is not there")
    parser.add_argument(
        "--preset",
        metavar="NAME",
        help="sub64p, sub160p, sub400p, subgrism256-wlp8, subgrism256-wlp8-1 or fullp: as in flight",
    )
    parser.add_argument("--settings", metavar="TOML", help="a file of settings")
    for name, keywords in _DIRECT.items():
        parser.add_argument(f"--{name.replace('_', '-')}", **keywords)
    parser.add_argument("--depth", type=float, metavar="D", help="depth of a transit in the middle, such as 0.01")
    parser.add_argument("--weak-lens", action="store_true", help="spread the light by eight waves of defocus")
    parser.add_argument("--psf", metavar="FITS", help='a PSF of STPSF or WebbPSF kind, or "model"')
    parser.add_argument("--cosmic-rays", type=float, metavar="R", help="hits per second on a pixel, such as 1.6e-5")
    parser.add_argument("--tilt", metavar="S,DX,DY", help="a mirror segment tilts after S seconds, by pixels")
    parser.add_argument("--settling", metavar="A,S", help="relative change at the start, and seconds to lose it by e")
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
    from nircam_tso.simulate import read_recipe, settings_from

    given = {name: getattr(options, name) for name in _DIRECT if getattr(options, name) is not None}
    for name, count, kind in (("shape", 2, int), ("position", 2, float), ("drift", 2, float), ("stddev", None, float)):
        if name in given:
            given[name] = numbers(f"--{name}", given[name], count, kind)
    if len(given.get("stddev", ())) == 1:
        given["stddev"] = given["stddev"][0]
    if given.get("row_reset_time", "rule") != "rule":
        given["row_reset_time"] = numbers("--row-reset-time", given["row_reset_time"], 1)[0]
    if options.weak_lens and options.psf:
        raise ValueError("--weak-lens, --psf: give one of them")
    if options.weak_lens or options.psf:
        given["psf"] = options.psf or "weak-lens"
    if options.noiseless:
        given["noise"] = False
    if options.depth is not None:
        if not 0 < options.depth < 0.5:
            raise ValueError(f"--depth: {options.depth} is not between 0 and 0.5")
        given["transit"] = {"depth": options.depth}
    if options.cosmic_rays is not None:
        given["cosmic_rays"] = {"rate": options.cosmic_rays}
    if options.tilt is not None:
        time, *shift = numbers("--tilt", options.tilt, 3)
        given["tilt"] = {"time": time, "shift": shift}
    if options.settling is not None:
        given["settling"] = dict(zip(("amplitude", "time"), numbers("--settling", options.settling, 2), strict=True))
    recipe = read_recipe(options.settings) if options.settings else {}
    if options.preset:
        given["preset"] = options.preset
    return settings_from({**recipe, **given})
