"""How many integrations a block has, and what goes on beside the blocks."""

import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from astropy.time import Time

from nircam_tso import LineBackground, TimeSeriesExtractor
from nircam_tso.exceptions import InputFileError
from nircam_tso.extractor import core, loop, search
from nircam_tso.extractor.plan import make_plans
from nircam_tso.io.sources import open_exposure

SHAPE = (300, 400)


@pytest.fixture(scope="module")
def cube():
    y, x = np.indices(SHAPE)
    star = 50 + 900 * np.exp(-((x - 190.3) ** 2 + (y - 137.6) ** 2) / 3)
    return np.broadcast_to(star.astype(np.float32), (12, *SHAPE))


@pytest.mark.parametrize(
    ("settings", "most"),
    [
        ({}, 64_000_000 / (4 * 120_000)),
        ({"background": None}, 400),
        ({"background": LineBackground()}, 16_000_000 / (8 * 120_000)),
        ({"striping": "row"}, 16_000_000 / (8 * 120_000)),
    ],
)
def test_large_frames_in_memory_stay_bounded(cube, settings, most):
    """Whatever widens or copies all pixels of a frame does so for few at a time."""
    exposure = open_exposure(cube)
    plans, _ = make_plans(TimeSeriesExtractor(**settings), exposure)
    part = loop._wanted(plans, SHAPE)
    long = open_exposure(np.broadcast_to(cube[0], (100_000, *SHAPE)))
    size = loop._default_block_size(plans, part, long, loop._BLOCK_BYTES, 2)
    assert size <= most
    # And not much smaller than that.
    assert size > 0.9 * most - 1


def test_a_failed_search_is_an_error(cube, monkeypatch):
    """Pixels that the search alone finds unreadable, because it reads more of the frame, are no matter of luck."""

    def plans(settings, exposure):
        found, _ = make_plans(settings, exposure)

        def search():
            raise InputFileError("file.fits: the pixels end early", path="file.fits")

        return found, search

    monkeypatch.setattr(core, "make_plans", plans)
    times = Time(60000 + np.arange(len(cube)) / 1000, format="mjd")
    with pytest.raises(InputFileError, match="the pixels end early"):
        TimeSeriesExtractor().extract(cube, times=times)


def test_what_goes_on_beside_is_handed_back(cube):
    exposure = open_exposure(cube)
    plans, _ = make_plans(TimeSeriesExtractor(), exposure)
    for executor in (None, ThreadPoolExecutor(1)):
        numbers, thread = loop.measure_all(plans, exposure, executor=executor, beside=threading.current_thread)
        assert len(numbers[0]["x_gauss"]) == len(cube)
        # In no thread of its own beside an executor, whose processes may be forked at any moment.
        assert (thread is threading.current_thread()) == (executor is not None)
    executor.shutdown()
    assert loop.measure_all(plans, exposure)[1] is None


def test_the_search_goes_on_beside_the_blocks(cube, monkeypatch):
    """Blocks are measured before the search is done, and their errors hold what it finds all the same."""
    times = Time(60000 + np.arange(40) / 1000, format="mjd")
    rng = np.random.default_rng(5)
    images = np.tile(cube[:1], (40, 1, 1)) + rng.normal(0, 4, (40, *SHAPE)) + rng.normal(0, 3, (40, SHAPE[0], 1))
    settings = TimeSeriesExtractor(aperture_radii=[4], gain=1.0, read_noise=4.0)
    measured = threading.Event()
    block = loop._read_and_measure

    def plans(settings, exposure):
        found, search = make_plans(settings, exposure)
        return found, lambda: (measured.wait(60), search())[1]

    def measure(*args):
        numbers = block(*args)
        measured.set()
        return numbers

    expected = settings.extract(images, times=times)
    monkeypatch.setattr(core, "make_plans", plans)
    monkeypatch.setattr(loop, "_read_and_measure", measure)
    monkeypatch.setattr(loop, "slots", lambda executor: 2)
    found = settings.extract(images, times=times)
    assert measured.is_set()
    for name in ("aperture_sum_err_r4", "psf_flux_err", "y_gauss_err", "background_err"):
        np.testing.assert_array_equal(found[name], expected[name])
    # Rows that wander by 3 each, over some eight rows of up to eight pixels.
    y = np.arange(SHAPE[0])
    chords = 2 * np.sqrt(np.clip(16 - (y - 137.6) ** 2, 0, None))
    rows = 9 * np.square(chords - np.pi * 16 / SHAPE[0]).sum()
    white = np.pi * 16 * (16 + 50) + 2 * np.pi * 1.5 * 900
    assert np.median(found["aperture_sum_err_r4"]).value == pytest.approx(np.sqrt(rows + white), rel=0.05)
    assert not any(name.endswith("_chords") for name in found.colnames)


def test_a_search_in_many_threads_finds_the_same(monkeypatch):
    rng = np.random.default_rng(8)
    y, x = np.indices((70, 90))
    star = 50 + 900 * np.exp(-((x - 51.3) ** 2 + (y - 33.6) ** 2) / 3)
    images = star + rng.normal(0, 4, (40, 70, 90)) + rng.normal(0, 3, (40, 70, 1))
    # Of each part another image lacks many pixels.
    images[::5, 5:30, 10:40] = np.nan
    exposure = open_exposure(images)
    _, alone = make_plans(TimeSeriesExtractor(gain=1.0, read_noise=4.0), exposure)
    expected = alone()[0]
    assert (expected.circles > 0).all()
    monkeypatch.setattr(search, "_WORTH", 0)
    monkeypatch.setattr(search.os, "cpu_count", lambda: 16)
    _, together = make_plans(TimeSeriesExtractor(gain=1.0, read_noise=4.0), exposure)
    found = together()[0]
    np.testing.assert_array_equal(found.circles, expected.circles)
    assert found.psf == expected.psf
    assert found.columns == expected.columns


def test_the_bar_is_closed_whatever_interrupts(cube, monkeypatch):
    class Bar:
        closed = False

        def update(self, k):
            pass

        def close(self):
            self.closed = True

    def interrupted(pool, futures):
        raise KeyboardInterrupt

    exposure, bar = open_exposure(cube), Bar()
    plans, _ = make_plans(TimeSeriesExtractor(), exposure)
    monkeypatch.setattr(loop, "give_up", interrupted)
    with pytest.raises(KeyboardInterrupt):
        loop.measure_all(plans, exposure, progress=lambda total: bar)
    assert bar.closed
