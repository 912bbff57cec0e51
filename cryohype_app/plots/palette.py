"""Colours of the dashboard, for its dark and its light face."""

from __future__ import annotations

from cryohype_app.plots.raster import LEVELS, category_level
from cryohype_model.palette import CATEGORIES, NOISE_COLOUR

EMPTY = "#00000000"


def category_colour(number: int, dark: bool = True) -> str:
    """The colour of a group: the first fifteen told apart without colour vision, then many more; below 0 grey."""
    if number < 0:
        return NOISE_COLOUR
    return _lifted(number) if dark else _many()[number % len(_many())]


def category_palette(dark: bool) -> list[str]:
    """256 colours by the byte that :func:`raster.rasterize` gives each group."""
    colours = [EMPTY] * (LEVELS + 2)
    for number in range(LEVELS):
        colours[category_level(number)] = category_colour(number, dark)
    colours[category_level(-1)] = NOISE_COLOUR
    return colours


def quantity_palette(dark: bool) -> list[str]:
    """256 colours, the first transparent; perceptually even, visible on the ground of the theme."""
    from bokeh.palettes import Viridis256

    even = list(Viridis256)
    return [EMPTY, *(even[1:] if dark else even[:-1])]


def density_palette(dark: bool) -> list[str]:
    """256 colours from the ground of the theme to its opposite."""
    import colorcet

    ramp = list(colorcet.kbc if dark else colorcet.kbc[::-1])
    kept = ramp[70:] if dark else ramp[30:]
    return [EMPTY, *(kept[int(step * (len(kept) - 1) / LEVELS)] for step in range(LEVELS + 1))]


def _many() -> list[str]:
    import colorcet

    return [*CATEGORIES, *colorcet.b_glasbey_bw_minc_20_minl_30]


def _lifted(number: int) -> str:
    """A colour that is dark on a dark ground becomes lighter."""
    colour = _many()[number % len(_many())]
    red, green, blue = (int(colour[start : start + 2], 16) for start in (1, 3, 5))
    light = 0.299 * red + 0.587 * green + 0.114 * blue
    share = max(0.0, (110 - light) / (255 - light))
    return "#" + "".join(f"{round(value + (255 - value) * share):02x}" for value in (red, green, blue))
