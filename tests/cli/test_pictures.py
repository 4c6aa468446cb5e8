"""Figures as bytes: of the right kind, the same every time."""

import pytest
from matplotlib.figure import Figure

from nircam_tso.cli.pictures import PICTURE_SUFFIXES, picture_bytes

BEGINS = {".png": b"\x89PNG", ".pdf": b"%PDF", ".svg": b"<?xml"}


def drawn(title):
    figure = Figure(figsize=(2, 1.5))
    figure.add_subplot().plot([0, 1, 2], [3, 1, 2], "o-", label="a")
    figure.suptitle(title)
    return figure


@pytest.mark.parametrize("suffix", PICTURE_SUFFIXES)
def test_equal_figures_are_equal_bytes(suffix):
    content = picture_bytes([drawn("one")], suffix, dpi=80)
    assert content.startswith(BEGINS[suffix])
    assert content == picture_bytes([drawn("one")], suffix, dpi=80)
    assert content != picture_bytes([drawn("two")], suffix, dpi=80)


def test_a_pdf_has_all_pages():
    assert picture_bytes([drawn("one"), drawn("two"), drawn("three")], ".pdf").count(b"/Type /Page ") == 3
