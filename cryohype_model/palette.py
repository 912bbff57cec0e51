"""Colours of clusters and classes, told apart without colour vision as far as that goes; the rest is said by numbers."""

from __future__ import annotations

from functools import cache

import numpy as np
import numpy.typing as npt

# Okabe & Ito's eight without black and yellow, then darker and lighter ones of other hues (Paul Tol's muted set)
CATEGORIES = (
    "#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00", "#332288", "#882255",
    "#117733", "#999933", "#44AA99", "#AA4499", "#661100", "#6699CC", "#888888",
)  # fmt: skip
NOISE_COLOUR = "#c8ccd2"
GREY = "#6b7280"


def category_colour(number: int, dark: bool = True) -> str:
    """The colour of a group: the first fifteen told apart without colour vision, then many more; below 0 grey.

    Parameters
    ----------
    dark : the ground is dark; colours that are dark themselves become lighter.
    """
    if number < 0:
        return NOISE_COLOUR
    colour = CATEGORIES[number] if number < len(CATEGORIES) else _many()[number % len(_many())]
    return _lifted(colour) if dark else colour


def category_colours(names: npt.NDArray[np.int64]) -> list[str]:
    """A colour for each class: those below 0 grey, more than there are colours begin anew."""
    return [NOISE_COLOUR if name < 0 else CATEGORIES[int(name) % len(CATEGORIES)] for name in names]


@cache
def _many() -> list[str]:
    """Needs colorcet, which the app and the plugin bring."""
    import colorcet

    return [*CATEGORIES, *colorcet.b_glasbey_bw_minc_20_minl_30]


def _lifted(colour: str) -> str:
    rgb = np.array([int(colour[place : place + 2], 16) for place in (1, 3, 5)])
    light = float(rgb @ (0.299, 0.587, 0.114))
    lifted = rgb + (255 - rgb) * max(0.0, (110 - light) / (255 - light))
    return "#" + "".join(f"{round(float(value)):02x}" for value in lifted)
