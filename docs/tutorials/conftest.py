"""Sphinx runs the scripts of this folder, and so does tests/docs; they have no doctests."""

collect_ignore_glob = ["tutorial_*.py"]
