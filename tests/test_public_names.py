"""The public face, pinned: a name that comes or goes must be meant."""

import json
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, version
from types import ModuleType

import pytest

import nircam_tso

PUBLIC = [
    "AnnulusBackground",
    "EllipseShape",
    "FrameBackground",
    "GaussianTemplate",
    "HexagonShape",
    "LineBackground",
    "MeshBackground",
    "PSFTemplate",
    "QualityFlag",
    "RectangleShape",
    "TimeSeriesExtractor",
    "__version__",
    "allan",
    "aperture_photometry",
    "best_aperture",
    "bin",
    "correlation",
    "decorrelation_vectors",
    "exceptions",
    "filenames",
    "find_settling",
    "find_tilts",
    "good",
    "gregorian_to_jd",
    "jd_to_gregorian",
    "linear_detrend",
    "normalize",
    "photon_noise",
    "read",
    "scatter",
    "simulate_exposure",
    "summary",
    "to_jwst_phot",
    "to_lightkurve",
    "to_pandas",
    "write",
    "write_report",
]

# Each takes a good part of a second, which the command's --help has not.
HEAVY = ["astropy.timeseries", "numba", "photutils", "matplotlib", "pandas", "h5py", "scipy", "image_registration"]


def run(code):
    """Last line that a fresh interpreter prints for some code, read as JSON."""
    done = subprocess.run([sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def test_all_is_pinned():
    assert sorted(nircam_tso.__all__) == sorted(PUBLIC)


@pytest.mark.parametrize("name", PUBLIC)
def test_name_is_what_it_says(name):
    value = getattr(nircam_tso, name)
    if name == "__version__":
        try:
            assert value == version("nircam_tso")
        except PackageNotFoundError:
            assert value == "unknown"
    elif isinstance(value, ModuleType):
        assert value.__name__ == f"nircam_tso.{name}"
    else:
        assert value.__name__ == name
        assert value.__module__.startswith("nircam_tso.")


def test_dir_lists_every_public_name():
    assert set(PUBLIC) <= set(dir(nircam_tso))


def test_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match=r"module 'nircam_tso' has no attribute 'nothing'"):
        nircam_tso.nothing  # noqa: B018


def test_import_is_light():
    code = f"import json, sys, nircam_tso; print(json.dumps([m for m in {HEAVY} if m in sys.modules]))"
    assert run(code) == []


@pytest.mark.parametrize(
    "imports",
    [
        "import nircam_tso; from astropy.timeseries import TimeSeries",
        "from astropy.timeseries import TimeSeries; import nircam_tso",
        "import nircam_tso, astropy.timeseries.io; from astropy.timeseries import TimeSeries",
    ],
)
def test_unified_reader_is_registered_in_either_order(imports):
    code = f"""
import json, sys
before = len(sys.meta_path)
{imports}
from astropy.io import registry
formats = list(registry.get_formats(TimeSeries, readwrite="Read")["Format"])
print(json.dumps([formats.count("nircam_tso"), len(sys.meta_path) - before]))
"""
    assert run(code) == [1, 0]


def test_exceptions_come_with_the_package():
    code = "import json, nircam_tso; print(json.dumps(issubclass(nircam_tso.exceptions.OutputError, OSError)))"
    assert run(code) is True
