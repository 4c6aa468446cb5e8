"""One case for every quality bit: it is set there, with no other, and in no other row."""

import numpy as np
import pytest
from astropy.io import fits
from astropy.time import Time

from nircam_tso import AnnulusBackground, QualityFlag, TimeSeriesExtractor, good
from nircam_tso.simulate import simulate_exposure

SHAPE = (40, 52)
X, Y = 30.4, 18.7
N = 12
ROW = 4
TIMES = Time(60000 + np.arange(N) / 1000, format="mjd")


def star(x=X, y=Y, sx=1.3, sy=1.05):
    yy, xx = np.indices(SHAPE)
    return 2000 * np.exp(-((xx - x) ** 2 / (2 * sx**2) + (yy - y) ** 2 / (2 * sy**2)))


def cube(**shape):
    return star(**shape) + 20 + np.random.default_rng(2).normal(0, 3, (N, *SHAPE))


def measure(data, *, times=TIMES, errors=None, header=None, **settings):
    settings = {"aperture_radii": [3, 5], "position": (30, 19), **settings}
    if errors is None:
        settings |= {"gain": 2.0, "read_noise": 5.0}
    return TimeSeriesExtractor(**settings).extract(data, times=times, errors=errors, header=header)


def calints(folder, change=None):
    """A file of the pipeline's kind, changed by hand."""
    simulation = simulate_exposure(folder, product="calints", n_integrations=N, shape=SHAPE, position=(X, Y), flux=4e5)
    with fits.open(simulation.paths[0], mode="update") as hdus:
        if change is not None:
            change(hdus)
    return TimeSeriesExtractor(aperture_radii=[3, 5]).extract(simulation.paths)


def no_data(folder):
    data = cube()
    data[ROW] = np.nan
    return measure(data)


def partial_aperture(folder):
    """A star that comes within 5 px of the edge once."""
    data = cube(x=42.4)
    data[ROW] += star(x=48.1) - star(x=42.4)
    return measure(data, position=(42, 19))


def nan_in_aperture(folder):
    data = cube()
    data[ROW, 19, 31] = np.nan
    return measure(data)


def do_not_use(folder):
    def change(hdus):
        hdus["DQ"].data[ROW, 19, 31] |= 1

    return calints(folder, change)


def saturated(folder):
    def change(hdus):
        hdus["DQ"].data[ROW, 19, 31] |= 2

    return calints(folder, change)


def jump_det(folder):
    def change(hdus):
        hdus["DQ"].data[ROW, 19, 31] |= 4

    return calints(folder, change)


def fit_failed(folder):
    """Sky without a star, and without any noise: nothing to fit."""
    data = cube()
    data[ROW] = 20.0
    return measure(data, center="median")


def fit_suspect(folder):
    """The star trailed along x to more than three times its width."""
    data = cube()
    data[ROW] += 0.4 * star(sx=4.0) - star()
    return measure(data)


def center_outside(folder):
    """A star beyond the subframe of the others."""
    data = cube()
    data[ROW] += star(x=X - 12) - star()
    return measure(data, center="median")


def err_invalid(folder):
    errors = np.full((N, *SHAPE), 3.0)
    errors[ROW, 18, 29] = -1.0
    return measure(cube(), errors=errors)


def background_failed(folder):
    data = cube()
    y, x = np.indices(SHAPE)
    distance = np.hypot(x - X, y - Y)
    data[ROW][(distance > 9) & (distance < 16)] = np.nan
    return measure(data, background=AnnulusBackground(10, 15), subframe_shape=(13, 13))


def time_invalid(folder):
    return measure(cube(), times=None)


def time_from_header(folder):
    def change(hdus):
        del hdus["INT_TIMES"]

    return calints(folder, change)


def midnight_rollover(folder):
    """Only clocks, of which the second is earlier: the exposure's length says that midnight passed."""
    cards = {"DATE-OBS": "2016-01-12", "TIME-OBS": "23:59:30", "TIME-END": "00:00:30", "EXPTIME": 60.0}
    return measure(cube(), times=None, header=cards)


def visit(folder):
    """A segment for each integration."""
    settings = {"n_integrations": N, "segments": N, "shape": SHAPE, "position": (X, Y), "flux": 4e5}
    return list(simulate_exposure(folder, product="calints", **settings).paths)


def missing_integration(folder):
    paths = visit(folder)
    paths.pop(ROW).unlink()
    return TimeSeriesExtractor(aperture_radii=[3, 5]).extract(paths, allow_missing=True)


def read_error(folder):
    paths = visit(folder)
    paths[ROW].write_bytes(paths[ROW].read_bytes()[:-3000])
    return TimeSeriesExtractor(aperture_radii=[3, 5]).extract(paths, on_error="flag")


#: What each case sets, and whether in every row or in one.
CASES = {
    no_data: (["NO_DATA"], False),
    partial_aperture: (["PARTIAL_APERTURE"], False),
    nan_in_aperture: (["NAN_IN_APERTURE"], False),
    do_not_use: (["DO_NOT_USE"], False),
    saturated: (["SATURATED"], False),
    jump_det: (["JUMP_DET"], False),
    fit_failed: (["FIT_FAILED"], False),
    fit_suspect: (["FIT_SUSPECT"], False),
    center_outside: (["CENTER_OUTSIDE"], False),
    err_invalid: (["ERR_INVALID"], False),
    background_failed: (["BACKGROUND_FAILED"], False),
    time_invalid: (["TIME_INVALID"], True),
    time_from_header: (["TIME_FROM_HEADER"], True),
    # A clock that is read over midnight is a header's.
    midnight_rollover: (["TIME_FROM_HEADER", "MIDNIGHT_ROLLOVER"], True),
    # Such a row holds no pixel, and its time comes from its neighbours.
    missing_integration: (["NO_DATA", "TIME_FROM_HEADER", "MISSING_INTEGRATION"], False),
    read_error: (["NO_DATA", "TIME_FROM_HEADER", "READ_ERROR"], False),
}


def names(ts):
    return [QualityFlag(int(value)).names() for value in ts["quality"]]


def test_every_bit_has_a_case():
    covered = {name for bits, _ in CASES.values() for name in bits}
    assert covered == {flag.name for flag in QualityFlag}


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.__name__)
def test_bit(case, tmp_path):
    expected, in_all = CASES[case]
    ts = case(tmp_path)
    assert len(ts) == N
    found = names(ts)
    for row in range(N):
        assert found[row] == (expected if in_all or row == ROW else []), row
    warns = any(QualityFlag[name] & QualityFlag.warning() for name in expected)
    # The set of saturated pixels differs from the other rows': then they are not good either.
    warns = warns or ts.meta["saturation_varies"]
    assert (~good(ts)).tolist() == [warns and (in_all or row == ROW) for row in range(N)]


def test_clean_series_has_none(tmp_path):
    assert names(measure(cube())) == [[]] * N
    assert names(calints(tmp_path)) == [[]] * N
