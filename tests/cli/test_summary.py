"""The few lines that a person sees first of a product."""

import numpy as np
from astropy import units as u
from astropy.time import Time
from astropy.timeseries import TimeSeries

from nircam_tso.cli.summary import summary_lines


def product(n=60):
    rng = np.random.default_rng(1)
    ts = TimeSeries(time=Time("2026-07-01T10:00:00") + np.arange(n) * 10 * u.s)
    ts["background"] = np.full(n, 2.5) * u.DN
    ts["x_gauss"] = np.full(n, 20.0) * u.pix
    ts["y_gauss"] = np.full(n, 10.0) * u.pix
    ts["aperture_sum_r5"] = rng.normal(5e4, 50, n) * u.DN
    ts["aperture_sum_err_r5"] = np.full(n, 40.0) * u.DN
    ts["aperture_sum_r8"] = np.full(n, np.nan) * u.DN
    ts["quality"] = np.zeros(n, np.uint32)
    return ts


def test_light_curves_stand_in_a_table():
    lines = summary_lines(product())
    start = next(i for i, line in enumerate(lines) if line.startswith("flux "))
    assert lines[start].split() == ["flux", "median", "[DN]", "scatter", "[ppm]", "quoted", "ratio"]
    cells = lines[start + 1].split()
    assert cells[:2] == ["aperture_sum_r5", "*"]
    assert 700 < int(cells[3]) < 1300 and cells[4] == "+-"
    assert cells[6] == "800"
    assert lines[start + 2].split() == ["aperture_sum_r8", "no", "good", "row"]
    # Right edges of the columns are one under another.
    assert lines[start].index("quoted") + len("quoted") == lines[start + 1].index(" 800") + 4


def test_known_parts_of_the_noise_are_told():
    ts = product()
    ts.meta["noise_budget"] = '{"r5": {"photon": 650.0, "read": 120.0}}'
    lines = summary_lines(ts)
    heading = next(line for line in lines if line.startswith("flux "))
    assert heading.split()[-2:] == ["photon", "read"]
    row = next(line for line in lines if "aperture_sum_r5" in line)
    assert row.split()[-2:] == ["650", "120"]


def test_no_light_curve_and_no_good_row():
    ts = product()
    for name in ("aperture_sum_r5", "aperture_sum_err_r5", "aperture_sum_r8"):
        ts.remove_column(name)
    ts["quality"][:] = 1
    lines = summary_lines(ts)
    assert not [line for line in lines if line.startswith("flux")]
    assert "rows      60, of which 0 good" in lines
    assert "flags     NO_DATA 60" in lines


def test_one_place_for_the_series():
    ts = product()
    ts.meta |= {"center": "fixed", "center_x": 20.25, "center_y": 10.5}
    assert "centre    x 20.250, y 10.500 pix (fixed)" in summary_lines(ts)
    ts.meta["center"] = "median"
    assert "centre    x 20.250, y 10.500 pix (one for the series)" in summary_lines(ts)


def test_unknown_times():
    ts = product(5)
    ts["time"] = Time(ts["time"], copy=True)
    ts["time"][:] = np.ma.masked
    assert "times     unknown, from unknown" in summary_lines(ts)
