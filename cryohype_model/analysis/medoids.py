"""Actual particles that stand for a set of them."""

from __future__ import annotations

import numpy as np

from cryohype_model.runs.neighbours import Points, Rows, squared_distance

EXACT_MEMBERS = 2000  # up to here a medoid is exact: its distances are a 32 MB matrix


def medoids(pca: Points, assignment: Rows) -> dict[int, int]:
    """The particle that stands for each cluster, see :func:`medoid`.

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
    return {int(name): medoid(pca, members) for name, members in zip(names, groups, strict=True) if name >= 0}


def medoid(pca: Points, members: Rows) -> int:
    """The row that stands for these: of up to EXACT_MEMBERS the one with the smallest sum of distances to the others.

    Of more, the one nearest to their mean.

    Parameters
    ----------
    pca : (N, q) principal components. members : (n,) rows, at least one.
    """
    points = np.asarray(pca[members])
    if len(members) > EXACT_MEMBERS:
        return int(members[squared_distance(points, points.mean(axis=0, dtype=np.float64)).argmin()])
    centred = points.astype(np.float64) - points.mean(axis=0, dtype=np.float64)
    squares = (centred**2).sum(axis=1)
    distance = np.sqrt(np.maximum(squares[:, None] + squares[None, :] - 2 * centred @ centred.T, 0))
    return int(members[distance.sum(axis=1).argmin()])
