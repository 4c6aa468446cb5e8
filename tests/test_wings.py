"""The house's rules, read from the source: who may import whom, and how long a module may be."""

import ast
import importlib
from pathlib import Path

import pytest

import nircam_tso

ROOT = Path(nircam_tso.__file__).parent
MAX_LINES = 450

# Data walks one way. A module belongs to the longest of these that begins its
# name, and imports only from its own wing, or from wings of a lower number.
WINGS = {
    "exceptions": 0,
    "quality": 0,
    "columns": 0,
    "julian": 0,
    "io": 1,
    "timing": 2,
    "measure": 2,
    "presets": 3,
    "extractor": 4,
    "io.product": 5,
    "io.export": 5,
    "io.unified": 5,
    "inspect": 6,
    "simulate": 7,
    "notebook": 7,
    "cli": 8,
}

# Neighbours of one number that know nothing of each other.
STRANGERS = [{"timing", "measure"}, {"simulate", "notebook"}]

FILES = sorted(path for path in ROOT.rglob("*.py") if path != ROOT / "__init__.py")


def dotted(path):
    """Name of a module below the package, as "io.jwst"."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def wing(name):
    """The longest key of WINGS that the name begins with."""
    parts = name.split(".")
    for length in range(len(parts), 0, -1):
        key = ".".join(parts[:length])
        if key in WINGS:
            return key
    return pytest.fail(f"nircam_tso.{name} stands in no wing; give it a place in WINGS")


def imported(path):
    """Modules of the package that a file imports anywhere, late imports included."""
    package = ["nircam_tso", *path.relative_to(ROOT).parent.parts]
    names = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                base = ".".join([*package[: len(package) - node.level + 1], *base.split(".")]).rstrip(".")
            for alias in node.names:
                full = f"{base}.{alias.name}"
                if base == "nircam_tso" and alias.name in nircam_tso._MODULES:
                    # The package's own face only passes on to where the name lives.
                    full = f"nircam_tso.{nircam_tso._MODULES[alias.name]}"
                names.add(full if is_module(full) else base)
    return {name for name in names if name.startswith("nircam_tso.")}


def is_module(name):
    """Whether a name of the package is a module or a folder of modules."""
    if not name.startswith("nircam_tso."):
        return False
    path = ROOT.joinpath(*name.split(".")[1:])
    return path.with_suffix(".py").is_file() or (path / "__init__.py").is_file()


def test_there_is_something_to_check():
    assert len(FILES) > 10


@pytest.mark.parametrize("path", FILES, ids=dotted)
def test_no_wing_imports_a_later_one(path):
    own = wing(dotted(path))
    for name in imported(path):
        other = wing(name.removeprefix("nircam_tso."))
        assert WINGS[other] <= WINGS[own], f"{dotted(path)} ({own}) imports {name}, a later wing"
        assert {own, other} not in STRANGERS, f"{dotted(path)} ({own}) imports {name}; the two do not know each other"


def test_only_the_command_simulates():
    using = {wing(dotted(path)) for path in FILES if "nircam_tso.simulate" in {n[:19] for n in imported(path)}}
    assert using <= {"cli", "simulate"}


@pytest.mark.parametrize("path", FILES, ids=dotted)
def test_module_declares_its_names(path):
    name = dotted(path)
    if path.name == "__init__.py" and len(path.read_text(encoding="utf-8").splitlines()) <= 3:
        # A folder whose modules are imported by their own names has a docstring only.
        assert ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))
        return
    module = importlib.import_module(f"nircam_tso.{name}")
    assert isinstance(module.__all__, list)
    assert len(set(module.__all__)) == len(module.__all__)
    assert not [public for public in module.__all__ if not hasattr(module, public)]


@pytest.mark.parametrize("path", [*FILES, ROOT / "__init__.py"], ids=lambda path: str(path.relative_to(ROOT)))
def test_module_is_one_step(path):
    lines = path.read_text(encoding="utf-8").count("\n")
    assert lines <= MAX_LINES, f"{lines} lines: does it hold two steps of the method?"
    assert path.stem not in {"utils", "util", "helpers", "misc", "common"}
