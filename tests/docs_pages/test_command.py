"""The command's page is made from its parsers: each option has words of its own, or a keyword's."""

import argparse
import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import pytest

from nircam_tso import TimeSeriesExtractor
from nircam_tso.cli.main import COMMANDS, build_parser
from nircam_tso.simulate import SimulationSettings

spec = spec_from_file_location(
    "product_keys", Path(__file__).resolve().parents[2] / "docs" / "_ext" / "product_keys.py"
)
KEYS = sys.modules.setdefault(spec.name, module_from_spec(spec))
spec.loader.exec_module(KEYS)


def subparsers():
    parser = build_parser()
    return next(a.choices for a in parser._actions if isinstance(a, argparse._SubParsersAction))


def test_every_command_has_a_parser():
    assert list(subparsers()) == list(COMMANDS)


@pytest.mark.parametrize("name", list(COMMANDS))
def test_every_option_is_explained(name):
    keywords = {keyword for cls in (SimulationSettings, TimeSeriesExtractor) for keyword, _, _ in KEYS.parameters(cls)}
    parser = subparsers()[name]
    assert parser.description
    assert "example" in parser.epilog
    for action in parser._actions:
        assert action.help or action.dest in keywords, f"{name} {action.option_strings or action.dest}"
