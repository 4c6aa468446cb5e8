"""The page's words: facts, tables and provenance as HTML, every string from outside escaped."""

import html
import json

import numpy as np

from nircam_tso.inspect.statistics import best_aperture, summary
from nircam_tso.inspect.systematics import find_settling, find_tilts
from nircam_tso.inspect.values import known_values, usable_rows

__all__ = ["clean", "facts", "findings", "light_curve_table", "provenance", "title"]

#: Sources that the provenance lists; the product has all.
_MOST_SOURCES = 40
#: Good rows from which on steps and settling are looked for.
_LEAST_ROWS = 20


def clean(text):
    r"""
    Text that HTML shows as it is.

    Parameters
    ----------
    text : object
        Anything, from any header.

    Returns
    -------
    str
        Without markup and without control characters, also those that turn the direction of text.

    Examples
    --------
    >>> from nircam_tso.inspect.report.words import clean
    >>> clean("<script>\x1b")
    '&lt;script&gt;\\x1b'
    """
    plain = "".join(char if char.isprintable() or char == "\n" else f"\\x{ord(char):02x}" for char in str(text))
    return html.escape(plain.encode("utf-8", "replace").decode("utf-8"))


def title(ts):
    """The target's name, or what stands for it."""
    return str(ts.meta.get("target") or "") or "Time series"


def facts(series):
    """
    What a person wants to know first.

    Parameters
    ----------
    series : `~nircam_tso.inspect.report.series.Series`
        The numbers.

    Returns
    -------
    list of (str, str)
        Headings and plain texts, not escaped.
    """
    ts = series.ts
    meta = ts.meta
    found = [("rows", f"{len(ts):,}, of which {int(usable_rows(ts).sum()):,} good")]
    if np.isfinite(series.span):
        unit, seconds = series.time_unit
        found.append(("first row", series.start))
        found.append(("length", f"{series.span / seconds:.4g} {unit}"))
    else:
        found.append(("times", "unknown: plots are against the row's number"))
    if meta.get("time_source"):
        accuracy = meta.get("time_accuracy")
        known = isinstance(accuracy, int | float) and np.isfinite(accuracy)
        found.append(("times from", f"{meta['time_source']}{f', to {accuracy:.2g} s' if known else ''}"))
    try:
        best = best_aperture(ts)
    except ValueError:
        found.append(("quietest aperture", "unknown: too few good rows"))
    else:
        index = best.names.index(best.name)
        size = best.name.removeprefix("aperture_sum_")
        told = f"{size}: {best.ppm[index]:,.0f} ± {best.error_ppm[index]:,.0f} ppm point to point"
        if np.isfinite(best.quoted_ppm[index]):
            told += f", quoted {best.quoted_ppm[index]:,.0f} ppm"
        found.append(("quietest aperture", told))
    if "background" in ts.colnames:
        found.append(("sky per pixel", _median(ts, "background")))
    if isinstance(meta.get("center_x"), int | float) and isinstance(meta.get("center_y"), int | float):
        found.append(("centre of apertures", f"x {meta['center_x']:.3f}, y {meta['center_y']:.3f} pix, one for all"))
    elif meta.get("center"):
        found.append(("centre of apertures", f"{meta['center']}, in each row"))
    if meta.get("error_source"):
        found.append(("errors from", str(meta["error_source"])))
    return found


def _median(ts, name):
    values = known_values(ts, name)
    unit = getattr(ts[name], "unit", None) or ""
    return f"{np.median(values):.6g} {unit}".strip() if values.size else "unknown"


def findings(ts):
    """
    Tilt events and settling in words, as HTML.

    Parameters
    ----------
    ts : `~astropy.timeseries.TimeSeries`
        A product.

    Returns
    -------
    str
        Paragraphs; a button in them jumps to the row of each event.
    """
    if np.count_nonzero(usable_rows(ts)) < _LEAST_ROWS:
        return '<p class="soft">Too few rows to look for tilts or settling.</p>'
    lines = []
    try:
        events = find_tilts(ts)
    except ValueError:
        events = ()
    for event in events:
        row = int(event["row"])
        size = f"flux {event['flux_step']:+,.0f} ± {event['flux_step_err']:,.0f} ppm"
        lines.append(
            f"<p>A step in {clean(event['column'])} ({event['significance']:.1f} sigma; {size}), as a tilt of a mirror "
            f'segment makes it: <button type="button" data-jump="{row}">row {row}</button></p>'
        )
    try:
        settling = find_settling(ts)
    except ValueError:
        settling = None
    if settling is not None and settling.found:
        lines.append(
            f"<p>The first {settling.duration / 60:.1f} minutes drift by {settling.amplitude_ppm:+,.0f} ± "
            f"{settling.amplitude_err_ppm:,.0f} ppm, falling by e in {settling.timescale / 60:.1f} minutes.</p>"
        )
    return "\n".join(lines) or '<p class="soft">No step in the shape of the image and no settling were found.</p>'


def light_curve_table(series):
    """
    Every light curve's scatter against its quoted error and the known parts of that, as HTML.

    Parameters
    ----------
    series : `~nircam_tso.inspect.report.series.Series`
        The numbers.

    Returns
    -------
    str
    """
    table = summary(series.ts)
    names = table.colnames
    extra = [name for name in names[names.index("ratio") + 1 : -1] if np.isfinite(table[name]).any()]
    unit = clean(getattr(table["flux"], "unit", None) or "")
    headings = ["light curve", f"median{f' [{unit}]' if unit else ''}", "scatter [ppm]", "quoted [ppm]", "ratio"]
    lines = []
    for index, row in enumerate(table):
        level = float(getattr(row["flux"], "value", row["flux"]))
        scatter = "" if not np.isfinite(row["scatter"]) else f"{row['scatter']:,.0f} ± {row['scatter_err']:,.0f}"
        cells = [
            series.curves[index].text + (" (quietest)" if row["best"] else ""),
            "no good row" if np.isnan(level) else f"{level:.6g}",
            scatter or "unknown",
            _number(row["quoted"], ",.0f"),
            _number(row["ratio"], ".2f"),
            *(_number(row[name], ",.0f") for name in extra),
        ]
        lines.append(f'<tr data-curve="{index}">{"".join(f"<td>{clean(cell)}</td>" for cell in cells)}</tr>')
    head = "".join(f"<th>{clean(name)}</th>" for name in [*headings, *(f"{name} [ppm]" for name in extra)])
    return f'<div class="scroll"><table><thead><tr>{head}</tr></thead><tbody>{"".join(lines)}</tbody></table></div>'


def _number(value, form):
    return format(float(value), form) if np.isfinite(value) else "–"


def provenance(ts):
    """
    The product's metadata and history, as HTML.

    Parameters
    ----------
    ts : `~astropy.timeseries.TimeSeries`
        A product.

    Returns
    -------
    str
    """
    rows = [(key, value) for key, value in ts.meta.items() if key != "provenance" and not key.startswith("__")]
    lines = "".join(f"<tr><td>{clean(key)}</td><td>{clean(_short(value))}</td></tr>" for key, value in rows)
    told = f'<div class="scroll"><table class="words"><tbody>{lines}</tbody></table></div>' if lines else ""
    if "provenance" not in ts.meta:
        return told + '<p class="soft">The product does not tell how it was made.</p>'
    return f"{told}<details><summary>Versions, settings and sources</summary><pre>{clean(_history(ts))}</pre></details>"


def _short(value):
    text = ", ".join(str(part) for part in value) if isinstance(value, list | tuple) else str(value)
    return text if len(text) <= 2000 else text[:2000] + " ..."


def _history(ts):
    text = str(ts.meta["provenance"])
    try:
        known = json.loads(text)
    except ValueError:
        return _short(text)
    if isinstance(known, dict) and isinstance(known.get("sources"), list) and len(known["sources"]) > _MOST_SOURCES:
        left = len(known["sources"]) - _MOST_SOURCES
        known["sources"] = [*known["sources"][:_MOST_SOURCES], f"... and {left} more"]
    return json.dumps(known, indent=1, sort_keys=True, ensure_ascii=False)
