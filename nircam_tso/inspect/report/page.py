"""The page: words, plots, data and behaviour in one HTML text."""

import base64
import hashlib
import json
from importlib import resources

import numpy as np

from nircam_tso.inspect.report.figures import Figures, document_json
from nircam_tso.inspect.report.images import add_picture, pictures
from nircam_tso.inspect.report.series import Series
from nircam_tso.inspect.report.words import clean, facts, findings, light_curve_table, provenance, title

__all__ = ["build_page"]


def build_page(ts, exposure=None):
    """
    Make the page.

    Parameters
    ----------
    ts : `~astropy.timeseries.TimeSeries`
        A product.
    exposure : `~nircam_tso.io.exposure.Exposure`, optional
        What it was extracted from, for the images.

    Returns
    -------
    str
        A whole HTML document that asks the network for nothing: a content security policy
        forbids it, and forbids every script but those that are written here.

    Raises
    ------
    ValueError
        For a product without rows or light curves, or another exposure.
    """
    series = Series(ts)
    shown = pictures(ts, exposure) if exposure is not None else []
    figures = Figures(series)
    roots = dict(figures.roots)
    for picture in shown:
        roots[picture.name] = add_picture(picture)
    # An element's id is its plot's name.
    document, elements = document_json(roots)
    config = _config(series, figures, elements, shown)
    scripts = [*_bokeh_scripts(), _part("page.js")]
    hashes = " ".join(f"'sha256-{_hash(script)}'" for script in scripts)
    # Bokeh's WebGL part makes functions out of its own text, hence unsafe-eval.
    policy = (
        f"default-src 'none'; script-src {hashes} 'unsafe-eval'; style-src 'unsafe-inline'; "
        "img-src data: blob:; base-uri 'none'; form-action 'none'"
    )
    name = clean(title(ts))
    *libraries, behaviour = (f"<script>{script}</script>" for script in scripts)
    return "\n".join(
        [
            '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">',
            f'<meta http-equiv="Content-Security-Policy" content="{policy}">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            '<link rel="icon" href="data:,">',
            f"<title>{name}</title>",
            f"<style>{_part('page.css')}</style>",
            *libraries,
            "</head>\n<body>",
            _header(ts, name),
            "<main>",
            _summary(series),
            _controls(series, config),
            _light_curve(series),
            _matrix(series, figures),
            _allan(),
            _images(shown, exposure),
            _quality(series),
            f'<section id="provenance"><h2>Provenance</h2>\n{provenance(ts)}</section>',
            "</main>",
            f"<footer>{_made_by()}</footer>",
            _data("config", config),
            _data("document", document),
            behaviour,
            "</body>\n</html>\n",
        ]
    )


def _part(name):
    return resources.files("nircam_tso.inspect.report").joinpath(name).read_text(encoding="utf-8")


def _bokeh_scripts():
    from bokeh.resources import Resources

    found = Resources(mode="inline", components=["bokeh", "bokeh-gl"], log_level="warn").js_raw
    # A browser reads line ends as line feeds before it takes the hash.
    return [script.replace("\r\n", "\n").replace("\r", "\n") for script in found]


def _hash(script):
    return base64.b64encode(hashlib.sha256(script.encode("utf-8")).digest()).decode()


def _data(name, content):
    """A JSON block in which no string can end the block."""
    text = json.dumps(_plain(content), separators=(",", ":"), allow_nan=False, ensure_ascii=True)
    for char in "<>&":
        text = text.replace(char, f"\\u{ord(char):04x}")
    return f'<script type="application/json" id="{name}">{text}</script>'


def _plain(part):
    """What JSON has a word for: unknown numbers become null."""
    if isinstance(part, dict):
        return {key: _plain(value) for key, value in part.items()}
    if isinstance(part, list | tuple):
        return [_plain(value) for value in part]
    if isinstance(part, float) and not np.isfinite(part):
        return None
    return part


def _config(series, figures, elements, shown):
    n = len(series.ts)
    steps = np.abs(np.diff(series.seconds[np.isfinite(series.seconds)]))
    return {
        "n": n,
        "roots": elements,
        "figures": list(elements.values()),
        "stride": figures.stride,
        "step": float(np.median(steps)) if steps.size else 0.0,
        "sizes": _sizes(n),
        "curves": [
            {
                "text": curve.text,
                "relative": curve.relative,
                "unit": curve.unit,
                "caption": _caption(curve),
            }
            for curve in series.curves
        ],
        "panels": [f"v{series.columns.index(name)}" for name in series.panels],
        "matrix": ["flux", *(f"v{series.columns.index(name)}" for name in series.matrix)] if series.matrix else [],
        "matrixPanels": [
            name for name in figures.roots if name.startswith("matrix-") and len(set(name[7:].split("-"))) > 1
        ],
        "images": [picture.row for picture in shown if picture.row is not None],
    }


def _sizes(n):
    """Bin sizes of the slider: 1 is none, the largest leaves four bins."""
    largest = max(n // 4, 1)
    return np.unique(np.round(np.geomspace(1, largest, 60)).astype(int)).tolist()


def _caption(curve):
    if curve.relative:
        unit = f" {curve.unit}" if curve.unit else ""
        return f"{curve.column}: flux over its median of {curve.level:.6g}{unit}, less 1, in ppm"
    return f"{curve.column}{f' [{curve.unit}]' if curve.unit else ''}: it has no positive median"


def _header(ts, name):
    parts = [str(ts.meta[key]) for key in ("instrument", "detector", "filter", "pupil", "subarray") if ts.meta.get(key)]
    numbers = [f"{key} {ts.meta[key]}" for key in ("program", "observation", "visit") if ts.meta.get(key)]
    told = clean(", ".join(parts + numbers))
    return (
        f'<header><h1>{name}</h1><span class="soft">{told}</span>'
        '<button type="button" id="theme">light / dark</button></header>'
    )


def _summary(series):
    told = "".join(f"<div><dt>{clean(key)}</dt><dd>{clean(value)}</dd></div>" for key, value in facts(series))
    notes = series.ts.meta.get("notes")
    said = f"<p><b>Notes.</b> {clean(notes)}</p>" if notes else ""
    return (
        f'<section id="summary"><dl class="facts">{told}</dl>{said}\n{findings(series.ts)}\n{light_curve_table(series)}'
        "<noscript><p><b>The plots need JavaScript.</b></p></noscript></section>"
    )


def _controls(series, config):
    options = "".join(
        f'<option value="{index}"{" selected" if index == series.chosen else ""}>{clean(curve.text)}</option>'
        for index, curve in enumerate(series.curves)
    )
    sizes = config["sizes"]
    # About a hundred bins are easy to look at; few rows need none.
    first = int(np.searchsorted(sizes, config["n"] / 100)) if config["n"] > 200 else 0
    flags = "".join(
        f'<label><input type="checkbox" data-bit="{flag["bit"]}"{" checked" if flag["used"] else ""}>'
        f"{flag['name']} ({flag['count']:,})</label>"
        for flag in series.flags
    )
    drags = (("BoxSelectTool", "select"), ("PanTool", "move"), ("BoxZoomTool", "zoom"))
    drag = "".join(
        f'<label><input type="radio" name="drag" value="{tool}"{" checked" if not index else ""}>{text}</label>'
        for index, (tool, text) in enumerate(drags)
    )
    return (
        '<nav id="controls" aria-label="what is shown"><div class="line">'
        f'<label>aperture <select id="aperture" autocomplete="off">{options}</select></label>'
        f'<label>bins <input type="range" id="bin" min="0" max="{len(sizes) - 1}" value="{first}" autocomplete="off">'
        '<output id="bin-text" for="bin"></output></label>'
        f"<fieldset><b>drag to</b>{drag}</fieldset>"
        '<button type="button" id="reset">whole series</button>'
        '<button type="button" id="clear">clear selection</button>'
        f'</div><div class="line"><fieldset><b>use rows with</b>{flags or "<span>no row has a flag</span>"}</fieldset>'
        '<label><input type="checkbox" id="show-left" checked autocomplete="off">show rows left out</label></div>'
        '<p id="status" role="status"></p></nav>'
    )


def _light_curve(series):
    against = f"{series.time_unit[0]} since {series.start}" if series.start else "number of the row"
    panels = "".join(
        f'<p class="caption">{clean(_panel_caption(series, name))}</p><div id="panel-{index}"></div>'
        for index, name in enumerate(series.panels)
    )
    none = '<p class="soft">No column of centres, widths or sky varies.</p>'
    return (
        '<section id="light-curve"><h2>Light curve, place, width and sky</h2>'
        '<p class="soft"><span class="key"></span> rows used, <span class="key cross">×</span> rows left out, '
        '<span class="key square"></span> means of bins with the error of independent rows. Rows that are selected in '
        "one plot are selected in all; a click with Shift adds to them.</p>"
        f'<p class="caption" id="flux-caption"></p><div id="flux"></div>{panels or none}'
        f'<p class="caption middle">{clean(against)}</p></section>'
    )


def _panel_caption(series, name):
    unit = series.unit(name)
    description = series.ts[name].info.description
    middle = series.values(name)[1]
    told = f"{name}{f' [{unit}]' if unit else ''} less its median of {middle:.7g}"
    return f"{told}: {description}" if description else told


def _matrix(series, figures):
    if not series.matrix:
        return ""
    k = len(series.matrix) + 1
    cells = ['<div class="name first"><span id="slot-name-0"></span> [ppm]</div>']
    for slot, chosen in enumerate(series.matrix):
        options = "".join(
            f'<option value="v{index}"{" selected" if name == chosen else ""}>'
            f"{clean(name)}{f' [{clean(series.unit(name))}]' if series.unit(name) else ''}</option>"
            for index, name in enumerate(series.columns)
        )
        label = f'aria-label="column {slot + 2} of the matrix"'
        cells.append(
            f'<div class="name"><select data-slot="{slot + 1}" {label} autocomplete="off">{options}</select></div>'
        )
    for i in range(k):
        for j in range(k):
            cells.append(f'<div id="matrix-{i}-{j}"></div>' if j <= i else f'<div class="r" id="r-{i}-{j}"></div>')
    few = f" One of {figures.stride} rows is drawn; histograms and r have all." if figures.stride > 1 else ""
    return (
        '<section id="matrix"><h2>Scatter matrix</h2><p class="soft">Each column less its median, r of the rows used. '
        f"The lists choose other columns.{few}</p>"
        f'<div class="matrix" style="grid-template-columns: repeat({k}, auto)">{"".join(cells)}</div></section>'
    )


def _allan():
    return (
        '<section><h2>Scatter against bin size</h2><p class="soft">Standard deviation of means of N rows, and what '
        "white noise would give (dashed, with its 1 sigma). A transit counts as noise here: select the rows out of it. "
        '<span id="allan-told"></span></p><div id="allan-plot"><p class="caption">scatter [ppm]</p>'
        '<div id="allan"></div><p class="caption middle">rows in a bin</p></div></section>'
    )


def _images(shown, exposure):
    if not shown:
        return ""
    unit = f" {exposure.unit}" if str(exposure.unit) else ""
    told = []
    for picture in shown:
        parts = [f"white {picture.low:.4g} to black {picture.high:.4g}{unit}, arcsinh scale"]
        if np.isfinite(picture.center).all():
            parts += _apertures(picture)
        else:
            parts.append("no centre known")
        if (picture.pixels == 255).any():
            parts.append("yellow: no value")
        button = ""
        if picture.row is not None:
            button = f'<br><button type="button" data-jump="{picture.row}">show in the light curve</button>'
        told.append(
            f'<figure><figcaption><b>{clean(picture.title)}</b><br><span class="soft">{clean("; ".join(parts))}'
            f'</span>{button}</figcaption><div id="{picture.name}"></div></figure>'
        )
    return (
        '<section id="images"><h2>Images</h2><p class="soft">x and y in zero-based pixels of the frame; the sky and '
        f'1/f noise are not subtracted.</p><div class="pictures">{"".join(told)}</div></section>'
    )


def _apertures(picture):
    """The apertures of a picture in words."""
    radii = picture.radii
    told = [f"{outline.name}: {outline.text}" for outline in picture.outlines]
    if not radii:
        return told
    size = ", ".join(f"{radius:.4g}" for radius in radii) if len(radii) <= 4 else f"{radii[0]:.4g} to {radii[-1]:.4g}"
    return [f"apertures {size} pix", *told]


def _quality(series):
    options = "".join(
        f'<option value="{flag["bit"]}">{flag["name"]} ({flag["count"]:,})</option>' for flag in series.flags
    )
    return (
        '<section id="quality"><h2>Rows with quality flags</h2><div class="pager">'
        '<label>flag <select id="flag-filter" autocomplete="off"><option value="0">any</option>'
        f"{options}</select></label>"
        '<button type="button" id="flag-back">back</button><span id="flag-count"></span>'
        '<button type="button" id="flag-next">next</button></div>'
        '<div class="scroll"><table class="words"><thead><tr><th>jump to</th><th>integration</th><th>'
        f"{series.time_unit[0]}</th>"
        '<th>flux [ppm]</th><th>flags</th><th></th></tr></thead><tbody id="flag-rows"></tbody></table></div>'
        '<p class="soft">Flags that every row has are not listed.</p></section>'
    )


def _made_by():
    import bokeh

    import nircam_tso

    return f"nircam_tso {clean(nircam_tso.__version__)}, drawn with Bokeh {clean(bokeh.__version__)}"
