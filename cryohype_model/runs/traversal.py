"""Paths through a stored latent space, along which volume series are made. Each is a sequence of actual particles."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
import numpy.typing as npt

from cryohype_model.errors import RunError
from cryohype_model.runs.neighbours import Points, Rows, squared_distance

PERCENTILES = (5.0, 95.0)  # where a traversal of a principal component begins and ends
Floats = npt.NDArray[np.float64]


def path_between(pca: Points, start: int, end: int, steps: int) -> Rows:
    """The particles nearest to the straight line from one particle to another.

    Parameters
    ----------
    pca : (N, q) principal components.
    start, end : rows of the two particles.
    steps : points on the line, both ends included.

    Returns
    -------
    Rows in order, ``start`` first and ``end`` last; a particle that is nearest to several points comes once.
    """
    first, last = (np.asarray(pca[row], dtype=np.float64) for row in (start, end))
    inner = [row for row in _nearest(pca, _line(first, last, steps)[1:-1]) if row != end]
    return _once([start, *inner, end])


def path_along(pca: Points, component: int, steps: int) -> Rows:
    """The particles nearest to a line through the mean of all, along one principal component.

    Parameters
    ----------
    pca : (N, q) principal components. component : from 0.
    steps : points on the line, from the 5th to the 95th percentile of the component.

    Raises
    ------
    RunError : there is no such component.
    """
    if not 0 <= component < pca.shape[1]:
        raise RunError(f"there is no principal component {component + 1}; choose one of 1 to {pca.shape[1]}")
    first = np.asarray(pca.mean(axis=0, dtype=np.float64))
    last = first.copy()
    first[component], last[component] = np.percentile(pca[:, component], PERCENTILES)
    return _once(_nearest(pca, _line(first, last, steps)))


def path_under_stroke(
    x: npt.NDArray[np.float32], y: npt.NDArray[np.float32], stroke: Sequence[tuple[float, float]], steps: int
) -> Rows:
    """The particles nearest to points spread evenly along a line that was drawn in a picture of the space.

    Parameters
    ----------
    x, y : (N,) coordinates in the picture; distances count in units of their standard deviations. NaN is not in the picture.
    stroke : (x, y) of the line's points in the order in which they were drawn, two or more.

    Raises
    ------
    RunError : a line without length, or no particle is in the picture.
    """
    plane = np.stack([x, y], axis=1)
    present = np.flatnonzero(np.isfinite(plane).all(axis=1))
    if not len(present):
        raise RunError("there is no particle to draw a path through; analyze the run first")
    unit = np.maximum(plane[present].std(axis=0, dtype=np.float64), 1e-12)
    corners = np.asarray(stroke, dtype=np.float64).reshape(-1, 2) / unit
    length = np.concatenate([[0.0], np.cumsum(np.hypot(*np.diff(corners, axis=0).T))])
    if not (np.isfinite(length[-1]) and length[-1] > 0):
        raise RunError("a path needs a line of some length; draw one through the particles")
    along = np.linspace(0, length[-1], max(2, steps))
    points = np.stack([np.interp(along, length, corners[:, axis]) for axis in range(2)], axis=1)
    return present[_once(_nearest((plane[present] / unit).astype(np.float32), points))]


def _line(first: Floats, last: Floats, steps: int) -> Floats:
    return first + (last - first) * np.linspace(0, 1, max(2, steps))[:, None]


def _nearest(points: Points, wanted: Floats) -> list[int]:
    return [int(squared_distance(points, point).argmin()) for point in wanted]


def _once(rows: Iterable[int]) -> Rows:
    return np.array(list(dict.fromkeys(rows)), dtype=np.int64)
