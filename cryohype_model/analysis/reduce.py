"""UMAP of the principal components: the picture of the latent space, never the space that clusters are found in."""

from __future__ import annotations

import importlib.util
import io
import re
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from cryohype_model.analysis.place import PLACED_AT_ONCE, Neighbourhood, SearchIndex
from cryohype_model.analysis.progress import Progress

FEWEST_PARTICLES = 5  # with fewer there is no neighbourhood to speak of
EXACT_DISTANCES = 8_000_000_000  # up to so many are computed sooner than the search for approximate neighbours is compiled
GPU_FIT_PARTICLES = 2_000_000  # fitted on a GPU at most, where cuML is installed

Points = npt.NDArray[np.float32]
Rows = npt.NDArray[np.int64]


@contextmanager
def _threads_as_before() -> Iterator[None]:
    """Give PyTorch its number of threads back: numba's first parallel function sets it to all cores, whatever OMP_NUM_THREADS is.

    Both use one OpenMP. Where other work keeps the cores busy, PyTorch with more threads than it was given is many times slower.
    """
    torch = sys.modules.get("torch")  # the web server has none
    threads = torch.get_num_threads() if torch is not None else 0
    try:
        yield
    finally:
        if torch is not None:
            torch.set_num_threads(threads)


@_threads_as_before()
def umap_coordinates(pca: Points, neighbors: int, min_dist: float, fit_particles: int, seed: int, progress: Progress) -> Points:
    """Two coordinates for each particle: UMAP fitted on a random sample, the rest placed among their neighbours in it.

    A particle that was not fitted gets the mean place of its nearest fitted ones, by UMAP's own weights. ``UMAP.transform``
    goes on from there and moves it a little: that costs many times as much and is no better (benchmarks/results/embedding.md).

    The layout starts from the first two components (Kobak & Linderman 2021), so it is the same for the same seed and keeps the
    global arrangement. Fewer than FEWEST_PARTICLES, or particles that are all equal, keep their first two components.

    With RAPIDS cuML and a GPU all are fitted there, up to GPU_FIT_PARTICLES.

    Parameters
    ----------
    pca : (N, q) principal components, may be memory-mapped.
    neighbors : size of the neighbourhood; at most N - 1 are used.
    min_dist : smallest distance between points of the picture.
    fit_particles : at most so many are fitted, the rest are placed.
    seed : of the sample and the layout.

    Returns
    -------
    (N, 2) float32.
    """
    count = len(pca)
    if count < FEWEST_PARTICLES or not np.ptp(pca[fitted_rows(count, fit_particles, seed), :2], axis=0).all():
        return np.asarray(pca[:, :2], dtype=np.float32).copy()
    fitted = _fitted(pca, neighbors, min_dist, fit_particles, seed, progress)
    placed = np.empty((count, 2), dtype=np.float32)
    placed[fitted.rows] = fitted.places
    rest = np.setdiff1d(np.arange(count), fitted.rows, assume_unique=True)
    if len(rest):
        progress.begin("UMAP: placing the others", len(rest))
    for start in range(0, len(rest), PLACED_AT_ONCE):
        chunk = rest[start : start + PLACED_AT_ONCE]
        placed[chunk] = fitted.known.place(np.asarray(pca[chunk]), fitted.places)
        progress.advance(len(chunk))
    return placed


@dataclass(frozen=True)
class _Fitted:
    """The (m,) particles that were fitted, their (m, 2) places, and a way to find the nearest of them."""

    rows: Rows
    places: Points
    known: Neighbourhood


def fitted_rows(count: int, fit_particles: int, seed: int) -> Rows:
    """The random particles that UMAP is fitted on, ascending: at most ``fit_particles`` of ``count``."""
    return np.sort(np.random.default_rng(seed).permutation(count)[:fit_particles])


def _fitted(pca: Points, neighbors: int, min_dist: float, fit_particles: int, seed: int, progress: Progress) -> _Fitted:
    """Fit a sample: by cuML where it is, else or where its GPU is full by umap-learn."""
    if _gpu_is_there():
        rows = fitted_rows(len(pca), GPU_FIT_PARTICLES, seed)
        sample = np.asarray(pca[rows])
        try:
            return _Fitted(rows, _fit_on_gpu(sample, neighbors, min_dist, seed, progress), Neighbourhood(sample, neighbors))
        except MemoryError:
            progress.say(f"UMAP: the GPU's memory is too small for {len(rows):,} particles, the CPU takes over.")
    progress.say("UMAP: compiles code first, which takes some seconds the first time.")
    rows = fitted_rows(len(pca), fit_particles, seed)
    sample = np.asarray(pca[rows])
    nearest = min(neighbors, len(rows) - 1)
    with _quiet():
        import umap

        _keep_compiled()
        is_exact = len(rows) * len(pca) <= EXACT_DISTANCES
        knn = _exact_neighbours(sample, nearest) if is_exact else _approximate_neighbours(sample, nearest, seed)
        model = umap.UMAP(
            n_neighbors=nearest,
            min_dist=min_dist,
            precomputed_knn=knn,
            init=sample[:, :2],
            random_state=seed,
            n_jobs=1,  # what a fixed seed asks for
            tqdm_kwds={"disable": False, "file": _Layout(progress), "bar_format": "{n_fmt}/{total_fmt}"},
        )
        return _Fitted(rows, model.fit_transform(sample), Neighbourhood(sample, neighbors, knn[2]))


def _keep_compiled() -> None:
    """Let numba keep on the disk what it compiles of UMAP, which does not ask for it: over three seconds of each process."""
    import umap
    from numba.core.dispatcher import Dispatcher

    for function in (*vars(umap.umap_).values(), *vars(umap.layouts).values()):
        if isinstance(function, Dispatcher):
            _keep(function)


def _keep(function: Any) -> None:
    """What is compiled of one function; where there is no place for it, or a full disk, it is compiled again next time."""
    with suppress(RuntimeError):  # neither beside UMAP nor at the user's home
        function.enable_caching()
    save = function._cache.save_overload

    def save_if_there_is_room(signature: Any, compiled: Any) -> None:
        with suppress(OSError):
            save(signature, compiled)

    function._cache.save_overload = save_if_there_is_room


def _gpu_is_there() -> bool:
    """Whether RAPIDS cuML is installed and has a GPU."""
    if importlib.util.find_spec("cuml") is None:
        return False
    import torch

    return torch.cuda.is_available()


def _fit_on_gpu(sample: Points, neighbors: int, min_dist: float, seed: int, progress: Progress) -> Points:
    """The same by cuML, whose layout begins from a spectral one: it takes no places to begin from."""
    from cuml.manifold import UMAP  # type: ignore[import-not-found]  # of NVIDIA's channel, no dependency of ours

    progress.begin("UMAP on the GPU", 1)
    model = UMAP(n_neighbors=min(neighbors, len(sample) - 1), min_dist=min_dist, random_state=seed, output_type="numpy")
    placed = np.asarray(model.fit_transform(sample), dtype=np.float32)
    progress.advance(1)
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


def _approximate_neighbours(points: Points, count: int, seed: int) -> tuple[npt.NDArray[Any], npt.NDArray[Any], SearchIndex]:
    """The same as UMAP itself would find them, with the index that they were found by."""
    from umap.umap_ import nearest_neighbors

    found: tuple[npt.NDArray[Any], npt.NDArray[Any], SearchIndex]
    random = np.random.RandomState(seed)  # what pynndescent takes
    found = nearest_neighbors(points, count, "euclidean", None, False, random, n_jobs=1)
    return found


@contextmanager
def _quiet() -> Iterator[None]:
    """Without the warnings that umap and numba give about themselves: no Tensorflow, no parallel code, deprecated calls."""
    with warnings.catch_warnings():
        for category in (ImportWarning, DeprecationWarning, FutureWarning, UserWarning, RuntimeWarning):
            warnings.simplefilter("ignore", category)
        yield
