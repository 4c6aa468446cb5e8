"""Centres against truth, against image_registration and astropy, and against Monte-Carlo noise."""

import pickle
import subprocess
import sys
import warnings

import numpy as np
import pytest
from astropy.modeling import models
from astropy.nddata import Cutout2D

from nircam_tso.measure import correlation
from nircam_tso.measure.centroid import Correlator, cut_stamps, flux_weighted_centers, stamp_start
from nircam_tso.measure.stamps import cut_window
from nircam_tso.measure.templates import GaussianTemplate, PSFTemplate, template_on_grid
from nircam_tso.simulate import weak_lens_psf

SHAPES = [(21, 21), (20, 21), (24, 17)]


def stars(shape, x, y, stddev_x, stddev_y=None, theta=0.0):
    """One elliptical Gaussian of height 1 per position, sampled at pixel centres."""
    rows, columns = np.mgrid[: shape[0], : shape[1]]
    stddev_y = stddev_x if stddev_y is None else stddev_y
    shift_x, shift_y = np.asarray(x)[:, None, None], np.asarray(y)[:, None, None]
    return models.Gaussian2D(1.0, 0.0, 0.0, stddev_x, stddev_y, theta)(columns - shift_x, rows - shift_y)


def sweep(shape, reach=1.0, steps=21):
    """Positions on a grid around the middle that no pixel or half pixel is in step with."""
    offset = np.linspace(-reach, reach, steps) + 0.013
    x, y = (each.ravel() for each in np.meshgrid(offset, 0.97 * offset))
    return x + (shape[1] - 1) / 2, y + (shape[0] - 1) / 2


def gaussian_correlator(shape, method="fourier", fwhm=2.0):
    array, origin, _ = template_on_grid(GaussianTemplate(fwhm), shape)
    return Correlator(array, origin, method)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_windows_are_copied_and_looked_through(dtype):
    images = np.random.default_rng(3).normal(0, 1, (5, 12, 17)).astype(dtype)
    images[1, 4, 6], images[3, 2, 3], images[0, 0, 0] = np.nan, -np.inf, np.inf
    images.flags.writeable = False
    for frames in (images, images[::2], images[:, :, 1:], images.swapaxes(1, 2)):
        for window in ((slice(2, 9), slice(3, 11)), (slice(None), slice(4, None))):
            part, holes = cut_window(frames, window, find_holes=True)
            expected = frames[:, *window].astype(np.float64)
            np.testing.assert_array_equal(part, expected)
            np.testing.assert_array_equal(holes, ~np.isfinite(expected))
            assert part.dtype == np.float64 and part.flags.c_contiguous and part.flags.writeable
            assert not np.shares_memory(part, images)
    assert cut_window(images, (slice(0, 1), slice(0, 2)))[1] is None


class TestStamps:
    @pytest.mark.parametrize("shape", [(21, 21), (20, 21), (7, 10), (1, 2)])
    def test_rounds_as_cutout2d(self, shape):
        frame = np.arange(40 * 50.0).reshape(40, 50)
        rng = np.random.default_rng(1)
        positions = [(20.0, 15.0), (20.5, 14.5), (19.5, 15.5), *rng.uniform(12, 28, (30, 2))]
        for position in positions:
            cutout = Cutout2D(frame, tuple(position), shape)
            assert stamp_start(position, shape) == cutout.origin_original
            stamp = cut_stamps(frame[None], *([each] for each in stamp_start(position, shape)), shape)
            np.testing.assert_array_equal(stamp[0], cutout.data)

    def test_over_the_edge(self):
        frames = np.arange(2 * 12 * 15.0).reshape(2, 12, 15)
        stamps = cut_stamps(frames, *stamp_start((np.array([1.2, 14.0]), np.array([3.0, 10.6])), (7, 8)), (7, 8))
        for frame, stamp, position in zip(frames, stamps, [(1.2, 3.0), (14.0, 10.6)], strict=True):
            np.testing.assert_array_equal(stamp, Cutout2D(frame, position, (7, 8), mode="partial").data)
        assert np.isnan(cut_stamps(frames, [30, -9], [0, 0], (7, 8))).all()

    def test_keeps_the_type(self):
        mask = cut_stamps(np.zeros((1, 4, 4), bool), [-1], [0], (2, 3), fill=True)
        assert mask.dtype == bool
        np.testing.assert_array_equal(mask[0], [[True, False, False]] * 2)

    def test_bad_arguments(self):
        with pytest.raises(ValueError, match="^position_xy: y is not finite"):
            stamp_start((3.0, np.nan), (5, 5))
        with pytest.raises(ValueError, match=r"^shape: \(0, 5\)"):
            stamp_start((3.0, 2.0), (0, 5))


class TestFourier:
    @pytest.mark.parametrize("shape", SHAPES)
    @pytest.mark.parametrize(("stddev", "limit"), [(0.87, 4e-3), (1.2, 1.2e-4), (1.5, 3e-6)])
    def test_round_star(self, shape, stddev, limit):
        x, y = sweep(shape)
        centers = gaussian_correlator(shape).centers(500 * stars(shape, x, y, stddev) + 30)
        assert centers.valid.all()
        assert np.hypot(centers.x - x, centers.y - y).max() < limit

    @pytest.mark.parametrize("shape", SHAPES)
    @pytest.mark.parametrize("angle", [25, -40])
    def test_elongated_star(self, shape, angle):
        x, y = sweep(shape)
        centers = gaussian_correlator(shape).centers(stars(shape, x, y, 2.0, 1.2, np.radians(angle)))
        assert centers.valid.all()
        assert np.hypot(centers.x - x, centers.y - y).max() < 1e-4

    @pytest.mark.parametrize("shape", SHAPES)
    def test_shifted_template_is_found_exactly(self, shape):
        # The Fourier series is exact for what has no detail finer than two pixels.
        rng = np.random.default_rng(2)
        ny, nx = shape
        wave_y, wave_x = (np.arange(-((n - 1) // 2), (n - 1) // 2 + 1) for n in shape)
        power = np.exp(-((wave_x / nx) ** 2 + (wave_y[:, None] / ny) ** 2) * 30)
        rows, columns = np.mgrid[:ny, :nx]

        def image(x, y):
            result = np.zeros(shape)
            for ky, row in zip(wave_y, power, strict=True):
                for kx, height in zip(wave_x, row, strict=True):
                    result += height * np.cos(2 * np.pi * (kx * (columns - x) / nx + ky * (rows - y) / ny))
            return result

        correlator = Correlator(image(8.3, 9.1), (8.3, 9.1))
        for x, y in rng.uniform(0, 16, (5, 2)):
            centers = correlator.centers(image(x, y)[None])
            assert centers.x[0] == pytest.approx(x, abs=1e-9)
            assert centers.y[0] == pytest.approx(y, abs=1e-9)

    @pytest.mark.parametrize("shape", [(8, 9), (9, 8), (8, 8), (9, 9)])
    def test_series_meets_the_correlation_and_its_slopes(self, shape):
        # White noise has power at the highest frequency of an even axis, too.
        rng = np.random.default_rng(3)
        ny, nx = shape
        image, template = rng.normal(size=(2, *shape))
        coefficients = correlation.series_coefficients(image[None], np.fft.rfft2(template))[0]
        phases = np.empty((3, nx // 2 + 1), complex), np.empty((3, ny), complex)

        def series(x, y):
            correlation._fill_half_phases(nx, nx, x, phases[0])
            correlation._fill_phases(ny, ny, y, phases[1])
            return np.array(correlation._derivatives(coefficients, *phases)) / (nx * ny)

        for y in range(ny):
            for x in range(nx):
                direct = (image * np.roll(template, (y, x), (0, 1))).sum()
                assert series(x, y)[0] == pytest.approx(direct, abs=1e-12)
        x, y, h = 3.37, 2.81, 1e-5
        _, c_x, c_y, c_xx, c_xy, c_yy = series(x, y)
        right, left, up, down = series(x + h, y), series(x - h, y), series(x, y + h), series(x, y - h)
        assert c_x == pytest.approx((right[0] - left[0]) / (2 * h), abs=1e-7)
        assert c_y == pytest.approx((up[0] - down[0]) / (2 * h), abs=1e-7)
        assert c_xx == pytest.approx((right[1] - left[1]) / (2 * h), abs=1e-7)
        assert c_xy == pytest.approx((up[1] - down[1]) / (2 * h), abs=1e-7)
        assert c_yy == pytest.approx((up[2] - down[2]) / (2 * h), abs=1e-7)

    @pytest.mark.parametrize("shape", [(8, 9), (9, 8), (8, 8), (9, 9)])
    def test_noise_series_is_the_sum_over_pixels(self, shape):
        rng = np.random.default_rng(4)
        ny, nx = shape
        template, variance = rng.normal(size=shape), rng.uniform(1, 2, shape)
        series = correlation.noise_of_gradient(variance, correlation.gradient_products(template))
        x, y, h = 3.37, 2.81, 1e-5
        frequency_y, frequency_x = np.fft.fftfreq(ny), np.fft.fftfreq(nx)

        def shifted(x, y):
            turn_y, turn_x = (np.exp(-2j * np.pi * f * s) for f, s in ((frequency_y, y), (frequency_x, x)))
            if ny % 2 == 0:
                turn_y[ny // 2] = turn_y[ny // 2].real
            if nx % 2 == 0:
                turn_x[nx // 2] = turn_x[nx // 2].real
            return np.fft.ifft2(np.fft.fft2(template) * turn_y[:, None] * turn_x).real

        slope_x = (shifted(x + h, y) - shifted(x - h, y)) / (2 * h)
        slope_y = (shifted(x, y + h) - shifted(x, y - h)) / (2 * h)
        expected = [(variance * a * b).sum() for a, b in ((slope_x, slope_x), (slope_x, slope_y), (slope_y, slope_y))]
        # With the unit matrix for a Hessian the covariance of the position is that of the gradient.
        unit = np.array([[1.0, 0.0, 1.0]])
        covariance = correlation.position_covariances(
            series, shape, np.array([x]), np.array([y]), unit, np.array([True])
        )
        np.testing.assert_allclose(np.ravel(covariance), expected, rtol=1e-8)

    def test_origin_off_the_middle_and_far_star(self):
        # The circle of shifts is opened where the stamp ends, wherever the origin lies.
        template = stars((24, 17), [4.3], [18.2], 1.2)[0]
        correlator = Correlator(template, (4.3, 18.2))
        x, y = np.array([13.4, 3.1, 8.0]), np.array([4.6, 19.9, 12.2])
        centers = correlator.centers(stars((24, 17), x, y, 1.2))
        np.testing.assert_allclose(centers.x, x, atol=1e-3)
        np.testing.assert_allclose(centers.y, y, atol=1e-3)
        centers = correlator.centers(np.roll(template[None], 10, axis=2))
        assert centers.x[0] == pytest.approx(14.3, abs=1e-6)
        centers = correlator.centers(np.roll(template[None], -5, axis=2))
        assert centers.x[0] == pytest.approx(-0.7 + 17, abs=1e-6)

    def test_template_from_an_image(self):
        # The same image as star and as template: its origin is what is found.
        image = stars((40, 50), [31.37], [12.81], 1.9, 1.3, 0.5)[0] + 0.2 * stars((40, 50), [33.0], [15.0], 2.0)[0]
        array, origin, _ = template_on_grid(PSFTemplate(image, origin=(31.37, 12.81)), (21, 24))
        start = stamp_start((31.0, 13.0), (21, 24))
        stamp = cut_stamps(image[None], [start[0]], [start[1]], (21, 24))
        centers = Correlator(array, origin).centers(stamp)
        assert centers.x[0] + start[0] == pytest.approx(31.37, abs=1e-4)
        assert centers.y[0] + start[1] == pytest.approx(12.81, abs=1e-4)

    def test_scale_and_level_do_not_matter(self):
        x, y = sweep((20, 21), steps=5)
        image = stars((20, 21), x, y, 1.1, 1.4, 0.3)
        correlator = gaussian_correlator((20, 21))
        plain = correlator.centers(image)
        for factor, level in ((1e-9, 0.0), (1e9, 0.0), (3e4, 1e6), (1.0, -5.0)):
            centers = correlator.centers(factor * image + level)
            np.testing.assert_allclose(centers.x, plain.x, atol=1e-7)
            np.testing.assert_allclose(centers.y, plain.y, atol=1e-7)

    @pytest.mark.parametrize("shape", [*SHAPES, (64, 65)])
    def test_the_block_does_not_matter(self, shape):
        rng = np.random.default_rng(5)
        x, y = rng.normal((shape[1] - 1) / 2, 0.5, 40), rng.normal((shape[0] - 1) / 2, 0.5, 40)
        images = 100 * stars(shape, x, y, 1.2) + rng.normal(size=(40, *shape))
        images[7] = np.nan
        images[8] = 3.0
        correlator = gaussian_correlator(shape)
        variance = np.ones(shape)
        whole = correlator.centers(images, variance)
        assert whole.valid.sum() == 38
        for size in (1, 3, 7):
            parts = [correlator.centers(images[i : i + size], variance) for i in range(0, 40, size)]
            for name in ("x", "y", "x_err", "y_err", "valid"):
                np.testing.assert_array_equal(
                    np.concatenate([getattr(part, name) for part in parts]), getattr(whole, name)
                )

    def test_no_signal(self):
        rng = np.random.default_rng(6)
        x, y = sweep((20, 21), steps=3)
        images = stars((20, 21), x, y, 1.2)
        images[0] = 0.0
        images[1] = 4.7
        images[2, 5, 6] = np.nan
        images[3, 5, 6] = np.inf
        images[4] = 4.7 * (1 + 1e-16 * rng.normal(size=(20, 21)))
        centers = gaussian_correlator((20, 21)).centers(images, np.ones((20, 21)))
        np.testing.assert_array_equal(centers.valid, [False] * 5 + [True] * 4)
        for values in (centers.x, centers.y, centers.x_err, centers.y_err):
            assert np.isnan(values[:5]).all()
            assert np.isfinite(values[5:]).all()

    def test_ridge_has_no_peak(self):
        rows = np.mgrid[:20, :21][0]
        ridge = np.exp(-((rows - 9.3) ** 2) / 4)
        assert not gaussian_correlator((20, 21)).centers(ridge[None]).valid[0]

    def test_noise_alone_stays_within_the_stamp(self):
        rng = np.random.default_rng(7)
        centers = gaussian_correlator((24, 17)).centers(rng.normal(size=(500, 24, 17)))
        assert centers.valid.mean() > 0.95
        assert np.nanmin(centers.x) >= -0.5
        assert np.nanmax(centers.x) <= 16.5
        assert np.nanmin(centers.y) >= -0.5
        assert np.nanmax(centers.y) <= 23.5

    def test_empty_block(self):
        assert gaussian_correlator((20, 21)).centers(np.empty((0, 20, 21))).x.shape == (0,)

    def test_can_be_pickled(self):
        x, y = sweep((20, 21), steps=3)
        correlator = gaussian_correlator((20, 21))
        again = pickle.loads(pickle.dumps(correlator))
        images = stars((20, 21), x, y, 1.2)
        np.testing.assert_array_equal(again.centers(images).x, correlator.centers(images).x)


class TestErrors:
    @pytest.mark.parametrize("shape", SHAPES)
    @pytest.mark.parametrize(
        ("widths", "peak", "sky", "read_noise"),
        [
            ((1.5, 1.5, 0.0), 300, 0, 10),
            ((2.0, 1.2, np.radians(25)), 3000, 20, 5),
            ((1.1, 1.0, 0.0), 3000, 1, 2),
        ],
    )
    def test_pull(self, shape, widths, peak, sky, read_noise):
        rng = np.random.default_rng(20)
        n = 3000
        x = (shape[1] - 1) / 2 + 0.37 + rng.normal(0, 2e-3, n)
        y = (shape[0] - 1) / 2 - 0.45 + rng.normal(0, 2e-3, n)
        light = peak * stars(shape, x, y, *widths) + sky
        images = rng.poisson(light) + rng.normal(0, read_noise, light.shape) - sky
        centers = gaussian_correlator(shape).centers(images, light[0] + read_noise**2)
        for pull in ((centers.x - x) / centers.x_err, (centers.y - y) / centers.y_err):
            # 3000 pulls know their scatter to 1.3 %.
            assert pull.std() == pytest.approx(1.0, abs=0.05)
            assert abs(pull.mean()) < 0.2

    def test_without_variance(self):
        x, y = sweep((20, 21), steps=3)
        centers = gaussian_correlator((20, 21)).centers(stars((20, 21), x, y, 1.2))
        assert centers.valid.all()
        assert np.isnan(centers.x_err).all()
        assert np.isnan(centers.y_err).all()

    def test_white_noise_and_own_template(self):
        # The Cramer-Rao bound of a Gaussian of height A in noise s: s / A sqrt(2 / pi) for any width.
        array = stars((40, 41), [20.0], [19.5], 1.7)[0]
        centers = Correlator(array, (20.0, 19.5)).centers(250 * array[None], np.full((40, 41), 9.0))
        assert centers.x_err[0] == pytest.approx(3 / 250 * np.sqrt(2 / np.pi), rel=1e-6)
        assert centers.y_err[0] == pytest.approx(3 / 250 * np.sqrt(2 / np.pi), rel=1e-6)


class TestWeakLens:
    def test_scatter_and_bound(self):
        rng = np.random.default_rng(30)
        frame, shape, n = (200, 210), (181, 185), 6
        middle = ((frame[1] - 1) / 2, (frame[0] - 1) / 2)
        x, y = rng.uniform(-0.8, 0.8, (2, n))
        template = PSFTemplate(weak_lens_psf(frame))
        array, origin, name = template_on_grid(template, shape)
        assert name == "centroid"
        start = stamp_start(middle, shape)
        frames = [weak_lens_psf(frame, position=(middle[0] + dx, middle[1] + dy)) for dx, dy in zip(x, y, strict=True)]
        light = cut_stamps(2e7 * np.array(frames), np.full(n, start[0]), np.full(n, start[1]), shape)
        correlator = Correlator(array, origin)
        centers = correlator.centers(light)
        zero = (template.origin[0] - start[0], template.origin[1] - start[1])
        off_x, off_y = centers.x - zero[0] - x, centers.y - zero[1] - y
        assert max(abs(off_x.mean()), abs(off_y.mean())) < 0.05
        assert max(off_x.std(), off_y.std()) < 1e-3

        sky, read_noise, n_noisy = 70.0, 15.6, 20
        light = np.repeat(light, n_noisy, axis=0)
        images = rng.poisson(light + sky) + rng.normal(0, read_noise, light.shape) - sky
        variance = light[0] + sky + read_noise**2
        centers = correlator.centers(images, variance)
        transform = np.fft.fft2(2e7 * array)
        slope_y, slope_x = (
            np.fft.ifft2(2j * np.pi * frequency * transform).real
            for frequency in (np.fft.fftfreq(shape[0])[:, None], np.fft.fftfreq(shape[1]))
        )
        for found, truth, err, slope in (
            (centers.x - zero[0], x, centers.x_err, slope_x),
            (centers.y - zero[1], y, centers.y_err, slope_y),
        ):
            bound = 1 / np.sqrt((slope**2 / variance).sum())
            scatter = (found - np.repeat(truth, n_noisy)).std()
            assert scatter < 1.2 * bound
            assert scatter == pytest.approx(err.mean(), rel=0.2)


class TestImageRegistration:
    @pytest.mark.parametrize("shape", SHAPES)
    def test_is_upstream_less_its_bias(self, shape):
        # Fails if upstream mends its half pixel, which then must no longer be taken off.
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            import image_registration
        ny, nx = shape
        middle = ((nx - 1) / 2, (ny - 1) / 2)
        template = gaussian_correlator(shape).template
        image = stars(shape, [middle[0] + 0.3], [middle[1] - 1.2], 1.5)[0]
        dx, dy = image_registration.cross_correlation_shifts(template, image)
        assert dx - 0.3 == pytest.approx(0.5 if nx % 2 else 0.0, abs=0.06)
        assert dy + 1.2 == pytest.approx(0.5 if ny % 2 else 0.0, abs=0.06)
        centers = gaussian_correlator(shape, "image_registration").centers(image[None])
        assert centers.x[0] == pytest.approx(middle[0] + dx - (0.5 if nx % 2 else 0.0), abs=1e-12)
        assert centers.y[0] == pytest.approx(middle[1] + dy - (0.5 if ny % 2 else 0.0), abs=1e-12)

    @pytest.mark.parametrize("shape", SHAPES)
    def test_sweep(self, shape):
        x, y = sweep(shape, steps=7)
        correlator = gaussian_correlator(shape, "image_registration")
        for stddev in (0.87, 1.5):
            centers = correlator.centers(stars(shape, x, y, stddev))
            assert centers.valid.all()
            for error in (centers.x - x, centers.y - y):
                assert np.abs(error).max() < 0.08
                assert abs(error.mean()) < 0.02

    def test_no_signal_and_peak_at_the_edge(self):
        images = stars((20, 21), [10.0] * 5, [9.5] * 5, 1.2)
        images[0] = 0.0
        images[1] = 2.0
        images[2, 3, 4] = np.nan
        images[3] = np.roll(images[3], 10, axis=1)
        correlator = gaussian_correlator((20, 21), "image_registration")
        centers = correlator.centers(images, np.ones((20, 21)))
        np.testing.assert_array_equal(centers.valid, [False, False, False, False, True])
        assert np.isnan(centers.x[:4]).all()
        assert np.isnan(centers.x_err[:4]).all()
        assert np.isfinite([centers.x[4], centers.x_err[4], centers.y_err[4]]).all()
        assert np.isnan(correlator.centers(images).x_err).all()

    def test_import_is_late_and_silent(self):
        code = (
            "import sys, numpy as np; from nircam_tso.measure.centroid import Correlator; "
            "assert 'image_registration' not in sys.modules; "
            "Correlator(np.eye(7), (3, 3), 'image_registration'); "
            "assert 'image_registration' in sys.modules"
        )
        done = subprocess.run([sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        assert done.stderr == ""


class TestBadArguments:
    @pytest.mark.parametrize(
        ("template", "message"),
        [
            (np.ones((5, 5)), "constant"),
            (np.ones(5), "shape"),
            (np.full((5, 5), np.nan), "not finite"),
            (np.ones((2, 9)), "at least 3 x 3"),
        ],
    )
    def test_template(self, template, message):
        with pytest.raises(ValueError, match=f"^template_array: .*{message}"):
            Correlator(template, (2, 2))

    def test_method(self):
        with pytest.raises(ValueError, match="^method: 'fft' is not known; choose among fourier, image_registration"):
            Correlator(np.eye(5), (2, 2), "fft")

    def test_shapes(self):
        correlator = gaussian_correlator((20, 21))
        with pytest.raises(ValueError, match=r"^stamps: has shape \(1, 21, 20\); give \(b, 20, 21\)"):
            correlator.centers(np.ones((1, 21, 20)))
        with pytest.raises(ValueError, match=r"^variance: has shape \(21, 20\)"):
            correlator.centers(np.ones((1, 20, 21)), np.ones((21, 20)))


class TestFluxWeighted:
    def test_against_plain_sums(self):
        rng = np.random.default_rng(40)
        images = rng.uniform(0.5, 2.0, (6, 12, 17))
        weights = rng.uniform(0.0, 1.0, (12, 17)) * (rng.uniform(size=(12, 17)) < 0.7)
        bad = rng.uniform(size=(6, 12, 17)) < 0.05
        variance = rng.uniform(0.1, 0.3, (12, 17))
        centers = flux_weighted_centers(np.where(bad, np.nan, images), weights, bad, variance)
        rows, columns = np.mgrid[:12, :17]
        light = np.where(bad, 0.0, weights * images)
        total = light.sum(axis=(1, 2))
        x, y = (light * columns).sum(axis=(1, 2)) / total, (light * rows).sum(axis=(1, 2)) / total
        np.testing.assert_allclose(centers.x, x, rtol=1e-13)
        np.testing.assert_allclose(centers.y, y, rtol=1e-13)
        noise = np.where(bad, 0.0, weights**2 * variance)
        x_err = np.sqrt((noise * (columns - x[:, None, None]) ** 2).sum(axis=(1, 2))) / total
        y_err = np.sqrt((noise * (rows - y[:, None, None]) ** 2).sum(axis=(1, 2))) / total
        np.testing.assert_allclose(centers.x_err, x_err, rtol=1e-12)
        np.testing.assert_allclose(centers.y_err, y_err, rtol=1e-12)
        stack = flux_weighted_centers(images, weights, bad, np.broadcast_to(variance, images.shape))
        np.testing.assert_array_equal(stack.x_err, centers.x_err)

    def test_pull(self):
        rng = np.random.default_rng(41)
        light = 500 * stars((15, 18), [8.2], [6.7], 2.0, 1.2, 0.4)[0]
        mask = light > 5
        images = light + rng.normal(0, 3.0, (4000, 15, 18))
        centers = flux_weighted_centers(images, mask, variance=np.full((15, 18), 9.0))
        truth = flux_weighted_centers(light[None], mask)
        assert ((centers.x - truth.x) / centers.x_err).std() == pytest.approx(1.0, abs=0.05)
        assert ((centers.y - truth.y) / centers.y_err).std() == pytest.approx(1.0, abs=0.05)

    def test_mask_of_bad_pixels_for_all(self):
        images = np.ones((2, 5, 8))
        images[:, 0, 0] = np.nan
        bad = np.zeros((5, 8), bool)
        bad[0, 0] = True
        centers = flux_weighted_centers(images, bad=bad)
        np.testing.assert_allclose(centers.x, (3.5 * 40) / 39)
        assert np.isnan(centers.x_err).all()

    def test_no_centre(self):
        images = np.ones((6, 5, 8))
        images[0] = 0.0
        images[1] = -1.0
        images[2, 2, 3] = np.nan
        images[3, :, 0], images[3, :, 7] = -6.5, 1.0  # a positive sum whose centre lies far to the right
        images[4, 0, 0] = np.nan  # outside the mask
        mask = np.zeros((5, 8), bool)
        mask[1:4, 2:6] = True
        every = flux_weighted_centers(images, variance=np.ones((5, 8)))
        np.testing.assert_array_equal(every.valid, [False, False, False, False, False, True])
        within = flux_weighted_centers(images, mask)
        np.testing.assert_array_equal(within.valid, [False, False, False, True, True, True])
        for values in (every.x, every.y, every.x_err, every.y_err):
            assert np.isnan(values[:5]).all()
        assert within.x[4] == pytest.approx(3.5)
        assert not flux_weighted_centers(images, bad=np.ones(images.shape, bool)).valid.any()

    def test_centre_outside_the_region(self):
        # Inside the stamp, but not within the pixels that were asked for.
        image = np.zeros((1, 5, 20))
        image[0, 2, 2], image[0, 2, 3], image[0, 2, 4] = -1.0, 0.0, 1.5
        mask = np.zeros((5, 20), bool)
        mask[2, 2:5] = True
        assert not flux_weighted_centers(image, mask).valid[0]
        assert flux_weighted_centers(image).valid[0]

    def test_the_block_does_not_matter(self):
        images = np.random.default_rng(42).uniform(size=(9, 11, 13))
        whole = flux_weighted_centers(images)
        alone = [flux_weighted_centers(image[None]).x[0] for image in images]
        np.testing.assert_array_equal(whole.x, alone)

    @pytest.mark.parametrize(
        ("keywords", "message"),
        [
            ({"weights": np.ones((8, 5))}, "^weights: has shape"),
            ({"weights": -np.ones((5, 8))}, "^weights: must be finite and not negative"),
            ({"weights": np.full((5, 8), np.nan)}, "^weights: must be finite and not negative"),
            ({"bad": np.zeros((3, 5, 8), bool)}, "^bad: has shape"),
            ({"variance": np.ones(8)}, "^variance: has shape"),
        ],
    )
    def test_bad_arguments(self, keywords, message):
        with pytest.raises(ValueError, match=message):
            flux_weighted_centers(np.ones((2, 5, 8)), **keywords)
        with pytest.raises(ValueError, match="^stamps: has shape"):
            flux_weighted_centers(np.ones((5, 8)))
