"""Formulas as MathML, which browsers draw by themselves: pages need no script and no network to be read."""

from docutils import nodes
from docutils.utils.math.latex2mathml import tex2mathml
from sphinx.util.math import get_node_equation_number

__all__ = ["block", "inline", "setup"]


def inline(self, node):
    """Write a formula within a line."""
    self.body.append(tex2mathml(node.astext(), as_block=False))
    raise nodes.SkipNode


def block(self, node):
    """Write a formula of its own."""
    number = f"({get_node_equation_number(self, node)})" if node["number"] else ""
    self.body.append(self.starttag(node, "div", CLASS="formula notranslate"))
    self.body.append(f"{tex2mathml(node.astext(), as_block=True)}{number}</div>")
    raise nodes.SkipNode


def setup(app):
    """Make it the way in which formulas are written."""
    app.add_html_math_renderer("mathml", (inline, None), (block, None))
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
