"""Every public name has an example; the examples themselves run as doctests."""

import importlib
import re
from pathlib import Path

import pytest

API = (Path(__file__).resolve().parents[2] / "docs" / "api.rst").read_text(encoding="utf-8")
MODULES = re.findall(r"^\.\. automodapi:: (\S+)$", API, re.MULTILINE)


def names():
    for dotted in MODULES:
        module = importlib.import_module(dotted)
        for name in module.__all__:
            thing = getattr(module, name)
            # Constants and modules have no docstring of their own.
            if callable(thing):
                yield pytest.param(thing, id=f"{dotted}.{name}")


def test_there_are_modules():
    assert {"nircam_tso", "nircam_tso.exceptions", "nircam_tso.timing"} <= set(MODULES)


@pytest.mark.parametrize("thing", list(names()))
def test_example(thing):
    doc = thing.__doc__ or ""
    assert re.search(r"^\s*Examples\n\s*-{8}\n", doc, re.MULTILINE), f"{thing.__module__}.{thing.__qualname__}"
    assert ">>> " in doc.partition("Examples\n")[2]
