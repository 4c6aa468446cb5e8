"""The plots as Bokeh models; all rows' plots share one source, so that a selection in one is one in all."""

import numpy as np

from nircam_tso.inspect.plotting.style import BLUE, VERMILION
from nircam_tso.quality import QualityFlag

__all__ = ["Figures", "document_json", "marker_size"]

# Colours of the rows; those that depend on a light or dark page are set by the page's script.
_USED, _LEFT_OUT, _FADED = BLUE, VERMILION, "#888888"

#: Points in a panel of the scatter matrix; of more rows every so manieth is drawn there.
_MOST_POINTS = 2500


def marker_size(n):
    """Size of the dots of a series in pixels: many are small."""
    return float(np.round(np.clip(14.0 / max(n, 1) ** 0.16, 2.5, 8.0), 1))


class Figures:
    """
    The plots of a series and the sources that they share.

    Parameters
    ----------
    series : `~nircam_tso.inspect.report.series.Series`
        The numbers.
    """

    def __init__(self, series):
        from bokeh.models import BooleanFilter, CDSView, ColumnDataSource, Range1d

        self.series = series
        self.n = len(series.ts)
        self.stride = -(-self.n // _MOST_POINTS)
        self.rows = ColumnDataSource(data=_columns(series), name="rows")
        self.roots = {}
        # What the page's script would choose first; so nothing need be drawn twice.
        shares = _shares(series, self.stride)
        filters = {name: BooleanFilter(booleans=which.tolist(), name=name) for name, which in shares.items()}
        self._views = {name: CDSView(filter=one, name=f"view-{name}") for name, one in filters.items()}
        self._time = Range1d(0, 1, name="time-range")
        self._add_light_curve()
        for index in range(len(series.panels)):
            self._add_panel(index)
        if series.matrix:
            self._add_matrix(len(series.matrix) + 1)
        self._add_allan()

    def _figure(self, name, *, x_range=None, tools=True, webgl=True, **keywords):
        from bokeh.models import BoxSelectTool, BoxZoomTool, HoverTool, PanTool, Range1d, TapTool
        from bokeh.plotting import figure

        made = figure(
            name=name,
            x_range=x_range or Range1d(0, 1, name=f"{name}-x"),
            y_range=Range1d(0, 1, name=f"{name}-y"),
            tools="",
            toolbar_location=None,
            output_backend="webgl" if webgl else "canvas",
            background_fill_color=None,
            border_fill_color=None,
            # Panels under each other have their frames under each other.
            min_border_left=78,
            min_border_right=12,
            min_border_top=4,
            min_border_bottom=4,
            **keywords,
        )
        self.roots[name] = made
        if tools:
            said = [("row", "@row"), ("integration", "@label"), ("flags", "@flags")]
            select, pan, zoom = BoxSelectTool(name=f"select {name}"), PanTool(), BoxZoomTool()
            made.add_tools(select, pan, zoom, TapTool(), HoverTool(tooltips=said))
            made.toolbar.active_drag = select
        return made

    def _add_rows(self, made, x, y, few=False):
        """Draw the rows that are used as dots, those that are left out as crosses."""
        from bokeh.models import GlyphRenderer, Scatter

        renderers = []
        size = marker_size(self.n // self.stride if few else self.n)
        looks = {
            "used": {"marker": "circle", "size": size, "line_color": None, "fill_color": _USED, "fill_alpha": 0.65},
            "left": {"marker": "x", "size": size + 4, "line_color": _LEFT_OUT, "line_width": 1.4, "line_alpha": 0.9},
        }
        for kind, look in looks.items():
            part = {"used": "fill", "left": "line"}[kind]
            faded = {**look, f"{part}_color": _FADED, f"{part}_alpha": 0.18 if self.n > 1000 else 0.4}
            bold = {**look, f"{part}_alpha": 1.0}
            renderer = GlyphRenderer(
                data_source=self.rows,
                view=self._views[f"{kind}_few" if few else kind],
                glyph=Scatter(x=x, y=y, **look),
                selection_glyph=Scatter(x=x, y=y, **bold),
                nonselection_glyph=Scatter(x=x, y=y, **faded),
                name=f"{made.name} {kind}",
            )
            made.renderers.append(renderer)
            renderers.append(renderer)
        # Bins and lines are no rows: they are neither selected nor told of.
        for tool in made.tools:
            if hasattr(tool, "renderers"):
                tool.renderers = renderers

    def _add_mark(self, made):
        """A line at the row that was jumped to."""
        from bokeh.models import Span

        made.add_layout(
            Span(
                location=0,
                dimension="height",
                visible=False,
                line_width=1.2,
                line_dash="dashed",
                name=f"mark-{made.name}",
            )
        )

    def _add_light_curve(self):
        from bokeh.models import ColumnDataSource

        made = self._figure("flux", x_range=self._time, height=330, sizing_mode="stretch_width")
        self._add_rows(made, "x", "flux")
        self.binned = ColumnDataSource(data={name: np.zeros(0) for name in ("x", "y", "low", "high")}, name="binned")
        bars = made.segment(x0="x", y0="low", x1="x", y1="high", source=self.binned, line_width=1.6, line_color="black")
        dots = made.scatter(
            "x",
            "y",
            source=self.binned,
            marker="square",
            size=6,
            fill_color="black",
            line_color="white",
            line_width=0.7,
        )
        bars.name, dots.name = "bins-bars", "bins-dots"
        self._add_mark(made)

    def _add_panel(self, index):
        last = index == len(self.series.panels) - 1
        height = 140 if last else 112
        made = self._figure(f"panel-{index}", x_range=self._time, height=height, sizing_mode="stretch_width")
        name = self.series.panels[index]
        made.xaxis.visible = last
        made.yaxis.ticker.desired_num_ticks = 4
        self._add_rows(made, "x", f"v{self.series.columns.index(name)}")
        self._add_mark(made)

    def _add_matrix(self, k):
        from bokeh.models import ColumnDataSource, Range1d

        ranges = [Range1d(0, 1, name=f"matrix-range-{i}") for i in range(k)]
        for i in range(k):
            for j in range(i + 1):
                frame = {"frame_width": 185, "frame_height": 185}
                made = self._figure(f"matrix-{i}-{j}", x_range=ranges[j], tools=i != j, webgl=i != j, **frame)
                # Only the outer panels have numbers, so that the frames meet.
                made.min_border_left = 64 if j == 0 else 4
                made.min_border_right = made.min_border_top = 4
                made.min_border_bottom = 40 if i == k - 1 else 4
                made.xaxis.visible, made.yaxis.visible = i == k - 1, j == 0 and i != j
                made.xaxis.major_label_orientation = 0.8
                made.xaxis.ticker.desired_num_ticks = made.yaxis.ticker.desired_num_ticks = 4
                if i == j:
                    edges = ColumnDataSource(
                        data={name: np.zeros(0) for name in ("left", "right", "top", "part")}, name=f"histogram-{i}"
                    )
                    bars = {"left": "left", "right": "right", "bottom": 0, "line_color": None, "source": edges}
                    every = made.quad(top="top", fill_color=_USED, fill_alpha=0.4, **bars)
                    part = made.quad(top="part", fill_color=_USED, fill_alpha=0.9, **bars)
                    every.name, part.name = f"histogram-{i} every", f"histogram-{i} part"
                else:
                    made.y_range = ranges[i]
                    self._add_rows(made, f"m{j}", f"m{i}", few=True)

    def _add_allan(self):
        from bokeh.models import ColumnDataSource, LogTicker, NumeralTickFormatter
        from bokeh.plotting import figure

        names = ("size", "ppm", "low", "high", "white", "white_low", "white_high")
        self.allan = ColumnDataSource(data={name: np.zeros(0) for name in names}, name="allan-data")
        made = figure(
            name="allan",
            x_axis_type="log",
            y_axis_type="log",
            x_range=(0.9, 10.0),
            y_range=(1.0, 10.0),
            height=320,
            sizing_mode="stretch_width",
            tools="",
            toolbar_location=None,
            background_fill_color=None,
            border_fill_color=None,
            min_border_left=78,
            min_border_right=12,
        )
        # Powers of ten in Bokeh's own form would hide the numbers between them.
        made.xaxis.formatter = made.yaxis.formatter = NumeralTickFormatter(format="0,0.[000]")
        for axis in (*made.xaxis, *made.yaxis):
            axis.ticker = LogTicker(mantissas=[1, 2, 5], desired_num_ticks=8)
        made.varea("size", "white_low", "white_high", source=self.allan, fill_color=_FADED, fill_alpha=0.3)
        made.line("size", "white", source=self.allan, line_color=_FADED, line_width=2, line_dash="dashed")
        made.segment(x0="size", y0="low", x1="size", y1="high", source=self.allan, line_color=_USED).name = "allan-bars"
        made.scatter("size", "ppm", source=self.allan, size=6, fill_color=_USED, line_color=None).name = "allan-dots"
        self.roots["allan"] = made


def _shares(series, stride):
    """Rows that are used, those that are left out, and every so manieth of each for the matrix."""
    allowed = sum(flag["bit"] for flag in series.flags if flag["used"])
    used = (series.quality & ~np.uint32(allowed)) == 0
    shares = {"used": used, "left": ~used}
    for name, which in list(shares.items()):
        shares[f"{name}_few"] = which & ((np.cumsum(which) - 1) % stride == 0)
    return shares


def _columns(series):
    """Columns of the shared source. Bokeh sends arrays as their bytes."""
    n = len(series.ts)
    chosen = series.curves[series.chosen]
    time = series.seconds / series.time_unit[1]
    data = {
        "row": np.arange(n, dtype=np.int32),
        "label": series.label,
        "time": time,
        "x": time if np.isfinite(series.span) else np.arange(n, dtype=float),
        "flux": chosen.values,
        "quality": series.quality,
        "flags": _flag_names(series.quality),
    }
    for index, curve in enumerate(series.curves):
        data[f"c{index}"], data[f"e{index}"] = curve.values, curve.errors
    for index, name in enumerate(series.columns):
        data[f"v{index}"] = series.values(name)[0]
    data["m0"] = chosen.values
    for slot, name in enumerate(series.matrix):
        data[f"m{slot + 1}"] = data[f"v{series.columns.index(name)}"]
    return data


def _flag_names(quality):
    codes, place = np.unique(quality, return_inverse=True)
    known = sum(QualityFlag)
    words = [", ".join(QualityFlag(int(code) & known).names()) or "none" for code in codes]
    return [words[index] for index in place.ravel()]


def document_json(roots):
    """
    Models as Bokeh's JSON, with identifiers that do not depend on what the process made before.

    Parameters
    ----------
    roots : dict of str to `bokeh.model.Model`
        By the id of the HTML element that each is put into.

    Returns
    -------
    document : dict
        The document.
    elements : dict of str to str
        Identifiers of the roots and ids of their elements.
    """
    from bokeh.document import Document

    document = Document()
    # Else Bokeh walks through all models again for each root.
    with document.models.freeze():
        for model in roots.values():
            document.add_root(model)
    content = document.to_json(deferred=False)
    names = {}
    content = _renamed(content, names)
    return content, {names[model.id]: element for element, model in roots.items()}


def _renamed(part, names):
    # A copy: Bokeh has one dict for all references to a model, which must not be renamed twice.
    if isinstance(part, dict):
        known = part.get("id")
        if isinstance(known, str):
            part = {**part, "id": names.setdefault(known, f"m{len(names)}")}
        return {key: _renamed(value, names) for key, value in part.items()}
    if isinstance(part, list | tuple):
        return [_renamed(value, names) for value in part]
    return part
