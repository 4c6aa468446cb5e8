"""What a person wants to see first of a product."""

import numpy as np

from nircam_tso.columns import center_columns

__all__ = ["summary_lines"]

#: Centres that are one place for all rows, in words.
_ONE_PLACE = {"median": "one for the series", "fixed": "fixed"}


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
        Target, times, sky, centre, light curves with their point-to-point scatter,
        quoted error and its parts in ppm, and the counts of quality flags.
    """
    from nircam_tso.quality import QualityFlag, good

    meta = ts.meta
    what = ", ".join(meta[name] for name in ("target", "detector", "filter", "pupil", "subarray") if meta.get(name))
    ok = good(ts)
    lines = [f"source    {what or meta.get('kind', 'unknown')}"]
    lines.append(f"rows      {len(ts)}, of which {int(ok.sum())} good")
    lines.append(f"times     {_span(ts)}, from {meta.get('time_source', 'unknown')}")
    sky = f"{_median(ts, 'background'):.6g} {getattr(ts['background'], 'unit', None) or ''}".strip()
    lines.append(f"sky       {sky} per pixel")
    lines.append(f"centre    {_center(ts)}")
    lines += _light_curves(ts)
    flags = np.asarray(ts["quality"])
    counts = {flag.name: int(((flags & np.uint32(flag)) != 0).sum()) for flag in QualityFlag}
    seen = ", ".join(f"{name} {count}" for name, count in counts.items() if count)
    lines.append(f"flags     {seen or 'none'}")
    if meta.get("notes"):
        lines.append(f"notes     {meta['notes']}")
    return lines


def _center(ts):
    """Where the apertures sit."""
    how = ts.meta.get("center", "gaussian")
    if how in _ONE_PLACE and "center_x" in ts.meta:
        return f"x {ts.meta['center_x']:.3f}, y {ts.meta['center_y']:.3f} pix ({_ONE_PLACE[how]})"
    x, y = (_median(ts, name) for name in center_columns(how))
    return f"x {x:.3f}, y {y:.3f} pix ({how}, median of the rows)"


def _median(ts, name):
    from nircam_tso.inspect.values import known_values

    values = known_values(ts, name)
    return np.median(values) if values.size else np.nan


def _span(ts):
    known = ~np.asarray(ts["time"].mask)
    if not known.any():
        return "unknown"
    times = ts["time"][known]
    # Text stands in a time's own order within one scale.
    return f"{times.min().isot[:23]} to {times.max().isot[:23]} UTC"


def _light_curves(ts):
    """A line per light curve, under a line of headings; noise in ppm, a star at the quietest aperture."""
    from nircam_tso.inspect.statistics import summary

    table = summary(ts)
    if len(table) == 0:
        return []
    unit = getattr(table["flux"], "unit", None)
    parts = [name for name in table.colnames[table.colnames.index("ratio") + 1 : -1] if np.isfinite(table[name]).any()]
    headings = ["flux", f"median{f' [{unit}]' if unit else ''}", "scatter [ppm]", "quoted", "ratio", *parts]
    rows = []
    for row in table:
        level = float(getattr(row["flux"], "value", row["flux"]))
        if not np.isfinite(row["scatter"]):
            rows.append([row["column"], "no good row" if np.isnan(level) else f"{level:.6g}", *[""] * (3 + len(parts))])
            continue
        scatter = f"{row['scatter']:.0f} +- {row['scatter_err']:.0f}"
        cells = [_ppm(row["quoted"]), f"{row['ratio']:.2f}" if np.isfinite(row["ratio"]) else "-"]
        cells += [_ppm(row[name]) for name in parts]
        rows.append([row["column"] + (" *" if row["best"] else ""), f"{level:.6g}", scatter, *cells])
    widths = [max(len(line[i]) for line in [headings, *rows]) for i in range(len(headings))]
    lines = []
    for line in [headings, *rows]:
        cells = [
            line[0].ljust(widths[0]),
            *(cell.rjust(width) for cell, width in zip(line[1:], widths[1:], strict=True)),
        ]
        lines.append(f"          {'  '.join(cells)}".rstrip())
    # The first heading stands where the other lines of the summary have theirs.
    return ["flux" + lines[0].replace("flux", "    ", 1)[4:], *lines[1:]]


def _ppm(value):
    return f"{value:.0f}" if np.isfinite(value) else "-"
