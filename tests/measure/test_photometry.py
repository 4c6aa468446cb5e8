import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from photutils.aperture import CircularAperture

from nircam_tso.measure.photometry import aperture_sums, mask_sums, psf_chords, psf_fluxes

SHAPE = (41, 67)


@pytest.fixture
def block(rng):
    n = 12
    data = rng.normal(100, 10, (n, *SHAPE))
    x, y = rng.uniform(-3, SHAPE[1] + 2, n), rng.uniform(-3, SHAPE[0] + 2, n)
    x[0], y[0] = 45.3, 12.8
    bad = rng.random(data.shape) < 0.02
    variance = rng.uniform(1, 5, data.shape)
    return data, x, y, bad, variance


@pytest.fixture
def rng():
    return np.random.default_rng(20160112)


RADII = [0.3, 8.0, 3.0, 5.25, 17.0]

LINES = [("row", None), ("column", None), ("row", [-4, 0, 16, 50, 67, 90]), ("column", [7, 8, 30]), ("row", [])]


def assert_same(ours, theirs):
    for field, one, other in zip(ours._fields, ours, theirs, strict=True):
        np.testing.assert_array_equal(one, other, err_msg=field, strict=one is not None)


def chords_by_hand(weights, along, edges):
    """Sum over the lines, cut at the edges, of their weights' sums squared."""
    lines = weights if along == "row" else weights.T
    inside = [e for e in edges or [] if 0 < e < lines.shape[1]]
    return sum((part.sum(axis=1) ** 2).sum() for part in np.split(lines, inside, axis=1))


def circle_weights(x, y, r, shape=SHAPE):
    weights = CircularAperture((x, y), r).to_mask(method="exact").to_image(shape)
    return np.zeros(shape) if weights is None else weights


def test_sums_agree_with_photutils(block):
    data, x, y, _, variance = block
    sums = aperture_sums(data, x, y, RADII, variance=variance)
    for b in range(len(data)):
        for k, r in enumerate(RADII):
            weights = CircularAperture((x[b], y[b]), r).to_mask(method="exact").to_image(SHAPE)
            if weights is None or not weights.any():
                assert np.isnan(sums.sum[b, k])
                assert sums.area[b, k] == 0
                continue
            assert sums.sum[b, k] == pytest.approx((weights * data[b]).sum(), rel=1e-12)
            assert sums.area[b, k] == pytest.approx(weights.sum(), rel=1e-12, abs=1e-12)
            assert sums.covered_area[b, k] == sums.area[b, k]
            assert sums.variance[b, k] == pytest.approx((weights**2 * variance[b]).sum(), rel=1e-12)


def test_bad_pixels_are_left_out(block):
    data, x, y, bad, variance = block
    clean = aperture_sums(data, x, y, RADII, bad=bad, variance=variance)
    dirty = aperture_sums(np.where(bad, np.nan, data), x, y, RADII, bad=bad, variance=np.where(bad, np.nan, variance))
    assert_same(clean, dirty)
    checked = 0
    for b in range(len(data)):
        for k, r in enumerate(RADII):
            aperture = CircularAperture((x[b], y[b]), r)
            weights = aperture.to_mask(method="exact").to_image(SHAPE)
            if weights is None:
                continue
            good = weights * ~bad[b]
            assert clean.n_bad[b, k] == np.count_nonzero(bad[b] & (weights > 0))
            assert clean.area[b, k] == pytest.approx(good.sum(), rel=1e-12, abs=1e-12)
            assert clean.covered_area[b, k] == pytest.approx(weights.sum(), rel=1e-12, abs=1e-12)
            if good.sum() > 0:
                assert clean.sum[b, k] == pytest.approx((good * data[b]).sum(), rel=1e-12)
                assert clean.variance[b, k] == pytest.approx((good**2 * variance[b]).sum(), rel=1e-12)
                checked += 1
    assert checked > 30


def test_agrees_with_the_photometry_of_photutils(block):
    data, x, y, bad, _ = block
    for mask in (None, bad):
        sums = aperture_sums(data, x, y, RADII, bad=mask)
        for b in range(len(data)):
            own = None if mask is None else mask[b]
            for k, r in enumerate(RADII):
                aperture = CircularAperture((x[b], y[b]), r)
                if np.isnan(sums.sum[b, k]):
                    assert not (circle_weights(x[b], y[b], r) * (True if own is None else ~own)).any()
                    continue
                flux = aperture.to_mask(method="exact").get_values(data[b], mask=own).sum()
                assert sums.sum[b, k] == pytest.approx(flux, rel=1e-12)
                area = aperture.area_overlap(data[b], mask=own, method="exact")
                assert sums.area[b, k] == pytest.approx(area, rel=1e-12)


@pytest.mark.parametrize(("along", "edges"), LINES)
def test_chords_are_the_squares_of_what_each_line_holds(block, along, edges):
    data, x, y, bad, _ = block
    for mask in (None, bad, bad[4]):
        sums = aperture_sums(data, x, y, RADII, bad=mask, along=along, edges=edges)
        for b in range(len(data)):
            good = 1.0 if mask is None else ~np.broadcast_to(mask, data.shape)[b]
            for k, r in enumerate(RADII):
                expected = chords_by_hand(circle_weights(x[b], y[b], r) * good, along, edges)
                assert sums.chords[b, k] == pytest.approx(expected, rel=1e-12, abs=1e-15)
    assert aperture_sums(data, x, y, RADII).chords is None


def test_errors_come_out_of_noise_with_stripes(rng):
    # White noise that differs from pixel to pixel, and an offset per row and amplifier.
    n, shape, edge, s_row = 4000, (23, 31), 14, 1.7
    variance = rng.uniform(1, 9, shape)
    offsets = rng.normal(0, s_row, (n, shape[0], 2))
    data = rng.normal(0, np.sqrt(variance), (n, *shape)) + np.repeat(offsets, [edge, shape[1] - edge], axis=2)
    bad = rng.random(shape) < 0.03
    x, y = np.full(n, 15.3), np.full(n, 10.6)
    sums = aperture_sums(data, x, y, [3, 7.5], bad=bad, variance=variance, along="row", edges=[edge])
    sigma = np.sqrt(sums.variance + s_row**2 * sums.chords)
    pull = sums.sum / sigma
    np.testing.assert_allclose(pull.mean(axis=0), 0, atol=3.5 / math.sqrt(n))
    np.testing.assert_allclose(pull.std(axis=0), 1, atol=3.5 / math.sqrt(2 * n))
    # Without the rows' part the error would be too small by far.
    assert (sums.sum.std(axis=0) > 1.5 * np.sqrt(sums.variance[0])).all()


def test_errors_come_out_of_white_noise_that_crosses_the_frames_edge(rng):
    n = 4000
    variance = rng.uniform(1, 9, (17, 29))
    data = rng.normal(0, np.sqrt(variance), (n, 17, 29))
    sums = aperture_sums(data, np.full(n, 27.4), np.full(n, 6.2), [5.5], variance=variance)
    assert sums.covered_area[0, 0] < math.pi * 5.5**2 - 1
    pull = sums.sum[:, 0] / np.sqrt(sums.variance[:, 0])
    assert abs(pull.mean()) < 3.5 / math.sqrt(n)
    assert pull.std() == pytest.approx(1, abs=3.5 / math.sqrt(2 * n))


def test_each_image_may_have_radii_of_its_own(block):
    data, x, y, bad, variance = block
    radii = np.outer(np.linspace(0.5, 2, len(data)), [3.0, 1.0, 6.0])
    radii[2, 1], radii[3, 0], radii[4], radii[5, 2] = np.nan, np.inf, np.nan, -1.0
    options = {"bad": bad, "variance": variance, "along": "row"}
    sums = aperture_sums(data, x, y, radii, **options)
    for b in range(len(data)):
        for k in range(3):
            here = [values[b, k] for values in sums]
            if not (np.isfinite(radii[b, k]) and radii[b, k] > 0):
                total, total_variance, area, covered, n_bad, chords = here
                assert np.isnan([total, total_variance, area, covered, chords]).all()
                assert n_bad == 0
                continue
            own = {"bad": bad[b], "variance": variance[b], "along": "row"}
            alone = aperture_sums(data[b : b + 1], x[b : b + 1], y[b : b + 1], radii[b, k], **own)
            np.testing.assert_array_equal(here, [values[0, 0] for values in alone])
    # The same radius twice is no fault where columns are not named by it.
    twice = aperture_sums(data, x, y, np.full((len(data), 2), 3.0))
    np.testing.assert_array_equal(twice.sum[:, 0], twice.sum[:, 1])


def test_one_image_of_bad_pixels_and_variances_serves_all(block):
    data, x, y, bad, variance = block
    one = aperture_sums(data, x, y, RADII, bad=bad[3], variance=variance[3])
    full = aperture_sums(
        data, x, y, RADII, bad=np.broadcast_to(bad[3], data.shape), variance=np.broadcast_to(variance[3], data.shape)
    )
    assert_same(one, full)


def test_without_variance_it_is_nan(block):
    data, x, y, bad, _ = block
    sums = aperture_sums(data, x, y, RADII, bad=bad)
    assert np.isnan(sums.variance).all()
    assert np.isfinite(sums.sum[0]).all()


def test_nan_that_is_not_left_out_spoils_its_own_aperture_only():
    data = np.ones((1, 20, 30))
    data[0, 10, 20] = np.nan
    sums = aperture_sums(data, [15.0], [10.0], [4.0, 6.0])
    assert sums.sum[0, 0] == pytest.approx(16 * math.pi, rel=1e-13)
    assert np.isnan(sums.sum[0, 1])


@pytest.mark.parametrize("centre", [(np.nan, 5.0), (5.0, np.inf), (1e300, 5.0), (-50.0, 5.0)])
def test_no_centre_no_sum(centre):
    sums = aperture_sums(np.ones((1, 20, 30)), [centre[0]], [centre[1]], [3.0, 4.0], variance=np.ones((20, 30)))
    assert np.isnan(sums.sum).all()
    assert np.isnan(sums.variance).all()
    assert (sums.area == 0).all()
    assert (sums.covered_area == 0).all()
    assert (sums.n_bad == 0).all()


def test_all_bad_gives_nan_not_zero():
    sums = aperture_sums(np.ones((1, 20, 30)), [15.0], [10.0], [3.0], bad=np.ones((20, 30), bool))
    assert np.isnan(sums.sum[0, 0])
    assert sums.area[0, 0] == 0
    assert sums.covered_area[0, 0] == pytest.approx(9 * math.pi)
    # Row by row: 5 + 7 + 7 + 7 + 7 + 7 + 5 pixels have a corner nearer than 3.
    assert sums.n_bad[0, 0] == 45


@settings(max_examples=60, deadline=None)
@given(x=st.floats(15, 50), y=st.floats(15, 25), radii=st.lists(st.floats(0.3, 15), min_size=1, max_size=4))
def test_flat_image_gives_analytic_areas(x, y, radii):
    radii = list({f"{r:g}": r for r in radii}.values())
    sums = aperture_sums(np.full((1, *SHAPE), 2.0), [x], [y], radii, variance=np.full(SHAPE, 4.0))
    areas = math.pi * np.square(radii)
    np.testing.assert_allclose(sums.sum[0], 2 * areas, rtol=1e-12)
    np.testing.assert_allclose(sums.area[0], areas, rtol=1e-12)
    np.testing.assert_allclose(sums.covered_area[0], areas, rtol=1e-12)
    assert (sums.variance[0] <= 4 * areas).all()


def test_frames_edge_shows_in_the_covered_area():
    r = 6.0
    sums = aperture_sums(np.ones((2, *SHAPE)), [-0.5, 20.0], [20.0, 20.0], [r])
    assert sums.covered_area[0, 0] == pytest.approx(18 * math.pi, rel=1e-13)
    missing = math.pi * r * r - sums.covered_area[:, 0]
    np.testing.assert_array_equal(missing > 1e-9 * r * r, [True, False])


def test_full_aperture_never_looks_partial(rng):
    # Rounding in areas of large apertures stays far below the limit that tells a partial one.
    x, y = rng.uniform(95, 105, 50), rng.uniform(95, 105, 50)
    radii = [1.0, 30.0, 90.0]
    sums = aperture_sums(np.ones((50, 201, 203)), x, y, radii)
    missing = math.pi * np.square(radii) - sums.covered_area
    assert np.abs(missing).max() < 1e-10


def test_results_do_not_depend_on_the_block(block):
    data, x, y, bad, variance = block
    lines = {"along": "column", "edges": [15]}
    whole = aperture_sums(data, x, y, RADII, bad=bad, variance=variance, **lines)
    for step in (1, 5):
        for start in range(0, len(data), step):
            s = slice(start, start + step)
            part = aperture_sums(data[s], x[s], y[s], RADII, bad=bad[s], variance=variance[s], **lines)
            for ours, same in zip(part, whole, strict=True):
                np.testing.assert_array_equal(ours, same[s])
    # Lines are counted beside the sums and change nothing in them.
    assert_same(aperture_sums(data, x, y, RADII, bad=bad, variance=variance), whole._replace(chords=None))
    single = aperture_sums(data, x, y, RADII[2], bad=bad, variance=variance)
    np.testing.assert_array_equal(single.sum[:, 0], whole.sum[:, 2])


def test_other_types_and_layouts(block):
    data, x, y, _, _ = block
    expected = aperture_sums(data, x, y, RADII).sum
    np.testing.assert_array_equal(aperture_sums(data.astype(">f8"), x, y, RADII).sum, expected)
    wide = np.repeat(data, 2, axis=2)
    np.testing.assert_array_equal(aperture_sums(wide[:, :, ::2], x, y, RADII).sum, expected)


def jwst_cube():
    """The cube of the JWST pipeline's own test of aperture photometry."""
    data = np.full((7, 100, 150), 0.8)
    y, x = np.mgrid[:100, :150]
    data[:, (x - 75) ** 2 + (y - 50) ** 2 < 25] += 17
    return data


@pytest.mark.parametrize(
    ("with_nan", "aperture_sum", "net", "annulus_sum"),
    [(False, 1263.4778, 1173.0, 143.256627), (True, 1227.8778178, 1138.9999481, 142.4566271)],
)
def test_figures_of_the_jwst_pipeline(with_nan, aperture_sum, net, annulus_sum):
    data = jwst_cube()
    if with_nan:
        for row, column in ((50, 75), (52, 73), (41, 75)):
            data[:, row, column] = np.nan
    sums = aperture_sums(data, np.full(7, 75.0), np.full(7, 50.0), [6, 8, 11], bad=np.isnan(data))
    annulus, annulus_area = sums.sum[:, 2] - sums.sum[:, 1], sums.area[:, 2] - sums.area[:, 1]
    np.testing.assert_allclose(sums.sum[:, 0], aperture_sum, rtol=1e-7)
    np.testing.assert_allclose(annulus, annulus_sum, rtol=1e-7)
    np.testing.assert_allclose(sums.sum[:, 0] - annulus / annulus_area * sums.area[:, 0], net, rtol=1e-7)


def test_shapes_are_checked():
    data = np.ones((2, 5, 6))
    with pytest.raises(ValueError, match="x, y: "):
        aperture_sums(data, [1.0], [1.0, 2.0], [1])
    with pytest.raises(ValueError, match="bad: shape"):
        aperture_sums(data, [1.0, 2], [1.0, 2], [1], bad=np.zeros((6, 5), bool))
    with pytest.raises(ValueError, match="variance: shape"):
        aperture_sums(data, [1.0, 2], [1.0, 2], [1], variance=np.zeros((3, 5, 6)))
    with pytest.raises(ValueError, match="data: has 2 dimensions"):
        aperture_sums(data[0], [1.0], [1.0], [1])
    with pytest.raises(ValueError, match="radii: 0 is not a radius"):
        aperture_sums(data, [1.0, 2], [1.0, 2], [0])
    with pytest.raises(ValueError, match=r"radii: shape \(3, 1\) does not go with 2 images"):
        aperture_sums(data, [1.0, 2], [1.0, 2], np.ones((3, 1)))
    with pytest.raises(ValueError, match="edges: shape"):
        psf_chords(data, np.ones((5, 6)), along="row", edges=[[1], [2], [3]])


def test_mask_sums(block):
    data, _, _, bad, variance = block
    mask = np.zeros(SHAPE, bool)
    mask[3:9, 20:31] = mask[30, 60] = True
    sums = mask_sums(data, mask, bad=bad, variance=variance)
    for b in range(len(data)):
        good = mask & ~bad[b]
        assert sums.sum[b] == pytest.approx(data[b][good].sum(), rel=1e-13)
        assert sums.variance[b] == pytest.approx(variance[b][good].sum(), rel=1e-13)
        assert sums.area[b] == good.sum()
        assert sums.n_bad[b] == (mask & bad[b]).sum()
        assert sums.covered_area[b] == 67
    assert np.isnan(mask_sums(data, mask).variance).all()
    assert np.isnan(mask_sums(data, np.zeros(SHAPE, bool)).sum).all()
    with pytest.raises(ValueError, match="mask: shape"):
        mask_sums(data, mask.T)


@pytest.mark.parametrize(("along", "edges"), LINES)
def test_chords_of_a_mask(block, along, edges):
    data, _, _, bad, _ = block
    mask = np.zeros(SHAPE, bool)
    mask[3:9, 20:31] = mask[30, 60] = mask[6:20, 48:53] = True
    chords = mask_sums(data, mask, bad=bad, along=along, edges=edges).chords
    for b in range(len(data)):
        assert chords[b] == chords_by_hand((mask & ~bad[b]).astype(float), along, edges)
    for one in (None, bad[2]):
        chords = mask_sums(data, mask, bad=one, along=along, edges=edges).chords
        good = mask if one is None else mask & ~one
        np.testing.assert_array_equal(chords, [chords_by_hand(good.astype(float), along, edges)] * len(data))
    assert mask_sums(data, mask).chords is None


def gaussian_psf(shape, x, y, sx, sy):
    rows, columns = np.mgrid[: shape[0], : shape[1]]
    return np.exp(-0.5 * ((columns - x) / sx) ** 2 - 0.5 * ((rows - y) / sy) ** 2) / (2 * math.pi * sx * sy)


def test_psf_flux_is_a_weighted_straight_line_fit(rng):
    psf = np.stack([gaussian_psf((15, 21), 10 + dx, 7.2, 1.5, 2.5) for dx in (0.0, 0.3, -0.4)])
    sigma = rng.uniform(1, 3, (15, 21))
    stamps = 5000 * psf + rng.normal(0, sigma, psf.shape)
    bad = rng.random(psf.shape) < 0.05
    fluxes = psf_fluxes(np.where(bad, np.nan, stamps), psf, 1 / sigma**2, bad)
    for b in range(3):
        good = ~bad[b]
        column = (psf[b][good] / sigma[good])[:, np.newaxis]
        solution = np.linalg.lstsq(column, stamps[b][good] / sigma[good], rcond=None)[0][0]
        assert fluxes.flux[b] == pytest.approx(solution, rel=1e-12)
        assert fluxes.variance[b] == pytest.approx(1 / (column**2).sum(), rel=1e-12)
    shifted = psf_fluxes(stamps + 2.5, psf, 1 / sigma**2, bad)
    clean = psf_fluxes(stamps, psf, 1 / sigma**2, bad)
    np.testing.assert_allclose(shifted.flux - clean.flux, 2.5 * clean.sensitivity, rtol=1e-9)


@pytest.mark.parametrize(("along", "edges"), [("row", None), ("column", [6, 9]), ("row", [[-3, 8], [2, 13], [9, 40]])])
def test_chords_of_a_psf_flux(rng, along, edges):
    shape = (15, 21)
    psf = np.stack([gaussian_psf(shape, 10 + dx, 7.2, 1.5, 2.5) for dx in (0.0, 0.3, -0.4)])
    weights = 1 / rng.uniform(1, 3, shape) ** 2
    bad = rng.random(psf.shape) < 0.05
    chords = psf_chords(psf, weights, bad, along=along, edges=edges)
    for b in range(3):
        good = ~bad[b]
        change = weights * psf[b] * good / (weights * psf[b] ** 2 * good).sum()
        own = edges[b] if np.ndim(edges) == 2 else edges
        assert chords[b] == pytest.approx(chords_by_hand(change, along, own), rel=1e-12)
    assert np.isnan(psf_chords(psf, 0 * weights, along="row")).all()


def test_psf_flux_has_its_error_under_stripes(rng):
    n, shape, s_row = 4000, (15, 21), 0.8
    psf = np.broadcast_to(gaussian_psf(shape, 9.7, 7.2, 1.5, 2.5), (n, *shape))
    stamps = 300 * psf + rng.normal(0, 1, psf.shape) + rng.normal(0, s_row, (n, shape[0], 1))
    fluxes = psf_fluxes(stamps, psf, np.ones(shape))
    pull = (fluxes.flux - 300) / np.sqrt(fluxes.variance + s_row**2 * psf_chords(psf, np.ones(shape), along="row"))
    assert abs(pull.mean()) < 3.5 / math.sqrt(n)
    assert pull.std() == pytest.approx(1, abs=3.5 / math.sqrt(2 * n))


def test_psf_flux_has_unit_pull(rng):
    psf = np.broadcast_to(gaussian_psf((15, 21), 9.7, 7.2, 1.5, 2.5), (4000, 15, 21))
    sigma = rng.uniform(1, 3, (15, 21))
    stamps = 300 * psf + rng.normal(0, sigma, psf.shape)
    fluxes = psf_fluxes(stamps, psf, 1 / sigma**2)
    pull = (fluxes.flux - 300) / np.sqrt(fluxes.variance)
    assert abs(pull.mean()) < 4 / math.sqrt(4000)
    assert pull.std() == pytest.approx(1, abs=4 / math.sqrt(8000))


def test_psf_flux_without_weight_or_psf_is_nan():
    psf = np.full((2, 4, 5), 0.05)
    psf[1] = np.nan
    weights = np.ones((4, 5))
    weights[0, 0], weights[0, 1], weights[0, 2] = np.nan, -1.0, np.inf
    stamps = np.full((2, 4, 5), 0.1)
    stamps[0, 0, :3] = 1e9
    fluxes = psf_fluxes(stamps, psf, weights)
    assert fluxes.flux[0] == pytest.approx(2)
    assert np.isnan(fluxes.flux[1])
    assert np.isnan(psf_fluxes(stamps, psf, np.zeros((4, 5))).flux).all()
    assert np.isnan(psf_fluxes(stamps, psf, weights, np.ones((4, 5), bool)).variance).all()
    with pytest.raises(ValueError, match="psf, weights: "):
        psf_fluxes(stamps, psf, weights.T)


def test_no_chords_without_lines():
    assert psf_chords(np.full((2, 4, 5), 0.05), np.ones((4, 5)), along=None) is None
