"""Pixels, errors and fits that are wrong: a row says so, the others stay as they were (rows 15 to 24, 38, 51)."""

import json
import os
import socket
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from astropy.time import Time

from nircam_tso import QualityFlag, TimeSeriesExtractor, good, read, write
from nircam_tso.cli.main import main
from nircam_tso.extractor import stamps
from nircam_tso.simulate import simulate_exposure

SHAPE = (32, 64)
POSITION = (45.3, 12.8)


def frames(n=10, seed=1):
    """An elongated star far off the middle of a frame that is not square."""
    y, x = np.indices(SHAPE)
    star = 5000 * np.exp(-((x - POSITION[0]) ** 2 / 5 + (y - POSITION[1]) ** 2 / 3))
    return star + np.random.default_rng(seed).normal(100, 2, (n, *SHAPE))


def extract(data, position=(46, 12), *, errors=None, mask=None, executor=None, block_size=None, **settings):
    times = Time(60000 + np.arange(len(data)) / 1000, format="mjd")
    extractor = TimeSeriesExtractor(position=position, **settings)
    return extractor.extract(data, times=times, errors=errors, mask=mask, executor=executor, block_size=block_size)


def bits(ts, flag):
    return (ts["quality"] & flag) != 0


def assert_same(one, other, rows=slice(None)):
    assert one.colnames == other.colnames
    for name in one.colnames:
        if not name.startswith("time"):
            a, b = np.asarray(one[name])[rows], np.asarray(other[name])[rows]
            assert a.dtype == b.dtype and a.tobytes() == b.tobytes(), name


@pytest.mark.parametrize("workers", [1, 2, 8])
@pytest.mark.parametrize("chunk", [1, 7, 64])
def test_threads_and_chunks_change_no_bit(workers, chunk):
    """Row 51."""
    data = frames(64)
    data[5] = np.nan
    data[9, 12, 46] = np.nan
    expected = extract(data)
    with ThreadPoolExecutor(workers) as executor:
        assert_same(extract(data, executor=executor, block_size=chunk), expected)


@pytest.mark.parametrize("row", [0, 4, 9])
def test_one_integration_without_data(row):
    """Row 15: the others have the very numbers that they have without it, whatever pixels it lost."""
    data = frames()
    data[row] = np.nan
    ts = extract(data)
    others = np.arange(10) != row
    assert len(ts) == 10
    assert np.array_equal(good(ts), others)
    assert bits(ts, QualityFlag.NO_DATA)[row] and not bits(ts, QualityFlag.NO_DATA)[others].any()
    for name in ("x_gauss", "y_cc", "aperture_sum_r5", "aperture_sum_err_r5", "background"):
        assert np.isnan(ts[name][row])
    alone = extract(data[others])
    for name in ("x_gauss", "y_gauss", "x_cc", "aperture_sum_r3", "aperture_sum_r8", "background"):
        assert np.asarray(ts[name])[others].tobytes() == np.asarray(alone[name]).tobytes(), name


def test_asymmetric_star_far_from_the_middle():
    """Row 22."""
    ts = extract(frames())
    for name, expected in (("x_gauss", POSITION[0]), ("y_gauss", POSITION[1])):
        assert np.abs(ts[name].value - expected).max() < 0.01
    assert np.all(ts["x_stddev"] > ts["y_stddev"])


@pytest.mark.parametrize("wrong", [0.0, -1.0, np.nan])
def test_errors_that_cannot_be(wrong):
    """Row 18."""
    data, errors = frames(), np.full((10, *SHAPE), 2.0)
    expected = extract(data, errors=errors)
    errors[3, 13, 45] = wrong
    ts = extract(data, errors=errors)
    assert np.array_equal(np.flatnonzero(bits(ts, QualityFlag.ERR_INVALID)), [3])
    assert np.array_equal(ts["aperture_sum_r5"], expected["aperture_sum_r5"])
    assert np.isnan(ts["aperture_sum_err_r5"][3]) and np.isfinite(np.delete(ts["aperture_sum_err_r5"], 3)).all()


def test_no_errors_at_all():
    """Row 18."""
    ts = extract(frames())
    assert not bits(ts, QualityFlag.ERR_INVALID).any()
    assert ts.meta["error_source"]
    assert np.isfinite(ts["aperture_sum_err_r5"]).all()


STRANGE = [
    "flat",
    "zero",
    "noise",
    "negative",
    "saturated",
    "two stars",
    "a faint neighbour",
    "cosmic beside",
    "cosmic",
]


@pytest.mark.parametrize("kind", STRANGE)
def test_strange_images(kind):
    """Row 23: a flag or the right answer, within the stamp, and nothing for the rows beside it."""
    data = frames(6)
    expected = extract(data)
    y, x = np.indices(SHAPE)
    rng = np.random.default_rng(3)
    other = 5000 * np.exp(-((x - POSITION[0] + 7) ** 2 / 5 + (y - POSITION[1] - 3) ** 2 / 3))
    data[2] = {
        "flat": np.full(SHAPE, 7.0),
        "zero": np.zeros(SHAPE),
        "noise": rng.normal(0, 1, SHAPE),
        "negative": -data[2],
        "saturated": np.minimum(data[2], 600.0),
        "two stars": data[2] + other,
        "a faint neighbour": data[2] + 0.3 * other,
        "cosmic beside": data[2] + 60000.0 * ((x == 51) & (y == 17)),
        "cosmic": data[2] + 60000.0 * ((x == 46) & (y == 14)),
    }[kind]
    # A cosmic ray upon the star is looked for in the stack.
    ts = extract(data, **({"clean": "temporal", "clean_window": 5} if kind == "cosmic" else {}))
    assert len(ts) == 6
    fits = np.array([ts["x_gauss"].value, ts["y_gauss"].value])
    # Within the stamp of 21 x 21 pixels, or none.
    away = np.abs(fits - np.array([[46.0], [12.0]])).max(axis=0)
    assert np.all((away <= 11.5) | np.isnan(fits).any(axis=0))
    off = np.hypot(fits[0] - POSITION[0], fits[1] - POSITION[1])
    flagged = bits(ts, QualityFlag.FIT_FAILED | QualityFlag.FIT_SUSPECT | QualityFlag.CENTER_OUTSIDE)
    if kind in ("flat", "zero", "noise", "negative", "cosmic beside"):
        assert flagged[2]
    elif kind == "two stars":
        # They are equally bright: either is an answer, what lies between them is none.
        assert flagged[2] or min(off[2], np.hypot(fits[0, 2] - POSITION[0] + 7, fits[1, 2] - POSITION[1] - 3)) < 0.1
    else:
        right = {"saturated": 0.05, "a faint neighbour": 0.1, "cosmic": 0.01}[kind]
        assert not flagged[2] and off[2] < right
    if kind == "cosmic":
        assert bits(ts, QualityFlag.JUMP_DET)[2]
        assert ts["aperture_sum_r5"][2].value == pytest.approx(expected["aperture_sum_r5"][2].value, rel=3e-3)
    others = np.arange(6) != 2
    assert good(ts)[others].all() and (off[others] < 0.01).all()
    assert ts["aperture_sum_r5"][others].value == pytest.approx(expected["aperture_sum_r5"][others].value, rel=2e-3)


def test_a_hit_core_that_nobody_cleans_is_suspect():
    """Row 23: what is much sharper than the series' star is not the star."""
    data = frames(6)
    y, x = np.indices(SHAPE)
    data[2] += 60000.0 * ((x == 46) & (y == 14))
    ts = extract(data)
    suspect = bits(ts, QualityFlag.FIT_SUSPECT | QualityFlag.FIT_FAILED)
    assert suspect.tolist() == [False, False, True, False, False, False]


@pytest.mark.parametrize("fault", ["nothing", "covariance", "no end", "raises"])
def test_fit_that_goes_wrong(monkeypatch, fault):
    """Row 24."""
    real, data = stamps.fit_gaussians, frames(4)
    # Brighter than the others, so that the fault finds it in whatever block it comes.
    data[2] = 1.3 * (data[2] - 100) + 100

    def wrong(images, *args, **keywords):
        if fault == "raises" and images.max() > 5700:
            raise ZeroDivisionError("a star without any width")
        if fault == "raises":
            return real(images, *args, **keywords)
        if fault == "no end":
            return real(images, *args, **keywords, max_iterations=1)
        fits = real(images, *args, **keywords)
        row = np.arange(len(fits)) == len(fits) - 2
        names = {"nothing": ("x", "y", "amplitude", "x_stddev", "y_stddev"), "covariance": ()}[fault]
        values = {name: np.where(row, np.nan, getattr(fits, name)) for name in names}
        values["covariance"] = np.where(row[:, None, None], np.nan, fits.covariance)
        return replace(fits, **values, status=np.where(row, QualityFlag.FIT_FAILED, fits.status).astype(np.uint32))

    expected = extract(data)
    monkeypatch.setattr(stamps, "fit_gaussians", wrong)
    ts = extract(data)
    assert len(ts) == 4
    hit = np.arange(4) == 2 if fault != "no end" else np.ones(4, bool)
    assert np.array_equal(bits(ts, QualityFlag.FIT_FAILED), hit)
    assert not good(ts)[hit].any()
    assert np.array_equal(ts["background"], expected["background"])
    assert np.array_equal(ts["aperture_sum_r5"][~hit], expected["aperture_sum_r5"][~hit])


def bit_of(ts, row):
    return QualityFlag(int(ts["quality"][row]))


SUMS = ("aperture_sum_r3", "aperture_sum_r5")


@pytest.mark.parametrize("policy", ["scale", "nan", "ignore"])
@pytest.mark.parametrize("rows", [[4], [1, 4, 7]])
def test_bad_pixel_in_some_integrations(policy, rows):
    """Row 17: in the aperture of some integrations it is replaced, or NaN, or left out, and flagged; others stay."""
    data = frames()
    expected = extract(data)
    data[rows, 13, 46] = np.nan
    ts = extract(data, bad_pixels=policy)
    hit = np.isin(np.arange(10), rows)
    assert np.array_equal(bits(ts, QualityFlag.NAN_IN_APERTURE), hit)
    for name in SUMS:
        assert ts[name][~hit].value == pytest.approx(expected[name][~hit].value, rel=1e-5)
        if policy == "nan":
            assert np.isnan(ts[name][hit]).all()
        else:
            assert np.isfinite(ts[name][hit]).all()
            lost = np.abs(ts[name][hit] / expected[name][hit] - 1)
            # The pixel holds over 5 % of the star: a series knows what it should hold.
            assert (lost < 0.005).all() if policy == "scale" else (lost > 0.02).all()
    assert np.array_equal(ts["n_replaced"] > 0, hit if policy == "scale" else np.zeros(10, bool))


def test_bad_pixel_outside_every_aperture():
    """Row 17: no sum and no bit knows of it."""
    data = frames()
    expected = extract(data)
    data[4, 30, 5] = np.nan
    ts = extract(data)
    assert np.array_equal(ts["quality"], expected["quality"])
    for name in SUMS:
        assert ts[name].value == pytest.approx(expected[name].value, rel=1e-4)


def test_constant_bad_pixel():
    """Row 17: left out of every integration alike, by one area, and without a bit."""
    data = frames()
    expected = extract(data)
    data[:, 13, 46] = np.nan
    ts = extract(data)
    assert not bits(ts, QualityFlag.NAN_IN_APERTURE).any() and good(ts).all()
    assert ts["aperture_area_r5"].value == pytest.approx(expected["aperture_area_r5"].value - 1, abs=1e-2)
    assert np.all(ts["aperture_sum_r5"] < 0.97 * expected["aperture_sum_r5"])
    assert ts.meta["n_constant_bad"] == 1 and np.all(ts["n_replaced"] == 0)


@pytest.fixture(scope="module")
def calints(tmp_path_factory):
    """A file of the pipeline's kind, and its star."""
    folder = tmp_path_factory.mktemp("calints")
    made = simulate_exposure(
        folder, product="calints", n_integrations=8, shape=SHAPE, position=POSITION, flux=4e5, seed=3, n_groups=4
    )
    return made.paths[0]


@pytest.mark.parametrize(
    ("value", "bit"),
    [
        (1, QualityFlag.DO_NOT_USE),
        (2, QualityFlag.SATURATED),
        (4, QualityFlag.JUMP_DET),
        (1 << 31, None),
        (3, QualityFlag.DO_NOT_USE | QualityFlag.SATURATED),
    ],
)
def test_bits_of_dq(calints, tmp_path, value, bit):
    """Row 19: each has a bit of its own, SATURATED without DO_NOT_USE, too; the sign bit is none of them."""
    path = tmp_path / calints.name
    with fits.open(calints) as hdus:
        hdus["DQ"].data[3, 13, 46] |= np.uint32(value)
        hdus.writeto(path)
    settings = TimeSeriesExtractor(aperture_radii=[3, 5], position=(46, 12))
    expected, ts = settings.extract(calints), settings.extract(path)
    others = np.arange(8) != 3
    assert np.array_equal(ts["quality"][others], expected["quality"][others])
    told = QualityFlag.DO_NOT_USE | QualityFlag.SATURATED | QualityFlag.JUMP_DET
    before = bit_of(expected, 3) & told
    assert before == 0
    assert bit_of(ts, 3) & told == (bit or QualityFlag(0))
    # Only what must not be used is replaced.
    assert (ts["n_replaced"][3] > 0) == bool(value & 1)
    if not value & 1:
        assert ts["aperture_sum_r5"][3] == expected["aperture_sum_r5"][3]


def never(monkeypatch):
    """Measuring a block, and reading one, is an error from here on."""
    from nircam_tso.extractor import loop

    def refuse(*args, **keywords):
        raise AssertionError("it was measured")

    monkeypatch.setattr(loop, "measure_block", refuse)


@pytest.mark.parametrize("radii", [0, -1, np.nan, 1e6, [3, 0], []])
def test_radii_that_are_none(monkeypatch, radii):
    """Row 21: refused before anything is measured."""
    never(monkeypatch)
    with pytest.raises((ValueError, TypeError), match="aperture_radii"):
        extract(frames(2), aperture_radii=radii)


@pytest.mark.parametrize("position", [(64.6, 12), (-0.6, 12), (45, 32), (45, -3), (np.nan, 3), (1e9, 1e9)])
def test_positions_outside_the_frame(monkeypatch, position):
    """Row 21: refused before anything is measured."""
    never(monkeypatch)
    with pytest.raises(ValueError, match="position"):
        extract(frames(2), position)


def test_apertures_that_leave_the_frame():
    """Row 21: partly, in one integration or in all: a bit there and nowhere else, and no sum that is silently less."""
    data = frames(6)
    data[2] = np.roll(data[2], 8, axis=1)
    ts = extract(data, center="gaussian", aperture_radii=[2, 12], background=None)
    hit = np.arange(6) == 2
    # The star of that row lies at x = 53.3, 10 px from the frame's edge.
    assert np.array_equal(bits(ts, QualityFlag.PARTIAL_APERTURE), hit)
    assert np.array_equal(np.isnan(ts["aperture_sum_r12"]), hit)
    assert np.isfinite(ts["aperture_sum_r2"]).all()
    fixed = extract(frames(3), (62.0, 12.0), center="fixed", aperture_radii=[1, 8])
    assert bits(fixed, QualityFlag.PARTIAL_APERTURE).all() and np.isnan(fixed["aperture_sum_r8"]).all()
    assert np.isfinite(fixed["aperture_sum_r1"]).all()


def test_a_centre_that_wanders_out():
    """Row 21: of one integration; the others keep theirs."""
    data = frames(6)
    empty = np.random.default_rng(8).normal(100, 2, SHAPE)
    y, x = np.indices(SHAPE)
    data[2] = empty + 5000 * np.exp(-((x - 58.0) ** 2 / 5 + (y - 24.5) ** 2 / 3))
    ts = extract(data, center="gaussian")
    wrong = QualityFlag.CENTER_OUTSIDE | QualityFlag.FIT_FAILED | QualityFlag.FIT_SUSPECT
    assert np.array_equal(bits(ts, wrong), np.arange(6) == 2)
    others = np.arange(6) != 2
    assert np.abs(ts["x_gauss"].value[others] - POSITION[0]).max() < 0.01


def ramps(n=6, groups=5):
    """Ramps of the star, whose brightest pixel rises by some 100 in each group."""
    steps = np.stack([frames(n, seed=s) / 50 for s in range(groups)], axis=1)
    return np.cumsum(steps, axis=1)


def test_one_group_is_no_difference():
    """Row 66."""
    with pytest.raises(ValueError, match="group"):
        extract(ramps()[:, :1])


@pytest.mark.parametrize("group", [0, 4])
def test_saturated_groups(group):
    """Row 66: the integration is told; "auto" takes the groups that all integrations have, one range for all."""
    data = ramps()
    expected = extract(data, saturation=5000.0, gain=2.0, read_noise=5.0)
    data[3, group:, 13, 45] = 9000.0
    hit = np.arange(6) == 3
    ts = extract(data, saturation=5000.0, gain=2.0, read_noise=5.0, bad_pixels="nan")
    assert np.array_equal(bits(ts, QualityFlag.SATURATED), hit)
    assert np.isnan(ts["aperture_sum_r5"][3])
    assert ts["aperture_sum_r5"][~hit].value == pytest.approx(expected["aperture_sum_r5"][~hit].value, rel=1e-6)
    assert ts.meta["group_range"] == expected.meta["group_range"] == [0, 4]
    auto = extract(data, saturation=5000.0, gain=2.0, read_noise=5.0, group_range="auto")
    if group == 4:
        assert auto.meta["group_range"] == [0, 3] and good(auto).all()
        # Of all integrations alike: three steps instead of four.
        assert (auto["aperture_sum_r5"] / expected["aperture_sum_r5"]).value == pytest.approx(0.75, rel=2e-3)
    else:
        assert auto.meta["group_range"][0] == 0 and np.array_equal(bits(auto, QualityFlag.SATURATED), hit)


BITWISE = """
import hashlib, json, multiprocessing, sys
from concurrent.futures import ProcessPoolExecutor
import numpy as np
from nircam_tso import TimeSeriesExtractor

def digest(executor, chunk):
    ts = TimeSeriesExtractor(aperture_radii=[3, 5]).extract(
        sys.argv[1], axis="integrations", on_error="flag", executor=executor, block_size=chunk
    )
    sums = {}
    for name in ts.colnames:
        column = ts[name]
        parts = (column.jd1, column.jd2) if hasattr(column, "jd1") else (column,)
        sums[name] = hashlib.sha256(b"".join(np.asarray(part).tobytes() for part in parts)).hexdigest()
    return sums

if __name__ == "__main__":
    serial, wrong, runs = digest(None, None), [], 0
    for method, workers in (("fork", 1), ("fork", 2), ("fork", 8), ("spawn", 2)):
        context = multiprocessing.get_context(method)
        for chunk in (1, 7, 64):
            with ProcessPoolExecutor(workers, mp_context=context) as pool:
                found = digest(pool, chunk)
            runs += 1
            wrong += [[method, workers, chunk, name] for name in serial if found[name] != serial[name]]
    print(json.dumps([runs, len(serial), wrong]))
"""


@pytest.mark.slow
def test_processes_and_chunks_change_no_bit(tmp_path):
    """Row 51: pools of processes, forked and spawned, of 1, 2 and 8, in blocks of 1, 7 and 64: every column's bytes."""
    data = frames(64)
    data[5], data[9, 12, 46] = np.nan, np.nan
    path, script = tmp_path / "a.fits", tmp_path / "script.py"
    fits.writeto(path, data.astype("f4"), fits.Header({"MJD-OBS": 60000.0, "EXPTIME": 64.0}))
    script.write_text(BITWISE)
    root = str(Path(sys.modules["nircam_tso"].__file__).parents[1])
    done = subprocess.run(
        [sys.executable, "-W", "ignore", script, path],
        env=os.environ | {"PYTHONPATH": root},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    runs, columns, wrong = json.loads(done.stdout)
    assert runs == 12 and columns > 30
    assert wrong == []


def test_without_a_network(tmp_path, monkeypatch):
    """Row 38: a whole run: simulate, extract, write, read, plot the product's summary."""

    def refuse(*args, **kwargs):
        raise AssertionError("the network was asked")

    for name in ("connect", "connect_ex", "sendto"):
        monkeypatch.setattr(socket.socket, name, refuse)
    for name in ("getaddrinfo", "gethostbyname", "create_connection"):
        monkeypatch.setattr(socket, name, refuse)
    simulate_exposure(tmp_path / "visit", segments=2, n_integrations=8, shape=(40, 48), seed=2, n_groups=5)
    out = tmp_path / "a.h5"
    assert main(["extract", str(tmp_path / "visit"), "-o", str(out), "--quiet"]) in (0, 3)
    ts = read(out)
    assert len(ts) == 8 and not ts["time_bjd"].mask.any()
    assert len(read(write(ts, tmp_path / "a.ecsv"))) == 8
