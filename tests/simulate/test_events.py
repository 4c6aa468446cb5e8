"""Cosmic rays, saturation and lost pixels: their counts, their bits, and the noise that they leave."""

import numpy as np
import pytest
from astropy.io import fits

from nircam_tso.simulate import CosmicRays, PixelDefects, SimulationSettings, simulate_exposure
from nircam_tso.simulate.detector import Detector

DO_NOT_USE, SATURATED, JUMP, OUTLIER = 1, 2, 4, 16
READ = {"shape": (20, 30), "n_groups": 6, "frame_time": 2.0, "read_noise": 8.0, "n_integrations": 400, "seed": 7}


def detector(**changes):
    return Detector(SimulationSettings(**{**READ, **changes}))


def test_number_charge_and_place_of_hits():
    rays = CosmicRays(rate=2e-3, charge=500.0, spread=0.5, length=0.0)
    watch = detector(cosmic_rays=rays)
    hits = [watch.events.hits(k) for k in range(400)]
    count = sum(len(one.pixel) for one in hits)
    # 400 integrations of 12 s and 600 pixels.
    expected = 2e-3 * 400 * 12 * 600
    assert abs(count - expected) < 4 * np.sqrt(expected)
    charge = np.log(np.concatenate([one.charge for one in hits]))
    assert charge.mean() == pytest.approx(np.log(500), abs=4 * 0.5 / np.sqrt(count))
    assert charge.std() == pytest.approx(0.5, rel=4 / np.sqrt(2 * count))
    # Even in time (six frames at 2, 4 ... 12 s) and over the rows and columns.
    for values, n in (
        (np.concatenate([one.frame for one in hits]), 6),
        *(
            (part, size)
            for part, size in zip(np.divmod(np.concatenate([one.pixel for one in hits]), 30), (20, 30), strict=True)
        ),
    ):
        per = np.bincount(values, minlength=n)
        assert per.size == n
        assert ((per - count / n) ** 2 / (count / n)).sum() < n - 1 + 4.5 * np.sqrt(2 * (n - 1))


def test_tracks_share_their_charge():
    # All of one charge: pixels of a track add up to it, and tracks are as long as told.
    watch = detector(shape=(400, 500), cosmic_rays=CosmicRays(rate=1e-4, charge=900.0, spread=0.0, length=6.0))
    hits = watch.events.hits(3)
    count = 1e-4 * 12 * 400 * 500
    assert hits.charge.sum() / 900 == pytest.approx(count, abs=5 * np.sqrt(count))
    # A track of length L crosses 1 + 4 L / pi pixels on the mean over its directions.
    assert len(hits.pixel) / count == pytest.approx(1 + 4 * 6.0 / np.pi, rel=0.25)


def test_found_jumps_leave_the_rate_unbiased_and_noisier():
    rays = CosmicRays(rate=1e-3, charge=4000.0, spread=0.2, length=0.0)
    watch, light = detector(cosmic_rays=rays), np.full((400, 20, 30), 40.0)
    events = watch.events.of(0, light)
    rates = watch.rates(light)
    found = (events.dq & JUMP > 0) & ~events.lost
    assert found.sum() > 1000
    # None of it is left in the rate, and the pulls by the variances of shorter ramps are 1.
    variance = light / events.photon_time + 64.0 * events.read_factor
    pulls = ((rates - light) / np.sqrt(variance))[found]
    assert abs(pulls.mean()) < 4 / np.sqrt(pulls.size)
    assert pulls.std() == pytest.approx(1, abs=4 / np.sqrt(2 * pulls.size) + 0.02)
    # By hand: one jump behind the second of six groups leaves runs of 2 and 4, 4 of 5 differences,
    # and the inverse variances (8 - 2) t^2 / 12 and (64 - 4) t^2 / 12.
    hits = [
        (k, *one)
        for k in range(400)
        for one in zip(*(getattr(watch.events.hits(k), name) for name in ("pixel", "frame")), strict=True)
    ]
    k, pixel = next((k, p) for k, p, f in hits if f == 2 and sum(a == k and b == p for a, b, _ in hits) == 1)
    at = (k, *np.divmod(pixel, 30))
    assert events.photon_time[at] == 4 * 2.0
    assert events.read_factor[at] == pytest.approx(12 / (4.0 * (6 + 60)))
    # A jump behind the first group leaves one run of five.
    k, pixel = next((k, p) for k, p, f in hits if f == 1 and sum(a == k and b == p for a, b, _ in hits) == 1)
    at = (k, *np.divmod(pixel, 30))
    assert (events.photon_time[at], events.read_factor[at]) == (8.0, pytest.approx(12 / (4.0 * 120)))


def test_charge_that_is_not_found_stays():
    rays = CosmicRays(rate=1e-3, charge=4000.0, spread=0.0, length=0.0, flagged=False)
    light = np.full((400, 20, 30), 40.0)
    plain, hit = detector().rates(light), detector(cosmic_rays=rays).rates(light)
    events = detector(cosmic_rays=rays).events.of(0, light)
    assert not events.dq.any()
    np.testing.assert_allclose(hit - plain, events.added, atol=1e-9)
    # Over five differences of 2 s; those before the first group are in none.
    expected = 1e-3 * 10.0 * light.size * 4000.0 / 10.0
    assert (hit - plain).sum() == pytest.approx(expected, rel=4 / np.sqrt(1e-3 * 10 * light.size))


def test_small_jumps_are_not_found():
    # 4 sigma of a difference: sqrt(40 x 2 + 2 x 64) is 14.4 electrons.
    light = np.full((100, 20, 30), 40.0)
    for charge, seen in ((50.0, False), (65.0, True)):
        rays = CosmicRays(rate=1e-4, charge=charge, spread=0.0, length=0.0)
        dq = detector(cosmic_rays=rays).events.of(0, light).dq
        assert (dq & JUMP).any() == seen


def test_ramps_hold_the_hits():
    rays = CosmicRays(rate=1e-3, charge=4000.0, spread=0.3, length=1.0)
    light = np.full((10, 20, 30), 40.0)
    plain, watch = detector().ramps(light), detector(cosmic_rays=rays)
    steps = np.diff(watch.ramps(light) - plain, axis=1, prepend=0).reshape(10, 6, -1)
    for k in range(10):
        hits, expected = watch.events.hits(k), np.zeros((6, 600))
        np.add.at(expected, (hits.frame, hits.pixel), hits.charge)
        assert hits.pixel.size
        np.testing.assert_allclose(steps[k], expected, atol=1e-6)


def test_saturation_of_ramps_and_rates():
    light = np.zeros((50, 20, 30))
    light[:, 3, 4], light[:, 5, 6], light[:, 7, 8], light[:, 9, 10] = 6000.0, 1000.0, 2100.0, 490.0
    watch = detector(saturation=6000.0)
    ramps = watch.ramps(light)
    assert ramps[:, :, 3, 4].mean() == pytest.approx(6000, abs=4 * 8 / np.sqrt(300))
    assert ramps[:, -1, 5, 6].mean() == pytest.approx(6000, abs=4 * 8 / np.sqrt(50))
    assert ramps[:, 1, 5, 6].mean() == pytest.approx(4000, abs=4 * np.sqrt(4000 / 50))
    watch = detector(saturation=6000.0)
    events, rates = watch.events.of(0, light), watch.rates(light)
    # 6000/s is full before the first read, 2100/s before the second but one; 490/s never.
    assert set(events.dq[:, 3, 4]) == set(events.dq[:, 7, 8]) == {SATURATED | DO_NOT_USE}
    assert np.isnan(rates[:, 3, 4]).all()
    assert np.isnan(rates[:, 7, 8]).all()
    assert set(events.dq[:, 5, 6]) == {SATURATED}
    assert set(events.dq[:, 9, 10]) == {0}
    # Two groups, at 2 and 4 s, are below: one difference.
    variance = 1000 / 2.0 + 2 * 64.0 / 4.0
    assert rates[:, 5, 6].mean() == pytest.approx(1000, abs=4 * np.sqrt(variance / 50))
    assert rates[:, 5, 6].var() == pytest.approx(variance, rel=4 * np.sqrt(2 / 50))


def opened(path):
    with fits.open(path, memmap=False) as hdus:
        return {hdu.name: None if hdu.data is None else hdu.data.copy() for hdu in hdus}


@pytest.mark.parametrize("product", ["rateints", "calints", "crfints"])
def test_files_tell_of_the_events(tmp_path, product):
    settings = {
        **READ,
        "product": product,
        "n_integrations": 60,
        "flux": 3e4,
        "stddev": 1.4,
        "saturation": 15000.0,
        # The outlier step is left what the jump step has not found.
        "cosmic_rays": CosmicRays(rate=1e-3, flagged=product != "crfints"),
        "pixels": PixelDefects(nan_fraction=0.01, hot_fraction=0.02),
        "dead_fraction": 0.01,
        "segments": 2,
    }
    simulation = simulate_exposure(tmp_path, **settings)
    parts = [opened(path) for path in simulation.paths]
    image, dq, reads, photons = (
        np.concatenate([p[n] for p in parts]) for n in ("SCI", "DQ", "VAR_RNOISE", "VAR_POISSON")
    )
    dead = dq & 1024 > 0
    hot = dq & 2048 > 0
    assert (dead.sum(axis=(1, 2)) == 6).all()
    assert (hot.sum(axis=(1, 2)) == 12).all()
    outlier = dq & OUTLIER > 0
    assert outlier.any() == (product == "crfints")
    assert (dq & JUMP).any() != (product == "crfints")
    # NaN is what nobody may use, but for outliers, which keep their values.
    np.testing.assert_array_equal(np.isnan(image)[~outlier], (dq & DO_NOT_USE > 0)[~outlier])
    assert not np.isnan(image[outlier]).all() or product != "crfints"
    np.testing.assert_array_equal(np.isnan(image), np.isnan(reads))
    np.testing.assert_array_equal(np.isnan(image), np.isnan(photons))
    lost = np.isnan(image) & ~dead & (dq & SATURATED == 0) & (dq & JUMP == 0)
    assert lost.mean() == pytest.approx(0.01, rel=0.15)
    # The star's core is full before the last group, in every integration.
    x, y = simulation.settings.position
    assert (dq[:, round(y), round(x)] & SATURATED > 0).all()
    jumps = (dq & JUMP > 0) & ~np.isnan(image)
    whole = ~np.isnan(image) & (dq & (JUMP | SATURATED) == 0)
    if product != "crfints":
        assert np.median(reads[jumps]) > 1.2 * np.median(reads[whole])
    assert np.ptp(reads[whole]) == 0


def test_blocks_and_segments_do_not_matter(tmp_path, monkeypatch):
    settings = {**READ, "n_integrations": 9, "cosmic_rays": {"rate": 1e-3}, "pixels": {"nan_fraction": 0.02}}
    for product in ("calints", "uncal"):
        whole = simulate_exposure(tmp_path / "whole", product=product, **settings).paths[0].read_bytes()
        with monkeypatch.context() as patch:
            patch.setattr("nircam_tso.simulate.jwst_files._BLOCK_VALUES", 1)
            assert simulate_exposure(tmp_path / "one", product=product, **settings).paths[0].read_bytes() == whole


def test_ground_slopes(tmp_path):
    settings = {**READ, "n_integrations": 12, "format": "ncdhas", "saturation": 15000.0, "flux": 3e4, "stddev": 1.4}
    simulation = simulate_exposure(tmp_path, **settings)
    slope, sigma = fits.getdata(simulation.paths[4])
    plain = fits.getdata(simulate_exposure(tmp_path / "plain", **{**settings, "saturation": None}).paths[4])[1]
    assert np.isnan(slope).sum() == np.isnan(sigma).sum() == 0
    assert (sigma > 1.05 * plain).any()


def test_a_hit_in_every_group_leaves_nothing():
    """Poisson: one second in two brings a hit, and two groups that are next to each other are then never clean."""
    watch = detector(cosmic_rays=CosmicRays(rate=0.5, charge=1e6, spread=0.0, length=0.0))
    light = np.full((20, 20, 30), 40.0)
    events = watch.events.of(0, light)
    share = (1 - np.exp(-0.5 * 2.0)) ** 5
    assert events.lost.mean() == pytest.approx(share, abs=4.5 * np.sqrt(share * (1 - share) / light.size))
    assert (events.dq[events.lost] == (JUMP | DO_NOT_USE)).all()
    assert np.array_equal(np.isnan(watch.rates(light)), events.lost)


def test_hits_without_noise():
    """Of one charge each: what is not found is in the rate to the last electron."""
    rays = CosmicRays(rate=1e-3, charge=900.0, spread=0.0, length=0.0, flagged=False)
    watch, light = detector(cosmic_rays=rays, noise=False), np.full((50, 20, 30), 40.0)
    # Five group times of 2 s; hits before the first group are in no difference.
    added = watch.rates(light) - 40.0
    hits = np.rint(added / 90.0)
    np.testing.assert_allclose(added, hits * 90.0, atol=1e-9)
    expected = 1e-3 * 10.0 * light.size
    assert abs(hits.sum() - expected) < 4.5 * np.sqrt(expected)
