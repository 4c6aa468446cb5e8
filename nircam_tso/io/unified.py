"""Our products in astropy's unified I/O: ``TimeSeries.read(path, format="nircam_tso")``.

Astropy's registry asks for the class, so that registering at once would import
astropy.timeseries (and astropy.table, 0.25 s) along with this package. The reader is
registered right after astropy.timeseries is imported instead, by whomever.
"""

import sys
from importlib.abc import MetaPathFinder
from importlib.util import find_spec

__all__ = ["FORMAT", "register_when_needed"]

#: Name of the format.
FORMAT = "nircam_tso"

_TIMESERIES = "astropy.timeseries"


def register_when_needed():
    """
    Register the reader, now or as soon as `astropy.timeseries` is imported.

    Calling it again changes nothing.

    Examples
    --------
    >>> import nircam_tso
    >>> from astropy.timeseries import TimeSeries
    >>> from astropy.io import registry
    >>> "nircam_tso" in registry.get_formats(TimeSeries)["Format"]
    True
    """
    module = sys.modules.get(_TIMESERIES)
    if hasattr(module, "TimeSeries"):
        _register(module)
    elif not any(isinstance(finder, _AfterImport) for finder in sys.meta_path):
        sys.meta_path.insert(0, _AfterImport())


def _register(module):
    from astropy.io import registry

    registry.register_reader(FORMAT, module.TimeSeries, _read, force=True)


def _read(filename):
    from nircam_tso.io.product import read

    return read(filename)


class _AfterImport(MetaPathFinder):
    """Finds nothing itself: lets the others find astropy.timeseries, and has it registered once it has run."""

    def find_spec(self, fullname, path=None, target=None):
        if fullname != _TIMESERIES:
            return None
        sys.meta_path.remove(self)
        spec = find_spec(fullname)
        execute = spec.loader.exec_module

        def exec_module(module):
            execute(module)
            _register(module)

        spec.loader.exec_module = exec_module
        return spec
