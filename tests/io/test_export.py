"""A product in the forms of other tools."""

import numpy as np
import pandas as pd
import pytest
from astropy import units as u
from astropy.time import Time

from nircam_tso import TimeSeriesExtractor, aperture_photometry, filenames, to_lightkurve, to_pandas
from nircam_tso.simulate import simulate_exposure


@pytest.fixture(scope="module")
def simulation(tmp_path_factory):
    return simulate_exposure(
        tmp_path_factory.mktemp("visit"), product="rateints", n_integrations=7, shape=(40, 48), segments=2, seed=5
    )


@pytest.fixture(scope="module")
def ts(simulation):
    return TimeSeriesExtractor(aperture_radii=[5.5, 3]).extract(simulation.paths)


def test_aperture_photometry_is_keyed_by_float_radius(ts):
    table = aperture_photometry(ts)
    assert list(table.columns) == [3.0, 5.5]
    assert np.array_equal(table[5.5].to_numpy(), ts["aperture_sum_r5.5"].value)
    assert table.attrs["unit"] == "DN / s"
    with pytest.raises(ValueError, match="no column aperture_sum_r"):
        aperture_photometry(ts["time", "background"])


def test_pandas(ts):
    frame = to_pandas(ts)
    assert len(frame) == 7
    assert frame.index.name == "time"
    assert frame.attrs["units"]["x_gauss"] == "pix"
    assert frame.attrs["meta"]["target"] == ts.meta["target"]
    assert np.array_equal(frame["x_gauss"].to_numpy(), ts["x_gauss"].value)
    expected = pd.Timestamp(Time(ts["time"][2], precision=9).isot)
    assert frame.index[2] == expected
    assert frame["quality"].dtype == np.uint32


def test_pandas_with_unknown_times():
    cube = np.random.default_rng(2).normal(9, 1, (3, 30, 40))
    frame = to_pandas(TimeSeriesExtractor(aperture_radii=[3]).extract(cube))
    assert frame.index.isna().all()


def test_filenames(ts, simulation):
    names = filenames(ts)
    assert names.tolist() == [simulation.paths[0].name] * 4 + [simulation.paths[1].name] * 3
    with pytest.raises(ValueError, match="no provenance"):
        filenames(ts["time", "background"][:0].__class__(time=ts["time"]))


def test_lightkurve(ts):
    lightkurve = pytest.importorskip("lightkurve", reason="lightkurve is an optional dependency")
    curve = to_lightkurve(ts, 3)
    assert isinstance(curve, lightkurve.LightCurve)
    assert np.array_equal(np.asarray(curve.flux.value), ts["aperture_sum_r3"].value)
    assert curve.flux.unit == u.Unit("DN / s")
    assert curve.time.scale == "tdb"
    assert np.abs((curve.time - ts["time_bjd"]).sec).max() < 1e-6
    # Its own methods compute with the times: text would not do.
    assert curve.time.format == "jd"
    assert len(curve.fold(period=1e-3, epoch_time=curve.time[0])) == len(ts)


def test_lightkurve_with_a_radius_that_is_not_there(ts):
    with pytest.raises(ValueError, match="radius: 4 is not among 3, 5.5"):
        to_lightkurve(ts, 4)
    with pytest.raises(ValueError, match="radius: None"):
        to_lightkurve(ts)
