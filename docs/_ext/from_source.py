"""Tables and help texts taken from the package itself, so that they cannot drift from it.

Directives: ``columns-table``, ``quality-table``, ``command-help``, ``promises-counts``,
``promises-table``.
"""

import argparse
import json
import os
import runpy
from pathlib import Path
from types import MappingProxyType

from docutils import nodes
from docutils.parsers.rst import Directive
from docutils.statemachine import StringList
from sphinx.util.nodes import nested_parse_with_titles

_FAULTS = Path(__file__).parents[2] / "tests" / "faults"


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


class CommandHelp(_Generated):
    """Help of every command, as the command itself prints it."""

    def lines(self):
        from nircam_tso.cli.main import build_parser

        parser = build_parser()
        result = ["::", "", *indented(parser.format_help())]
        for name, sub in subparsers(parser).items():
            title = f"{parser.prog} {name}"
            result += ["", title, "-" * len(title), "", "::", "", *indented(sub.format_help())]
        return [*result, ""]


def subparsers(parser):
    """Parsers of the commands by name, in order."""
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            return dict(action.choices)
    return {}


def indented(text):
    """Lines of a literal block."""
    return [f"    {line}" if line.strip() else "" for line in text.rstrip().splitlines()]


def setup(app):
    """Add the directives to Sphinx."""
    # argparse wraps to the terminal's width, which must not change the pages.
    os.environ["COLUMNS"] = "96"
    app.add_directive("columns-table", ColumnsTable)
    app.add_directive("quality-table", QualityTable)
    app.add_directive("command-help", CommandHelp)
    app.add_directive("promises-counts", PromisesCounts)
    app.add_directive("promises-table", PromisesTable)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
