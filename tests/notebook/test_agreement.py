"""Without its faults the notebook's method is the extractor's, column by column."""

import dataclasses

import numpy as np
import pytest
from astropy.io import fits

from nircam_tso import AnnulusBackground, TimeSeriesExtractor
from nircam_tso.notebook import NotebookFaults, compare, loads_fits_phots_times, matching_extractor
from nircam_tso.simulate import simulate_exposure

NONE = NotebookFaults.NONE
INPUTS = {"guesscenter": (27, 34), "aperrad": [3, 5]}
SHAPE = (56, 64)

#: How far the two may be apart; the fits are different programs, the rest is rounding. The cross-correlation's
#: parabola goes through the same three numbers, and has a Gaussian as template that differs in its last digits.
TOLERANCES = {
    "aperture phot 3.0": ("aperture_sum_r3", {"rtol": 1e-8}),
    "aperture phot 5.0": ("aperture_sum_r5", {"rtol": 1e-8}),
    "gaussian amplitude": ("amplitude", {"rtol": 1e-6}),
    "gaussian y center": ("y_gauss", {"atol": 1e-6}),
    "gaussian x center": ("x_gauss", {"atol": 1e-6}),
    "gaussian y width": ("y_stddev", {"atol": 1e-6}),
    "gaussian x width": ("x_stddev", {"atol": 1e-6}),
    "cross corr y center": ("y_cc", {"atol": 1e-5}),
    "cross corr x center": ("x_cc", {"atol": 1e-5}),
    "sky background": ("background", {"rtol": 1e-12}),
}


def check(table, ts, scale=1.0):
    for name, (column, tolerance) in TOLERANCES.items():
        ours, theirs = table[name].to_numpy(float), np.asarray(ts[column].value)
        assert np.isfinite(ours).all(), name
        tolerance = {"rtol": 0.0, "atol": 0.0, **{key: scale * value for key, value in tolerance.items()}}
        np.testing.assert_allclose(ours, theirs, err_msg=name, **tolerance)


def stars(n=12, x0=34.3, y0=27.2, seed=4, noise=15.0):
    """Elongated stars at changing places, with noise."""
    rng = np.random.default_rng(seed)
    y, x = np.indices(SHAPE)
    images = []
    for dx, dy in rng.normal(0, 0.2, (n, 2)):
        star = 8000 * np.exp(-((x - x0 - dx) ** 2 / (2 * 0.95**2) + (y - y0 - dy) ** 2 / (2 * 1.3**2)))
        images.append(star + 300 + rng.normal(0, noise, SHAPE))
    return np.array(images)


def test_images():
    data = stars()
    ts = matching_extractor(**INPUTS).extract(data)
    check(loads_fits_phots_times(data, faults=NONE, **INPUTS), ts)


def test_ramps():
    ramps = 1000 + np.arange(5)[:, None, None] * stars()[:, None] / 4
    ts = matching_extractor(**INPUTS).extract(ramps)
    check(loads_fits_phots_times(ramps, faults=NONE, **INPUTS), ts)
    # With the fault, it is the extractor of groups 0 to 2.
    ts = matching_extractor(**INPUTS, group_range=(0, 2)).extract(ramps)
    check(loads_fits_phots_times(ramps, faults=NotebookFaults.THREE_GROUPS, **INPUTS), ts)


def test_defaults():
    """The middle of a frame of odd and even sides."""
    data = stars(x0=31.9, y0=27.6)[:, :55]
    ts = matching_extractor().extract(data)
    table = loads_fits_phots_times(data, faults=NONE)
    np.testing.assert_allclose(table["aperture phot 5.0"], ts["aperture_sum_r5"].value, rtol=1e-8)
    np.testing.assert_allclose(table["cross corr x center"], ts["x_cc"].value, atol=1e-5)


def test_a_star_off_the_middle():
    """The extractor then cuts its subframe again, about the star: other pixels, equal within the noise."""
    data = stars(x0=36.6, y0=29.1)
    ts = matching_extractor(**INPUTS).extract(data)
    table = loads_fits_phots_times(data, faults=NONE, **INPUTS)
    for name, (column, _) in TOLERANCES.items():
        apart = np.abs(table[name].to_numpy(float) - ts[column].value)
        if name.startswith("cross"):
            assert apart.max() < 0.05
            continue
        error = column.replace("_sum_", "_sum_err_") if "_sum_" in column else f"{column}_err"
        assert (apart < 0.02 * ts[error].value).all(), name


def test_bad_pixels():
    data = stars()
    data[:, 30, 36] = np.nan
    data[3, 26, 33] = np.nan
    ts = matching_extractor(**INPUTS).extract(data)
    table = loads_fits_phots_times(data, faults=NONE, **INPUTS)
    for name in ("aperture phot 5.0", "gaussian x center", "gaussian amplitude", "sky background"):
        column, _ = TOLERANCES[name]
        np.testing.assert_allclose(table[name], ts[column].value, rtol=1e-5, err_msg=name)


@pytest.mark.parametrize("product", ["red", "slp"])
def test_files(tmp_path, product):
    settings = {"format": "ncdhas", "product": product, "n_integrations": 8, "shape": SHAPE}
    simulation = simulate_exposure(tmp_path, position=(34.4, 26.8), flux=4e5, n_groups=4, jitter=0.02, **settings)
    names = [str(path) for path in simulation.paths]
    table = loads_fits_phots_times(names, faults=NONE, **INPUTS)
    ts = matching_extractor(**INPUTS).extract(names)
    assert table["filename"].tolist() == [path.name for path in simulation.paths]
    assert np.abs((table["time"].to_numpy() + 2450000 - ts["time"].jd) * 86400).max() < 1e-4
    truth = simulation.truth
    assert np.abs(table["gaussian x center"] - truth["x"].value).max() < 0.02
    if product == "red":
        # The slopes' own uncertainties weigh the extractor's fit, and not the notebook's.
        check(table, ts)
    else:
        for name in ("aperture phot 5.0", "sky background"):
            np.testing.assert_allclose(table[name], ts[TOLERANCES[name][0]].value, rtol=1e-4)
        for name in ("x", "y"):
            error = ts[f"{name}_gauss_err"].value
            assert (np.abs(table[f"gaussian {name} center"] - ts[f"{name}_gauss"].value) < 5 * error).all()


def test_slopes_with_all_faults(tmp_path):
    """A slope has no groups to take wrongly; all the rest is as with ramps."""
    simulation = simulate_exposure(
        tmp_path, format="ncdhas", product="slp", n_integrations=3, shape=(64, 64), position=(34.4, 31.8), flux=4e5
    )
    names = [str(path) for path in simulation.paths]
    table = loads_fits_phots_times(names)
    with fits.open(names[1]) as hdus:
        assert table["sky background"][1] == pytest.approx(np.median(hdus[0].data[0]), rel=1e-6)
    assert table["gaussian x center"][1] == pytest.approx(simulation.truth["x"][1].value, abs=0.05)


def test_jwst_times_are_the_extractors(tmp_path):
    simulation = simulate_exposure(tmp_path, product="uncal", n_integrations=4, shape=(40, 40), n_groups=3, flux=1e5)
    table = loads_fits_phots_times(simulation.paths, faults=NONE)
    assert np.abs((table["time"].to_numpy() + 2450000 - simulation.truth["time"].jd) * 86400).max() < 1e-4


@pytest.fixture(scope="module")
def paths(tmp_path_factory):
    folder = tmp_path_factory.mktemp("ncdhas")
    settings = {"format": "ncdhas", "product": "red", "n_integrations": 5, "shape": (64, 64)}
    return simulate_exposure(folder, position=(33.2, 31.4), flux=4e5, n_groups=5, seed=9, **settings).paths


@pytest.fixture(scope="module")
def comparison(paths):
    return compare(paths, aperrad=[3, 5])


class TestCompare:
    def test_old_and_new(self, paths, comparison):
        table = comparison.table
        old = loads_fits_phots_times(paths, aperrad=[3, 5])
        new = matching_extractor(aperrad=[3, 5]).extract(paths)
        assert table["filename"].tolist() == old["filename"].tolist()
        assert table["integration"].tolist() == [1, 2, 3, 4, 5]
        for name in old.columns[1:]:
            np.testing.assert_array_equal(table[f"old {name}"], old[name])
        for name, (column, _) in TOLERANCES.items():
            np.testing.assert_array_equal(table[f"new {name}"], new[column].value)
        assert np.isnan(table["old aperture phot 5.0"]).all()
        np.testing.assert_allclose(table["new time"] + 2450000, new["time"].jd, rtol=0, atol=1e-9)
        assert str(table["old aperture phot 3.0"].unit) == "adu"

    def test_each_fault(self, paths, comparison):
        table, effects = comparison.table, comparison.effects
        assert effects["fault"].tolist() == [f.name for f in NotebookFaults] + ["ALL", "remainder"]
        none = loads_fits_phots_times(paths, aperrad=[3, 5], faults=NONE)
        for fault, name in (
            (NotebookFaults.SWAPPED_APERTURE, "aperture phot 3.0"),
            (NotebookFaults.THREE_GROUPS, "gaussian amplitude"),
            (NotebookFaults.LATE_SHARE, "time"),
            (NotebookFaults.SWAPPED_CORRELATION, "cross corr x center"),
        ):
            one = loads_fits_phots_times(paths, aperrad=[3, 5], faults=fault)
            change = one[name] - none[name]
            np.testing.assert_allclose(table[f"{fault.name} {name}"], change, rtol=0, atol=1e-9)
            row = effects[effects["fault"] == fault.name][0]
            assert row[name] == pytest.approx(np.median(change) * (86400 if name == "time" else 1), rel=1e-6)
        # Faults of time and of places do not touch each other's columns.
        late = effects[effects["fault"] == "LATE_SHARE"][0]
        assert [name for name in effects.colnames[2:] if late[name] != 0] == ["time"]
        swapped = effects[effects["fault"] == "SWAPPED_APERTURE"][0]
        changed = [name for name in effects.colnames[2:] if swapped[name] != 0]
        assert changed == ["aperture phot 3.0", "aperture phot 5.0"]

    def test_nothing_remains(self, comparison):
        row = comparison.effects[-1]
        assert row["fault"] == "remainder"
        for name, (_, tolerance) in TOLERANCES.items():
            level = np.median(comparison.table[f"new {name}"])
            assert abs(row[name]) <= tolerance.get("atol", 0) + tolerance.get("rtol", 0) * abs(level), name
        assert abs(row["time"]) < 1e-4

    def test_no_column_for_what_does_nothing(self, comparison):
        for fault in ("MIDNIGHT", "JULIAN_FORMULA", "THREE_DIGITS", "UNSIGNED_WRAP", "RAW_START"):
            assert not [name for name in comparison.table.colnames if name.startswith(fault)]
        assert "LATE_SHARE time" in comparison.table.colnames

    def test_product(self, paths, tmp_path, monkeypatch):
        settings = {"aperture_radii": [4], "position": (33, 31), "background": AnnulusBackground(10, 16)}
        ts = TimeSeriesExtractor(**settings).extract(paths)
        comparison = compare(ts, paths)
        np.testing.assert_array_equal(comparison.table["new sky background"], ts["background"].value)
        old = loads_fits_phots_times(paths, aperrad=[4], guesscenter=(31, 33))
        # The product tells the star's place more finely than it was given: the fits start elsewhere.
        np.testing.assert_allclose(comparison.table["old aperture phot 4.0"], old["aperture phot 4.0"], rtol=1e-6)
        # Its files are found by their names in this folder.
        monkeypatch.chdir(paths[0].parent)
        again = compare(ts)
        np.testing.assert_array_equal(again.table["old time"], comparison.table["old time"])
        monkeypatch.chdir(tmp_path)
        with pytest.raises(ValueError, match="source: .* is not in this folder"):
            compare(ts)
        with pytest.raises(ValueError, match="source: has 2 integrations, but the product has 5 rows"):
            compare(ts, paths[:2])

    def test_product_that_tells_no_place(self, paths):
        """The notebook looked in the middle of the frame then."""
        ts = matching_extractor(aperrad=[3]).extract(paths)
        del ts.meta["position_x"], ts.meta["aperture_radii"]
        table = compare(ts, paths, aperrad=[4]).table
        old = loads_fits_phots_times(paths, aperrad=[4])
        np.testing.assert_array_equal(table["old aperture phot 4.0"], old["aperture phot 4.0"])
        # The product has no such radius.
        assert np.isnan(table["new aperture phot 4.0"]).all()

    def test_refusals(self, paths):
        with pytest.raises(ValueError, match="source: goes with a product"):
            compare(paths, paths)
        ts = matching_extractor().extract(paths)
        del ts.meta["aperture_radii"]
        with pytest.raises(ValueError, match="ts: tells no aperture radii"):
            compare(ts, paths)

    def test_two_groups(self):
        ramps = 1000 + np.arange(2)[:, None, None] * stars(2)[:, None]
        comparison = compare(ramps, guesscenter=(27, 34))
        assert "THREE_GROUPS" not in comparison.effects["fault"]
        assert np.isfinite(comparison.table["new aperture phot 5.0"]).all()

    def test_progress(self):
        told = []

        class Bar:
            def __init__(self, total):
                told.append(total)

            def update(self, k):
                told.append(k)

            def close(self):
                told.append("closed")

        compare(stars(3), progress=Bar)
        assert told == [3, 1, 1, 1, "closed"]

    def test_figure(self, comparison):
        import matplotlib.pyplot as plt

        from nircam_tso.inspect.plotting.style import without_windows

        before = plt.get_fignums()
        with without_windows():
            fig = comparison.plot()
        assert plt.get_fignums() == before
        image, light, effects = fig.axes
        circles = {patch.get_label(): patch for patch in image.patches}
        assert circles["now"].center == pytest.approx((33.2, 31.4), abs=0.05)
        # x and y from the frame's middle are exchanged: 1.2 and -0.6.
        assert circles["2016"].center == pytest.approx((31.4, 33.2), abs=0.05)
        assert [line.get_label() for line in light.lines] == ["2016", "now"]
        np.testing.assert_array_equal(light.lines[1].get_ydata(), comparison.table["new aperture phot 3.0"])
        labels = [text.get_text() for text in effects.get_yticklabels()]
        assert labels == comparison.effects["fault"].tolist()
        cells = {(round(t.get_position()[0]), round(t.get_position()[1])): t.get_text() for t in effects.texts}
        changes = comparison.effects[0]["aperture phot 3.0"] / np.median(comparison.table["new aperture phot 3.0"])
        assert float(cells[0, 0]) == pytest.approx(100 * changes, rel=0.01)
        # Nothing remains, in no column.
        assert {cells[column, len(labels) - 1] for column in range(7)} == {"-"}

    def test_figure_of_a_star_without_a_place(self, comparison):
        effects = comparison.effects.copy()
        effects["gaussian y center"][0] = effects["gaussian x center"][0] = np.nan
        lost = dataclasses.replace(comparison, effects=effects, new_center=(float("nan"), float("nan")))
        image, _, effects = lost.plot().axes
        assert [patch.get_label() for patch in image.patches] == ["2016"]
        cells = [text.get_text() for text in effects.texts if round(text.get_position()[1]) == 0]
        assert "NaN" in cells


def test_import_is_light():
    import subprocess
    import sys

    heavy = "{'pandas', 'photutils', 'image_registration', 'matplotlib', 'numba', 'astropy.modeling', 'scipy'}"
    code = f"import sys, nircam_tso.notebook as n; n.NotebookFaults.ALL; print(sorted({heavy} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
