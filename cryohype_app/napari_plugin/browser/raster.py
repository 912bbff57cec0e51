"""A picture of any number of particles in a plane: a dot each, in the colour of its cluster."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from cryohype_app.napari_plugin.browser.analysis import Rows
from cryohype_model.palette import GREY, NOISE_COLOUR, category_colour

MARGIN = 0.04  # of the picture's sides, around the particles
DOTS = ((20_000, 3), (200_000, 2))  # up to so many particles, pixels of a dot's side
CHUNK_ROWS = 65_536

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Plane:
    """Where every particle lies: (n,) shares of the sides from the upper left, and clusters, None where there are none."""

    x: Floats
    y: Floats
    cluster: Rows | None

    @classmethod
    def of(cls, x: npt.NDArray[np.floating], y: npt.NDArray[np.floating], cluster: Rows | None) -> Plane:
        """Of columns of an analysis, each scaled to the picture on its own; not-a-number lies nowhere."""
        return cls(_shares(x), 1 - _shares(y), cluster)

    def nearest(self, x: float, y: float) -> int | None:
        """The particle nearest to a place of the picture."""
        distance = (self.x - np.float32(x)) ** 2 + (self.y - np.float32(y)) ** 2
        return int(np.nanargmin(distance)) if np.isfinite(distance).any() else None


def rasterize(plane: Plane, width: int, height: int, dark: bool) -> npt.NDArray[np.uint8]:
    """(height, width, 4) RGBA, transparent where no particle is.

    Parameters
    ----------
    dark : of the ground that it is drawn on.
    """
    count = len(plane.x)
    side = next((side for most, side in DOTS if count <= most), 1)
    order = np.random.default_rng(0).permutation(count)  # what is drawn last hides no cluster
    colours = _colours(plane.cluster, dark)
    picture = np.zeros((height * width, 4), np.uint8)
    for start in range(0, count, CHUNK_ROWS):  # between them the interface has its turn
        rows = order[start : start + CHUNK_ROWS]
        rows = rows[np.isfinite(plane.x[rows]) & np.isfinite(plane.y[rows])]
        first = (plane.y[rows] * (height - side)).astype(np.int64) * width + (plane.x[rows] * (width - side)).astype(np.int64)
        place = 0 if plane.cluster is None else np.maximum(plane.cluster[rows] + 1, 0)
        for down in range(side):
            for right in range(side):
                picture[first + down * width + right] = colours[place]
    return picture.reshape(height, width, 4)


def _shares(values: npt.NDArray[np.floating]) -> Floats:
    finite = values[np.isfinite(values)]
    low, high = (float(finite.min()), float(finite.max())) if len(finite) else (0.0, 1.0)
    shares = (values - low) / (high - low) if high > low else np.where(np.isfinite(values), 0.5, np.nan)
    return (MARGIN + (1 - 2 * MARGIN) * shares).astype(np.float32)


def _colours(cluster: Rows | None, dark: bool) -> npt.NDArray[np.uint8]:
    """(k, 4) of no cluster, then of each."""
    if cluster is None:
        words = [GREY]
    else:
        words = [NOISE_COLOUR, *(category_colour(number, dark) for number in range(int(cluster.max(initial=-1)) + 1))]
    return np.array([[*(int(word[place : place + 2], 16) for place in (1, 3, 5)), 255] for word in words], np.uint8)
