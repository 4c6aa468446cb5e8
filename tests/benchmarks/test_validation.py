"""The validation study: its fits against formulas, its pulls, its tables, and a little of the study itself."""

import doctest
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from scipy.optimize import curve_fit

from benchmarks.validation import output, study, transit
from benchmarks.validation.__main__ import main
from benchmarks.validation.cases import CASES, STARS
from benchmarks.validation.realpixels import compare_real
from benchmarks.validation.visits import Found, find_transit, light_curve, make_visit, simulate_rates
from nircam_tso.simulate import transit_light_curve

DAYS = np.linspace(-0.05, 0.05, 101)


def fair_draws(n, sigma=1e-4):
    """Draws of just this scatter, about just 0."""
    draws = np.random.default_rng(1).normal(size=n)
    return sigma * (draws - draws.mean()) / draws.std(ddof=1)


def found(depths, *, err=1e-4, name="depth", plain=0.0):
    """Visits of which one number is off by so much, and the other as its errors allow."""
    rows = []
    other = "middle" if name == "depth" else "depth"
    for number, (off, fair) in enumerate(zip(depths, fair_draws(len(depths), err), strict=True)):
        values = {"depth": 0.01, "depth_found": 0.01, "depth_err": err, "middle": 5.0, "middle_found": 5.0}
        values |= {"middle_err": err, "step": -1e-4, "chi2": 1.0, "depth_plain": 0.01 + plain, "middle_plain": 5.0}
        values[f"{name}_found"] += off
        values[f"{other}_found"] += fair
        rows.append(Found(number=number, seconds=0.5, **values))
    return rows


@pytest.mark.parametrize("module", [transit, study])
def test_examples(module):
    result = doctest.testmod(module)
    assert result.attempted > 0
    assert result.failed == 0


@pytest.mark.parametrize("tilted", [False, True])
def test_noiseless_transits_are_found_exactly(tilted):
    step = np.where(DAYS > 0.007, 1.0, 0.0)
    step[np.argmax(DAYS > 0.007)] = 0.3
    flux = 3e4 * (1 + 0.02 * DAYS - 4e-4 * tilted * step)
    flux *= transit_light_curve(DAYS, t0=-0.0031, depth=0.0113, **transit.PLANET)
    fit = transit.fit_transit(DAYS, flux, np.full(101, 30.0), step=step if tilted else None)
    assert fit.depth == pytest.approx(0.0113, rel=1e-7)
    assert fit.middle == pytest.approx(-0.0031, abs=1e-9)
    assert fit.chi2 < 1e-8
    np.testing.assert_allclose(fit.curve, flux, rtol=1e-8)
    # Relative to the level in the middle of the times, where the slope is nothing.
    assert fit.step == pytest.approx(-4e-4 * tilted, abs=1e-9)


def test_a_step_that_is_not_fitted_goes_into_the_depth():
    step = (DAYS > 0.007).astype(float)
    flux = (1 - 4e-4 * step) * transit_light_curve(DAYS, t0=0.0, depth=0.01, **transit.PLANET)
    errors = np.full(101, 1e-3)
    assert abs(transit.fit_transit(DAYS, flux, errors).depth - 0.01) > 5e-5
    assert transit.fit_transit(DAYS, flux, errors, step=step).depth == pytest.approx(0.01, rel=1e-7)


def test_errors_of_the_fit_are_those_of_scipy():
    rng = np.random.default_rng(3)
    errors = rng.uniform(20, 40, 101)
    flux = 3e4 * transit_light_curve(DAYS, t0=0.002, depth=0.012, **transit.PLANET) + rng.normal(0, errors)
    fit = transit.fit_transit(DAYS, flux, errors)

    def model(days, level, slope, depth, middle):
        return level * (1 + slope * days) * transit_light_curve(days, t0=middle, depth=depth, **transit.PLANET)

    options = {"absolute_sigma": True, "method": "trf", "jac": "3-point", "x_scale": (3e4, 0.1, 0.01, 0.01)}
    best, covariance = curve_fit(model, DAYS, flux, (3e4, 0.0, 0.01, 0.0), errors, **options)
    sigma = np.sqrt(np.diag(covariance))
    assert (fit.depth, fit.middle) == pytest.approx(best[2:], abs=1e-3 * sigma[3])
    assert (fit.depth_err, fit.middle_err) == pytest.approx(sigma[2:], rel=2e-3)


def test_errors_of_the_fit_are_those_of_the_trapezoid(monkeypatch):
    """Carter et al. (2008, ApJ 689, 499), equation 23, a planet that crosses the middle of a uniform disc."""
    planet = {"period": 3.0, "a_rs": 10.0, "inclination": 90.0}
    monkeypatch.setattr(transit, "PLANET", planet)
    days = np.linspace(-0.3, 0.3, 6001)
    sigma, depth = 1e-4, 0.01
    flux = transit_light_curve(days, t0=0.0, depth=depth, **planet)
    fit = transit.fit_transit(days, flux, np.full(len(days), sigma))
    # From middle of ingress to middle of egress, and the length of each.
    total = planet["period"] / np.pi / planet["a_rs"]
    ingress = total * np.sqrt(depth)
    inside = total * len(days) / np.ptp(days)
    precision = np.sqrt(inside) * depth / sigma
    assert fit.middle_err == pytest.approx(total / precision * np.sqrt(ingress / total / 2), rel=0.05)
    level = 1 + inside / (len(days) - inside)
    assert fit.depth_err == pytest.approx(sigma / np.sqrt(inside) * np.sqrt(level), rel=0.1)


def test_rows_that_are_not_finite_are_left_out():
    flux = 1e4 * transit_light_curve(DAYS, t0=0.001, depth=0.01, **transit.PLANET)
    flux[[3, 50]] = np.nan
    fit = transit.fit_transit(DAYS, flux, np.full(101, 10.0))
    assert fit.depth == pytest.approx(0.01, rel=1e-7)
    assert np.isnan(fit.curve).sum() == 2
    flux[4:] = np.nan
    with pytest.raises(ValueError, match="flux: 3 finite rows are too few for 4 parameters"):
        transit.fit_transit(DAYS, flux, np.full(101, 10.0))


def test_pulls_and_their_limits():
    pulls = study.pulls_of(found([2e-4, -2e-4, 1e-4, -1e-4]), "depth")
    assert pulls.mean == pytest.approx(0.0, abs=1e-9)
    assert pulls.scatter == pytest.approx(np.sqrt(10 / 3))
    assert pulls.mean_limit == 3.5 / 2
    assert pulls.scatter_limit == pytest.approx(3.5 / np.sqrt(8))
    assert pulls.good
    # 3.5 / sqrt(400) is 0.175, 3.5 / sqrt(800) is 0.124.
    draws = fair_draws(400)
    for shift, scale, good in (
        (1.7e-5, 1, True),
        (-1.8e-5, 1, False),
        (0, 1.12, True),
        (0, 1.13, False),
        (0, 0.87, False),
    ):
        for name in ("depth", "middle"):
            assert study.pulls_of(found(scale * draws + shift, name=name), name).good is good, (shift, scale)


def test_visits_survive_a_file(tmp_path):
    visits = found([1 / 3 * 1e-4, -2e-5])
    study.write_found(tmp_path / "a.csv", visits)
    assert study.read_found(tmp_path / "a.csv") == visits


def test_tables_tell_what_is_out():
    draws = fair_draws(100)
    rows = output.case_rows({"wlp4": found(draws), "focused": found(draws + 1e-4), "focused-dead": found(draws + 1e-4)})
    assert [row[-1] for row in rows] == ["within", "OUT", "OUT (told only)"]
    assert rows[0][:4] == ("wlp4", "nothing else", "100", "100")
    (tilt,) = output.tilt_rows({"focused": found(draws), "wlp4-tilt": found(np.zeros(4), plain=2.5e-4)})
    assert tilt[:4] == ("WLP4", "-100.0 ± 0.0", "+0.0 ± 0.0", "+250.0 ± 0.0")


def test_a_visit_is_the_same_for_the_same_number():
    case = CASES["focused-all"]
    first, again, other = (make_visit(case, number) for number in (3, 3, 4))
    one, two = (simulate_rates(visit.settings) for visit in (first, again))
    assert all(np.array_equal(a, b, equal_nan=True) for a, b in zip(one[:2], two[:2], strict=True))
    assert first.depth == again.depth != other.depth
    assert first.settings.position != other.settings.position
    with ThreadPoolExecutor(2) as executor:
        (visit, _) = study.run_case("focused-all", 2, executor)
    alone = find_transit(case, 0)
    assert (visit.depth_found, visit.middle_found) == (alone.depth_found, alone.middle_found)


def test_files_hold_what_memory_holds():
    """Rates through files of float32, in two segments, on the clock of the barycentre."""
    case = CASES["focused-files"]
    visit = make_visit(case, 1)
    days, flux, errors, _ = light_curve(case, visit)
    images, _, truth = simulate_rates(visit.settings)
    assert len(days) == len(images) == STARS["focused"].integrations
    # The barycentre's clock runs ahead by 1e-4 at most, in a visit of a tenth of a day.
    np.testing.assert_allclose(days, (truth["time"] - visit.centre).to_value("day"), atol=1e-5)
    assert np.median(flux / truth["flux_image"].value) == pytest.approx(0.886, abs=0.01)
    assert (errors > 0).all()


def test_every_case_has_visits_enough():
    assert all(case.visits >= 200 for case in CASES.values())
    for star in STARS:
        effects = [case.effects for case in CASES.values() if case.star == star]
        assert {} in effects
        for name in ("jitter", "correlated_noise", "cosmic_rays"):
            assert any(name in part for part in effects), (star, name)
    assert {case.star for case in CASES.values() if case.has_tilt} >= {"focused", "wlp4"}


def test_the_command_draws_what_is_there(tmp_path, capsys):
    draws = fair_draws(200)
    (tmp_path / "visits").mkdir()
    study.write_found(tmp_path / "visits" / "focused-tilt.csv", found(draws))
    study.write_found(tmp_path / "visits" / "wlp4.csv", found(draws + 1e-4))
    args = ["--only", "tables", "--out", str(tmp_path)]
    assert main(args) == 1
    assert "beyond their limits: wlp4\n" in capsys.readouterr().out
    drawn = {name: (tmp_path / name).read_bytes() for name in ("cases.csv", "tilt.csv", "pulls.svg", "tilt.svg")}
    assert all(drawn.values())
    main(args)
    assert drawn == {name: (tmp_path / name).read_bytes() for name in drawn}
    with pytest.raises(SystemExit, match="2"):
        main(["--only", "nothing"])


def test_real_pixels(realdata):
    rows = {(source, what.split(" (")[0]): difference for source, what, _, _, difference in compare_real(realdata)}
    assert len(rows) > 20
    assert float(rows["TESS, WASP-126", "SAP_FLUX"]) < 1e-7
    assert float(rows["TESS, WASP-126", "MOM_CENTR1"].split()[0]) < 1e-6
    assert float(rows["JWST/NIRCam F444W, NGC 346", "Gaussian centres, x and y of four stars"].split()[0]) < 0.02
    assert abs(float(rows["a disc of light, sums stated by jwst", "aperture_sum"])) < 2e-4


def test_peers_of_one_cube():
    pytest.importorskip("jwst")
    from benchmarks.validation.peers import our_measures, peer_measures

    case = CASES["focused"]
    visit = make_visit(case, 0, n_integrations=12, light_curve=np.ones(12))
    images, errors = (part.astype(np.float32) for part in simulate_rates(visit.settings)[:2])
    theirs = peer_measures(images, errors, visit.settings.position, radius=5, annulus=(12, 20), boxes=(41, 11))
    ours = our_measures(images, errors, theirs["centre"], radius=5, center="fixed", background=None)
    np.testing.assert_allclose(ours["gross"], theirs["gross"], rtol=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["focused-all", "focused-tilt"])
def test_a_little_of_the_study(name):
    visits = [find_transit(CASES[name], number) for number in range(40)]
    for part in ("depth", "middle"):
        pulls = study.pulls_of(visits, part)
        assert abs(pulls.mean) < pulls.mean_limit, part
        assert abs(pulls.scatter - 1) < pulls.scatter_limit, part
    assert np.mean([one.chi2 for one in visits]) == pytest.approx(1.0, abs=0.15)
