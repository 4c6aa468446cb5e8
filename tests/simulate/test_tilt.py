"""A tilted segment: when, where, how much, against diffraction itself."""

import numpy as np
import pytest
from astropy import units as u
from astropy.time import Time
from scipy.ndimage import gaussian_filter

from nircam_tso.simulate import SimulationSettings, TiltEvent, segmented_pupil, weak_lens_psf
from nircam_tso.simulate.effects import Settling
from nircam_tso.simulate.scene import Scene, make_truth
from nircam_tso.simulate.tilt import ghost_part, moved_patch
from nircam_tso.simulate.weak_lens import SEGMENT_WIDTH, segment_center

ARCSEC = np.pi / 180 / 3600


def diffracted(n, segment, shift, waves, wavelength=2.12e-6, scale=0.0311):
    """Image on n x n pixels, its axis at pixel 0, of a pupil with one tilted segment; not averaged over pixels."""
    fine = 2
    step = wavelength / (n * scale * ARCSEC)
    transmission, x, y = segmented_pupil(step, subsamples=2)
    path = waves * 2.12e-6 * (x**2 + y**2) / 3.25**2
    if segment:
        cx, cy = segment_center(segment)
        # Nearer to this segment's centre than to any other's.
        own = np.hypot(x - cx, y - cy) < 1.34 / np.sqrt(3) + 0.02
        for name in (f"{ring}{k}" for ring in "ABC" for k in range(1, 7)):
            ox, oy = segment_center(name)
            own &= np.hypot(x - cx, y - cy) <= np.hypot(x - ox, y - oy)
        path = path + own * scale * ARCSEC * (shift[0] * (x - cx) + shift[1] * (y - cy))
    size = n * fine
    field = np.zeros((size, size), complex)
    field[: len(y), : x.size] = transmission * np.exp(2j * np.pi * path / wavelength)
    intensity = np.abs(np.fft.fft2(field)) ** 2
    intensity = np.fft.fftshift(intensity / intensity.sum())
    return intensity.reshape(n, fine, n, fine).sum(axis=(1, 3))


@pytest.mark.parametrize("segment", ["A1", "B2", "C5"])
def test_tilted_optics(segment):
    """The model's own tilted pupil against a plain transform of another."""
    n, shift = 256, (3.0, -2.0)
    flat, tilted = (diffracted(n, name, shift, 8.0) for name in (None, segment))
    # A quarter of a pixel: the middle of the two samples that the plain transform sums.
    place = {"waves": 8.0, "position": (n / 2 + 0.25 - 0.5, n / 2 + 0.25 - 0.5)}
    model, behind = (weak_lens_psf((n, n), **place, tilt=tilt) for tilt in (None, (segment, *shift)))
    assert np.corrcoef(model.ravel(), flat.ravel())[0, 1] > 0.99
    assert np.corrcoef((behind - model).ravel(), (tilted - flat).ravel())[0, 1] > 0.95


@pytest.mark.parametrize(("segment", "close"), [("A1", 0.4), ("B2", 0.8), ("C5", 0.5)])
def test_a_moved_patch_is_that_of_its_segment(segment, close):
    """Diffraction rings and interference aside, the light changes where the tilted optics have it."""
    shift, middle = (3.0, -2.0), (110.0, 105.0)
    flat, tilted = (weak_lens_psf((211, 221), waves=8.0, tilt=t) for t in (None, (segment, *shift)))
    change = gaussian_filter(tilted - flat, 3).ravel()
    likeness = {}
    for name in (f"{ring}{k}" for ring in "ABC" for k in range(1, 7)):
        ours = moved_patch(flat, middle, TiltEvent(0.0, shift, name), waves=8.0, pixel_scale=0.0311)
        likeness[name] = np.corrcoef(gaussian_filter(ours - flat, 3).ravel(), change)[0, 1]
        assert ours.min() >= 0
        assert ours.sum() == pytest.approx(1, abs=1e-6)
    assert max(likeness, key=likeness.get) == segment
    assert likeness[segment] > close
    assert sorted(likeness.values())[-2] < likeness[segment] / 2


def test_a_focused_star_loses_what_the_field_on_axis_does():
    """Energy out of the core: that of the segment's own phase, up to its whole share of the mirror."""
    transmission, x, y = segmented_pupil(0.02)
    cx, cy = segment_center("C2")
    own = np.hypot(x - cx, y - cy) < SEGMENT_WIDTH / 2 + 0.1
    for ring in "ABC":
        for k in range(1, 7):
            ox, oy = segment_center(f"{ring}{k}")
            own &= np.hypot(x - cx, y - cy) <= np.hypot(x - ox, y - oy)
    for shift in (0.5, 1.0, 2.0):
        tilt = TiltEvent(0.0, (0.6 * shift, -0.8 * shift))
        phase = 2 * np.pi / 2.12e-6 * 0.0311 * ARCSEC * (0.6 * x - 0.8 * y - 0.6 * cx + 0.8 * cy) * shift * own
        strehl = np.abs((transmission * np.exp(1j * phase)).sum() / transmission.sum()) ** 2
        part = ghost_part(tilt, wavelength=2.12e-6, pixel_scale=0.0311)
        assert part == pytest.approx(1 - strehl, rel=0.12)
    assert ghost_part(TiltEvent(0.0, 50.0), wavelength=2.12e-6, pixel_scale=0.0311) == pytest.approx(1 / 18)


def exposure(**changes):
    settings = SimulationSettings(
        **{
            "shape": (90, 110),
            "n_integrations": 9,
            "n_groups": 4,
            "frame_time": 0.5,
            "flux": 1e6,
            "sky": 0.0,
            **changes,
        }
    )
    truth = make_truth(settings)
    return settings, truth, Scene(settings, truth).expected(0, 9)


def test_when():
    # Integrations of 2 s begin 0.5, 3, 5.5 ... s after the start.
    for time in (6.1, Time("2024-06-12T05:21:06.1", scale="utc")):
        _, truth, _ = exposure(tilt=TiltEvent(time))
        # The third lasts from 5.5 to 7.5 s, the motion from 6.1 to 7.5 s.
        np.testing.assert_allclose(truth["tilt"][:3], [0, 0, 0.7 / 2.0], atol=1e-6)
        np.testing.assert_allclose(truth["tilt"][3:], 1, atol=1e-6)
    _, truth, _ = exposure(tilt=TiltEvent(7.6, duration=1e-3))
    np.testing.assert_allclose(truth["tilt"], [0, 0, 0, 1, 1, 1, 1, 1, 1], atol=1e-12)
    t = np.linspace(0, 30, 300001)
    tilt = TiltEvent(6.1, duration=4.0)
    begin, end = np.arange(9) * 2.5 + 0.5, np.arange(9) * 2.5 + 2.5
    slow = tilt.part_behind(begin, end, Time("2024-06-12"))
    by_sum = [np.clip((t[(t >= a) & (t < b)] - 6.1) / 4, 0, 1).mean() for a, b in zip(begin, end, strict=True)]
    np.testing.assert_allclose(slow, by_sum, atol=1e-4)


@pytest.mark.parametrize("fine", [1, 2])
def test_weak_lens(fine):
    psf = weak_lens_psf((181 * fine, 181 * fine), waves=4, pixel_scale=0.0311 / fine)
    _, _, light = exposure(
        psf=psf, psf_oversample=fine, pupil="WLP4", tilt={"time": 5.4, "shift": [2.0, -1.0], "segment": "A2"}
    )
    np.testing.assert_array_equal(light[0], light[1])
    y, x = np.mgrid[:90, :110]
    for axis, way in ((x, 2.0), (y, -1.0)):
        centre = (light * axis).sum(axis=(1, 2)) / light.sum(axis=(1, 2))
        assert centre[-1] - centre[0] == pytest.approx(way / 18, rel=0.25)
    assert light[-1].sum() == pytest.approx(light[0].sum(), rel=1e-3)


def test_focused():
    tilt = TiltEvent(5.4, shift=(6.0, 3.0))
    _, _, light = exposure(stddev=1.2, tilt=tilt)
    part = ghost_part(tilt, wavelength=2.1e-6, pixel_scale=0.0311)
    assert 0.01 < part < 1 / 18
    assert light.sum(axis=(1, 2)) == pytest.approx(1e6, rel=1e-4)
    ghost = light[-1] - (1 - part) * light[0]
    y, x = np.mgrid[:90, :110]
    assert ghost.sum() == pytest.approx(1e6 * part, rel=1e-3)
    assert (ghost * x).sum() / ghost.sum() == pytest.approx(54.5 + 6, abs=0.01)
    assert (ghost * y).sum() / ghost.sum() == pytest.approx(44.5 + 3, abs=0.01)


def test_an_image_of_ones_own():
    before, behind = (weak_lens_psf((121, 131), waves=4, tilt=t) for t in (None, ("B5", 3.0, 1.0)))
    _, _, light = exposure(psf=before, psf_origin=(65.0, 60.0), pupil="WLP4", tilt=TiltEvent(5.4, psf=7.0 * behind))
    _, _, other = exposure(psf=behind, psf_origin=(65.0, 60.0))
    np.testing.assert_allclose(light[-1], other[0], rtol=1e-9, atol=1e-6)
    with pytest.raises(ValueError, match="TiltEvent.psf: shape"):
        exposure(psf=before, tilt=TiltEvent(5.4, psf=np.ones((3, 3))))


def test_too_little_defocus():
    with pytest.raises(ValueError, match="waves: 1 waves"):
        moved_patch(np.ones((9, 9)), (4, 4), TiltEvent(0.0), waves=1.0, pixel_scale=0.03)


def test_settling_and_sky():
    settings, truth, light = exposure(
        settling=Settling(-0.01, 8.0), sky=3.0, sky_drift=2.0, light_curve=np.linspace(1, 0.9, 9), stddev=1.2
    )
    seconds = (truth["time"] - settings.start).to_value(u.s)
    np.testing.assert_allclose(truth["settling"], 1 - 0.01 * np.exp(-seconds / 8.0), atol=1e-9)
    np.testing.assert_allclose(truth["relative_flux"], np.linspace(1, 0.9, 9))
    np.testing.assert_allclose(truth["flux"].value, 1e6 * truth["relative_flux"] * truth["settling"])
    np.testing.assert_allclose(truth["flux_image"].value, truth["flux"].value * settings.image_scale)
    np.testing.assert_allclose(truth["background"].value, np.linspace(2, 4, 9))
    net = light.sum(axis=(1, 2)) - 90 * 110 * truth["background"].value
    np.testing.assert_allclose(net, truth["flux"].value, rtol=1e-6)


@pytest.mark.parametrize(
    ("words", "detector", "rms"),
    [("none", "NRCB1", 0.0), (3e-3, "NRCB1", 3e-3), ("0.003 pix", "NRCB1", 3e-3)]
    + [("1 mas", "NRCB1", 0.032), ("1 mas", "NRCBLONG", 0.016)],
)
def test_jitter(words, detector, rms):
    settings = SimulationSettings(n_integrations=3000, jitter=words, detector=detector)
    truth = make_truth(settings)
    for name in ("x", "y"):
        assert truth[name].value.std() == pytest.approx(rms, rel=4 / np.sqrt(6000) + 0.01)
