"""``nircam-tso demo``: a simulated transit, from pixels to products."""

import sys
from pathlib import Path

__all__ = ["add_arguments", "run"]

_EXAMPLES = """\
example:
  nircam-tso demo

writes the simulated files into demo-data/, and demo.h5, demo.ecsv, demo_radii.png and (where
bokeh is installed) demo.html beside it; a second run replaces them.
"""
_FOLDER = "demo-data"
_PRODUCTS = ("demo.h5", "demo.ecsv")


def add_arguments(parser):
    """Add this subcommand's options."""
    parser.epilog = _EXAMPLES


def run(options):
    """Run this subcommand and return its exit code."""
    from nircam_tso.cli.extract import extract_with_progress
    from nircam_tso.cli.summary import summary_lines
    from nircam_tso.extractor import TimeSeriesExtractor
    from nircam_tso.io.product import write
    from nircam_tso.io.sources import open_exposure
    from nircam_tso.simulate import demo_exposure

    def say(text):
        if not options.quiet:
            print(text, flush=True)

    say(f"Simulating a transit into {_FOLDER}/ ...")
    simulation = _simulate(demo_exposure, options)
    # By name, not the folder: other files that someone put there are none of ours.
    exposure = open_exposure(simulation.paths)
    extractor = TimeSeriesExtractor.for_source(exposure)
    say(f"Extracting {len(simulation.paths)} segments ...")
    ts = extract_with_progress(extractor, exposure, options)
    for name in _PRODUCTS:
        write(ts, name, overwrite=True)
    say("\n".join(["", *summary_lines(ts), *_against_truth(ts, simulation.truth)]))
    say(f"wrote     {', '.join([*_PRODUCTS, *_pictures(ts), *_page(ts, exposure, say)])}")
    say(
        "\nNext:\n"
        "  from nircam_tso import read, good\n"
        f'  ts = read("{_PRODUCTS[0]}")\n'
        "  ts = ts[good(ts)]           # rows that nothing warns of\n"
        '  ts["time_bjd"], ts["aperture_sum_r5"]'
    )
    return 0


def _pictures(ts):
    """Draw the light curves."""
    from nircam_tso.cli.pictures import picture_bytes
    from nircam_tso.cli.plot import draw
    from nircam_tso.inspect.plotting.style import without_windows
    from nircam_tso.io.atomic import replace_file

    with without_windows():
        replace_file("demo_radii.png", picture_bytes([draw(ts, "radii")], ".png"), overwrite=True)
    return ["demo_radii.png"]


def _page(ts, exposure, say):
    """Write the interactive page, where bokeh is installed."""
    from nircam_tso.inspect.report import write_report

    try:
        write_report(ts, "demo.html", source=exposure, overwrite=True)
    except ImportError as error:
        say(f"left out  demo.html: {error}")
        return []
    return ["demo.html"]


def _simulate(demo_exposure, options):
    from tqdm import tqdm

    show = not options.quiet and sys.stderr.isatty()
    with tqdm(unit="int", desc="simulate", file=sys.stderr, disable=not show) as bar:
        return demo_exposure(Path(_FOLDER), overwrite=True, progress=bar.update)


def _against_truth(ts, truth):
    """What came out against what was put in."""
    import numpy as np

    from nircam_tso.columns import sum_columns

    lines = []
    inside = np.asarray(truth["relative_flux"]) < 1 - 0.9 * (1 - np.min(truth["relative_flux"]))
    outside = np.asarray(truth["relative_flux"]) == 1
    for radius, name in sum_columns(ts.colnames).items():
        flux = np.asarray(ts[name].value)
        out, within = np.nanmedian(flux[outside]), np.nanmean(flux[inside])
        error = np.nanstd(flux[inside]) / np.sqrt(inside.sum()) / out
        put_in = 1 - float(np.mean(np.asarray(truth["relative_flux"])[inside]))
        lines.append(
            f"transit   r = {radius:g} pix: mean depth within the deepest part {1e6 * (1 - within / out):.0f} "
            f"+- {1e6 * error:.0f} ppm, put in {1e6 * put_in:.0f} ppm"
        )
    return lines
