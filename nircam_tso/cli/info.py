"""``nircam-tso info``: what a source is, without its pixels."""

from nircam_tso.cli import arguments
from nircam_tso.cli.main import EXIT_INPUT

__all__ = ["add_arguments", "info_lines", "run"]

_EXAMPLES = """\
examples:
  nircam-tso info visit/
  nircam-tso info jw01234001001_03101_00001-seg001_nrca1_calints.fits
"""


def add_arguments(parser):
    """Add this subcommand's options."""
    parser.epilog = _EXAMPLES
    arguments.add_source(parser)
    arguments.add_selection(parser)


def run(options):
    """Run this subcommand and return its exit code."""
    from nircam_tso.io.sources import open_exposures

    problems = []
    exposures = open_exposures(
        arguments.source_from(options),
        select=arguments.selection_from(options),
        axis=options.axis,
        recursive=options.recursive,
        problems=problems,
    )
    for index, (label, exposure) in enumerate(exposures):
        if index:
            print()
        print("\n".join(info_lines(exposure, label)))
        if len(exposures) + len(problems) > 1 and exposure.options:
            print(f"choose        {exposure.options}")
    for label, error in problems:
        print(f"\nsource        {label}\nproblem       {error}")
    return 0 if exposures else EXIT_INPUT


def info_lines(exposure, label=""):
    """
    An exposure in a few lines.

    Parameters
    ----------
    exposure : `~nircam_tso.io.exposure.Exposure`
        What was opened.
    label : str, optional
        How the source's group is called.

    Returns
    -------
    list of str
    """
    from nircam_tso.presets import choose_preset
    from nircam_tso.timing import exposure_times

    header = exposure.header
    ny, nx = exposure.shape
    cards = [f"{name} {str(header[name]).strip()}" for name in _CARDS if str(header.get(name, "")).strip()]
    lines = [f"source        {label}"] if label else []
    lines += [
        f"format        {exposure.kind}, {len(exposure.segments)} file{'s' * (len(exposure.segments) > 1)}"
        f" ({exposure.segments[0].name}{' ...' * (len(exposure.segments) > 1)})",
        f"header        {', '.join(cards) or 'nothing known'}",
        f"integrations  {len(exposure)}, numbers {exposure.integration[0]} to {exposure.integration[-1]}",
        f"groups        {'finished images' if exposure.n_groups is None else exposure.n_groups}",
        f"image         {ny} x {nx} pixels (y, x), unit {exposure.unit or 'none'}",
        f"errors        {exposure.error_source or 'none in the source'}",
    ]
    problems = list(exposure.notes)
    try:
        times = exposure_times(exposure)
    except ValueError as error:
        problems.append(str(error))
    else:
        known = ~times.middle.mask
        if known.any():
            middle = times.middle[known]
            lines.append(f"times         {middle.min().isot} to {middle.max().isot} UTC, from {times.source}")
            lines.append(f"barycentre    {times.bjd_source}")
        else:
            lines.append("times         unknown")
        problems += times.notes
    preset = choose_preset(header, exposure.shape)
    shown = ", ".join(f"{name}={_short(value)}" for name, value in preset.settings.items())
    lines.append(f"preset        {preset.name} ({preset.reason}){': ' + shown if shown else ''}")
    lines += [f"problem       {problem}" for problem in dict.fromkeys(problems)] or ["problems      none"]
    return lines


_CARDS = ("TARGPROP", "TARGNAME", "OBJECT", "DETECTOR", "FILTER", "PUPIL", "SUBARRAY", "EXP_TYPE", "READPATT")


def _short(value):
    text = repr(value)
    if isinstance(value, dict):
        text = "{" + ", ".join(value) + "}"
    return text if len(text) <= 80 else text[:77] + "..."
