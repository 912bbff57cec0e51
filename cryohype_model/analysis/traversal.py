"""A path through the latent space along which a volume series can be made."""

from __future__ import annotations

import numpy as np

from cryohype_model.inference.neighbours import Points, Rows, squared_distance


def path_between(pca: Points, start: int, end: int, steps: int) -> Rows:
    """The actual particles nearest to the straight line from one particle to another.

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
    inner = [int(squared_distance(pca, first + (last - first) * t).argmin()) for t in np.linspace(0, 1, max(2, steps))[1:-1]]
    visited = dict.fromkeys([start, *(row for row in inner if row != end), end])
    return np.array(list(visited), dtype=np.int64)
