import math

import numpy as np
import pytest
from astropy import units as u
from hypothesis import given, settings
from hypothesis import strategies as st
from photutils.geometry import circular_overlap_grid

from nircam_tso.measure.overlap import aperture_footprint, check_radii, circle_overlap

coordinates = st.floats(-40, 90, allow_nan=False)
radii = st.floats(0.01, 60, allow_nan=False)


def cap(r, d):
    """Area of the part of a disc beyond a line at distance d from its centre (-r <= d <= r)."""
    half = math.sqrt((r - d) * (r + d))
    return r * r * math.atan2(half, d) - d * half


def reference_grid(shape, position, radius):
    ny, nx = shape
    x, y = position
    return circular_overlap_grid(-0.5 - x, nx - 0.5 - x, -0.5 - y, ny - 0.5 - y, nx, ny, radius, 1, 1)


def under(x0, x1, y, r):
    """Integral from x0 to x1 of the height y, cut to the disc: clip(y, -s, s) with s = sqrt(r^2 - x^2)."""

    def arc(x):
        side = np.sqrt((r - x) * (r + x))
        return 0.5 * (x * side + r * r * np.arctan2(x, side))

    def from_0(x):
        x, height = np.clip(x, -r, r), np.minimum(np.abs(y), r)
        flat = np.sqrt((r - height) * (r + height))
        beyond = np.maximum(np.abs(x), flat)
        return np.sign(x) * (height * np.minimum(np.abs(x), flat) + arc(beyond) - arc(flat))

    return np.sign(y) * (from_0(x1) - from_0(x0))


@settings(max_examples=200, deadline=None)
@given(x=coordinates, y=coordinates, r=radii)
def test_each_pixel_has_its_analytic_area(x, y, r):
    rows, columns = np.mgrid[:37, :53].astype(float)
    dx, dy = columns - x, rows - y
    expected = under(dx - 0.5, dx + 0.5, dy + 0.5, r) - under(dx - 0.5, dx + 0.5, dy - 0.5, r)
    np.testing.assert_allclose(circle_overlap((37, 53), (x, y), r), expected, rtol=0, atol=1e-15 * (200 + r * r))


@settings(max_examples=200, deadline=None)
@given(x=st.floats(20, 40), y=st.floats(20, 30), r=st.floats(0.01, 19))
def test_disc_within_frame_has_its_whole_area(x, y, r):
    overlap = circle_overlap((52, 63), (x, y), r)
    assert overlap.sum() == pytest.approx(math.pi * r * r, rel=1e-12, abs=1e-14)
    assert overlap.min() >= 0
    assert overlap.max() <= 1


@settings(max_examples=200, deadline=None)
@given(x=coordinates, y=coordinates, r=radii)
def test_agrees_with_photutils_anywhere(x, y, r):
    shape = (37, 53)
    np.testing.assert_allclose(circle_overlap(shape, (x, y), r), reference_grid(shape, (x, y), r), rtol=0, atol=1e-12)


@pytest.mark.parametrize("r", [0.3, 0.5, math.sqrt(0.5), 1.0, 3.0, 8.0, 20.5])
@pytest.mark.parametrize("position", [(26.0, 18.0), (26.5, 18.0), (26.0, 18.5), (26.5, 18.5), (25.75, 18.125)])
def test_agrees_with_photutils_on_symmetric_places(position, r):
    shape = (37, 53)
    np.testing.assert_allclose(circle_overlap(shape, position, r), reference_grid(shape, position, r), atol=1e-12)


@settings(max_examples=100, deadline=None)
@given(r=st.floats(0.3, 15), fraction=st.floats(-1, 1))
def test_half_planes_cut_off_by_the_frame(r, fraction):
    shape = (61, 97)
    middle = (48.0, 30.0)
    d = fraction * r
    rest = math.pi * r * r - cap(r, d)
    for position in (
        (96.5 - d, middle[1]),
        (-0.5 + d, middle[1]),
        (middle[0], 60.5 - d),
        (middle[0], -0.5 + d),
    ):
        assert circle_overlap(shape, position, r).sum() == pytest.approx(rest, rel=1e-11, abs=1e-12)


def test_quarter_and_half_disc_at_the_frames_edge():
    shape = (40, 70)
    assert circle_overlap(shape, (-0.5, -0.5), 7.3).sum() == pytest.approx(math.pi * 7.3**2 / 4, rel=1e-13)
    assert circle_overlap(shape, (69.5, 39.5), 7.3).sum() == pytest.approx(math.pi * 7.3**2 / 4, rel=1e-13)
    assert circle_overlap(shape, (30.2, 39.5), 7.3).sum() == pytest.approx(math.pi * 7.3**2 / 2, rel=1e-13)


def test_pixels_by_hand():
    # A disc of radius 1 about the corner of four pixels holds a quarter of itself in each.
    overlap = circle_overlap((2, 3), (0.5, 0.5), 1.0)
    np.testing.assert_allclose(overlap, [[math.pi / 4, math.pi / 4, 0], [math.pi / 4, math.pi / 4, 0]], rtol=1e-15)
    # One of radius 0.5 about the middle of a pixel's side: a half in each neighbour.
    overlap = circle_overlap((1, 4), (1.5, 0.0), 0.5)
    np.testing.assert_allclose(overlap, [[0, math.pi / 8, math.pi / 8, 0]], rtol=1e-15)
    # Radius 1 about a pixel's centre: the pixel is within, its neighbour to the right has
    # the cap beyond x = 0.5 less what lies beyond y = +- 0.5 as well.
    side = math.sqrt(0.75)
    corner = 0.5 * (math.asin(side) - math.asin(0.5)) - 0.5 * (side - 0.5)
    overlap = circle_overlap((3, 3), (1.0, 1.0), 1.0)
    assert overlap[1, 1] == 1
    assert overlap[0, 0] == pytest.approx(corner, rel=1e-13)
    assert overlap[1, 2] == pytest.approx(cap(1, 0.5) - 2 * corner, rel=1e-13)


def test_large_discs_keep_small_overlaps_exact():
    # Far from a disc's centre a pixel sees a parabola: 2/3 of chord times height.
    r, height = 1e5, 2.0**-23
    overlap = circle_overlap((1, 1), (-0.5 - r + height, 0.0), r)
    chord = 2 * math.sqrt(2 * r * height)
    assert overlap[0, 0] == pytest.approx(2 / 3 * chord * height, rel=1e-3)
    assert circle_overlap((1, 1), (-0.5 - r, 0.0), r)[0, 0] == 0


@settings(max_examples=100, deadline=None)
@given(x=coordinates, y=coordinates, r=radii)
def test_x_and_y_are_alike_and_not_exchanged(x, y, r):
    overlap = circle_overlap((37, 53), (x, y), r)
    np.testing.assert_allclose(overlap.T, circle_overlap((53, 37), (y, x), r), rtol=0, atol=1e-14)
    np.testing.assert_allclose(overlap[::-1], circle_overlap((37, 53), (x, 36 - y), r), rtol=0, atol=2e-12)


@pytest.mark.parametrize("position", [(np.nan, 3.0), (3.0, np.nan), (np.inf, 3.0), (1e300, -1e300)])
def test_no_overlap_without_a_centre(position):
    assert circle_overlap((8, 9), position, 4.0).sum() == 0
    assert not aperture_footprint((8, 9), position, 4.0).any()


def test_footprint_is_where_the_overlap_is():
    # Touching only: a disc of radius 1.5 about a pixel's centre reaches the outer sides of its neighbours.
    footprint = aperture_footprint((9, 11), (6, 3), 1.5)
    expected = np.zeros((9, 11), bool)
    expected[2:5, 5:8] = True
    np.testing.assert_array_equal(footprint, expected)
    assert aperture_footprint((9, 11), (5, 4), 1e6).all()
    np.testing.assert_array_equal(
        aperture_footprint((30, 41), (20.3, 9.9), 8), reference_grid((30, 41), (20.3, 9.9), 8) > 0
    )


def test_a_disc_beyond_all_bounds_is_cut_to_the_frame():
    np.testing.assert_array_equal(circle_overlap((3, 5), (2.0, 1.0), 1e150), np.ones((3, 5)))
    np.testing.assert_array_equal(circle_overlap((3, 5), (1e308, 1.0), 4.0), np.zeros((3, 5)))


def test_check_radii_keeps_the_order():
    np.testing.assert_array_equal(check_radii([8, 3, 5.5]), [8, 3, 5.5])
    np.testing.assert_array_equal(check_radii(4), [4.0])
    np.testing.assert_array_equal(check_radii([3, 5] * u.pix), [3, 5])


@pytest.mark.parametrize("wrong", [0, -1, np.nan, np.inf, [], [3, 0], [[1, 2]], "many", [2, 2], [3, 3.0000001], None])
def test_check_radii_refuses(wrong):
    with pytest.raises(ValueError, match="aperture_radii: "):
        check_radii(wrong)


def test_check_radii_refuses_other_units():
    with pytest.raises(ValueError, match=r"rings: 3\.0 arcsec is not in pixels"):
        check_radii(3 * u.arcsec, "rings")
