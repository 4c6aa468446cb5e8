"""Pictures of a product, drawn with matplotlib.

Every function returns the `~matplotlib.axes.Axes` or `~matplotlib.figure.Figure` that it has drawn,
and takes one to draw into (a figure with ``layout="constrained"`` leaves room for all
labels and legends). matplotlib is imported when something is drawn; neither its
backend nor its settings are changed.
"""

from nircam_tso.inspect.plotting.allan import plot_allan
from nircam_tso.inspect.plotting.apertures import plot_growth, plot_radii
from nircam_tso.inspect.plotting.columns import plot_centers, plot_columns
from nircam_tso.inspect.plotting.correlation import plot_correlation
from nircam_tso.inspect.plotting.image import plot_image
from nircam_tso.inspect.plotting.matrix import plot_matrix

__all__ = [
    "plot_allan",
    "plot_centers",
    "plot_columns",
    "plot_correlation",
    "plot_growth",
    "plot_image",
    "plot_matrix",
    "plot_radii",
]
