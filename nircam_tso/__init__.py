"""From a stack of images of a star to an `astropy.timeseries.TimeSeries`.

The names below are looked up when they are first used, so that importing the
package costs little.
"""

from importlib import import_module
from typing import TYPE_CHECKING

from nircam_tso.io.unified import register_when_needed

if TYPE_CHECKING:
    # The names below, told to type checkers, which do not run `__getattr__`.
    from nircam_tso import exceptions
    from nircam_tso.extractor import TimeSeriesExtractor
    from nircam_tso.inspect.report import write_report
    from nircam_tso.inspect.statistics import (
        allan,
        best_aperture,
        bin,  # noqa: A004
        correlation,
        normalize,
        photon_noise,
        scatter,
        summary,
    )
    from nircam_tso.inspect.systematics import decorrelation_vectors, find_settling, find_tilts, linear_detrend
    from nircam_tso.io.export import aperture_photometry, filenames, to_lightkurve, to_pandas
    from nircam_tso.io.phot_table import to_jwst_phot
    from nircam_tso.io.product import read, write
    from nircam_tso.julian import gregorian_to_jd, jd_to_gregorian
    from nircam_tso.measure.background import AnnulusBackground, FrameBackground, LineBackground, MeshBackground
    from nircam_tso.measure.shapes import EllipseShape, HexagonShape, RectangleShape
    from nircam_tso.measure.templates import GaussianTemplate, PSFTemplate
    from nircam_tso.quality import QualityFlag, good
    from nircam_tso.simulate import simulate_exposure

    __version__: str

__all__ = [
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

_MODULES = {
    "AnnulusBackground": "measure.background",
    "EllipseShape": "measure.shapes",
    "FrameBackground": "measure.background",
    "GaussianTemplate": "measure.templates",
    "HexagonShape": "measure.shapes",
    "LineBackground": "measure.background",
    "MeshBackground": "measure.background",
    "PSFTemplate": "measure.templates",
    "QualityFlag": "quality",
    "RectangleShape": "measure.shapes",
    "TimeSeriesExtractor": "extractor",
    "allan": "inspect.statistics",
    "aperture_photometry": "io.export",
    "best_aperture": "inspect.statistics",
    "bin": "inspect.statistics",
    "correlation": "inspect.statistics",
    "decorrelation_vectors": "inspect.systematics",
    "filenames": "io.export",
    "find_settling": "inspect.systematics",
    "find_tilts": "inspect.systematics",
    "good": "quality",
    "gregorian_to_jd": "julian",
    "jd_to_gregorian": "julian",
    "linear_detrend": "inspect.systematics",
    "normalize": "inspect.statistics",
    "photon_noise": "inspect.statistics",
    "read": "io.product",
    "scatter": "inspect.statistics",
    "simulate_exposure": "simulate",
    "summary": "inspect.statistics",
    "to_jwst_phot": "io.phot_table",
    "to_lightkurve": "io.export",
    "to_pandas": "io.export",
    "write": "io.product",
    "write_report": "inspect.report",
}


if not TYPE_CHECKING:  # or checkers would take any name for a public one

    def __getattr__(name):
        if name == "__version__":
            value = _version()
        elif name == "exceptions":
            value = import_module("nircam_tso.exceptions")
        elif name in _MODULES:
            value = getattr(import_module(f"nircam_tso.{_MODULES[name]}"), name)
        else:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        globals()[name] = value
        return value


def __dir__():
    return sorted({*globals(), *__all__})


def _version():
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version(__name__)
    except PackageNotFoundError:  # run from a source tree that was never installed
        return "unknown"


register_when_needed()
