"""Every key of a product's metadata, in words; `tests/docs_pages/test_data_model.py` holds it against real products."""

import inspect
from dataclasses import dataclass
from itertools import pairwise

__all__ = ["META", "PROVENANCE", "SOURCE", "STORED", "Key", "parameters"]


@dataclass(frozen=True)
class Key:
    """
    What stands under one key.

    Attributes
    ----------
    name : str
        The key.
    types : tuple of type
        What its value may be.
    description : str
        One line of reStructuredText.
    unit : str
        Unit of a number.
    when : str
        When it is there; empty for always.
    per_star : bool
        Whether it is there again for each further star, its name ending in ``_star2`` and so on.
    """

    name: str
    types: tuple
    description: str
    unit: str = ""
    when: str = ""
    per_star: bool = False


_UNKNOWN = '; "unknown" where it is not known'

#: Keys of ``ts.meta`` in the order of the product.
META = (
    Key(
        "target",
        (str,),
        "name of the target, of TARGPROP, TARGNAME or OBJECT; this and the next nine are texts of "
        "the header, empty where it does not tell",
    ),
    Key("telescope", (str,), "TELESCOP"),
    Key("instrument", (str,), "INSTRUME"),
    Key("detector", (str,), "DETECTOR"),
    Key("filter", (str,), "FILTER"),
    Key("pupil", (str,), "PUPIL"),
    Key("subarray", (str,), "SUBARRAY"),
    Key("program", (str,), "PROGRAM"),
    Key("observation", (str,), "OBSERVTN"),
    Key("visit", (str,), "VISIT"),
    Key("schema_version", (str,), 'version of these columns and keys: "1" is what this page describes'),
    Key("n_rows", (int,), "rows in this table"),
    Key("n_expected", (int,), "rows that were extracted: as many integrations, or group steps, as the headers promise"),
    Key("complete", (bool,), "always True in a file; a table without it is no product"),
    Key(
        "kind",
        (str,),
        '"jwst-" and the kind of file (``jwst-calints``), ``ncdhas-red``, ``ncdhas-slp``, ``image`` or ``array``',
    ),
    Key("frame_shape", (str,), 'shape of an image as "ny x nx"', "pix"),
    Key("aperture_radii", (list,), "radii of the circular apertures, numbers", "radius_unit"),
    Key("radius_unit", (str,), '"pix" for pixels, or "fwhm" for widths of each integration\'s Gaussian'),
    Key(
        "edge",
        (str,),
        '"nan" or "sum": whether an aperture that leaves the frame is NaN, or the sum of what is covered',
    ),
    Key(
        "center",
        (str,),
        'where the apertures sit: "gaussian", "cross-correlation" or "centroid" (of each '
        'integration), "median" or "fixed" (one place)',
    ),
    Key("preset", (str,), 'name of the preset that settings came from; "none" without one'),
    Key("position_x", (float,), "x where the star was found in the median image of the series", "pix", per_star=True),
    Key("position_y", (float,), "y of it", "pix", per_star=True),
    Key(
        "position_source",
        (str,),
        'what it was looked for by: "user" (a position in pixels), "WCS" (coordinates), '
        '"brightest", "XREF_SCI, YREF_SCI" or "frame" (its middle)',
    ),
    Key(
        "template_origin",
        (str,),
        'the point of the template that ``x_cc`` and ``y_cc`` tell: "gaussian", "centroid", "center" or "given"',
    ),
    Key("time_source", (str,), "where ``time`` comes from; several sources are joined by a semicolon"),
    Key("time_accuracy", (float, str), f"largest error that a ``time`` of that source may have{_UNKNOWN}", "s"),
    Key("time_bjd_source", (str,), 'what gave the place of the telescope for ``time_bjd``; "none" without'),
    Key(
        "readout_fraction", (float, str), f"the part of a frame's readout that had passed at ``time``, 0 to 1{_UNKNOWN}"
    ),
    Key(
        "error_source",
        (str,),
        'where errors come from: "VAR_POISSON+VAR_RNOISE", "ERR", "slope uncertainty" (NCDHAS) '
        'or "UNCERT" (images) of the files, "given" or "uncertainty" (handed over with an array), '
        '"gain and read_noise", "background scatter" or "none"',
    ),
    Key("n_constant_bad", (int,), "pixels within the largest aperture that are left out of every integration"),
    Key("center_x", (float,), "x where the apertures sit", "pix", '``center`` is "median" or "fixed"', per_star=True),
    Key("center_y", (float,), "y of it", "pix", '``center`` is "median" or "fixed"', per_star=True),
    Key("group_range", (list,), "first and last group of the ramps that were used, zero-based", when="ramps"),
    Key("notes", (str,), "what was odd, in words, joined by semicolons"),
    Key("n_stars", (int,), "number of stars"),
    Key(
        "flux_factor",
        (float,),
        "what sums of image values were multiplied by, to be in the flux unit",
        "flux unit / image unit",
    ),
    Key(
        "noise_budget",
        (str,),
        "JSON: for each radius (``r5``, of further stars ``r5_star2``) the parts of the noise "
        "of its sum by name, in ppm of the median flux: ``photon`` and ``read``, or ``pixels`` for both together, "
        "and ``1/f``",
        "ppm",
        "errors of pixels are known, and there are circular apertures",
    ),
    Key(
        "group_covariance",
        (str,),
        "JSON: for each radius the covariance of the sum of a group step with that of the next step",
        "flux unit squared",
        "group steps with ``gain`` and ``read_noise``",
    ),
    Key(
        "saturation_varies",
        (bool,),
        "whether the set of saturated pixels within the largest aperture changes over the series",
        per_star=True,
    ),
    Key("provenance", (str,), "JSON: see below"),
)

#: Keys that `~nircam_tso.write` adds, and `~nircam_tso.read` takes off.
STORED = (
    Key("digest", (str,), "sha256 over columns and metadata, see below"),
    Key(
        "__serialized_columns__",
        (dict,),
        "astropy's own description of how its objects are made of the stored "
        "columns; nothing in it is needed to read the numbers",
    ),
)

#: Keys of the JSON text under ``provenance``.
PROVENANCE = (
    Key("versions", (dict,), "version of this package, of Python and of the packages that numbers depend on"),
    Key("settings", (dict,), "every setting of the extraction by its name, see below"),
    Key("sources", (list,), "the files in order; the column ``source`` counts them from 0. What is in each is below"),
    Key("quality_bits", (dict,), "the bits of ``quality`` by name"),
    Key("notes", (list,), "``notes`` one by one"),
)

#: Keys of each of the ``sources``.
SOURCE = (
    Key("name", (str,), "name of the file without its folder; ``array`` for pixels from memory"),
    Key("kind", (str,), "as ``kind`` above"),
    Key("size", (int,), "its size", "byte"),
    Key("header_sha256", (str,), "sha256 of the bytes of all its headers; empty for arrays"),
    Key("exposure", (int,), "number of its exposure"),
    Key("n_integrations", (int,), "integrations in it"),
    Key("sha256", (str,), "sha256 of the whole file", when="``hash_inputs=True``"),
    Key("EXSEGNUM", (int,), "number of the segment", when="the header has this card"),
    Key("INTSTART", (int,), "number of its first integration", when="the header has this card"),
    Key("INTEND", (int,), "number of its last integration", when="the header has this card"),
)


def parameters(thing):
    """Name, type and lines of description of what a class or function takes, out of its docstring."""
    lines = inspect.getdoc(thing).splitlines()
    result = []
    for line, below in pairwise(lines[lines.index("Parameters") + 2 :]):
        if below and not below.strip("-"):
            break
        if line and not line.startswith(" "):
            names, _, kind = line.partition(" : ")
            description = []
            # Parameters of one line share their description.
            result += [(name, kind, description) for name in names.split(", ")]
        elif line.strip():
            description.append(line.strip())
    return result
