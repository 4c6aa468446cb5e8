"""Which integrations are read before the loop, and that none is read twice."""

import numpy as np
import pytest

from nircam_tso import TimeSeriesExtractor
from nircam_tso.extractor.boxes import Box
from nircam_tso.extractor.sample import SampleReader
from nircam_tso.io.sources import open_exposure

BOX = Box(slice(3, 23), slice(5, 45))


@pytest.fixture
def cube():
    data = np.random.default_rng(3).normal(20, 2, (90, 30, 50)).astype(np.float32)
    data[0, 5, 8] = np.nan
    return data


def reader(cube):
    exposure = open_exposure(cube)
    return SampleReader(TimeSeriesExtractor(), exposure, None)


def test_a_sample_is_spread_evenly(cube):
    one = reader(cube)
    sample = one.sample(BOX)
    assert one.rows[[0, 1, -1]].tolist() == [0, 1, 89] and len(one.rows) == 64
    np.testing.assert_array_equal(sample.data, cube[one.rows][:, 3:23, 5:45])
    assert sample.data.dtype == np.float64 and sample.bad.sum() == 1 and sample.bad[0, 2, 3]


def test_what_was_sampled_is_not_read_again(cube, monkeypatch):
    one = reader(cube)
    one.sample(BOX)
    rows = one.rows[[1, 5, 40]]
    fresh = reader(cube).images_of(rows, BOX)
    monkeypatch.setattr(type(one.exposure), "rows_in_memory", None)
    (kept,) = one.images_of(rows, BOX)
    np.testing.assert_array_equal(kept.data, np.concatenate([part.data for part in fresh]))
    np.testing.assert_array_equal(kept.bad, np.concatenate([part.bad for part in fresh]))


def test_an_integration_without_data_is_in_no_sample(cube):
    cube[0] = np.nan
    one = reader(cube)
    assert len(one.sample(BOX).data) == 63 and len(one.rows) == 0
    np.testing.assert_array_equal(one.images_of([1, 2], BOX)[0].data, cube[1:3, 3:23, 5:45])


def test_wide_frames_are_sampled_less(cube):
    """Whole rows are read: 20 of 20,000 pixels of 12 bytes are 4.8 MB for each integration."""
    wide = np.broadcast_to(np.float32(1.0), (90, 24, 20_000))
    one = reader(wide)
    assert len(one.sample(BOX).data) == 16
    narrow = reader(wide[:, :, :5000])
    assert len(narrow.sample(BOX).data) == 66 - 2
