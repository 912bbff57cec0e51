"""Colours of the dashboard, for its dark and its light face."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from cryohype_app.frame import ROT_BINS, TILT_BINS
from cryohype_app.plots.raster import LEVELS, category_level
from cryohype_model.palette import NOISE_COLOUR
from cryohype_model.palette import category_colour as category_colour

EMPTY = "#00000000"


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


def cyclic_palette() -> list[str]:
    """256 colours, the first transparent, the last as the second: for angles."""
    return [EMPTY, *_wheel()[1:]]


def direction_palette(dark: bool) -> list[str]:
    """256 colours by the byte of each field of viewing directions: the hue is rot, top views are pale, bottom views deep."""
    colours = [EMPTY] * (LEVELS + 2)
    wheel, poles = _wheel(), ((255, 255, 255), (92, 98, 107)) if dark else ((190, 197, 207), (13, 17, 23))
    for row in range(TILT_BINS):
        height = 1 - 2 * (row + 0.5) / TILT_BINS  # cosine of the tilt
        share, pole = np.sqrt(1 - height**2), poles[height < 0]
        for field in range(ROT_BINS):
            hue = _rgb(wheel[int((field + 0.5) / ROT_BINS * 256)])
            colours[category_level(row * ROT_BINS + field)] = _hex(share * np.array(hue) + (1 - share) * np.array(pole))
    return colours


def density_palette(dark: bool) -> list[str]:
    """256 colours from the ground of the theme to its opposite."""
    import colorcet

    ramp = list(colorcet.kbc if dark else colorcet.kbc[::-1])
    kept = ramp[70:] if dark else ramp[30:]
    return [EMPTY, *(kept[int(step * (len(kept) - 1) / LEVELS)] for step in range(LEVELS + 1))]


def _wheel() -> list[str]:
    import colorcet

    return list(colorcet.b_cyclic_mrybm_35_75_c68)


def _rgb(colour: str) -> tuple[int, int, int]:
    return int(colour[1:3], 16), int(colour[3:5], 16), int(colour[5:7], 16)


def _hex(rgb: npt.NDArray[np.float64]) -> str:
    return "#" + "".join(f"{round(float(value)):02x}" for value in rgb)
