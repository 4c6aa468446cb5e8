"""Pixels, errors and fits that are wrong: a row says so, the others stay as they were (rows 15 to 24, 38, 51)."""

import socket
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest
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
    data = frames(64)
    data[5] = np.nan
    data[9, 12, 46] = np.nan
    expected = extract(data)
    with ThreadPoolExecutor(workers) as executor:
        assert_same(extract(data, executor=executor, block_size=chunk), expected)


@pytest.mark.parametrize("row", [0, 4, 9])
def test_one_integration_without_data(row):
    """The others have the very numbers that they have without it, whatever pixels it lost."""
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
    ts = extract(frames())
    for name, expected in (("x_gauss", POSITION[0]), ("y_gauss", POSITION[1])):
        assert np.abs(ts[name].value - expected).max() < 0.01
    assert np.all(ts["x_stddev"] > ts["y_stddev"])


@pytest.mark.parametrize("wrong", [0.0, -1.0, np.nan])
def test_errors_that_cannot_be(wrong):
    data, errors = frames(), np.full((10, *SHAPE), 2.0)
    expected = extract(data, errors=errors)
    errors[3, 13, 45] = wrong
    ts = extract(data, errors=errors)
    assert np.array_equal(np.flatnonzero(bits(ts, QualityFlag.ERR_INVALID)), [3])
    assert np.array_equal(ts["aperture_sum_r5"], expected["aperture_sum_r5"])
    assert np.isnan(ts["aperture_sum_err_r5"][3]) and np.isfinite(np.delete(ts["aperture_sum_err_r5"], 3)).all()


def test_no_errors_at_all():
    ts = extract(frames())
    assert not bits(ts, QualityFlag.ERR_INVALID).any()
    assert ts.meta["error_source"]
    assert np.isfinite(ts["aperture_sum_err_r5"]).all()


@pytest.mark.parametrize("kind", ["flat", "zero", "noise", "negative", "saturated", "two stars", "cosmic"])
def test_strange_images(kind):
    data = frames(4)
    y, x = np.indices(SHAPE)
    rng = np.random.default_rng(3)
    data[2] = {
        "flat": np.full(SHAPE, 7.0),
        "zero": np.zeros(SHAPE),
        "noise": rng.normal(0, 1, SHAPE),
        "negative": -data[2],
        "saturated": np.minimum(data[2], 600.0),
        "two stars": data[2] + np.roll(data[2], (3, -7), (0, 1)),
        "cosmic": data[2] + 60000.0 * ((x == 46) & (y == 14)),
    }[kind]
    ts = extract(data)
    assert len(ts) == 4
    fits = np.array([ts["x_gauss"].value, ts["y_gauss"].value])
    # Within the stamp of 21 x 21 pixels, or none.
    away = np.abs(fits - np.array([[46.0], [12.0]])).max(axis=0)
    assert np.all((away <= 11.5) | np.isnan(fits).any(axis=0))
    if kind in ("flat", "zero", "noise", "negative"):
        assert (ts["quality"][2] & (QualityFlag.FIT_FAILED | QualityFlag.FIT_SUSPECT | QualityFlag.CENTER_OUTSIDE)) != 0
    if kind == "saturated":
        assert away[2] < 3
    assert good(ts)[[0, 1, 3]].all()


@pytest.mark.parametrize("fault", ["nothing", "covariance", "no end", "raises"])
def test_fit_that_goes_wrong(monkeypatch, fault):
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


def test_without_a_network(tmp_path, monkeypatch):
    """A whole run: simulate, extract, write, read, plot the product's summary."""

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
