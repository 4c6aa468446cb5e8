"""Warnings within a tutorial end the build, as they end a test."""

import warnings
from contextlib import ExitStack

__all__ = ["warnings_are_errors"]

_filters = ExitStack()


def warnings_are_errors(gallery_conf, fname, when):
    """Make warnings errors before a script runs, and put the filters back behind it."""
    if when == "after":
        _filters.close()
    elif fname is not None:
        _filters.enter_context(warnings.catch_warnings())
        warnings.simplefilter("error")
        # No fault of a script: there is no screen, and lightkurve tells at import what it lacks.
        warnings.filterwarnings("ignore", ".*non-interactive.*", UserWarning)
        warnings.filterwarnings("ignore", ".*tpfmodel submodule is not available.*", UserWarning)
