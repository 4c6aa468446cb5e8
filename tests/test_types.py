"""Everything public says what it takes and gives, and type checkers see every public name."""

import ast
import importlib
import inspect
import re
from pathlib import Path

import pytest

import nircam_tso

ROOT = Path(nircam_tso.__file__).parent
API = (Path(__file__).parents[1] / "docs" / "api.rst").read_text(encoding="utf-8")
MODULES = re.findall(r"^\.\. automodapi:: (nircam_tso[\w.]*)", API, re.MULTILINE)


def functions(module):
    """(name, function) of all that a module makes public, methods and properties of classes included."""
    for name in module.__all__:
        item = getattr(module, name)
        item = getattr(item, "py_func", item)
        if inspect.isfunction(item):
            yield name, item
        elif inspect.isclass(item) and item.__module__.startswith("nircam_tso"):
            for key, member in vars(item).items():
                member = getattr(member, "__func__", getattr(member, "fget", getattr(member, "func", member)))
                own = inspect.isfunction(member) and member.__module__.startswith("nircam_tso")
                if own and (key in {"__init__", "__post_init__"} or not key.startswith("_")):
                    yield f"{name}.{key}", member


@pytest.mark.parametrize("name", MODULES)
def test_signatures_are_annotated(name):
    bare = []
    for label, function in functions(importlib.import_module(name)):
        signature = inspect.signature(function, follow_wrapped=True)
        missing = [
            key
            for key, parameter in signature.parameters.items()
            if parameter.annotation is parameter.empty and key not in {"self", "cls"}
        ]
        missing += ["return"] if signature.return_annotation is signature.empty else []
        bare += [f"{label}({', '.join(missing)})"] if missing else []
    assert not bare


def test_checkers_see_every_public_name():
    tree = ast.parse((ROOT / "__init__.py").read_text(encoding="utf-8"))
    (block,) = (node for node in tree.body if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING")
    told = {}
    for node in block.body:
        if isinstance(node, ast.ImportFrom):
            told |= {alias.name: node.module for alias in node.names}
        else:
            told[node.target.id] = "nircam_tso"
    assert sorted(told) == sorted(nircam_tso.__all__)
    for name, module in told.items():
        assert getattr(importlib.import_module(module), name) is getattr(nircam_tso, name)


def test_types_are_shipped():
    assert (ROOT / "py.typed").is_file()
