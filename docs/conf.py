"""Settings of the documentation."""

import os
import sys
from importlib.metadata import version as version_of
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent / "_ext"))

project = "nircam_tso"
author = "nircam_tso developers"
project_copyright = "2026, nircam_tso developers"
release = version_of("nircam_tso")
version = ".".join(release.split(".")[:2])

extensions = [
    "matplotlib.sphinxext.plot_directive",
    "sphinx.ext.autodoc",
    "sphinx.ext.intersphinx",
    "sphinx_automodapi.automodapi",
    "sphinx_automodapi.smart_resolver",
    "sphinx_gallery.gen_gallery",
    "numpydoc",
    "from_source",
    "mathml",
]

default_role = "obj"
# sphinx-gallery makes pages of the scripts, and reads their heading itself.
exclude_patterns = ["_build", "tutorials"]
pygments_style = "sphinx"
# `__all__` says what is public; automodapi lists it, and numpydoc need not do so again.
numpydoc_show_class_members = False
automodapi_toctreedirnm = "api"
automodapi_inheritance_diagram = False
# numpydoc's sections have the types.
autodoc_typehints = "none"
autodoc_member_order = "bysource"

# A build without internet cannot fetch the indices of other projects, and fails
# because each warning is an error. By default it must be able to.
if os.environ.get("NIRCAM_TSO_DOCS_OFFLINE", "0") in ("", "0"):
    intersphinx_mapping = {
        "python": ("https://docs.python.org/3/", None),
        "numpy": ("https://numpy.org/doc/stable/", None),
        "astropy": ("https://docs.astropy.org/en/stable/", None),
        "photutils": ("https://photutils.readthedocs.io/en/stable/", None),
        "pandas": ("https://pandas.pydata.org/docs/", None),
    }
else:
    intersphinx_mapping = {}

# Drawings are made by scripts in figures/, from the package's own numbers.
plot_formats = ["svg"]
plot_html_show_formats = False
plot_html_show_source_link = False

# Tutorials are scripts that run whenever the pages are built; an error or a warning ends the build.
sphinx_gallery_conf = {
    "examples_dirs": "tutorials",
    "gallery_dirs": "_generated/tutorials",
    "filename_pattern": r"/tutorial_",
    "ignore_pattern": r"conftest\.py",
    "within_subsection_order": "FileNameSortKey",
    # Their text would be full of raw markup.
    "notebook_extensions": set(),
    "run_stale_examples": True,
    "abort_on_example_error": True,
    "reset_modules": ("matplotlib", "strict_tutorials.warnings_are_errors"),
    "reset_modules_order": "both",
    # What a statement returns is told by print, where it matters.
    "capture_repr": (),
    "image_scrapers": ("matplotlib",),
    # Pages are the same at every build: no running times, no memory, no archives.
    "write_computation_times": False,
    "min_reported_time": float("inf"),
    "show_memory": False,
    "show_signature": False,
    "download_all_examples": False,
}

html_math_renderer = "mathml"
html_theme = "pydata_sphinx_theme"
html_title = f"{project} {version}"
html_theme_options = {
    "navigation_with_keys": False,
    "show_prev_next": True,
    "secondary_sidebar_items": ["page-toc"],
}
# The front page lists the sections itself; every other page has its section's pages at the left.
html_sidebars = {"index": []}
html_show_sourcelink = False
html_static_path = ["_static"]
html_css_files = ["tutorials.css"]
