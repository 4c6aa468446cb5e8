"""What a person wants to see first of a product."""

import numpy as np

__all__ = ["summary_lines"]


def summary_lines(ts):
    """
    A product in a few lines.

    Parameters
    ----------
    ts : `~astropy.timeseries.TimeSeries`
        A product.

    Returns
    -------
    list of str
        Target, times, sky, centre, light curves with their point-to-point scatter and
        quoted error, and the counts of quality flags.
    """
    from nircam_tso.quality import QualityFlag, good

    meta = ts.meta
    what = ", ".join(meta[name] for name in ("target", "detector", "filter", "pupil", "subarray") if meta.get(name))
    ok = good(ts)
    lines = [f"source    {what or meta.get('kind', 'unknown')}"]
    lines.append(f"rows      {len(ts)}, of which {int(ok.sum())} good")
    lines.append(f"times     {_span(ts)}, from {meta.get('time_source', 'unknown')}")
    lines.append(f"sky       {_median(ts['background'])} per pixel")
    lines.append(f"centre    {_centre(ts)}")
    lines += _light_curves(ts, ok)
    flags = np.asarray(ts["quality"])
    counts = {flag.name: int(((flags & np.uint32(flag)) != 0).sum()) for flag in QualityFlag}
    seen = ", ".join(f"{name} {count}" for name, count in counts.items() if count)
    lines.append(f"flags     {seen or 'none'}")
    if meta.get("notes"):
        lines.append(f"notes     {meta['notes']}")
    return lines


def _values(column):
    return np.asarray(getattr(column, "value", column), float)


def _centre(ts):
    """Where the apertures sit."""
    how = ts.meta.get("center", "gaussian")
    if how == "median" and "center_x" in ts.meta:
        return f"x {ts.meta['center_x']:.3f}, y {ts.meta['center_y']:.3f} pix (one for the series)"
    if how == "fixed" and "center_x" in ts.meta:
        return f"x {ts.meta['center_x']:.3f}, y {ts.meta['center_y']:.3f} pix (fixed)"
    kind = {"gaussian": "gauss", "cross-correlation": "cc"}.get(how, "centroid")
    middle = []
    for axis in "xy":
        values = _values(ts[f"{axis}_{kind}"])
        middle.append(np.median(values[np.isfinite(values)]) if np.isfinite(values).any() else np.nan)
    return f"x {middle[0]:.3f}, y {middle[1]:.3f} pix ({how}, median of the rows)"


def _median(column):
    values = _values(column)
    level = np.nanmedian(values) if np.isfinite(values).any() else np.nan
    return f"{level:.6g} {getattr(column, 'unit', None) or ''}".strip()


def _span(ts):
    known = ~np.asarray(ts["time"].mask)
    if not known.any():
        return "unknown"
    times = ts["time"][known]
    # Text stands in a time's own order within one scale.
    return f"{times.min().isot[:23]} to {times.max().isot[:23]} UTC"


def _light_curves(ts, ok):
    lines = []
    for name in ts.colnames:
        if not name.startswith("aperture_sum_") or name.startswith("aperture_sum_err_"):
            continue
        flux = _values(ts[name])
        error = _values(ts[name.replace("aperture_sum_", "aperture_sum_err_", 1)])
        use = ok & np.isfinite(flux)
        if not use.any():
            lines.append(f"flux      {name}: no good row")
            continue
        level = np.median(flux[use])
        text = f"flux      {name}: median {level:.6g} {getattr(ts[name], 'unit', None) or ''}".rstrip()
        steps = np.diff(flux[use])
        if steps.size > 1 and level > 0:
            # Differences of neighbours do not see a transit; their median is robust.
            scatter = 1.4826 * np.median(np.abs(steps)) / np.sqrt(2) / level * 1e6
            text += f", scatter {scatter:.0f} ppm"
            if np.isfinite(error[use]).any():
                text += f", quoted error {np.nanmedian(error[use]) / level * 1e6:.0f} ppm"
        lines.append(text)
    return lines
