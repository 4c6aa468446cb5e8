"""How many integrations a block has."""

import numpy as np
import pytest

from nircam_tso import LineBackground, TimeSeriesExtractor
from nircam_tso.extractor import loop
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
        ({}, 32_000_000 / (4 * 120_000)),
        ({"background": None}, 400),
        ({"background": LineBackground()}, 16_000_000 / (8 * 120_000)),
        ({"striping": "row"}, 16_000_000 / (8 * 120_000)),
    ],
)
def test_large_frames_in_memory_stay_bounded(cube, settings, most):
    """Whatever widens or copies all pixels of a frame does so for few at a time."""
    exposure = open_exposure(cube)
    plans = make_plans(TimeSeriesExtractor(**settings), exposure)
    part = loop._wanted(plans, SHAPE)
    long = open_exposure(np.broadcast_to(cube[0], (100_000, *SHAPE)))
    size = loop._default_block_size(plans, part, long, loop._BLOCK_BYTES, 2)
    assert size <= most
    # And not much smaller than that.
    assert size > 0.9 * most - 1
