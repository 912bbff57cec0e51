"""Points to pictures: a million particles become one byte a pixel."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

Image = npt.NDArray[np.uint8]
Range = tuple[float, float]
Kind = Literal["density", "category", "quantity", "cyclic"]

LEVELS = 254  # of 1 … 255; 0 is empty
LARGEST_DOT_PX = 7


@dataclass(frozen=True)
class View:
    """The part of the plane that is shown, and how many pixels it is drawn with."""

    x: Range
    y: Range
    width_px: int
    height_px: int

    @property
    def is_empty(self) -> bool:
        """Whether nothing can be drawn into it."""
        return min(self.width_px, self.height_px) < 1 or self.x[0] >= self.x[1] or self.y[0] >= self.y[1]


def rasterize(points: pd.DataFrame, view: View, kind: Kind, limits: Range | None = None) -> Image:
    """(height, width) uint8, row 0 at the bottom; 0 where there is no particle.

    Parameters
    ----------
    points : columns x, y and, but for density, value; in shuffled order, so that the last one drawn is a random one.
    kind : density: how many (equalised histogram); category: the number of the last one, modulo 254, plus one;
        quantity: the mean within ``limits``; cyclic: the last one's part of the turn from one limit to the other.
    """
    import datashader as ds

    if view.is_empty or not len(points):
        return np.zeros((max(view.height_px, 0), max(view.width_px, 0)), np.uint8)
    canvas = ds.Canvas(view.width_px, view.height_px, x_range=view.x, y_range=view.y)
    if kind == "density":
        return _dots(_equalised(canvas.points(points, "x", "y", agg=ds.count()).data), points)
    if kind == "category":
        code = canvas.points(points, "x", "y", agg=ds.last("value")).data
        return _dots(_codes(code), points)
    aggregate = ds.last("value") if kind == "cyclic" else ds.mean("value")  # two angles have no mean that is near to both
    values = canvas.points(points, "x", "y", agg=aggregate).data
    low, high = limits or (float(np.nanmin(values, initial=0.0)), float(np.nanmax(values, initial=1.0)))
    share = (values - low) / max(high - low, 1e-12)
    share = share % 1 if kind == "cyclic" else np.clip(share, 0, 1)
    return _dots(np.where(np.isnan(values), 0, 1 + np.nan_to_num(share) * LEVELS).astype(np.uint8), points)


def category_level(number: int) -> int:
    """The byte that a category's pixels have."""
    return 1 + int(number) % LEVELS


def _codes(code: npt.NDArray[Any]) -> Image:
    missing = np.isnan(code)
    return np.where(missing, 0, 1 + np.nan_to_num(code).astype(np.int64) % LEVELS).astype(np.uint8)


def _equalised(count: npt.NDArray[Any]) -> Image:
    """Counts to levels 1 … 255 so that each level is about equally common."""
    whole = count.astype(np.int64)
    occurrences = np.bincount(whole.ravel())
    occurrences[0] = 0
    rank = np.cumsum(occurrences) / max(1, int(occurrences.sum()))
    levels = (1 + rank * LEVELS).astype(np.uint8)
    levels[0] = 0
    return levels[whole]


def _dots(image: Image, points: pd.DataFrame) -> Image:
    """Points of a sparse picture grow to dots that can be seen."""
    size = dot_px(image, len(points))
    if size == 1:
        return image
    from scipy.ndimage import maximum_filter

    reach = (size - 1) / 2
    across = np.arange(size) - reach
    footprint = across[:, None] ** 2 + across[None, :] ** 2 <= (reach + 0.3) ** 2
    return np.where(image > 0, image, maximum_filter(image, footprint=footprint))


def dot_px(image: Image, count: int) -> int:
    """Diameter of a dot: as large as keeps about a tenth of the picture free for each of the particles in view."""
    shown = min(count, int(np.count_nonzero(image)))
    if not shown:
        return 1
    size = int(np.sqrt(0.12 * image.size / shown))
    return int(np.clip(size - 1 + size % 2, 1, LARGEST_DOT_PX))
