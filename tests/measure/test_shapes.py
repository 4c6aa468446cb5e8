import json
import math

import numpy as np
import pytest
from astropy import units as u
from hypothesis import given, settings
from hypothesis import strategies as st
from photutils.aperture import (
    CircularAnnulus,
    CircularAperture,
    EllipticalAperture,
    RectangularAperture,
    SkyCircularAperture,
)

from nircam_tso.measure.overlap import circle_overlap
from nircam_tso.measure.photometry import aperture_sums
from nircam_tso.measure.shapes import EllipseShape, HexagonShape, RectangleShape, as_shape, shape_sums

FRAME = (61, 83)

lengths = st.floats(0.3, 25)
angles = st.floats(-7, 7)
shapes = st.one_of(
    st.builds(EllipseShape, lengths, lengths, angles),
    st.builds(RectangleShape, lengths, lengths, angles),
    st.builds(HexagonShape, lengths, angles),
)
SOME = [EllipseShape(9.3, 4.1, 0.7), RectangleShape(17.2, 6.3, -0.4), HexagonShape(8.2, 0.2), EllipseShape(2, 6)]


def between(n, low, high):
    """Share of pixels 0 ... n - 1 along one axis that lies between two places."""
    i = np.arange(n)
    return np.clip(np.minimum(i + 0.5, high) - np.maximum(i - 0.5, low), 0, 1)


@settings(max_examples=200)
@given(shape=shapes, x=st.floats(30, 52), y=st.floats(28, 32))
def test_shape_within_frame_has_its_whole_area(shape, x, y):
    overlap = shape.overlap((61, 83), (x, y))
    assert overlap.sum() == pytest.approx(shape.area, rel=1e-11, abs=1e-12)
    assert overlap.min() >= 0
    assert overlap.max() <= 1


@settings(max_examples=200)
@given(shape=shapes, along=st.floats(-1, 1))
def test_frames_edge_through_the_centre_halves_every_shape(shape, along):
    # All of them look the same after half a turn, so that any line through the centre halves them.
    x, y = 41 + 10 * along, 30 + 4 * along
    for position in ((-0.5, y), (82.5, y), (x, -0.5), (x, 60.5)):
        assert shape.overlap(FRAME, position).sum() == pytest.approx(shape.area / 2, rel=1e-11, abs=1e-12)


@settings(max_examples=200)
@given(shape=shapes, x=st.floats(-20, 100), y=st.floats(-20, 80))
def test_reach_and_footprint(shape, x, y):
    overlap, footprint = shape.overlap(FRAME, (x, y)), shape.footprint(FRAME, (x, y))
    np.testing.assert_array_equal(footprint, overlap > 0)
    rows, columns = np.mgrid[: FRAME[0], : FRAME[1]]
    nearest = np.hypot(np.maximum(abs(columns - x) - 0.5, 0), np.maximum(abs(rows - y) - 0.5, 0))
    assert not footprint[nearest > shape.reach + 1e-9].any()


def test_ellipses_agree_with_photutils_anywhere(rng):
    # At random places only: where a vertex of the ellipse lies on a pixel's edge, photutils itself may err.
    for _ in range(200):
        b, a = np.sort(rng.uniform(0.3, 25, 2))
        theta, x, y = rng.uniform(-7, 7), rng.uniform(-20, 100), rng.uniform(-20, 80)
        mask = EllipticalAperture((x, y), a, b, theta=theta).to_mask(method="exact").to_image(FRAME)
        expected = np.zeros(FRAME) if mask is None else mask
        np.testing.assert_allclose(EllipseShape(a, b, theta).overlap(FRAME, (x, y)), expected, rtol=0, atol=1e-10)


def quadrant_area(x, y):
    """Area of the unit disc between the axes and the lines at x and y, both >= 0."""
    x, y = np.minimum(x, 1), np.minimum(y, 1)
    flat = np.minimum(x, np.sqrt((1 - y) * (1 + y)))

    def arc(x):
        side = np.sqrt((1 - x) * (1 + x))
        return 0.5 * (x * side + np.arctan2(x, side))

    return y * flat + arc(x) - arc(flat)


@settings(max_examples=150)
@given(a=lengths, b=lengths, turned=st.booleans(), x=st.floats(-20, 100), y=st.floats(-20, 80))
def test_upright_ellipses_have_their_analytic_overlaps(a, b, turned, x, y):
    overlap = EllipseShape(a, b, 90 * u.deg if turned else 0).overlap(FRAME, (x, y))
    if turned:
        a, b = b, a

    def corner(i, j):
        return np.sign(i) * np.sign(j) * quadrant_area(np.abs(i) / a, np.abs(j) / b)

    j, i = np.mgrid[: FRAME[0], : FRAME[1]]
    left, right, below, above = i - 0.5 - x, i + 0.5 - x, j - 0.5 - y, j + 0.5 - y
    expected = corner(right, above) - corner(left, above) - corner(right, below) + corner(left, below)
    np.testing.assert_allclose(overlap, a * b * expected, rtol=0, atol=1e-11)


@settings(max_examples=150)
@given(r=st.floats(0.05, 40), theta=angles, x=st.floats(-20, 100), y=st.floats(-20, 80))
def test_an_ellipse_with_equal_axes_is_a_disc(r, theta, x, y):
    overlap = EllipseShape(r, r, theta).overlap(FRAME, (x, y))
    np.testing.assert_allclose(overlap, circle_overlap(FRAME, (x, y), r), rtol=0, atol=1e-11)


@settings(max_examples=100)
@given(w=lengths, h=lengths, theta=angles, x=st.floats(-10, 90), y=st.floats(-10, 70))
def test_rectangles_are_near_those_of_photutils(w, h, theta, x, y):
    # Some versions of photutils sample a rectangle's pixels at 32 x 32 points: a side may miss up to 2 / 32.
    mask = RectangularAperture((x, y), w, h, theta=theta).to_mask(method="exact").to_image(FRAME)
    expected = np.zeros(FRAME) if mask is None else mask
    np.testing.assert_allclose(RectangleShape(w, h, theta).overlap(FRAME, (x, y)), expected, rtol=0, atol=5 / 32)


@settings(max_examples=150)
@given(w=lengths, h=lengths, quarters=st.integers(-5, 5), x=st.floats(-20, 100), y=st.floats(-20, 80))
def test_upright_rectangles_by_hand(w, h, quarters, x, y):
    overlap = RectangleShape(w, h, quarters * 90 * u.deg).overlap(FRAME, (x, y))
    if quarters % 2:
        w, h = h, w
    expected = between(61, y - h / 2, y + h / 2)[:, None] * between(83, x - w / 2, x + w / 2)
    np.testing.assert_allclose(overlap, expected, rtol=0, atol=1e-13)


@settings(max_examples=100)
@given(radius=st.floats(2, 25), theta=angles, x=st.floats(30, 50), y=st.floats(20, 40))
def test_seven_hexagons_tile_the_plane(radius, theta, x, y):
    hexagon = HexagonShape(radius, theta)
    total = hexagon.overlap(FRAME, (x, y))
    reached = hexagon.footprint(FRAME, (x, y))
    for m in range(6):
        angle = theta + (m + 0.5) * math.pi / 3
        distance = math.sqrt(3) * radius
        total += hexagon.overlap(FRAME, (x + distance * math.cos(angle), y + distance * math.sin(angle)))
    np.testing.assert_allclose(total[reached], 1, rtol=0, atol=1e-11)


@settings(max_examples=100)
@given(w=st.floats(2, 25), h=st.floats(2, 25), theta=angles, x=st.floats(30, 50), y=st.floats(20, 40))
def test_nine_rectangles_tile_the_plane(w, h, theta, x, y):
    rectangle = RectangleShape(w, h, theta)
    c, s = math.cos(theta), math.sin(theta)
    total = np.zeros(FRAME)
    for i in (-1, 0, 1):
        for j in (-1, 0, 1):
            total += rectangle.overlap(FRAME, (x + i * w * c - j * h * s, y + i * w * s + j * h * c))
    reached = rectangle.footprint(FRAME, (x, y))
    np.testing.assert_allclose(total[reached], 1, rtol=0, atol=1e-11)


@pytest.mark.parametrize("turn", [0.0, 0.5, 1.0, 2.0, 2.5])
def test_angles_count_from_x_to_y(turn):
    c, s = math.cos(turn), math.sin(turn)
    for shape, end in (
        (EllipseShape(20, 2, turn), 20),
        (RectangleShape(40, 3, turn), 20),
        (HexagonShape(20, turn), 20),
    ):
        footprint = shape.footprint(FRAME, (41, 30))
        for sign in (1, -1):
            assert footprint[round(30 + sign * (end - 2) * s), round(41 + sign * (end - 2) * c)]
        if not isinstance(shape, HexagonShape):
            assert not footprint[round(30 + (end - 2) * c), round(41 - (end - 2) * s)]
    # A hexagon's sides are nearer than its corners.
    across = HexagonShape(20, turn + math.pi / 6).footprint(FRAME, (41, 30))
    assert not across[round(30 + 18.5 * s), round(41 + 18.5 * c)]


def test_pixels_by_hand():
    # A square on its corner: of half a diagonal 1, about a pixel's centre.
    overlap = RectangleShape(math.sqrt(2), math.sqrt(2), math.pi / 4).overlap((3, 5), (2, 1))
    np.testing.assert_allclose(overlap[:, 1:4], [[0, 0.25, 0], [0.25, 1, 0.25], [0, 0.25, 0]], atol=1e-15)
    # Half an ellipse on either side of an axis.
    overlap = EllipseShape(0.5, 0.25).overlap((1, 4), (1.5, 0))
    np.testing.assert_allclose(overlap, [[0, math.pi / 16, math.pi / 16, 0]], rtol=1e-14)
    # A hexagon of sides 1 with two of them upright: half of a side's strip by 1, and the caps.
    hexagon = HexagonShape(1, math.pi / 2)
    assert hexagon.overlap((1, 5), (2, 0)).sum() == pytest.approx(math.sqrt(3), rel=1e-14)
    cap = HexagonShape(1, math.pi / 2).overlap((2, 5), (2, -1))
    assert cap.sum() == pytest.approx(math.sqrt(3) / 4, rel=1e-14)
    # Shapes that end on the pixels' edges touch no neighbour.
    footprint = RectangleShape(3, 5, 90 * u.deg).footprint((9, 11), (6, 4))
    np.testing.assert_array_equal(np.argwhere(footprint)[[0, -1]], [[3, 4], [5, 8]])
    assert footprint.sum() == 15


@pytest.mark.parametrize("position", [(np.nan, 3.0), (3.0, np.inf), (1e300, -1e300), (-90.0, 3.0)])
@pytest.mark.parametrize("shape", SOME)
def test_no_overlap_without_a_centre(shape, position):
    assert not shape.footprint(FRAME, position).any()
    sums = shape_sums(np.ones((1, *FRAME)), [position[0]], [position[1]], shape, along="row", variance=np.ones(FRAME))
    assert np.isnan(sums.sum[0])
    assert np.isnan(sums.variance[0])
    assert (sums.area[0], sums.covered_area[0], sums.n_bad[0], sums.chords[0]) == (0, 0, 0, 0)


@pytest.fixture
def rng():
    return np.random.default_rng(20160423)


@pytest.fixture
def block(rng):
    n = 9
    data = rng.normal(100, 10, (n, *FRAME))
    x, y = rng.uniform(-3, FRAME[1] + 2, n), rng.uniform(-3, FRAME[0] + 2, n)
    x[0], y[0] = 45.3, 22.8
    return data, x, y, rng.random(data.shape) < 0.02, rng.uniform(1, 5, data.shape)


@pytest.mark.parametrize("shape", SOME)
@pytest.mark.parametrize(("along", "edges"), [(None, None), ("row", [20, 44]), ("column", None), ("column", [31])])
def test_sums_are_those_of_the_overlaps(block, shape, along, edges):
    data, x, y, bad, variance = block
    for mask, noise in ((bad, variance), (None, variance[0]), (bad[1], None)):
        sums = shape_sums(data, x, y, shape, bad=mask, variance=noise, along=along, edges=edges)
        for b in range(len(data)):
            overlap = shape.overlap(FRAME, (x[b], y[b]))
            own = np.zeros(FRAME, bool) if mask is None else np.broadcast_to(mask, data.shape)[b]
            good = overlap * ~own
            assert sums.sum[b] == pytest.approx((good * data[b]).sum(), rel=1e-12)
            assert sums.area[b] == pytest.approx(good.sum(), rel=1e-12)
            assert sums.covered_area[b] == pytest.approx(overlap.sum(), rel=1e-12)
            assert sums.n_bad[b] == (own & (overlap > 0)).sum()
            if noise is None:
                assert np.isnan(sums.variance[b])
            else:
                expected = (good**2 * np.broadcast_to(noise, data.shape)[b]).sum()
                assert sums.variance[b] == pytest.approx(expected, rel=1e-12)
            if along is None:
                assert sums.chords is None
                continue
            lines = good if along == "row" else good.T
            parts = np.split(lines, edges or [], axis=1)
            expected = sum((part.sum(axis=1) ** 2).sum() for part in parts)
            assert sums.chords[b] == pytest.approx(expected, rel=1e-12)


def test_sums_agree_with_the_photometry_of_photutils(block):
    data, x, y, bad, _ = block
    for mask in (None, bad):
        sums = shape_sums(data, x, y, EllipseShape(9.3, 4.1, 0.7), bad=mask)
        for b in range(len(data)):
            aperture = EllipticalAperture((x[b], y[b]), 9.3, 4.1, theta=0.7)
            own = None if mask is None else mask[b]
            flux = aperture.to_mask(method="exact").get_values(data[b], mask=own).sum()
            assert sums.sum[b] == pytest.approx(flux, rel=1e-10)
            assert sums.area[b] == pytest.approx(aperture.area_overlap(data[b], mask=own), rel=1e-10)


def test_a_round_shape_sums_as_a_circle_does(block):
    data, x, y, bad, variance = block
    options = {"bad": bad, "variance": variance, "along": "row", "edges": [30]}
    ours = shape_sums(data, x, y, CircularAperture((1, 1), 7.3), **options)
    circles = aperture_sums(data, x, y, [7.3], **options)
    for one, other in zip(ours, circles, strict=True):
        np.testing.assert_allclose(one, other[:, 0], rtol=1e-11)


def test_results_do_not_depend_on_the_block(block):
    data, x, y, bad, variance = block
    for shape in SOME:
        whole = shape_sums(data, x, y, shape, bad=bad, variance=variance, along="column")
        for b in range(len(data)):
            s = slice(b, b + 1)
            part = shape_sums(data[s], x[s], y[s], shape, bad=bad[s], variance=variance[s], along="column")
            for ours, same in zip(part, whole, strict=True):
                np.testing.assert_array_equal(ours, same[s])


def test_errors_come_out_of_noise_with_stripes(rng):
    n, shape, s_row = 4000, (25, 31), 1.3
    variance = rng.uniform(1, 9, shape)
    data = rng.normal(0, np.sqrt(variance), (n, *shape)) + rng.normal(0, s_row, (n, shape[0], 1))
    for aperture in SOME[:3]:
        sums = shape_sums(data, np.full(n, 15.3), np.full(n, 12.6), aperture, variance=variance, along="row")
        pull = sums.sum / np.sqrt(sums.variance + s_row**2 * sums.chords)
        assert abs(pull.mean()) < 3.5 / math.sqrt(n)
        assert pull.std() == pytest.approx(1, abs=3.5 / math.sqrt(2 * n))


def test_all_bad_gives_nan_not_zero():
    sums = shape_sums(np.ones((1, 20, 30)), [15.0], [10.0], RectangleShape(5, 3), bad=np.ones((20, 30), bool))
    assert np.isnan(sums.sum[0])
    assert (sums.area[0], sums.covered_area[0], sums.n_bad[0]) == (0, 15, 15)


def test_shapes_from_photutils():
    assert as_shape(CircularAperture((50, 60), 4)) == EllipseShape(4, 4)
    assert as_shape(EllipticalAperture([(5, 6), (7, 8)], 4, 3, theta=0.3)) == EllipseShape(4, 3, 0.3)
    assert as_shape(EllipticalAperture((5, 6), 4, 3, theta=30 * u.deg)) == EllipseShape(4, 3, math.radians(30))
    assert as_shape(RectangularAperture((5, 6), 4, 3, theta=0.3)) == RectangleShape(4, 3, 0.3)
    assert as_shape(HexagonShape(4)) is not HexagonShape(4)
    assert as_shape(HexagonShape(4)) == HexagonShape(4)


@pytest.mark.parametrize("wrong", [CircularAnnulus((1, 1), 2, 3), SkyCircularAperture, "hexagon", 5.0, None])
def test_other_objects_are_refused(wrong):
    with pytest.raises(TypeError, match="wide: a .* is not an aperture's shape"):
        as_shape(wrong, "wide")


def test_sizes_and_angles():
    assert EllipseShape(3, 2).area == pytest.approx(6 * math.pi)
    assert (EllipseShape(3, 5).reach, RectangleShape(6, 8).reach, HexagonShape(4).reach) == (5, 5, 4)
    assert RectangleShape(6 * u.pix, 8, 90 * u.deg) == RectangleShape(6, 8, math.pi / 2)
    # A hexagon is six triangles of side R; its flats are sqrt(3) R apart.
    assert HexagonShape(2).area == pytest.approx(6 * math.sqrt(3))
    assert HexagonShape.across_flats(2 * math.sqrt(3), 0.4) == HexagonShape(2, 0.4)
    descriptions = [shape.describe() for shape in (EllipseShape(3, 2, math.pi), RectangleShape(1, 2), HexagonShape(7))]
    assert json.loads(json.dumps(descriptions)) == [
        {"shape": "ellipse", "a": 3, "b": 2, "theta": 180},
        {"shape": "rectangle", "w": 1, "h": 2, "theta": 0},
        {"shape": "hexagon", "radius": 7, "theta": 0},
    ]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: EllipseShape(0, 2), "a: 0 is not a length"),
        (lambda: EllipseShape(1, np.nan), "b: nan is not a length"),
        (lambda: RectangleShape(3 * u.arcsec, 2), "w: 3.0 arcsec is not in pixels"),
        (lambda: RectangleShape(3, -1), "h: -1 is not a length"),
        (lambda: HexagonShape(np.inf), "radius: inf is not a length"),
        (lambda: HexagonShape.across_flats(-2), "width: -2 is not a length"),
        (lambda: HexagonShape([3, 4]), r"radius: \[3, 4\] is not a length"),
        (lambda: HexagonShape(3, 4 * u.pix), "theta: 4.0 pix is not an angle"),
        (lambda: EllipseShape(3, 4, "north"), "theta: 'north' is not an angle"),
        (lambda: EllipseShape(3, 4, np.inf), "theta: inf is not an angle"),
        (lambda: shape_sums(np.ones((2, 5, 6)), [1.0], [1.0], HexagonShape(1)), "x, y: shapes"),
        (lambda: shape_sums(np.ones((5, 6)), [1.0], [1.0], HexagonShape(1)), "data: has 2 dimensions"),
    ],
)
def test_wrong_shapes_are_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()
