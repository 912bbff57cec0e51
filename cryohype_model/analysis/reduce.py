"""UMAP of the principal components: the picture of the latent space, never the space that clusters are found in."""

from __future__ import annotations

import io
import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import numpy.typing as npt

from cryohype_model.analysis.progress import Progress

FEWEST_PARTICLES = 5  # with fewer there is no neighbourhood to speak of
TRANSFORM_ROWS = 10_000  # placed at a time
EXACT_PARTICLES = 20_000  # up to so many, exact neighbours are found sooner than umap compiles its search for approximate ones


def umap_coordinates(
    pca: npt.NDArray[np.float32], neighbors: int, min_dist: float, fit_particles: int, seed: int, progress: Progress
) -> npt.NDArray[np.float32]:
    """Two coordinates for each particle: UMAP fitted on a random sample, the rest placed into it.

    The layout starts from the first two components (Kobak & Linderman 2021), so it is the same for the same seed and keeps the
    global arrangement. Fewer than FEWEST_PARTICLES, or particles that are all equal, keep their first two components.

    Parameters
    ----------
    pca : (N, q) principal components, may be memory-mapped.
    neighbors : size of the neighbourhood; at most N - 1 are used.
    min_dist : smallest distance between points of the picture.
    fit_particles : at most so many are fitted, the rest are placed in chunks.
    seed : of the sample and the layout.

    Returns
    -------
    (N, 2) float32.
    """
    count = len(pca)
    rows = np.sort(np.random.default_rng(seed).permutation(count)[:fit_particles])
    sample = np.asarray(pca[rows])
    if len(rows) < FEWEST_PARTICLES or not np.ptp(sample[:, :2], axis=0).all():
        return np.asarray(pca[:, :2], dtype=np.float32).copy()
    progress.say("UMAP: compiles code first, which takes some seconds.")
    layout = _Layout(progress)
    nearest = min(neighbors, len(rows) - 1)
    with _quiet():
        import umap

        model = umap.UMAP(
            n_neighbors=nearest,
            min_dist=min_dist,
            precomputed_knn=_exact_neighbours(sample, nearest) if len(rows) == count <= EXACT_PARTICLES else (None, None, None),
            init=sample[:, :2],
            random_state=seed,
            n_jobs=1,  # what a fixed seed asks for
            tqdm_kwds={"disable": False, "file": layout, "bar_format": "{n_fmt}/{total_fmt}"},
        )
        placed = np.empty((count, 2), dtype=np.float32)
        placed[rows] = model.fit_transform(sample)
        model.tqdm_kwds = {"disable": True}
        rest = np.setdiff1d(np.arange(count), rows, assume_unique=True)
        if len(rest):
            progress.begin("UMAP: placing the others", len(rest))
        for start in range(0, len(rest), TRANSFORM_ROWS):
            chunk = rest[start : start + TRANSFORM_ROWS]
            placed[chunk] = model.transform(np.asarray(pca[chunk]))
            progress.advance(len(chunk))
    return placed


class _Layout(io.TextIOBase):
    """The file that umap's bar is drawn into, as ``19/200``: it tells the epochs of its layout in no other way."""

    def __init__(self, progress: Progress) -> None:
        super().__init__()
        self._progress = progress
        self._done = -1

    def write(self, text: str) -> int:
        """What tqdm draws."""
        if found := re.match(r"\r(\d+)/(\d+)", text):
            done, total = int(found[1]), int(found[2])
            if self._done < 0:
                self._progress.begin("UMAP layout, epochs", total)
                self._done = 0
            self._progress.advance(done - self._done)
            self._done = done
        return len(text)


def _exact_neighbours(points: npt.NDArray[np.float32], count: int) -> tuple[npt.NDArray[Any], npt.NDArray[Any], None]:
    """Indices and distances (N, count) of the nearest points, each point its own first, and no search index."""
    from sklearn.neighbors import NearestNeighbors

    distances, indices = NearestNeighbors(n_neighbors=count, algorithm="brute").fit(points).kneighbors(points)
    return indices, distances, None


@contextmanager
def _quiet() -> Iterator[None]:
    """Without the warnings that umap and numba give about themselves: no Tensorflow, no parallel code, deprecated calls."""
    with warnings.catch_warnings():
        for category in (ImportWarning, DeprecationWarning, FutureWarning, UserWarning, RuntimeWarning):
            warnings.simplefilter("ignore", category)
        yield
