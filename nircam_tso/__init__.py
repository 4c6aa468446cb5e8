"""From a stack of images of a star to an `astropy.timeseries.TimeSeries`.

The names below are looked up when they are first used, so that importing the
package costs little.
"""

from importlib import import_module

from nircam_tso.io.unified import register_when_needed

__all__ = [
    "AnnulusBackground",
    "FrameBackground",
    "GaussianTemplate",
    "PSFTemplate",
    "QualityFlag",
    "TimeSeriesExtractor",
    "__version__",
    "aperture_photometry",
    "exceptions",
    "filenames",
    "good",
    "gregorian_to_jd",
    "jd_to_gregorian",
    "read",
    "simulate_exposure",
    "to_lightkurve",
    "to_pandas",
    "write",
]

_MODULES = {
    "AnnulusBackground": "measure.background",
    "FrameBackground": "measure.background",
    "GaussianTemplate": "measure.templates",
    "PSFTemplate": "measure.templates",
    "QualityFlag": "quality",
    "TimeSeriesExtractor": "extractor",
    "aperture_photometry": "io.export",
    "filenames": "io.export",
    "good": "quality",
    "gregorian_to_jd": "julian",
    "jd_to_gregorian": "julian",
    "read": "io.product",
    "simulate_exposure": "simulate",
    "to_lightkurve": "io.export",
    "to_pandas": "io.export",
    "write": "io.product",
}


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
