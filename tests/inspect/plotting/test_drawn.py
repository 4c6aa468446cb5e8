"""What the figures hold: the numbers of the columns, their marks and their words."""

import json
import subprocess
import sys
import warnings

import matplotlib
import numpy as np
import pytest
from astropy import units as u
from astropy.table import QTable, Table
from astropy.time import Time
from astropy.visualization import time_support
from matplotlib.figure import Figure

from nircam_tso.inspect import plotting
from nircam_tso.inspect.plotting.correlation import rank_correlations
from nircam_tso.inspect.plotting.rows import KINDS, rows_of
from nircam_tso.inspect.statistics import allan, best_aperture, scatter
from nircam_tso.quality import QualityFlag
from nircam_tso.simulate import simulate_exposure

THIRTY = [2 + 0.25 * i for i in range(30)]
OF_PRODUCTS = {
    "columns": plotting.plot_columns,
    "centers": plotting.plot_centers,
    "matrix": plotting.plot_matrix,
    "hist": lambda ts: plotting.plot_matrix(ts, diagonal="hist"),
    "radii": plotting.plot_radii,
    "growth": plotting.plot_growth,
    "allan": plotting.plot_allan,
    "correlation": plotting.plot_correlation,
}


def figure_of(drawn):
    return drawn if isinstance(drawn, Figure) else drawn.figure


def lines(ax, gid):
    return [line for line in ax.lines if line.get_gid() == gid]


def panel(fig, label):
    return next(ax for ax in fig.axes if ax.get_label() == label)


def texts(figure):
    """Every text that is seen, with its box on the page."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.text import Text

    canvas = FigureCanvasAgg(figure)
    figure.draw_without_rendering()
    renderer = canvas.get_renderer()
    hidden = set()
    every = [part for ax in figure.axes for part in (ax, *ax.child_axes)]
    for axis in (axis for ax in every for axis in (ax.xaxis, ax.yaxis)):
        low, high = sorted(axis.get_view_interval())
        for tick in (*axis.get_major_ticks(), *axis.get_minor_ticks()):
            if not low <= tick.get_loc() <= high:
                hidden |= {tick.label1, tick.label2}
    for ax in figure.axes:
        if not ax.axison:
            hidden |= set(ax.xaxis.findobj(Text)) | set(ax.yaxis.findobj(Text))
    found = []
    for text in set(figure.findobj(Text)) - hidden:
        if text.get_visible() and text.get_text().strip():
            found.append((text.get_text(), text.get_window_extent(renderer)))
    return found


def overlapping(found):
    """Pairs of texts whose boxes share more than a pixel."""
    boxes = np.array([box.extents for _, box in found])
    low, high = boxes[:, None, :2], boxes[:, None, 2:]
    shared = np.minimum(high, high.swapaxes(0, 1)) - np.maximum(low, low.swapaxes(0, 1))
    i, j = np.nonzero(np.tril((shared > 1).all(axis=2), -1))
    return [(found[a][0], found[b][0]) for a, b in zip(i, j, strict=True)]


def outside(found, page):
    """Texts that run over the edge of the page."""
    return [
        text
        for text, box in found
        if box.x0 < page.x0 - 1 or box.y0 < page.y0 - 1 or box.x1 > page.x1 + 1 or box.y1 > page.y1 + 1
    ]


# What is drawn


def test_every_column_has_a_panel_with_its_own_numbers(product):
    ts = product()
    fig = plotting.plot_columns(ts)
    names = ["background", "x_gauss", "x_stddev", "y_gauss", "y_stddev"]
    names += ["aperture_sum_r3", "aperture_sum_r5", "aperture_sum_r8", "integration"]
    assert sorted(ax.get_label() for ax in fig.axes) == sorted(names)
    for name in names:
        (line,) = lines(panel(fig, name), "rows")
        np.testing.assert_array_equal(line.get_ydata(), getattr(ts[name], "value", ts[name]))
        np.testing.assert_allclose(line.get_xdata(), ts["time"].mjd, rtol=0, atol=1e-9)
    told = fig.legends[0].get_title().get_text().replace("\n", " ")
    assert "n_replaced 0" in told and "aperture_area_r3 28.2743" in told and "exposure_time 9.8" in told


def test_errors_are_bars_of_one_sigma(product):
    ts = product()
    ax = panel(plotting.plot_columns(ts), "background")
    (bars,) = [part for part in ax.collections if part.get_gid() == "errors"]
    lengths = [segment[1, 1] - segment[0, 1] for segment in bars.get_segments()]
    np.testing.assert_allclose(lengths, 0.04, rtol=1e-9)
    assert len(lengths) == 59
    assert not panel(plotting.plot_columns(ts, errors=False), "background").collections


def test_flagged_rows_carry_the_mark_of_their_kind(product):
    ts = product()
    ax = panel(plotting.plot_columns(ts, "x_gauss"), "x_gauss")
    (aperture,), (jump,) = lines(ax, "flag aperture"), lines(ax, "flag jump")
    assert aperture.get_marker() == "s" and jump.get_marker() == "d"
    np.testing.assert_array_equal(aperture.get_ydata(), ts["x_gauss"].value[[6]])
    np.testing.assert_array_equal(jump.get_ydata(), ts["x_gauss"].value[[8]])
    # Rows without a value stand at the foot of the panel, at their time.
    (lost,) = lines(ax, "lost fit or centre")
    np.testing.assert_allclose(lost.get_xdata(), ts["time"].mjd[[3, 4]], rtol=0, atol=1e-9)
    assert lost.get_marker() == "^" and set(lost.get_ydata()) == {0.0}
    assert lines(ax, "lost no data")
    # The fit failed, the aperture did not.
    flux = panel(plotting.plot_columns(ts, "aperture_sum_r3"), "aperture_sum_r3")
    np.testing.assert_array_equal(lines(flux, "flag fit or centre")[0].get_ydata(), ts["aperture_sum_r3"].value[[3, 4]])


def test_legend_counts_the_kinds(product):
    fig = plotting.plot_columns(product())
    words = {text.get_text() for text in fig.legends[0].get_texts()}
    assert words == {"no data (1)", "fit or centre (2)", "aperture (1)", "jump (1)"}
    assert plotting.plot_columns(product(flags=False), "x_gauss").legends == []


def test_every_flag_has_a_kind_and_every_kind_its_marker():
    for flag in QualityFlag:
        assert sum(bool(kind.bits & flag) for kind in KINDS) == 1, flag.name
    assert len({kind.marker for kind in KINDS}) == len(KINDS)


def test_flag_of_every_row_marks_none_if_it_only_informs():
    ts = Table({"quality": np.full(3, int(QualityFlag.TIME_FROM_HEADER), np.uint32)})
    assert rows_of(ts).kinds == []
    ts["quality"][:] = int(QualityFlag.FIT_FAILED)
    assert [kind.label for kind, _ in rows_of(ts).kinds] == ["fit or centre"]


def test_labels_have_units_and_powers_of_ten(product):
    fig = plotting.plot_columns(product())
    words = {ax.get_label(): ax.get_ylabel().replace("\n", " ") for ax in fig.axes}
    assert words["x_gauss"] == "x_gauss [pix]"
    assert words["background"] == "background [MJy / sr]"
    assert words["aperture_sum_r5"] == "aperture_sum_r5 [1e-6 Jy]"
    assert words["integration"] == "integration"
    fig.draw_without_rendering()
    axis = panel(fig, "aperture_sum_r5").yaxis
    shown = [float(tick.get_text().replace("\N{MINUS SIGN}", "-")) for tick in axis.get_ticklabels()]
    np.testing.assert_allclose(shown, np.array(axis.get_majorticklocs()) * 1e6, rtol=1e-6)


def test_centers(product):
    ts = product()
    fig = plotting.plot_centers(ts, "aperture_sum_r5")
    assert [ax.get_xlabel() for ax in fig.axes] == ["x_gauss [pix]", "y_gauss [pix]"]
    assert fig.axes[0].get_ylabel() == "aperture_sum_r5 [1e-6 Jy]"
    (line,) = lines(fig.axes[1], "rows")
    np.testing.assert_array_equal(line.get_xdata(), ts["y_gauss"].value)
    np.testing.assert_array_equal(line.get_ydata(), ts["aperture_sum_r5"].value)
    with pytest.raises(ValueError, match="'x_cc' is not in ts"):
        plotting.plot_centers(ts, centers=["x_cc"])


def test_matrix_is_less_its_median(product):
    ts = product()
    names = ["aperture_sum_r5", "x_gauss", "y_gauss"]
    fig = plotting.plot_matrix(ts, names)
    assert len(fig.axes) == 9
    ax = panel(fig, "aperture_sum_r5 y_gauss")
    good = np.ones(60, bool)
    good[[1, 3, 4, 6]] = False
    for values, name in ((lines(ax, "rows")[0].get_xdata(), "y_gauss"), (lines(ax, "rows")[0].get_ydata(), names[0])):
        np.testing.assert_allclose(values, ts[name].value - np.median(ts[name].value[good]), rtol=0, atol=1e-15)


def test_density_and_histogram_hold_one(product):
    ts = product(400)
    fig = plotting.plot_matrix(ts, ["x_gauss", "background"])
    (line,) = lines(panel(fig, "background background"), "density")
    assert np.trapezoid(line.get_ydata(), line.get_xdata()) == pytest.approx(1, abs=0.02)
    ax = panel(plotting.plot_matrix(ts, ["x_gauss", "background"], diagonal="hist"), "background background")
    (outline,) = ax.patches
    x, y = outline.get_xy().T
    assert abs(np.sum(0.5 * (x[1:] * y[:-1] - x[:-1] * y[1:]))) == pytest.approx(1, abs=1e-9)
    from astropy.stats import calculate_bin_edges

    good = np.isin(np.arange(400), [1, 3, 4, 6], invert=True)
    values = ts["background"].value[good] - np.median(ts["background"].value[good])
    np.testing.assert_allclose(np.unique(x), calculate_bin_edges(values, "blocks"), rtol=0, atol=1e-12)


def test_radii_are_relative_and_told_by_name_and_scatter(product):
    ts = product()
    ax = plotting.plot_radii(ts)
    drawn = lines(ax, "rows")
    step = drawn[0].get_ydata() - drawn[1].get_ydata()
    good = np.isin(np.arange(60), [1, 3, 4, 6], invert=True)
    flux = ts["aperture_sum_r3"].value
    np.testing.assert_allclose(drawn[0].get_ydata(), flux / np.median(flux[good]), rtol=1e-12)
    shift = float(ax.get_ylabel().split("each ")[1].split(" ")[0])
    assert np.nanmedian(step) == pytest.approx(shift, abs=2e-3)
    expected = [f"r{r}: {scatter(ts, f'aperture_sum_r{r}').ppm:.0f} ppm" for r in (3, 5, 8)]
    assert [text.get_text() for text in ax.texts] == expected


def test_bins_of_a_long_series(product):
    ax = plotting.plot_radii(product(400, radii=[3]))
    (line,) = lines(ax, "bins")
    assert len(line.get_xdata()) == 80
    assert not lines(plotting.plot_radii(product(200, radii=[3])), "bins")


def test_growth(product):
    ts = product()
    best = best_aperture(ts)
    top, bottom = plotting.plot_growth(ts).axes
    (line,) = lines(top, "growth")
    np.testing.assert_array_equal(line.get_xdata(), [3, 5, 8])
    np.testing.assert_allclose(line.get_ydata(), best.growth)
    (measured,) = [bars for bars in bottom.containers if bars.get_label() == "row to row"]
    np.testing.assert_allclose(measured.lines[0].get_ydata(), best.ppm)
    assert bottom.get_xlabel() == "radius [pix]" and bottom.get_ylabel() == "scatter [ppm]"


def test_allan(product):
    ts = product(400, flags=False)
    curve = allan(ts, "aperture_sum_r5", kind="allan")
    for ax in (plotting.plot_allan(ts, "aperture_sum_r5", kind="allan"), plotting.plot_allan(curve)):
        (white,) = lines(ax, "white")
        np.testing.assert_allclose(white.get_ydata(), curve.ppm[0] / np.sqrt(curve.size))
        np.testing.assert_allclose(ax.containers[0].lines[0].get_ydata(), curve.ppm)
    assert ax.get_ylabel() == "Allan deviation of flux [ppm]"
    with pytest.raises(ValueError, match="kind: 'std' is neither 'rms' nor 'allan'"):
        plotting.plot_allan(ts, kind="std")


def test_correlations_are_those_of_scipy(product):
    from scipy.stats import spearmanr

    ts = product(flags=False)
    names = ["aperture_sum_r3", "aperture_sum_r5", "x_gauss"]
    found = rank_correlations(ts, names)
    expected = spearmanr(np.array([ts[name].value for name in names]), axis=1).statistic
    np.testing.assert_allclose(found, expected, atol=1e-12)
    ax = plotting.plot_correlation(ts, names)
    np.testing.assert_array_equal(ax.images[0].get_array(), found)
    assert [tick.get_text() for tick in ax.get_yticklabels()] == names


def test_image_and_where_it_was_measured(product, exposure_settings, tmp_path):
    from astropy.io import fits

    paths = simulate_exposure(tmp_path, exposure_settings(12, segments=2)).paths
    ts = product(12)
    ax = plotting.plot_image(ts, [str(path) for path in paths], row=9)
    np.testing.assert_array_equal(ax.images[0].get_array(), fits.getdata(paths[1], "SCI")[3])
    places = {}
    for patch in ax.patches:
        places.setdefault(patch.get_gid(), []).append(patch)
    assert [circle.get_radius() for circle in places["aperture"]] == [3, 5, 8]
    assert [circle.get_radius() for circle in places["annulus"]] == [9, 14]
    assert {circle.get_center() for circle in places["aperture"]} == {(25.61, 13.31)}
    # The sky's pixels were chosen once, about the place where the star was looked for.
    assert {circle.get_center() for circle in places["annulus"]} == {(25.6, 13.3)}
    # 21 columns and 15 rows about (25.6, 13.3), as astropy's Cutout2D takes them.
    from astropy.nddata import Cutout2D

    cutout = Cutout2D(np.zeros((30, 44)), (25.6, 13.3), (15, 21))
    (box,) = places["subframe"]
    assert box.get_xy() == (cutout.xmin_original - 0.5, cutout.ymin_original - 0.5)
    assert (box.get_width(), box.get_height()) == (21, 15)
    assert [float(value[0]) for value in lines(ax, "centre")[0].get_data()] == [25.61, 13.31]
    with pytest.raises(ValueError, match="row: 12 is not among the 12 rows"):
        plotting.plot_image(ts, paths, row=12)
    ts["integration"] += 40
    with pytest.raises(ValueError, match="does not hold integration 41 of exposure 1"):
        plotting.plot_image(ts, [str(path) for path in paths])


@pytest.mark.parametrize("theta", [0.0, 25.0, -70.0])
def test_apertures_of_other_shapes_are_drawn_as_they_are(product, theta):
    from photutils.aperture import EllipticalAperture, RectangularAperture

    ts, cube = product(12, radii=()), np.random.default_rng(1).normal(0, 1, (12, 30, 44))
    shapes = {
        "oval": {"shape": "ellipse", "a": 9.0, "b": 4.0, "theta": theta},
        "slit": {"shape": "rectangle", "w": 13.0, "h": 5.0, "theta": theta},
    }
    settings = {**json.loads(ts.meta["provenance"])["settings"], "aperture_shapes": shapes}
    ts.meta["provenance"] = json.dumps({"settings": settings})
    ax = plotting.plot_image(ts, cube, row=2, whole=True)
    drawn = [patch for patch in ax.patches if patch.get_gid() == "aperture"]
    angle, center = np.radians(theta), (25.61, 13.31)
    expected = [EllipticalAperture(center, 9, 4, theta=angle), RectangularAperture(center, 13, 5, theta=angle)]
    y, x = np.mgrid[:30, :44]
    for patch, aperture in zip(drawn, expected, strict=True):
        inside = patch.get_path().contains_points(np.column_stack([x.ravel(), y.ravel()])).reshape(30, 44)
        np.testing.assert_array_equal(inside, aperture.to_mask(method="center").to_image((30, 44)) > 0)
    told = [text.get_text() for text in ax.get_legend().get_texts()]
    turn = f", {theta:g} deg" if theta else ""
    assert f"aperture oval: ellipse 9 x 4 pix{turn}" in told
    assert f"aperture slit: rectangle 13 x 5 pix{turn}" in told
    drawn = ax.figure
    drawn.canvas.draw()
    assert drawn.bbox.containsx(ax.get_legend().get_window_extent().x0)
    assert drawn.bbox.containsx(ax.get_legend().get_window_extent().x1)
    # What surrounds the star holds the shapes, too.
    assert np.ptp(plotting.plot_image(ts, cube, row=2).get_xlim()) > 2 * 9


def test_apertures_of_all_stars_are_drawn(product):
    ts = product(12, radii=(3,))
    ts["aperture_sum_r3_star2"] = 0.5 * ts["aperture_sum_r3"]
    ts.meta |= {"n_stars": 2, "center_x_star2": 8.4, "center_y_star2": 20.2}
    ts.meta |= {"position_x_star2": 8.0, "position_y_star2": 20.0}
    ax = plotting.plot_image(ts, np.ones((30, 44)), row=2, whole=True)
    places = {gid: [p.get_center() for p in ax.patches if p.get_gid() == gid] for gid in ("aperture", "annulus")}
    assert places == {"aperture": [(25.61, 13.31), (8.4, 20.2)], "annulus": 2 * [(25.6, 13.3)] + 2 * [(8.0, 20.0)]}
    told = [text.get_text().split()[0] for text in ax.get_legend().get_texts()]
    assert sorted(told) == ["aperture", "centre", "sky", "subframe"]


def test_the_hexagon_is_that_which_is_summed(product):
    from nircam_tso import HexagonShape

    ts = product(12)
    shape = HexagonShape(10.5, np.radians(17.0))
    settings = {"aperture_shapes": {"lens": shape.describe()}, "background": {"kind": "frame"}}
    ts.meta["provenance"] = json.dumps({"settings": settings})
    ax = plotting.plot_image(ts, np.ones((30, 44)), row=0)
    assert "annulus" not in {patch.get_gid() for patch in ax.patches}
    (lens,) = [patch for patch in ax.patches if patch.get_gid() == "aperture" and hasattr(patch, "get_xy")]
    x, y = lens.get_xy()[:-1].T
    assert abs(np.sum(x * np.roll(y, -1) - y * np.roll(x, -1))) / 2 == pytest.approx(shape.area)
    edge = np.abs(shape.overlap((30, 44), (25.61, 13.31)) - 0.5) < 0.5
    inside = lens.get_path().contains_points(np.argwhere(np.ones((30, 44)))[:, ::-1]).reshape(30, 44)
    np.testing.assert_array_equal(inside[~edge], shape.overlap((30, 44), (25.61, 13.31))[~edge] > 0)


def test_image_of_an_array_with_the_whole_frame(product):
    cube = np.random.default_rng(1).normal(0, 1, (12, 60, 90))
    ax = plotting.plot_image(product(12), cube, row=-1, whole=True)
    np.testing.assert_array_equal(ax.images[0].get_array(), cube[11])
    assert ax.get_xlim() == (-0.5, 89.5) and ax.get_ylim() == (-0.5, 59.5)
    assert "row 11, integration 12" in ax.get_title()
    alone = plotting.plot_image(product(12), cube[3], row=3)
    np.testing.assert_array_equal(alone.images[0].get_array(), cube[3])


def test_image_of_a_ramp_is_last_less_first(product):
    cube = np.random.default_rng(1).normal(0, 1, (12, 5, 30, 44))
    ts = product(12)
    np.testing.assert_allclose(plotting.plot_image(ts, cube, row=2).images[0].get_array(), cube[2, 4] - cube[2, 0])
    ts.meta["group_range"] = [1, 3]
    np.testing.assert_allclose(plotting.plot_image(ts, cube, row=2).images[0].get_array(), cube[2, 3] - cube[2, 1])
    ts["group"] = np.full(12, 2, np.int32)
    np.testing.assert_allclose(plotting.plot_image(ts, cube, row=2).images[0].get_array(), cube[2, 2] - cube[2, 1])


# Times


def test_times_are_shown_as_hours_and_dates(product):
    fig = plotting.plot_columns(product(), ["x_gauss", "y_gauss"])
    ax = fig.axes[-1]
    fig.draw_without_rendering()
    first, second = (ax.get_xticklabels()[i].get_text() for i in (0, 1))
    clock, day = first.split("\n")
    assert Time(f"{day} {clock}").mjd == pytest.approx(ax.xaxis.get_majorticklocs()[0], abs=1e-6)
    assert "\n" not in second
    assert ax.get_xlabel() == "time (UTC)" and fig.axes[0].get_xlabel() == ""


def test_unknown_times_make_it_row_numbers(product):
    ts = product()
    ts["time"][5] = np.ma.masked
    fig = plotting.plot_columns(ts, "x_gauss")
    np.testing.assert_array_equal(lines(fig.axes[0], "rows")[0].get_xdata(), np.arange(60))
    assert fig.axes[0].get_xlabel() == "row (time unknown in 1 of 60)"
    assert plotting.plot_columns(product(), "x_gauss", against="row").axes[0].get_xlabel() == "row"
    with pytest.raises(ValueError, match="'x_gauss' is not a column of times"):
        plotting.plot_columns(ts, "x_gauss", against="x_gauss")


def test_other_times_and_the_support_of_the_caller(product):
    ts = product(12)
    ts["time_bjd"] = ts["time"].tdb
    fig = plotting.plot_columns(ts, "x_gauss", against="time_bjd")
    assert fig.axes[0].get_xlabel() == "barycentric time (TDB)"
    np.testing.assert_allclose(lines(fig.axes[0], "rows")[0].get_xdata(), ts["time_bjd"].mjd, rtol=0, atol=1e-9)
    with time_support(format="jd"):
        fig = plotting.plot_columns(ts, "x_gauss")
        np.testing.assert_allclose(lines(fig.axes[0], "rows")[0].get_xdata(), ts["time"].jd, rtol=0, atol=1e-8)
        # What the caller draws upon it lands beside.
        (line,) = fig.axes[0].plot(ts["time"][3:5], ts["x_gauss"].value[3:5])
        np.testing.assert_allclose(line.get_xdata(orig=False), ts["time"].jd[3:5], rtol=0, atol=1e-8)


# How it looks


@pytest.mark.parametrize("kind", OF_PRODUCTS)
@pytest.mark.parametrize("radii", [(3, 5, 8), THIRTY], ids=["3 radii", "30 radii"])
def test_no_texts_overlap(product, kind, radii):
    fig = figure_of(OF_PRODUCTS[kind](product(60, radii=radii)))
    found = texts(fig)
    assert len(found) > 5
    assert overlapping(found) == []
    assert outside(found, fig.bbox) == []


@pytest.mark.parametrize("radii", [(3, 5, 8), THIRTY], ids=["3 radii", "30 radii"])
def test_no_texts_of_an_image_overlap(product, radii):
    cube = np.random.default_rng(1).normal(9, 1, (12, 30, 44))
    cube[3, 2, 2] = np.nan
    fig = plotting.plot_image(product(12, radii=radii), cube, row=3).figure
    found = texts(fig)
    assert overlapping(found) == []
    assert outside(found, fig.bbox) == []


def test_the_search_for_overlaps_finds_them():
    fig = Figure()
    fig.text(0.5, 0.5, "one upon")
    fig.text(0.51, 0.5, "the other")
    fig.text(0.99, 0.2, "over the edge")
    assert len(overlapping(texts(fig))) == 1
    assert outside(texts(fig), fig.bbox) == ["over the edge"]


@pytest.mark.parametrize("kind", OF_PRODUCTS)
def test_many_rows_are_pixels_in_vector_files(product, kind):
    fig = figure_of(OF_PRODUCTS[kind](product(3000)))
    drawn = [line for ax in fig.axes for line in lines(ax, "rows")]
    assert all(line.get_rasterized() for line in drawn)
    assert not any(line.get_rasterized() for ax in plotting.plot_columns(product()).axes for line in lines(ax, "rows"))


@pytest.mark.parametrize("kind", OF_PRODUCTS)
def test_header_text_is_no_mathematics(product, kind):
    ts = product(20)
    ts.meta["target"] = r"$\frac_{x $ A_b^2 \alpha" + "\n" + 200 * "y"
    fig = figure_of(OF_PRODUCTS[kind](ts))
    title = next(text for text, _ in texts(fig) if text.startswith("$"))
    assert r"$\frac_{x $ A_b^2 \alpha y" in title and "\n" not in title


@pytest.mark.parametrize("kind", OF_PRODUCTS)
def test_settings_and_figures_of_the_caller_are_left_alone(product, kind):
    before = dict(matplotlib.rcParams)
    figure_of(OF_PRODUCTS[kind](product(20))).draw_without_rendering()
    assert dict(matplotlib.rcParams) == before


def test_draws_where_it_is_told(product):
    fig = Figure(figsize=(6, 3), layout="constrained")
    left, right = fig.subfigures(1, 2)
    assert plotting.plot_centers(product(), fig=left) is left
    ax = right.subplots()
    assert plotting.plot_radii(product(), ax=ax) is ax
    for draw in (plotting.plot_columns, plotting.plot_growth, plotting.plot_matrix):
        part = Figure(layout="constrained").subfigures()
        assert draw(product(40), fig=part) is part and part.axes
    for draw in (plotting.plot_allan, plotting.plot_correlation):
        given = Figure().add_subplot()
        assert draw(product(40), ax=given) is given and given.has_data()
    # The legend of given axes is their own, not the figure's.
    assert ax.get_legend() is not None and fig.legends == []
    assert tuple(fig.get_size_inches()) == (6, 3)
    fig.draw_without_rendering()


# Poor data


@pytest.mark.parametrize("kind", OF_PRODUCTS)
@pytest.mark.parametrize("case", ["one row", "two rows", "constant", "unknown", "all flagged", "plain table"])
def test_nothing_breaks(product, kind, case):
    ts = product({"one row": 1, "two rows": 2}.get(case, 20))
    if case == "constant":
        for name in ("x_gauss", "aperture_sum_r3", "background"):
            ts[name] = np.full(20, 5.0) * ts[name].unit
    elif case == "unknown":
        for name in ts.colnames:
            if isinstance(ts[name], u.Quantity):
                ts[name][:] = np.nan
    elif case == "all flagged":
        ts["quality"] |= np.uint32(QualityFlag.NO_DATA)
    elif case == "plain table":
        ts = Table({"aperture_sum_r3": np.arange(5.0), "x_cc": np.arange(5), "y_cc": [1.0, 2, 1, 2, 4]})
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        fig = figure_of(OF_PRODUCTS[kind](ts))
        found = texts(fig)
    assert overlapping(found) == []


def test_singular_columns_are_told(product):
    ts = product(20)
    ts["x_gauss"] = np.full(20, 5.0) * u.pix
    fig = plotting.plot_matrix(ts, ["x_gauss", "aperture_sum_r3"])
    assert [text.get_text() for text in panel(fig, "x_gauss x_gauss").texts] == ["constant"]
    ts["x_gauss"][:] = np.nan
    fig = plotting.plot_columns(ts, "x_gauss")
    assert [text.get_text() for text in fig.axes[0].texts] == ["unknown in every row"]


def test_columns_that_are_not_there(product):
    with pytest.raises(ValueError, match="columns: 'nowhere' is not in ts"):
        plotting.plot_columns(product(12), ["nowhere"])
    with pytest.raises(ValueError, match="does not hold one number"):
        plotting.plot_columns(product(12), ["time"])
    with pytest.raises(ValueError, match="diagonal: 'box' is neither 'kde' nor 'hist'"):
        plotting.plot_matrix(product(12), diagonal="box")
    with pytest.raises(ValueError, match="no light curve"):
        plotting.plot_radii(QTable({"x_gauss": [1.0]}))


def test_further_stars_and_apertures_by_name(product):
    ts = product(20)
    ts["aperture_sum_r3_star2"] = 0.5 * ts["aperture_sum_r3"]
    ts["aperture_sum_r2fwhm"] = 1.1 * ts["aperture_sum_r3"]
    ts["aperture_sum_hexagon"] = 1.2 * ts["aperture_sum_r3"]
    ts["fwhm"] = np.full(20, 2.5) * u.pix
    words = [text.get_text().split(":")[0] for text in plotting.plot_radii(ts).texts]
    assert words == ["r3", "r5", "r8", "r3 star 2", "r2fwhm", "hexagon"]
    assert [text.get_text().split(":")[0] for text in plotting.plot_radii(ts, star=2).texts] == ["r3 star 2"]
    radii = [p.get_radius() for p in plotting.plot_image(ts, np.ones((30, 44))).patches if p.get_gid() == "aperture"]
    assert radii == [3, 5, 5, 8]


def test_matplotlib_is_imported_late():
    code = "import sys, nircam_tso.inspect.plotting; sys.exit('matplotlib' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_image_of_a_row_without_a_centre(product):
    """Nothing is drawn about an unknown place; what is shown lies about where the star was looked for."""
    ts = product(12)
    del ts.meta["center_x"], ts.meta["center_y"]
    cube = np.random.default_rng(1).normal(0, 1, (12, 60, 90))
    ax = plotting.plot_image(ts, cube, row=1)
    drawn = {patch.get_gid() for patch in ax.patches}
    assert "aperture" not in drawn and {"annulus", "subframe"} <= drawn
    assert lines(ax, "centre") == []
    assert np.mean(ax.get_xlim()) == pytest.approx(25.6) and ax.get_xlim()[1] < 50
    # Its neighbour has one, by the columns.
    (x,), (y,) = lines(plotting.plot_image(ts, cube, row=2), "centre")[0].get_data()
    assert (x, y) == (ts["x_gauss"][2].value, ts["y_gauss"][2].value)
    # Where nothing tells, the whole frame is shown, and no legend.
    ts.meta.clear()
    ax = plotting.plot_image(ts, cube, row=1)
    assert (ax.get_xlim(), ax.get_ylim(), list(ax.patches)) == ((-0.5, 89.5), (-0.5, 59.5), [])
    assert ax.get_legend() is None


def test_pixels_without_a_value_are_told(product):
    cube = np.random.default_rng(1).normal(0, 1, (12, 30, 44))
    cube[2, 5, 6] = np.nan
    cube[3] = np.nan
    ts = product(12)
    for row, said in ((2, []), (3, ["no pixel has a value"])):
        ax = plotting.plot_image(ts, cube, row=row)
        assert [text.get_text() for text in ax.texts] == said
        assert "no value" in [text.get_text() for text in ax.get_legend().get_texts()]


def test_which_image_a_row_without_a_number_is_of(product):
    ts, cube = product(12), np.random.default_rng(1).normal(0, 1, (12, 30, 44))
    ts.remove_column("integration")
    np.testing.assert_array_equal(plotting.plot_image(ts, cube, row=7).images[0].get_array(), cube[7])
    with pytest.raises(ValueError, match="holds 11 integrations, and nothing tells which of them row 7 is"):
        plotting.plot_image(ts, cube[:11], row=7)
    # A single one is that of every row, such as a median image.
    np.testing.assert_array_equal(plotting.plot_image(ts, cube[0], row=7).images[0].get_array(), cube[0])


def test_nothing_to_draw(product):
    with pytest.raises(ValueError, match="columns: give at least one name"):
        plotting.plot_columns(product(12), [])
    fig = plotting.plot_columns(Table({"flux": np.full(5, 2.0)}))
    assert [text.get_text() for ax in fig.axes for text in ax.texts] == ["no column of numbers varies"]
    with pytest.raises(ValueError, match="ts: has no columns x_..., y_... of a centre"):
        plotting.plot_centers(Table({"aperture_sum_r3": np.arange(5.0)}))
    with pytest.raises(ValueError, match="ts: has no light curve and no centre"):
        plotting.plot_correlation(Table({"flux": np.arange(5.0)}))
    with pytest.raises(ValueError, match="ts: star 2 has no aperture_sum_r"):
        plotting.plot_growth(product(12), star=2)


def test_errors_that_are_unknown_are_not_drawn(product):
    ts = product(20)
    ts["x_gauss_err"][:] = np.nan
    for name, count in (("x_gauss", 0), ("y_gauss", 1)):
        assert len(plotting.plot_columns(ts, name).axes[0].collections) == count


def test_growth_where_another_shape_is_the_quietest(product):
    """The least scatter of all is that of a hexagon, which stands on no axis of radii."""
    ts = product(40, flags=False)
    before = [line.get_linestyle() for line in plotting.plot_growth(ts).axes[0].lines]
    ts["aperture_sum_hexagon"] = np.full(40, 3e-4) * u.Jy * (1 + 1e-6 * np.random.default_rng(2).normal(size=40))
    after = [line.get_linestyle() for line in plotting.plot_growth(ts).axes[0].lines]
    assert (before.count(":"), after.count(":")) == (1, 0)
    assert best_aperture(ts).name == "aperture_sum_hexagon"


def test_many_correlations_have_no_numbers(product):
    ts = product(20, flags=False)
    names = [f"c{i}" for i in range(19)]
    for i, name in enumerate(names):
        ts[name] = np.random.default_rng(i).normal(size=20)
    assert len(plotting.plot_correlation(ts, names[:18]).texts) == 18 * 18
    assert len(plotting.plot_correlation(ts, names).texts) == 0


def test_ticks_of_days_are_dates():
    ts = Table({"aperture_sum_r3": np.arange(9.0), "time": Time(60000 + 2.0 * np.arange(9), format="mjd")})
    ax = plotting.plot_columns(ts).axes[0]
    ax.figure.draw_without_rendering()
    form = ax.xaxis.get_major_formatter()
    assert form.format_ticks([60000.0, 60002.0]) == ["2023-02-25", "2023-02-27"]
    assert form.format_ticks([60000.0, 60000.5, 60001.25]) == ["00:00\n2023-02-25", "12:00", "06:00\n2023-02-26"]
    assert form.format_ticks([]) == []
    # What a pointer over the figure tells.
    assert ax.format_coord(60000.5, 3.25).startswith("(x, y) = (12:00\n2023-02-25, 3.2")


def test_ticks_have_the_digits_that_tell_them_apart(product):
    from nircam_tso.inspect.plotting.style import scale_axis

    axis = plotting.plot_columns(product(20), "x_gauss").axes[0].yaxis
    scale_axis(axis, -3)
    form = axis.get_major_formatter()
    assert form.format_ticks([0.0, 0.25e-3, 0.5e-3]) == ["0.00", "0.25", "0.50"]
    assert form.format_ticks([-2e-3, 0.0, 2e-3]) == ["\N{MINUS SIGN}2", "0", "2"]


def test_durations_need_times(product):
    """A second axis tells the bins' length in minutes, where rows have times."""
    ts = product(60, flags=False)
    timeless = QTable({"aperture_sum_r3": ts["aperture_sum_r3"]})
    assert [len(plotting.plot_allan(one).figure.axes[0].child_axes) for one in (ts, timeless)] == [1, 0]
