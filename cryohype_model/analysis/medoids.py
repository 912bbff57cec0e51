"""Actual particles that stand for a cluster, and the particles around one."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

EXACT_MEMBERS = 2000  # up to here a medoid is exact: its distances are a 32 MB matrix
CHUNK_ROWS = 65_536

Rows = npt.NDArray[np.int64]
Points = npt.NDArray[np.float32]


def medoids(pca: Points, assignment: Rows) -> dict[int, int]:
    """The particle that stands for each cluster.

    Up to EXACT_MEMBERS members: the one with the smallest sum of distances to the others. Beyond: the one nearest to the mean.

    Parameters
    ----------
    pca : (N, q) principal components, may be memory-mapped.
    assignment : (N,) cluster of each particle; below 0 is noise and has no medoid.

    Returns
    -------
    Row of the medoid by cluster, ascending.
    """
    order = np.argsort(assignment, kind="stable")
    names, starts = np.unique(assignment[order], return_index=True)
    groups = np.split(order, starts[1:])
    return {int(name): _medoid(pca, members) for name, members in zip(names, groups, strict=True) if name >= 0}


def nearest(pca: Points, row: int, count: int) -> Rows:
    """A particle and its nearest ones, ``count`` in all (or as many as there are), from near to far, itself first.

    Parameters
    ----------
    pca : (N, q) principal components. row : the particle.
    """
    distance = squared_distance(pca, np.asarray(pca[row], dtype=np.float64))
    distance[row] = -1.0  # before its own duplicates
    count = max(1, min(count, len(distance)))
    closest = np.argpartition(distance, count - 1)[:count]
    return closest[np.argsort(distance[closest], kind="stable")].astype(np.int64)


def squared_distance(pca: Points, point: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """(N,) squared distances of the particles to a point (q,), in chunks."""
    chunks = [pca[start : start + CHUNK_ROWS] for start in range(0, len(pca), CHUNK_ROWS)]
    return np.concatenate([((np.asarray(chunk, dtype=np.float64) - point) ** 2).sum(axis=1) for chunk in chunks])


def _medoid(pca: Points, members: Rows) -> int:
    points = np.asarray(pca[members])
    if len(members) > EXACT_MEMBERS:
        return int(members[squared_distance(points, points.mean(axis=0, dtype=np.float64)).argmin()])
    centred = points.astype(np.float64) - points.mean(axis=0, dtype=np.float64)
    squares = (centred**2).sum(axis=1)
    distance = np.sqrt(np.maximum(squares[:, None] + squares[None, :] - 2 * centred @ centred.T, 0))
    return int(members[distance.sum(axis=1).argmin()])
