"""Distances between particles in the space of the principal components, in chunks: the components may be memory-mapped."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

CHUNK_ROWS = 65_536

Rows = npt.NDArray[np.int64]
Points = npt.NDArray[np.float32]


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
