"""From measured numbers to a TimeSeries: units, descriptions, metadata."""

import json
import platform
from functools import cache
from importlib import metadata

import numpy as np
from astropy import units as u

from nircam_tso.columns import column_names, star_columns
from nircam_tso.extractor.budget import group_covariances, noise_budget
from nircam_tso.extractor.noise import electrons_per_unit
from nircam_tso.quality import QualityFlag

__all__ = ["SCHEMA_VERSION", "build_table"]

#: Version of the product's columns and metadata; see the data model in the docs.
SCHEMA_VERSION = "1"

#: Header cards that the metadata repeats, by the name that they have there.
_CARDS = {
    "target": ("TARGPROP", "TARGNAME", "OBJECT"),
    "telescope": ("TELESCOP",),
    "instrument": ("INSTRUME",),
    "detector": ("DETECTOR",),
    "filter": ("FILTER",),
    "pupil": ("PUPIL",),
    "subarray": ("SUBARRAY",),
    "program": ("PROGRAM",),
    "observation": ("OBSERVTN",),
    "visit": ("VISIT",),
}


def build_table(settings, exposure, plans, times, numbers):
    """
    Make the product.

    Parameters
    ----------
    settings : `~nircam_tso.TimeSeriesExtractor`
        The settings.
    exposure : `~nircam_tso.io.exposure.Exposure`
        What was measured.
    plans : sequence of `~nircam_tso.extractor.plan.Plan`
        How each star was measured.
    times : `~nircam_tso.timing.Times`
        Times of the rows.
    numbers : sequence of dict of str to `~numpy.ndarray`
        Each star's measured columns, from `~nircam_tso.extractor.block.measure_block`.

    Returns
    -------
    `~astropy.timeseries.TimeSeries`
    """
    from astropy.timeseries import TimeSeries

    plan = plans[0]
    groups = exposure.n_groups is not None and settings.ramp == "groups"
    steps = plan.group_range[1] - plan.group_range[0] if groups else 1
    n = len(exposure) * steps
    image_unit = exposure.unit
    if exposure.n_groups is not None and settings.ramp == "slope":
        image_unit = image_unit / u.s
    notes = [*exposure.notes, *times.notes, *plan.stripes.notes, *plan.line_noise.notes]
    flux_unit, factor = _flux_unit(settings, exposure, plan, image_unit, notes)

    flags = np.asarray(times.flags, np.uint32)
    values = {
        "time": times.middle,
        "time_start": times.start,
        "time_end": times.end,
        "time_bjd": times.bjd,
        "exposure_time": np.asarray(times.exposure_time, float),
        "exposure": np.repeat(exposure.exposure, steps),
        "integration": np.repeat(exposure.integration, steps),
        "source": np.repeat(exposure.source, steps),
        **numbers[0],
        "quality": numbers[0]["quality"] | flags,
    }
    if groups:
        first = plan.group_range[0]
        values["group"] = np.tile(np.arange(first + 1, first + 1 + steps, dtype=np.int32), len(exposure))
    own = column_names(
        settings.aperture_radii,
        [*settings.aperture_shapes, *settings.aperture_masks],
        groups=groups,
        radius_unit=settings.radius_unit,
        fit_background=settings.fit_background,
        components=settings.components,
    )
    entries = list(own)
    for star, more in enumerate(numbers[1:], 2):
        others = star_columns(own, star)
        measured = {**more, "quality": more["quality"] | flags}
        values |= {entry.name: measured[name] for name, entry in others}
        entries += [entry for _, entry in others]
    units = {"image": image_unit, "flux": flux_unit, "": None}
    columns = {}
    for entry in entries:
        if entry.name == "time":
            continue
        data = values[entry.name]
        if entry.unit == "time":
            columns[entry.name] = _fine(data)
        else:
            data = np.asarray(data, entry.dtype)
            if len(data) != n:
                raise RuntimeError(f"column {entry.name}: {len(data)} values for {n} rows")
            unit = units[entry.unit] if entry.unit in units else _unit(entry.unit)
            if entry.unit == "flux":
                data = data * factor
            columns[entry.name] = data if unit is None else u.Quantity(data, unit, copy=False)
    # All at once: a table goes through what it has for each column that is added. And as they are: all
    # of them were made for it.
    ts = TimeSeries(columns, time=_fine(values["time"]), copy=False)
    ts["time"].info.description = "middle of the integration (or group step), UTC"
    for entry in entries:
        if entry.name != "time":
            ts[entry.name].info.description = entry.description
    ts.meta.update(_meta(settings, exposure, plan, times, notes))
    ts.meta.update(_meta_of_stars(plans))
    ts.meta["flux_factor"] = float(factor)
    budget, covariances = {}, {}
    for star, (plan, measured) in enumerate(zip(plans, numbers, strict=True), 1):
        suffix = "" if star == 1 else f"_star{star}"
        budget |= {f"{label}{suffix}": parts for label, parts in noise_budget(plan, exposure, measured).items()}
        covariances |= {f"{label}{suffix}": c * factor**2 for label, c in group_covariances(plan).items()}
    if budget:
        ts.meta["noise_budget"] = json.dumps(budget, sort_keys=True)
    if covariances:
        ts.meta["group_covariance"] = json.dumps(covariances, sort_keys=True)
    for star, measured in enumerate(numbers, 1):
        ts.meta["saturation_varies" + ("" if star == 1 else f"_star{star}")] = _saturation_varies(measured)
    ts.meta["provenance"] = json.dumps(_provenance(settings, exposure, notes), sort_keys=True)
    return ts


def _saturation_varies(numbers):
    some = (numbers["quality"] & np.uint32(QualityFlag.NO_DATA)) == 0
    return bool(np.unique(numbers["saturated_set"][some]).size > 1)


def _meta_of_stars(plans):
    """Where the further stars are."""
    meta = {"n_stars": len(plans)}
    for star, plan in enumerate(plans[1:], 2):
        for name, value in zip("xy", plan.position, strict=True):
            meta[f"position_{name}_star{star}"] = float(value)
        place = _place(plan)
        if place is not None:
            meta[f"center_x_star{star}"], meta[f"center_y_star{star}"] = place
    return meta


def _place(plan):
    """Where all apertures sit, in the frame; None where each has its own centre."""
    place = {"median": plan.one_center, "fixed": plan.fixed}.get(plan.settings.center)
    if place is None:
        return None
    return float(place[0] + plan.box.corner[0]), float(place[1] + plan.box.corner[1])


def _fine(time):
    # Nine digits of the second, so that what people see and ECSV stores is exact to 1 ns.
    time = time.copy(format="isot")
    time.precision = 9
    return time


def _flux_unit(settings, exposure, plan, image_unit, notes):
    """Unit of sums, and the factor that takes sums of image values there."""
    surface = image_unit.is_equivalent(u.MJy / u.sr)
    wanted = settings.flux_unit
    if wanted == "electron":
        return u.electron, electrons_per_unit(settings, exposure, plan.ramp)
    if wanted == "native" or (wanted is None and not surface):
        return image_unit, 1.0
    pixel = exposure.header.get("PIXAR_SR")
    if surface and isinstance(pixel, int | float) and pixel > 0:
        return u.Jy, float((image_unit * u.sr).to(u.Jy) * pixel)
    if wanted == "Jy" and image_unit.is_equivalent(u.Jy):
        return u.Jy, float(image_unit.to(u.Jy))
    if wanted == "Jy":
        missing = (
            "PIXAR_SR in the header" if surface else f"images in MJy/sr or Jy, not {str(image_unit) or 'plain numbers'}"
        )
        raise ValueError(f'flux_unit: "Jy" needs {missing}; leave flux_unit out to get sums of the image unit')
    notes.append(f"PIXAR_SR is missing: sums stay in {image_unit} (sums over pixels)")
    import warnings

    from nircam_tso.exceptions import NircamTSOWarning

    name = exposure.segments[0].name
    warnings.warn(
        f"{name}: no PIXAR_SR in the header, so sums stay in {image_unit} instead of Jy", NircamTSOWarning, stacklevel=4
    )
    return image_unit, 1.0


def _meta(settings, exposure, plan, times, notes):
    header = exposure.header
    meta = {}
    for name, cards in _CARDS.items():
        value = next((str(header[card]).strip() for card in cards if str(header.get(card, "")).strip()), "")
        meta[name] = value
    x, y = plan.position
    meta |= {
        "schema_version": SCHEMA_VERSION,
        "n_rows": len(times.middle),
        "n_expected": len(times.middle),
        "complete": True,
        "kind": exposure.kind,
        "frame_shape": f"{plan.frame_shape[0]} x {plan.frame_shape[1]}",
        "aperture_radii": [float(radius) for radius in settings.aperture_radii],
        "radius_unit": settings.radius_unit,
        "edge": settings.edge,
        "center": settings.center,
        "preset": settings.preset,
        "position_x": float(x),
        "position_y": float(y),
        "position_source": plan.position_source,
        "template_origin": plan.star.origin_name,
        "time_source": times.source,
        "time_accuracy": float(times.accuracy),
        "time_bjd_source": times.bjd_source,
        "readout_fraction": float(times.readout_fraction),
        "error_source": plan.error_source,
        "n_constant_bad": int((plan.constant_bad & plan.aperture_window).sum()),
    }
    place = _place(plan)
    if place is not None:
        meta["center_x"], meta["center_y"] = place
    if plan.group_range is not None:
        meta["group_range"] = [int(plan.group_range[0]), int(plan.group_range[1])]
    if exposure.kind == "jwst-uncal":
        notes.append("raw ramps: not corrected for bias, dark current or linearity")
    if plan.error_source == "background scatter":
        notes.append("errors are those of the sky's scatter: give gain and read_noise for the star's photon noise")
    meta["notes"] = "; ".join(dict.fromkeys(notes))
    # NaN has no JSON and no YAML that every reader knows.
    return {
        key: ("unknown" if isinstance(value, float) and not np.isfinite(value) else value)
        for key, value in meta.items()
    }


# Astropy parses a unit's name in a fifth of a millisecond.
_unit = cache(u.Unit)


@cache
def _versions():
    """Versions of what the numbers are made by; looking them up takes as long as some hundred integrations."""
    import nircam_tso

    packages = ("astropy", "image_registration", "numba", "numpy", "photutils", "scipy")
    versions = {name: metadata.version(name) for name in packages}
    return versions | {"nircam_tso": nircam_tso.__version__, "python": platform.python_version()}


def _provenance(settings, exposure, notes):
    sources = [
        {
            "name": segment.name,
            "kind": segment.kind,
            "size": int(segment.size),
            "header_sha256": segment.header_sha256,
            "exposure": int(segment.exposure_number),
            "n_integrations": int(segment.n_integrations),
            **({"sha256": segment.sha256} if segment.sha256 else {}),
            **{card: segment.cards[card] for card in ("EXSEGNUM", "INTSTART", "INTEND") if card in segment.cards},
        }
        for segment in exposure.segments
    ]
    return {
        "versions": _versions(),
        "settings": settings.describe(),
        "sources": sources,
        "quality_bits": {flag.name: int(flag) for flag in QualityFlag},
        "notes": list(dict.fromkeys(notes)),
    }
