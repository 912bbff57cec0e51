"""Places for particles in a picture, and clusters for them, by the neighbours that are in it already: these do not move."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
from sklearn.neighbors import NearestNeighbors

Points = npt.NDArray[np.float32]
Rows = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

PLACED_AT_ONCE = 10_000  # particles whose neighbours are held at once
QUERY_EPSILON = 0.12  # of pynndescent's search, as UMAP.transform has it
DOUBTFUL_SHARE = 0.05  # of the particles, for which the index is not believed
HALVINGS = 40  # of the interval that a bandwidth lies in
SMALLEST_BANDWIDTH = 1e-3  # times the mean distance: UMAP's MIN_K_DIST_SCALE


class SearchIndex(Protocol):
    """What is asked of pynndescent's ``NNDescent``."""

    def query(self, query_data: Points, k: int, epsilon: float) -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
        """(b, k) indices, -1 where it found none, and distances."""


class Neighbourhood:
    """Particles whose places or classes are known, to be asked for those nearest to others.

    Parameters
    ----------
    points : (m, q) components of the known particles, at least one. neighbors : k, at most; no more than there are.
    index : of the same points, to be asked instead of computing every distance: eight times as fast once it is compiled, and two
        neighbours in a hundred are not the nearest (benchmarks/results/embedding.md).
    """

    def __init__(self, points: Points, neighbors: int, index: SearchIndex | None = None) -> None:
        self._count = min(neighbors, len(points))
        self._search = NearestNeighbors(n_neighbors=self._count, algorithm="brute").fit(points)
        self._index = index

    def nearest(self, points: Points) -> tuple[Rows, Floats]:
        """The known particles nearest to some points (b, q).

        Returns
        -------
        indices : (b, k), from near to far. weights : (b, k), see :func:`membership`; those of a row add up to 1.
        """
        if self._index is None:
            distances, indices = self._search.kneighbors(points)
        else:
            indices, distances = self._index.query(points, k=self._count, epsilon=QUERY_EPSILON)
            doubtful = _doubtful(indices, distances)
            distances[doubtful], indices[doubtful] = self._search.kneighbors(points[doubtful])
        weights = membership(np.asarray(distances, dtype=np.float64))
        # of several at no distance, as of one particle that is given twice, only these count
        same = distances == 0
        weights = np.where(same.any(axis=1, keepdims=True), same, weights)
        return indices.astype(np.int64), weights / weights.sum(axis=1, keepdims=True)

    def place(self, points: Points, placed: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """(b, 2) mean place of the neighbours of each point, by their weights: where ``UMAP.transform`` begins.

        Parameters
        ----------
        points : (b, q). placed : (m, 2) places of the known particles.
        """
        indices, weights = self.nearest(points)
        return np.einsum("bk,bkd->bd", weights, placed[indices].astype(np.float64)).astype(np.float32)

    def vote(self, points: Points, classes: Rows) -> Rows:
        """(b,) class that most weight of each point's neighbours is of; of equal ones the smallest.

        Parameters
        ----------
        points : (b, q). classes : (m,) of the known particles.
        """
        indices, weights = self.nearest(points)
        names, codes = np.unique(classes, return_inverse=True)
        votes = np.zeros((len(points), len(names)))
        np.add.at(votes, (np.arange(len(points))[:, None], codes.reshape(-1)[indices]), weights)
        return names[votes.argmax(axis=1)]


def _doubtful(indices: npt.NDArray[Any], distances: npt.NDArray[Any]) -> Rows:
    """Rows for which a search by an index found too few, or that are farthest from what it found.

    A search that began in another cluster does not always come out of it: all that it finds is far away.
    """
    most = max(1, round(DOUBTFUL_SHARE * len(distances)))
    farthest = np.argsort(distances[:, -1])[-most:]
    return np.union1d(farthest, np.flatnonzero((indices < 0).any(axis=1)))


def membership(distances: Floats) -> Floats:
    """Membership strengths of neighbours: exp(−d / σ), σ such that those after the first add up to log2 k.

    McInnes, Healy & Melville 2018 (arXiv 1802.03426), algorithm 3, for points that were not fitted: nothing is subtracted
    from the distances, as ``UMAP.transform`` does it.

    Parameters
    ----------
    distances : (b, k) to the k neighbours, from near to far.

    Returns
    -------
    (b, k), from 0 to 1.
    """
    count = distances.shape[1]
    if count < 3:  # any σ would be too small
        return np.ones_like(distances)
    wanted, farthest = np.log2(count), distances[:, -1:]
    low, high = np.zeros_like(farthest), farthest / np.log((count - 1) / wanted)
    smallest = max(SMALLEST_BANDWIDTH * float(distances.mean()), np.finfo(np.float64).tiny)
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        too_much = np.exp(-distances[:, 1:] / np.maximum(middle, smallest)).sum(axis=1, keepdims=True) > wanted
        low, high = np.where(too_much, low, middle), np.where(too_much, middle, high)
    return np.exp(-distances / np.maximum(high, smallest))
