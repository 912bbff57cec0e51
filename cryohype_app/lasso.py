"""Which particles lie under what the user drew: over all of them, shown or not."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from cryohype_model.errors import RunError

Rows = npt.NDArray[np.int64]
Coordinates = npt.NDArray[np.float32]


def under_polygon(x: Coordinates, y: Coordinates, polygon: Sequence[tuple[float, float]]) -> Rows:
    """Rows of the points strictly inside a closed polygon, ascending.

    Parameters
    ----------
    x, y : (N,) coordinates. polygon : corners in the same coordinates, at least three.

    Raises
    ------
    RunError : fewer than three corners, or corners that are not finite.
    """
    import shapely

    corners = np.asarray(polygon, dtype=np.float64)
    if corners.ndim != 2 or corners.shape[0] < 3 or corners.shape[1] != 2:
        raise RunError(f"a lasso needs at least three corners, not {len(polygon)}; draw around the particles")
    if not np.isfinite(corners).all():
        raise RunError("a corner of the lasso is not a finite number; draw around the particles")
    near = under_box(x, y, (*corners.min(axis=0), *corners.max(axis=0)))
    shape = shapely.make_valid(shapely.Polygon(corners))  # a lasso that crosses itself encloses every part of it
    shapely.prepare(shape)
    return near[shapely.contains_xy(shape, x[near], y[near])]


def under_box(x: Coordinates, y: Coordinates, box: tuple[float, float, float, float]) -> Rows:
    """Rows of the points inside or on a box (x0, y0, x1, y1), ascending."""
    x0, y0, x1, y1 = (np.float32(value) for value in box)
    low_x, high_x = (x0, x1) if x0 <= x1 else (x1, x0)
    low_y, high_y = (y0, y1) if y0 <= y1 else (y1, y0)
    # float32 rounds the box: a point on its edge may fall to either side, as the pixel under the pointer does
    return np.flatnonzero((x >= low_x) & (x <= high_x) & (y >= low_y) & (y <= high_y)).astype(np.int64)


def nearest_point(x: Coordinates, y: Coordinates, at: tuple[float, float], unit: tuple[float, float] = (1.0, 1.0)) -> int:
    """Row of the point nearest to a place, distances measured in ``unit`` along each axis (data units a pixel).

    Particles that are not in the picture have not-a-number for a coordinate.

    Raises
    ------
    RunError : there is no point.
    """
    distance = ((x - np.float32(at[0])) / np.float32(unit[0])) ** 2 + ((y - np.float32(at[1])) / np.float32(unit[1])) ** 2
    if not np.isfinite(distance).any():
        raise RunError("there is no particle to choose; analyze the run first")
    return int(np.nanargmin(distance))
