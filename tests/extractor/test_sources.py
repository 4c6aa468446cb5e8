"""The same pixels by whatever way they come give the same numbers, bit by bit."""

import numpy as np
import pytest
from astropy import units as u
from astropy.io import fits
from astropy.nddata import CCDData, StdDevUncertainty
from astropy.time import Time

from nircam_tso import TimeSeriesExtractor
from nircam_tso.simulate import simulate_exposure

#: What is measured, not where or when it comes from.
OTHER = {"time", "time_start", "time_end", "time_bjd", "exposure_time", "exposure", "integration", "source", "quality"}
TIME_BITS = np.uint32(1024 + 2048)


def assert_same(one, other, *, times=True):
    assert one.colnames == other.colnames
    for name in set(one.colnames) - OTHER:
        a, b = (np.asarray(getattr(ts[name], "value", ts[name])) for ts in (one, other))
        assert np.array_equal(a, b, equal_nan=True), name
    assert np.array_equal(one["quality"] & ~TIME_BITS, other["quality"] & ~TIME_BITS)
    if times:
        assert np.array_equal(one["time"].jd1, other["time"].jd1)
        assert np.array_equal(one["time"].jd2, other["time"].jd2)


@pytest.fixture(scope="module")
def ground(tmp_path_factory):
    """A directory of 100 files, as the ground tests wrote them."""
    folder = tmp_path_factory.mktemp("NRCN821CLRSUB1.red")
    return simulate_exposure(
        folder,
        format="ncdhas",
        product="red",
        n_integrations=100,
        shape=(40, 56),
        position=(30.3, 17.6),
        stddev=(1.1, 1.5),
        theta=20,
        flux=1e6,
        jitter=0.05,
        n_groups=4,
        seed=3,
    )


@pytest.fixture(scope="module")
def extractor():
    return TimeSeriesExtractor(aperture_radii=[3, 6], position=(30, 18))


@pytest.fixture(scope="module")
def from_folder(ground, extractor):
    return extractor.extract(ground.paths[0].parent)


def test_ground_folder_recovers_the_truth(ground, from_folder):
    assert len(from_folder) == 100
    assert np.array_equal(from_folder["integration"], np.arange(1, 101))
    for axis in "xy":
        offset = from_folder[f"{axis}_gauss"].value - ground.truth[axis].value
        assert abs(offset.mean()) < 0.002
        assert np.abs(offset).max() < 0.02
    assert np.abs((from_folder["time"] - ground.truth["time"]).sec).max() < 0.01


def test_list(ground, extractor, from_folder):
    assert_same(extractor.extract(ground.paths[::-1]), from_folder)


def test_glob(ground, extractor, from_folder):
    assert_same(extractor.extract(str(ground.paths[0].parent / "*.fits")), from_folder)


def test_text_file(ground, extractor, from_folder):
    names = "\ufeff# the night's files\r\n\r\n" + "\r\n".join(path.name for path in ground.paths) + "\r\n"
    listing = ground.paths[0].parent / "fits_input_file.txt"
    listing.write_bytes(names.encode())
    try:
        assert_same(extractor.extract(listing), from_folder)
    finally:
        listing.unlink()


def test_array_with_times(ground, extractor, from_folder):
    cube = np.stack([fits.getdata(path) for path in ground.paths])
    ts = extractor.extract(cube, times=from_folder["time"], unit=from_folder["background"].unit)
    assert cube.ndim == 4
    assert_same(ts, from_folder, times=False)
    assert np.abs((ts["time"] - from_folder["time"]).sec).max() < 1e-9


@pytest.fixture(scope="module")
def flight(tmp_path_factory):
    return simulate_exposure(
        tmp_path_factory.mktemp("flight"),
        product="calints",
        n_integrations=30,
        shape=(40, 56),
        position=(30.3, 17.6),
        flux=5e4,
        jitter=0.02,
        dead_fraction=0.003,
        seed=4,
    )


def test_calints_as_path_and_hdulist(flight, extractor):
    from_path = extractor.extract(flight.paths[0])
    with fits.open(flight.paths[0]) as hdus:
        from_hdus = extractor.extract(hdus)
    assert_same(from_hdus, from_path)
    assert np.array_equal(from_hdus["quality"], from_path["quality"])


def test_calints_as_arrays(flight, extractor):
    from_path = extractor.extract(flight.paths[0])
    with fits.open(flight.paths[0]) as hdus:
        data = hdus["SCI"].data
        errors = np.sqrt(hdus["VAR_POISSON"].data.astype(float) + hdus["VAR_RNOISE"].data.astype(float))
        mask = (hdus["DQ"].data & 1) > 0
        header = hdus["SCI"].header
    ts = extractor.extract(data, errors=errors, mask=mask, header=header, unit="MJy / sr", times=from_path["time"])
    for name in ("x_cc", "x_gauss", "background", "aperture_sum_r6", "n_replaced"):
        assert np.array_equal(np.asarray(ts[name]), np.asarray(from_path[name]), equal_nan=True), name
    # The variance went through a square root and back.
    np.testing.assert_allclose(ts["aperture_sum_err_r6"].value, from_path["aperture_sum_err_r6"].value, rtol=1e-12)


def test_kinds_of_arrays(extractor):
    rng = np.random.default_rng(8)
    y, x = np.mgrid[:40, :56]
    cube = rng.normal(50, 2, (6, 40, 56)) + 900 * np.exp(-((x - 30.3) ** 2 + (y - 17.6) ** 2) / 3)
    reference = extractor.extract(cube)
    same = {
        "list": list(cube),
        "big-endian": cube.astype(">f8"),
        "quantity": cube * u.dimensionless_unscaled,
        "NDData": [CCDData(image, unit="") for image in cube],
    }
    for name, source in same.items():
        assert_same(extractor.extract(source), reference, times=False)
        assert name
    quantity = extractor.extract(cube * u.adu)
    assert quantity["aperture_sum_r3"].unit == u.adu
    assert np.array_equal(quantity["aperture_sum_r3"].value, reference["aperture_sum_r3"].value)
    with_errors = extractor.extract(CCDData(cube[0], unit="adu", uncertainty=StdDevUncertainty(np.full((40, 56), 2.0))))
    assert with_errors["aperture_sum_err_r3"].value[0] > np.sqrt(np.pi * 9) * 2 * 0.9


def test_short_numbers_are_measured_where_they_lie(extractor, tmp_path):
    """Pixels of float32 give the numbers of the same ones as float64, in memory and in files, and stay as they were."""
    rng = np.random.default_rng(8)
    y, x = np.mgrid[:40, :56]
    cube = rng.normal(50, 2, (30, 40, 56)) + 900 * np.exp(-((x - 30.3) ** 2 + (y - 17.6) ** 2) / 3)
    short = cube.astype(np.float32)
    short[4, 17, 31] = np.nan
    kept = short.copy()
    reference = extractor.extract(short.astype(float))
    assert reference["n_replaced"][4] == 1
    assert_same(extractor.extract(short), reference, times=False)
    np.testing.assert_array_equal(short, kept)
    assert short.flags.writeable
    short.flags.writeable = False
    assert_same(extractor.extract(short, block_size=7), reference, times=False)
    paths = []
    for k, image in enumerate(short):
        # One of them with numbers of another type.
        fits.writeto(tmp_path / f"a{k:02}.fits", image.astype(float) if k == 11 else image)
        paths.append(str(tmp_path / f"a{k:02}.fits"))
    assert_same(
        extractor.extract(paths, times=Time(60000 + np.arange(30) / 1000, format="mjd")), reference, times=False
    )


def test_single_image_is_one_row(extractor):
    y, x = np.mgrid[:40, :56]
    image = 5 + 900 * np.exp(-((x - 30.3) ** 2 + (y - 17.6) ** 2) / 3)
    ts = extractor.extract(image)
    assert len(ts) == 1
    assert abs(ts["x_gauss"][0].value - 30.3) < 1e-6
    assert np.asarray(ts["time"].mask).all()


@pytest.mark.parametrize("block_size", [1, 7, 64])
def test_block_size_changes_nothing(ground, extractor, from_folder, block_size):
    assert_same(extractor.extract(ground.paths, block_size=block_size), from_folder)


def test_processes_give_the_same(ground, extractor, from_folder):
    from concurrent.futures import ProcessPoolExecutor
    from multiprocessing import get_context

    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as executor:
        assert_same(extractor.extract(ground.paths, executor=executor, block_size=20), from_folder)
