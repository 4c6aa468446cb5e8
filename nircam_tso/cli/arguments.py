"""Options that several subcommands share."""

__all__ = ["add_selection", "add_settings", "settings_from", "source_from"]


def add_source(parser):
    """Add the positional source."""
    parser.add_argument(
        "source", nargs="+", help="a FITS file, several, a folder, a glob in quotes, or a text file of names"
    )


def source_from(options):
    """The source as the Python interface takes it."""
    return options.source[0] if len(options.source) == 1 else options.source


def add_selection(parser):
    """Add the options that choose among what a folder holds."""
    group = parser.add_argument_group("choosing among several")
    group.add_argument("--detector", help='one detector, such as NRCA1; "all" makes a product of each')
    group.add_argument("--product", help="one level, such as calints, rateints or uncal")
    group.add_argument("--exposure", help='one exposure number; "all" joins them in order')
    group.add_argument("--recursive", action="store_true", help="look into the folders of a folder too")
    group.add_argument("--axis", choices=["integrations", "groups"], help="first axis of an unexplained 3-D image")


def selection_from(options):
    """The chosen detector, product and exposure as ``select``; None where none was."""
    select = {name: getattr(options, name) for name in ("detector", "product", "exposure") if getattr(options, name)}
    return select or None


def add_settings(parser):
    """Add an option for each setting of the extractor that can be written on a line."""
    group = parser.add_argument_group("settings (those not given come from the preset)")
    add = group.add_argument
    add("--preset", choices=["auto", "none"], default="auto", help="settings by filter, pupil and subarray (auto)")
    add("--aperture-radii", type=float, nargs="+", metavar="R", help="aperture radii in pixels")
    add("--position", nargs="+", metavar="X Y", help='the star, zero-based pixels "X Y", or "brightest"')
    add("--subframe-shape", type=int, nargs=2, metavar=("NY", "NX"), help="stamp in which the star is centred")
    add("--background", choices=["frame", "annulus", "none"], help="where the sky is measured")
    add("--annulus", type=float, nargs=2, metavar=("INNER", "OUTER"), help="radii of the sky annulus in pixels")
    add("--estimator", help="sky estimator: median, mean, mode, mmm, sextractor or biweight")
    add("--template", help='what to correlate with: a PSF in a FITS file, "median", or "gaussian"')
    add("--template-fwhm", type=float, metavar="PX", help="width of the Gaussian template")
    add("--cross-correlation", choices=["fourier", "image_registration"])
    add("--center", choices=["gaussian", "cross-correlation", "centroid", "median", "fixed"])
    add("--ramp", choices=["last-first", "slope", "groups"])
    add("--group-range", nargs="+", metavar="G", help='first and last group, zero-based, or "auto"')
    add("--saturation", type=float, metavar="DN", help="level at which a ramp is saturated")
    add("--bad-pixels", choices=["scale", "nan", "ignore"])
    add("--dq-bits", nargs="+", metavar="NAME", help="DQ bits that make a pixel bad, beside DO_NOT_USE")
    add("--gain", type=float, metavar="E", help="electrons per image unit")
    add("--read-noise", type=float, metavar="E", help="electrons")
    add("--pixel-integrated", action="store_true", default=None, help="integrate the Gaussian over each pixel")
    add("--flux-unit", choices=["native", "Jy", "electron"])
    add("--row-reset-time", type=float, metavar="S", help="seconds of row resets before each integration")
    add("--time-reference", choices=["middle", "pixel"])


_DIRECT = (
    "aperture_radii",
    "template_fwhm",
    "cross_correlation",
    "center",
    "ramp",
    "saturation",
    "bad_pixels",
    "dq_bits",
    "gain",
    "read_noise",
    "pixel_integrated",
    "flux_unit",
    "row_reset_time",
    "time_reference",
)


def settings_from(options):
    """The settings that were given, as keywords of the extractor."""
    from nircam_tso import AnnulusBackground, FrameBackground, GaussianTemplate, PSFTemplate

    settings = {name: getattr(options, name) for name in _DIRECT if getattr(options, name) is not None}
    if options.subframe_shape:
        settings["subframe_shape"] = tuple(options.subframe_shape)
    if options.position:
        settings["position"] = _position(options.position)
    if options.group_range:
        settings["group_range"] = _group_range(options.group_range)
    if options.template == "gaussian":
        settings["template"] = GaussianTemplate(options.template_fwhm or 2.0)
    elif options.template == "median":
        settings["template"] = "median"
    elif options.template:
        settings["template"] = PSFTemplate(options.template)
    more = {"estimator": options.estimator} if options.estimator else {}
    kind = options.background or ("annulus" if options.annulus else "frame" if options.estimator else None)
    if kind == "none":
        settings["background"] = None
    elif kind == "annulus":
        if not options.annulus:
            raise ValueError("--background annulus needs --annulus INNER OUTER")
        settings["background"] = AnnulusBackground(*options.annulus, **more)
    elif kind == "frame":
        if options.annulus:
            raise ValueError("--annulus goes with --background annulus, not frame")
        settings["background"] = FrameBackground(**more)
    return settings


def _position(words):
    if words == ["brightest"]:
        return "brightest"
    try:
        x, y = (float(word) for word in words)
    except ValueError:
        raise ValueError(f'--position: {" ".join(words)!r} is not two numbers "X Y" or "brightest"') from None
    return (x, y)


def _group_range(words):
    if words == ["auto"]:
        return "auto"
    try:
        first, last = (int(word) for word in words)
    except ValueError:
        raise ValueError(f'--group-range: {" ".join(words)!r} is not two whole numbers or "auto"') from None
    return (first, last)
