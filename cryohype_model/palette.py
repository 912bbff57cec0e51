"""Colours of clusters and classes, told apart without colour vision as far as that goes; the rest is said by numbers."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

# Okabe & Ito's eight without black and yellow, then darker and lighter ones of other hues (Paul Tol's muted set)
CATEGORIES = (
    "#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00", "#332288", "#882255",
    "#117733", "#999933", "#44AA99", "#AA4499", "#661100", "#6699CC", "#888888",
)  # fmt: skip
NOISE_COLOUR = "#c8ccd2"
GREY = "#6b7280"


def category_colours(names: npt.NDArray[np.int64]) -> list[str]:
    """A colour for each class: those below 0 grey, more than there are colours begin anew."""
    return [NOISE_COLOUR if name < 0 else CATEGORIES[int(name) % len(CATEGORIES)] for name in names]
