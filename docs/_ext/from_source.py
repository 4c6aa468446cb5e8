"""Tables and help texts taken from the package itself, so that they cannot drift from it.

Directives: ``columns-table``, ``quality-table``, ``metadata-table`` (with the name of a list in
`product_keys`), ``settings-list`` (with the dotted name of a class), ``commands``, ``wings-table``,
``promises-counts``, ``promises-table``.
"""

import argparse
import ast
import importlib
import importlib.util
import json
import os
import runpy
import textwrap
from pathlib import Path
from types import MappingProxyType

from docutils import nodes
from docutils.parsers.rst import Directive
from docutils.statemachine import StringList
from sphinx.util.nodes import nested_parse_with_titles

_TESTS = Path(__file__).parents[2] / "tests"
_FAULTS = _TESTS / "faults"


class _Generated(Directive):
    """A directive that stands for lines of reStructuredText."""

    def lines(self):
        raise TypeError(f"{type(self).__name__} writes nothing")

    def run(self):
        node = nodes.section()
        node.document = self.state.document
        lines = StringList(self.lines(), source=type(self).__name__)
        nested_parse_with_titles(self.state, lines, node, self.content_offset)
        return node.children


def list_table(head, rows, widths):
    """Lines of a table; each cell is one line of text."""
    result = [".. list-table::", "   :header-rows: 1", f"   :widths: {' '.join(map(str, widths))}", ""]
    for row in [head, *rows]:
        for i, cell in enumerate(row):
            result.append(f"   {'*' if i == 0 else ' '} - {cell}")
    return [*result, ""]


class ColumnsTable(_Generated):
    """Every column of the product."""

    units = MappingProxyType({"image": "image unit", "flux": "flux unit", "time": "Time"})

    def lines(self):
        from nircam_tso.columns import COLUMNS

        rows = [
            (f"``{c.name}``", self.units.get(c.unit, c.unit), c.dtype, c.description.replace("_", r"\_"))
            for c in COLUMNS
        ]
        return list_table(("column", "unit", "type", "what it is"), rows, (30, 12, 10, 48))


class QualityTable(_Generated):
    """Every quality bit; a bit that is not described here ends the build."""

    meanings = MappingProxyType(
        {
            "NO_DATA": "the integration has nothing to measure",
            "PARTIAL_APERTURE": "an aperture reaches beyond the edge of the frame",
            "NAN_IN_APERTURE": "a pixel within an aperture is NaN or masked in this integration",
            "DO_NOT_USE": "a pixel within an aperture has the DQ bit DO_NOT_USE in this integration",
            "SATURATED": "a pixel within an aperture is saturated",
            "JUMP_DET": "a jump in the ramp of a pixel within an aperture, or a cosmic ray that was mended",
            "FIT_FAILED": "the Gaussian fit, or the centre that was asked for, gave no result",
            "FIT_SUSPECT": "the Gaussian fit gave a result that does not look like a star",
            "CENTER_OUTSIDE": "a centre came out where the star cannot be",
            "ERR_INVALID": "the error of a pixel within an aperture is 0, negative or NaN",
            "TIME_FROM_HEADER": "the time comes from header cards, not from INT_TIMES",
            "TIME_INVALID": "no time can be given; it is masked",
            "MISSING_INTEGRATION": "the integration is promised by the headers, but not there",
            "READ_ERROR": "the integration could not be read",
            "BACKGROUND_FAILED": "the sky could not be measured",
            "MIDNIGHT_ROLLOVER": "TIME-END lies before TIME-OBS; a day was added to it",
        }
    )

    def lines(self):
        from nircam_tso import QualityFlag

        informing = QualityFlag.informing()
        rows = [
            (bit.value, f"``{bit.name}``", "informs" if bit & informing else "warns", self.meanings[bit.name])
            for bit in QualityFlag
        ]
        return list_table(("bit", "name", "", "what it means"), rows, (8, 28, 10, 54))


class PromisesCounts(_Generated):
    """What the fault tests counted when ``FAULT_COUNTS`` was last set to the file of their numbers."""

    def lines(self):
        counts = json.loads((_FAULTS / "counts.json").read_text(encoding="utf-8"))
        return list_table(("what", "how many"), sorted(counts.items()), (60, 40))


class PromisesTable(_Generated):
    """The table from what can go wrong to the tests that prove what happens then."""

    def lines(self):
        return [*runpy.run_path(str(_FAULTS / "matrix.py"))["table"]().splitlines(), ""]


class MetadataTable(_Generated):
    """A list of keys in `product_keys`."""

    required_arguments = 1
    types = MappingProxyType({str: "text", float: "float", int: "int", bool: "bool", list: "list", dict: "map"})

    def lines(self):
        import product_keys

        rows = []
        for key in getattr(product_keys, self.arguments[0]):
            kind = " or ".join(self.types[each] for each in key.types)
            when = f" *Only where {key.when}.*" if key.when else ""
            star = r" \*" if key.per_star else ""
            rows.append((f"``{key.name}``{star}", f"{kind}, {key.unit}" if key.unit else kind, key.description + when))
        return list_table(("key", "type, unit", "what it is"), rows, (22, 18, 60))


class SettingsList(_Generated):
    """What a class takes, as its docstring tells."""

    required_arguments = 1

    def lines(self):
        from product_keys import parameters

        module, _, cls = self.arguments[0].rpartition(".")
        result = []
        for name, kind, description in parameters(getattr(importlib.import_module(module), cls)):
            result += [f"``{name}`` : {kind}", *(f"    {line}" for line in description)]
        return [*result, ""]


class WingsTable(_Generated):
    """The wings, in the order that `tests/test_wings.py` holds them to, and what their modules say of themselves."""

    def lines(self):
        found = importlib.util.find_spec("nircam_tso").submodule_search_locations[0]
        source = ast.parse((_TESTS / "test_wings.py").read_text(encoding="utf-8"))
        wings = next(ast.literal_eval(node.value) for node in source.body if _assigns(node, "WINGS"))
        rows = []
        for name, number in sorted(wings.items(), key=lambda item: item[1]):
            path = Path(found, *name.split("."))
            if path.is_dir():
                parts = sorted({p.stem for p in path.iterdir() if p.suffix == ".py" or (p / "__init__.py").is_file()})
                listed = ", ".join(f"``{part}``" for part in parts if part != "__init__")
                rows.append((number, f"``{name}/``", f"{_summary(path / '__init__.py')} ({listed})"))
            else:
                rows.append((number, f"``{name}``", _summary(path.with_suffix(".py"))))
        return list_table(("", "wing", "what it holds"), rows, (6, 18, 76))


def _assigns(node, name):
    return isinstance(node, ast.Assign) and getattr(node.targets[0], "id", None) == name


def _summary(path):
    """The first line of a module's docstring."""
    return ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))).splitlines()[0]


class Commands(_Generated):
    """Every command with its usage, arguments, options and examples, out of the parsers."""

    def lines(self):
        from product_keys import parameters

        from nircam_tso import TimeSeriesExtractor
        from nircam_tso.cli.main import build_parser
        from nircam_tso.simulate import SimulationSettings

        # Options that say nothing of themselves carry the name of a keyword that does.
        settings = {"extract": TimeSeriesExtractor, "simulate": SimulationSettings}
        parser = build_parser()
        result = [*block(parser.format_usage()), *block(parser.epilog)]
        for name, sub in subparsers(parser).items():
            words = {key: text for key, _, text in parameters(settings[name])} if name in settings else {}
            title = f"{parser.prog} {name}"
            result += ["", f".. _command-{name}:", "", title, "-" * len(title), "", f"{sub.description}", ""]
            result += [*block(sub.format_usage()), f".. program:: {title}", ""]
            # The private list is the only one that argparse has.
            for group in sub._action_groups:
                actions = [action for action in group._group_actions if action.dest != "help"]
                if actions and group.title not in ("options", "positional arguments"):
                    result += [f"**{group.title[0].upper()}{group.title[1:]}**", ""]
                for action in actions:
                    result += option_lines(action, words)
            result += block(sub.epilog)
        return [*result, ""]


def option_lines(action, words):
    """An option, or an argument, as Sphinx's directive for such."""
    taken = action.metavar or ("{" + ",".join(map(str, action.choices)) + "}" if action.choices else None)
    if action.nargs == 0:
        names = action.option_strings
    elif action.option_strings:
        names = [f"{name} {taken or action.dest.upper()}" for name in action.option_strings]
    else:
        names = [taken or action.dest]
    if action.help:
        text = " ".join(action.help.split()) % {**vars(action), "prog": ""}
        # A list of choices keeps their spelling; a sentence gets its capital.
        if not text.split()[0].endswith(","):
            text = text[:1].upper() + text[1:]
        body = textwrap.wrap(escaped(text), 90)
    else:
        body = words[action.dest]
    return [f".. option:: {', '.join(names)}", "", *(f"   {line}" for line in body), ""]


def escaped(text):
    """Text in which reStructuredText finds no markup."""
    return "".join(f"\\{char}" if char in "*_`|\\" else char for char in text)


def subparsers(parser):
    """Parsers of the commands by name, in order."""
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            return dict(action.choices)
    return {}


def block(text):
    """Lines of a block that is shown as it stands."""
    lines = [f"   {line}" if line.strip() else "" for line in text.rstrip().splitlines()]
    return [".. code-block:: text", "", *lines, ""]


def setup(app):
    """Add the directives to Sphinx."""
    # argparse wraps to the terminal's width, which must not change the pages.
    os.environ["COLUMNS"] = "96"
    app.add_directive("columns-table", ColumnsTable)
    app.add_directive("quality-table", QualityTable)
    app.add_directive("metadata-table", MetadataTable)
    app.add_directive("settings-list", SettingsList)
    app.add_directive("commands", Commands)
    app.add_directive("wings-table", WingsTable)
    app.add_directive("promises-counts", PromisesCounts)
    app.add_directive("promises-table", PromisesTable)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
