"""What a user writes, as a type checker sees it: `tox -e mypy` reads this file, pytest runs it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, assert_type

import numpy as np
from astropy.time import Time

import nircam_tso
from nircam_tso import AnnulusBackground, QualityFlag, TimeSeriesExtractor, allan, good, read, scatter, write
from nircam_tso.exceptions import InputFileError
from nircam_tso.measure.gaussian import GaussianFits, fit_gaussians

if TYPE_CHECKING:
    from nircam_tso.inspect.statistics import AllanCurve, Scatter


def stars(n: int) -> np.ndarray:
    y, x = np.mgrid[:32, :40]
    star = 1000 * np.exp(-((x - 21.3) ** 2 + (y - 14.6) ** 2) / 4)
    return np.random.default_rng(5).normal(star + 10, 1, (n, 32, 40))


def test_a_script(tmp_path: Path) -> None:
    extractor = TimeSeriesExtractor(
        aperture_radii=[3, 5.5],
        background=AnnulusBackground(8, 12),
        center="median",
        position=(21, 15),
        gain=1.0,
        read_noise=1.0,
    )
    times = Time(60000 + np.arange(40) / 1440, format="mjd")
    ts = extractor.extract(stars(40), times=times, unit="electron", on_error="flag")
    path = write(ts, tmp_path / "star.h5", overwrite=True)
    assert_type(path, Path)
    again = read(str(path))
    rows = good(again)
    assert_type(rows, np.ndarray)
    assert rows.dtype == bool and rows.all()
    assert_type(QualityFlag.warning(), QualityFlag)
    assert_type(QualityFlag(3).names(), list[str])
    assert QualityFlag(3).names() == ["NO_DATA", "PARTIAL_APERTURE"]
    told: Scatter = scatter(again, "aperture_sum_r3")
    assert told.ppm > 0
    curve: AllanCurve = allan(again, "aperture_sum_r3", kind="allan", sizes=[1, 2, 4])
    assert_type(curve.size, np.ndarray)
    assert curve.size.tolist() == [1, 2, 4]
    assert_type(nircam_tso.__version__, str)


def test_a_step_of_the_method() -> None:
    fits = fit_gaussians(stars(2), 21.0, 15.0)
    assert_type(fits, GaussianFits)
    assert_type(fits.x_err, np.ndarray)
    np.testing.assert_allclose(fits.x, 21.3, atol=0.01)


if TYPE_CHECKING:
    # A checker that let these pass would complain of an unused comment.
    TimeSeriesExtractor(center="centre")  # type: ignore[arg-type]
    TimeSeriesExtractor(aperture_radius=3)  # type: ignore[call-arg]
    good(None, star="2")  # type: ignore[arg-type]
    write(None, path=3)  # type: ignore[arg-type]
    InputFileError("cut", path=Path("a.fits"), row=3)  # type: ignore[call-arg]
    nircam_tso.extract(None)  # type: ignore[attr-defined]
