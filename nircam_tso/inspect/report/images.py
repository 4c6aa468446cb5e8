"""Images on the page: the mean frame, and a few integrations with flags."""

from dataclasses import dataclass

import numpy as np

from nircam_tso.inspect.places import aperture_radii, center_of, shape_outlines, sky_annulus, told_position
from nircam_tso.inspect.plotting.image import SOFTENING, grey_limits, integration_image, integration_index
from nircam_tso.inspect.plotting.style import ORANGE, PURPLE, SKY, VERMILION, YELLOW
from nircam_tso.inspect.values import usable_rows
from nircam_tso.quality import QualityFlag, good

__all__ = ["Picture", "add_picture", "pictures"]

#: Integrations whose mean is shown; they are spread over the series.
_MEAN_OF = 32
#: Flagged integrations that are shown.
_MOST_FLAGGED = 6
#: Pixels on a side of the mean and of the others; larger frames are cut about the star.
_MEAN_SIDE, _SIDE = 256, 96

#: Levels of grey; the one above stands for pixels without a value.
_LEVELS = 254


@dataclass(frozen=True)
class Picture:
    """
    One image, cut and stretched.

    Attributes
    ----------
    name : str
        Of its plot and of its HTML element.
    title : str
        What it shows.
    row : int or None
        Row of the product, None for the mean.
    pixels : `~numpy.ndarray` of uint8, shape (ny, nx)
        Levels of grey; 255 where there is no value.
    corner : (int, int)
        (x, y) of the first pixel in the frame.
    low, high : float
        Values that are white and black.
    center : (float, float)
        Where the apertures sit; NaN where unknown.
    radii : list of float
        Of the round apertures in pixels.
    outlines : list of `~nircam_tso.inspect.places.Outline`
        Of apertures of other shapes.
    annulus : (float, float) or None
        Radii of the sky annulus.
    middle : (float, float)
        Where the annulus lies.
    """

    name: str
    title: str
    row: int | None
    pixels: np.ndarray
    corner: tuple
    low: float
    high: float
    center: tuple
    radii: list
    outlines: list
    annulus: tuple | None
    middle: tuple


def pictures(ts, exposure):
    """
    Images of an exposure with what was measured on them.

    Parameters
    ----------
    ts : `~astropy.timeseries.TimeSeries`
        A product.
    exposure : `~nircam_tso.io.exposure.Exposure`
        What it was extracted from.

    Returns
    -------
    list of Picture
        The mean of up to 32 good integrations, then up to six rows with warning flags: of each flag one
        before any has two.

    Raises
    ------
    ValueError
        If the exposure does not hold the product's integrations.
    """
    rows = _mean_rows(ts)
    total, count = 0.0, 0
    for row in rows:
        image = _read(ts, exposure, row)
        known = np.isfinite(image)
        total = total + np.where(known, image, 0.0)
        count = count + known
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = np.where(count > 0, total / count, np.nan)
    middle = int(rows[len(rows) // 2])
    what = f"mean of {len(rows)} integrations" if len(rows) > 1 else f"row {middle}"
    result = [_picture(ts, mean, "image-mean", what, middle, _MEAN_SIDE, mean_of=rows)]
    for row in _flagged_rows(ts):
        flags = ", ".join(QualityFlag(int(ts["quality"][row])).names())
        image = _read(ts, exposure, row)
        result.append(_picture(ts, image, f"image-{row}", f"row {row}: {flags}", int(row), _SIDE))
    return result


def _read(ts, exposure, row):
    return np.asarray(integration_image(ts, exposure, integration_index(ts, exposure, int(row)), int(row)), float)


def _mean_rows(ts):
    use = np.flatnonzero(usable_rows(ts))
    if use.size == 0:
        use = np.arange(len(ts))
    return use[np.unique(np.linspace(0, use.size - 1, min(_MEAN_OF, use.size)).round().astype(int))]


def _flagged_rows(ts):
    """Rows with warning flags, one of each kind before any has two."""
    if "quality" not in ts.colnames:
        return []
    bad = np.flatnonzero(~good(ts))
    quality = np.asarray(ts["quality"]).astype(np.uint32)[bad]
    _, first = np.unique(quality, return_index=True)
    chosen = list(bad[np.sort(first)])[:_MOST_FLAGGED]
    rest = [row for row in bad if row not in set(chosen)][: _MOST_FLAGGED - len(chosen)]
    return sorted(int(row) for row in [*chosen, *rest])


def _picture(ts, image, name, title, row, side, mean_of=None):
    center = center_of(ts, row)
    if mean_of is not None and not np.isfinite(center).all():
        places = np.array([center_of(ts, int(one)) for one in mean_of])
        known = places[np.isfinite(places).all(axis=1)]
        center = tuple(np.median(known, axis=0)) if len(known) else center
    radii, outlines, annulus, told = aperture_radii(ts, row), shape_outlines(ts), sky_annulus(ts), told_position(ts)
    star = center
    if not np.isfinite(star).all():
        star = told if told is not None else _middle_of(image)
    reach = max([12.0, *radii, *(outline.reach for outline in outlines), *(annulus or ())]) * 1.15 + 2
    side = min(side, int(2 * reach)) if mean_of is None else max(side, int(2 * reach))
    corner, cut = _cut(image, star, side)
    pixels, low, high = _stretch(cut)
    return Picture(
        name=name,
        title=title,
        row=None if mean_of is not None else row,
        pixels=pixels,
        corner=corner,
        low=low,
        high=high,
        center=center,
        radii=radii,
        outlines=outlines,
        annulus=annulus,
        middle=center if told is None else told,
    )


def _middle_of(image):
    ny, nx = image.shape
    return (nx - 1) / 2, (ny - 1) / 2


def _cut(image, star, side):
    starts = []
    for place, length in zip(star, image.shape[::-1], strict=True):
        starts.append(int(np.clip(round(place - side / 2), 0, max(length - side, 0))))
    x, y = starts
    return (x, y), image[y : y + side, x : x + side]


def _stretch(image):
    """Grey levels on an arcsinh scale, so that the sky and wings are seen beside the core."""
    low, high = grey_limits(image)
    share = np.clip((image - low) / (high - low), 0, 1)
    levels = np.arcsinh(share / SOFTENING) / np.arcsinh(1 / SOFTENING) * _LEVELS
    pixels = np.where(np.isfinite(levels), np.round(levels), _LEVELS + 1)
    return pixels.astype(np.uint8), low, high


def add_picture(picture):
    """
    Draw a picture with its apertures.

    Parameters
    ----------
    picture : Picture
        What to draw.

    Returns
    -------
    `bokeh.plotting.figure`
        With zero-based pixels of the frame as coordinates.
    """
    from bokeh.models import LinearColorMapper
    from bokeh.palettes import gray
    from bokeh.plotting import figure

    ny, nx = picture.pixels.shape
    x, y = picture.corner[0] - 0.5, picture.corner[1] - 0.5
    size = 330 if picture.row is None else 220
    scale = size / max(nx, ny)
    made = figure(
        name=picture.name,
        x_range=(x, x + nx),
        y_range=(y, y + ny),
        frame_width=max(int(nx * scale), 60),
        frame_height=max(int(ny * scale), 60),
        tools="pan,box_zoom,reset",
        toolbar_location=None,
        background_fill_color=None,
        border_fill_color=None,
    )
    mapper = LinearColorMapper(palette=gray(_LEVELS + 1)[::-1], low=0, high=_LEVELS, high_color=YELLOW)
    made.image([picture.pixels], x=x, y=y, dw=nx, dh=ny, color_mapper=mapper)
    made.grid.visible = False
    if np.isfinite(picture.center).all():
        x, y = picture.center
        look = {"fill_color": None, "line_width": 1.3 if len(picture.radii) + len(picture.outlines) <= 6 else 0.6}
        for radius in picture.radii:
            made.circle(x=[x], y=[y], radius=radius, line_color=VERMILION, **look)
        for outline in picture.outlines:
            made.patch(x=x + outline.x, y=y + outline.y, line_color=PURPLE, **look)
        made.scatter(x=[x], y=[y], marker="cross", size=9, line_color=ORANGE, line_width=1.6)
    if np.isfinite(picture.middle).all():
        x, y = picture.middle
        for radius in picture.annulus or ():
            made.circle(x=[x], y=[y], radius=radius, fill_color=None, line_color=SKY, line_dash="dashed")
    return made
