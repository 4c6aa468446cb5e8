"""Options that several subcommands share."""

import math

__all__ = [
    "add_selection",
    "add_settings",
    "add_source",
    "check_suffix",
    "extractor_from",
    "numbers",
    "one_or_all",
    "selection_from",
    "settings_from",
    "source_from",
]


def add_source(parser):
    """Add the positional source."""
    parser.add_argument(
        "source", nargs="+", help="a FITS file, several, a folder, a glob in quotes, or a text file of names"
    )


def source_from(options):
    """The source as the Python interface takes it."""
    return one_or_all(options.source)


def one_or_all(names):
    """The names that an option took as the Python interface takes them: a single one is no list."""
    return names[0] if len(names) == 1 else names


def check_suffix(option, path, suffixes):
    """Refuse a file whose ending is none of those that tell what is written."""
    if path.suffix.lower() not in suffixes:
        raise ValueError(f"{option}: {str(path)!r} does not end in {', '.join(suffixes)}; choose one of these")


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
    add("--aperture-radii", metavar="R,R,...", help="aperture radii in pixels, such as 3,5,8")
    add("--radius-unit", choices=["pix", "fwhm"], help="unit of the radii: pixels, or the fitted width (FWHM)")
    add(
        "--aperture-shapes",
        action="append",
        metavar="NAME=SHAPE",
        help="aperture of another shape: NAME=ellipse,A,B,DEG or NAME=rectangle,W,H,DEG or NAME=hexagon,R,DEG; "
        "may be given again",
    )
    add("--edge", choices=["nan", "sum"], help="sums of apertures that leave the frame")
    add(
        "--position",
        action="append",
        metavar="X,Y",
        help='the star in zero-based pixels, such as 81,90, or "brightest"; given again, another star',
    )
    add("--subframe-shape", metavar="NY,NX", help="subframe in which the star is centred")
    add(
        "--background",
        choices=["frame", "annulus", "mesh", "row", "column", "none"],
        help="how the sky is measured: one level, an image of it (mesh), or a level per row or column",
    )
    add("--box-size", metavar="NY,NX", help="boxes of a mesh in pixels, such as 32,32")
    add("--annulus", metavar="INNER,OUTER", help="radii of the sky annulus in pixels, such as 12,20")
    add("--estimator", help="sky estimator: median, mean, mode, mmm, sextractor or biweight")
    add("--template", help='what to correlate with: a PSF in a FITS file, "median", or "gaussian"')
    add("--template-fwhm", type=float, metavar="PX", help="width of the Gaussian template")
    add("--cross-correlation", choices=["fourier", "image_registration"])
    add("--center", choices=["gaussian", "cross-correlation", "centroid", "median", "fixed"])
    add("--ramp", choices=["last-first", "slope", "groups"])
    add("--group-range", metavar="FIRST,LAST", help='groups of ramps to use, zero-based, or "auto"')
    add("--saturation", type=float, metavar="DN", help="level at which a ramp is saturated")
    add("--bad-pixels", choices=["scale", "nan", "ignore"])
    add("--clean", choices=["temporal"], help="look for cosmic rays in the stack")
    add("--clean-window", type=int, metavar="N", help="integrations of its running median")
    add("--clean-sigma", type=float, metavar="S", help="its threshold")
    add("--striping", choices=["row", "column", "row-amplifier"], help="1/f noise to take off")
    add("--striping-reference", choices=["auto", "median", "none"])
    add("--striping-odd-even", action="store_true", default=None, help="odd and even pixels of a line apart")
    add("--dq-bits", metavar="NAME,...", help="DQ bits that make a pixel bad, beside DO_NOT_USE")
    add("--gain", type=float, metavar="E", help="electrons per image unit")
    add("--read-noise", type=float, metavar="E", help="electrons")
    add("--components", type=int, metavar="N", help="principal components of the subframe's shape, 0 to 3")
    add("--pixel-integrated", action="store_true", default=None, help="integrate the Gaussian over each pixel")
    add("--fit-background", action="store_true", default=None, help="fit a constant with the Gaussian")
    add("--theta", type=float, metavar="DEG", help="angle of the Gaussian, if it is known")
    add(
        "--bounds",
        action="append",
        metavar="NAME=LOW,HIGH",
        help="limits of a parameter of the Gaussian, such as x_stddev=0.5,3 (amplitude=0, for one alone)",
    )
    add("--flux-unit", choices=["native", "Jy", "electron"])
    add("--row-reset-time", type=float, metavar="S", help="seconds of row resets before each integration")
    add("--time-reference", choices=["middle", "pixel"])


_DIRECT = (
    "radius_unit",
    "edge",
    "clean",
    "clean_window",
    "clean_sigma",
    "striping",
    "striping_reference",
    "striping_odd_even",
    "components",
    "fit_background",
    "theta",
    "template_fwhm",
    "cross_correlation",
    "center",
    "ramp",
    "saturation",
    "bad_pixels",
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
    from nircam_tso.measure.background import LineBackground, MeshBackground

    settings = {name: getattr(options, name) for name in _DIRECT if getattr(options, name) is not None}
    if options.aperture_radii is not None:
        settings["aperture_radii"] = numbers("--aperture-radii", options.aperture_radii)
    if options.subframe_shape is not None:
        settings["subframe_shape"] = numbers("--subframe-shape", options.subframe_shape, 2, int)
    if options.dq_bits is not None:
        settings["dq_bits"] = [name.strip() for name in options.dq_bits.split(",")]
    if options.group_range is not None:
        auto = options.group_range == "auto"
        settings["group_range"] = "auto" if auto else numbers("--group-range", options.group_range, 2, int)
    if options.position == ["brightest"]:
        settings["position"] = "brightest"
    elif options.position is not None:
        places = [numbers("--position", place, 2) for place in options.position]
        settings["position"] = places if len(places) > 1 else places[0]
    if options.aperture_shapes is not None:
        settings["aperture_shapes"] = _named("--aperture-shapes", [_shape(text) for text in options.aperture_shapes])
    if options.bounds is not None:
        settings["bounds"] = _named("--bounds", [_limits(text) for text in options.bounds])
    for name in ("clean_window", "clean_sigma"):
        if getattr(options, name) is not None and options.clean is None:
            raise ValueError(f"--{name.replace('_', '-')}: means nothing without --clean temporal")
    if options.template == "gaussian":
        settings["template"] = GaussianTemplate(options.template_fwhm or 2.0)
    elif options.template == "median":
        settings["template"] = "median"
    elif options.template:
        settings["template"] = PSFTemplate(options.template)
    if options.background == "none":
        settings["background"] = None
    elif options.annulus is not None:
        inner, outer = numbers("--annulus", options.annulus, 2)
        if not 0 <= inner < outer:
            raise ValueError(f"--annulus: {options.annulus} is not INNER,OUTER with 0 <= INNER < OUTER")
        settings["background"] = AnnulusBackground(inner, outer)
    elif options.background == "frame":
        settings["background"] = FrameBackground()
    elif options.background in ("row", "column"):
        settings["background"] = LineBackground(options.background)
    elif options.background == "mesh":
        if options.box_size is None:
            raise ValueError("--background: mesh needs --box-size NY,NX")
        settings["background"] = MeshBackground(numbers("--box-size", options.box_size, 2, int))
    if options.box_size is not None and options.background != "mesh":
        raise ValueError(f"--box-size: goes with --background mesh, not with {options.background}")
    if options.annulus is not None and options.background not in (None, "annulus"):
        raise ValueError(f"--annulus: goes with --background annulus, not with {options.background}")
    if options.estimator and options.background == "none":
        raise ValueError("--estimator: there is nothing to estimate with --background none")
    return settings


def _named(option, pairs):
    """A dict of pairs; a name that is given twice is no choice between them."""
    result = {}
    for name, value in pairs:
        if name in result:
            raise ValueError(f"{option}: {name!r} is given twice")
        result[name] = value
    return result


def _limits(text):
    """Name and limits of a parameter; a missing number is no limit."""
    name, equals, words = text.partition("=")
    parts = words.split(",")
    if not (name and equals) or len(parts) != 2:
        raise ValueError(f"--bounds: {text!r} is not NAME=LOW,HIGH, such as x_stddev=0.5,3 or amplitude=0,")
    low, high = (numbers("--bounds", part, 1)[0] if part.strip() else None for part in parts)
    return name, (low, high)


def _shape(text):
    """Name and shape of an aperture that is written on a line."""
    from nircam_tso import EllipseShape, HexagonShape, RectangleShape

    kinds = {"ellipse": (EllipseShape, 2), "rectangle": (RectangleShape, 2), "hexagon": (HexagonShape, 1)}
    name, _, words = text.partition("=")
    kind, _, sizes = words.partition(",")
    if not name or kind not in kinds:
        raise ValueError(f"--aperture-shapes: {text!r} is not NAME=SHAPE with a shape such as hexagon,68,30")
    made, count = kinds[kind]
    values = numbers("--aperture-shapes", sizes) if sizes else ()
    if len(values) not in (count, count + 1):
        raise ValueError(
            f"--aperture-shapes: {text!r} needs {count} lengths in pixels, and may have an angle in degrees"
        )
    if min(values[:count]) <= 0:
        raise ValueError(f"--aperture-shapes: {text!r} has a length that is not above 0")
    return name, made(*values[:count], *(math.radians(angle) for angle in values[count:]))


def extractor_from(options, exposure):
    """
    Make the extractor: the preset's settings, and over them those that were given.

    Parameters
    ----------
    options : `argparse.Namespace`
        With what `add_settings` adds.
    exposure : `~nircam_tso.io.exposure.Exposure`
        What will be measured.

    Returns
    -------
    `~nircam_tso.TimeSeriesExtractor`

    Raises
    ------
    ValueError
        For an annulus without radii, or an estimator without a sky.
    """
    from dataclasses import replace

    from nircam_tso import TimeSeriesExtractor

    settings = settings_from(options)
    if options.preset == "none":
        extractor = TimeSeriesExtractor(**settings)
    else:
        extractor = TimeSeriesExtractor.for_source(exposure, **settings)
    background = extractor.background
    if options.background == "annulus" and not hasattr(background, "outer"):
        raise ValueError("--background: annulus needs --annulus INNER,OUTER")
    if options.estimator is None:
        return extractor
    if background is None:
        raise ValueError(f"--estimator: the preset {extractor.preset} has no sky; give --background too")
    return replace(extractor, background=replace(background, estimator=options.estimator))


def numbers(option, text, count=None, kind=float):
    """
    Numbers out of one word of the command line, separated by commas.

    One word, because an option that took several would take the source that follows too.

    Parameters
    ----------
    option : str
        Name of the option, for the message.
    text : str
        What was given.
    count : int, optional
        How many there must be.
    kind : type, optional
        float or int.

    Returns
    -------
    tuple

    Raises
    ------
    ValueError
        For anything else.
    """
    try:
        values = tuple(kind(part) for part in text.split(","))
    except ValueError:
        values = ()
    if not values or (count is not None and len(values) != count):
        what = "whole numbers" if kind is int else "numbers"
        raise ValueError(f"{option}: {text!r} is not {count or 'a list of'} {what} separated by commas, such as 21,21")
    return values
