"""Every kind of figure against an image of it that was looked at."""

import matplotlib
import pytest

from nircam_tso.inspect import plotting
from nircam_tso.simulate import simulate_exposure

pytest.importorskip("pytest_mpl", reason="figures are compared by pytest-mpl")

#: The family that the baselines were drawn with; others set text and ticks by some pixels elsewhere.
FAMILY = "3.11"

_HOW = {"baseline_dir": "baseline", "style": "default", "backend": "agg", "savefig_kwargs": {"dpi": 50}}
compare = pytest.mark.mpl_image_compare(tolerance=4, remove_text=True, **_HOW)
# matplotlib cannot take the text off a second axis.
compare_with_text = pytest.mark.mpl_image_compare(tolerance=8, **_HOW)


@pytest.fixture(autouse=True)
def _comparable(request):
    if not (request.config.getoption("--mpl") or request.config.getoption("--mpl-generate-path")):
        pytest.skip("figures are compared with the option --mpl only")
    if not matplotlib.__version__.startswith(f"{FAMILY}."):
        pytest.skip(f"the baselines were drawn with matplotlib {FAMILY}, this is {matplotlib.__version__}")


@compare
def test_columns(product):
    return plotting.plot_columns(product())


@compare
def test_columns_of_many(product):
    return plotting.plot_columns(product(3000), ["background", "x_gauss", "aperture_sum_r3"])


@compare
def test_centers(product):
    return plotting.plot_centers(product())


@compare
def test_matrix(product):
    return plotting.plot_matrix(product(), ["aperture_sum_r5", "x_gauss", "background"])


@compare
def test_matrix_with_histograms(product):
    return plotting.plot_matrix(product(300), ["aperture_sum_r5", "x_gauss"], diagonal="hist")


@compare
def test_radii(product):
    return plotting.plot_radii(product()).figure


@compare
def test_radii_of_thirty(product):
    return plotting.plot_radii(product(310, radii=[2 + 0.25 * i for i in range(30)])).figure


@compare
def test_growth(product):
    return plotting.plot_growth(product())


@compare_with_text
def test_allan(product):
    return plotting.plot_allan(product(400), "aperture_sum_r5").figure


@compare
def test_image(product, exposure_settings, tmp_path):
    paths = simulate_exposure(tmp_path, exposure_settings(12, dead_fraction=0.005)).paths
    return plotting.plot_image(product(12), paths, row=3).figure


@compare
def test_correlation(product):
    return plotting.plot_correlation(product()).figure
