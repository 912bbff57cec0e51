"""UMAP of many particles: what fitting a sample and placing the rest costs, and how well they are placed.

    OMP_NUM_THREADS=1 NUMBA_NUM_THREADS=1 .venv/bin/python benchmarks/embedding.py compare [--fit 50000] [--held-out 20000]
    .venv/bin/python benchmarks/embedding.py whole --count 1000000

``compare`` fits one UMAP, and places the same further particles by ``UMAP.transform``, by their exact neighbours and by those of
pynndescent's index. ``whole`` is ``umap_coordinates`` on a memory-mapped file, with the peak of the process's memory. Seconds are
of the processor, all threads together, so that other work on the machine does not count; compiling is told apart.

The particles are synthetic: 60 clusters of unequal size in 32 components, each a bent line with noise around it, and 15 in a
hundred spread between two of them.
"""

from __future__ import annotations

import argparse
import resource
import tempfile
import time
import warnings
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from cryohype_model.analysis import place
from cryohype_model.analysis.place import PLACED_AT_ONCE, Neighbourhood
from cryohype_model.analysis.reduce import umap_coordinates

COMPONENTS, CLUSTERS, NEIGHBORS, MIN_DIST = 32, 60, 15, 0.1
JUDGED, TRUSTED = 6000, 4000  # particles that placing is judged by; their square is held for the trustworthiness

Points = npt.NDArray[np.float32]
Rows = npt.NDArray[np.int64]


def particles(count: int, seed: int) -> tuple[Points, Rows]:
    """(n, 32) components and the (n,) cluster, or quarter of the bridge, that each is of; the clusters are always the same."""
    fixed, rng = np.random.default_rng(0), np.random.default_rng(seed)
    scale = np.arange(1, COMPONENTS + 1, dtype=np.float32) ** -0.5
    centres = (4 * scale * fixed.normal(size=(CLUSTERS, COMPONENTS))).astype(np.float32)
    axes = (scale * fixed.normal(size=(CLUSTERS, 2, COMPONENTS))).astype(np.float32)
    cluster = rng.choice(CLUSTERS, count, p=fixed.dirichlet(np.full(CLUSTERS, 2.0)))
    along = rng.uniform(-2, 2, (count, 1)).astype(np.float32)
    points = centres[cluster] + along * axes[cluster, 0] + 0.5 * (along**2 - 1) * axes[cluster, 1]
    bridge = np.flatnonzero(rng.random(count) < 0.15)
    share = rng.random((len(bridge), 1)).astype(np.float32)
    points[bridge] = centres[0] * (1 - share) + centres[1] * share
    cluster[bridge] = CLUSTERS + (4 * share[:, 0]).astype(np.int64)
    noise = rng.standard_normal(points.shape, dtype=np.float32)
    return points + 0.6 * scale * noise, cluster


def seconds_of(work: Callable[[], Any]) -> tuple[float, Any]:
    """Of the processor, and what came of it."""
    began = time.process_time()
    result = work()
    return time.process_time() - began, result


def believing(work: Callable[[], Points]) -> Points:
    """What comes of it where no answer of an index is doubted."""
    usual, place.DOUBTFUL_SHARE = place.DOUBTFUL_SHARE, 0.0
    try:
        return work()
    finally:
        place.DOUBTFUL_SHARE = usual


def compare(fit: int, held_out: int) -> None:
    """One row a way of placing."""
    import umap
    from umap.umap_ import nearest_neighbors

    points, cluster = particles(fit + held_out, seed=1)
    known, rest = points[:fit], points[fit:]

    def search(sample: Points) -> Any:
        return nearest_neighbors(sample, NEIGHBORS, "euclidean", None, False, np.random.RandomState(0), n_jobs=1)

    def model(sample: Points, knn: Any) -> Any:
        options = {"n_neighbors": NEIGHBORS, "min_dist": MIN_DIST, "random_state": 0, "n_jobs": 1}
        return umap.UMAP(precomputed_knn=knn, init=sample[:, :2], **options).fit(sample)

    few = known[:5000]
    compiling, knn = seconds_of(lambda: search(few))
    print(f"compiling pynndescent's build: {compiling:.0f} s")
    compiling, small = seconds_of(lambda: model(few, knn))
    print(f"compiling UMAP's layout, and 5,000 laid out: {compiling:.0f} s")
    compiling, _ = seconds_of(lambda: small.transform(rest[:100]))
    print(f"compiling the query and transform: {compiling:.0f} s")
    exact, _ = seconds_of(lambda: Neighbourhood(known, NEIGHBORS).nearest(known))
    approximate, knn = seconds_of(lambda: search(known))
    print(f"neighbours of {fit:,} among themselves: exact {exact:.1f} s, pynndescent {approximate:.1f} s")
    layout, fitted = seconds_of(lambda: model(known, knn))
    print(f"layout of {fit:,}: {layout:.1f} s\n")
    print(
        "| placed by | s per 10,000 | neighbours kept | most neighbours of its cluster | trustworthiness |\n|---|---|---|---|---|"
    )
    places = fitted.embedding_
    judge = _Judge(known, cluster[:fit], places)
    judge.tell("fitted, not placed", None, known[:JUDGED], cluster[:JUDGED], places[:JUDGED], skip=1)
    chunks = [rest[start : start + PLACED_AT_ONCE] for start in range(0, held_out, PLACED_AT_ONCE)]
    exactly, by_index = Neighbourhood(known, NEIGHBORS), Neighbourhood(known, NEIGHBORS, knn[2])
    ways: dict[str, Callable[[Points], Points]] = {
        "`UMAP.transform`": fitted.transform,
        "exact neighbours": lambda part: exactly.place(part, places),
        "neighbours of the index": lambda part: by_index.place(part, places),
        "the same, always believed": lambda part: believing(lambda: by_index.place(part, places)),
    }
    for name, way in ways.items():
        seconds, parts = seconds_of(partial(_each, way, chunks))
        of_these = cluster[fit : fit + JUDGED]
        judge.tell(name, 1e4 * seconds / held_out, rest[:JUDGED], of_these, np.concatenate(parts)[:JUDGED])


def _each(way: Callable[[Points], Points], chunks: list[Points]) -> list[Points]:
    return [way(part) for part in chunks]


class _Judge:
    """How well the neighbours of a particle in the picture are those that it has."""

    def __init__(self, known: Points, cluster: Rows, places: Points) -> None:
        from sklearn.neighbors import NearestNeighbors

        self.cluster = cluster
        self.there = NearestNeighbors(n_neighbors=NEIGHBORS + 1, algorithm="brute").fit(known)
        self.here = NearestNeighbors(n_neighbors=NEIGHBORS + 1).fit(places)

    def tell(self, name: str, seconds: float | None, points: Points, cluster: Rows, placed: Points, skip: int = 0) -> None:
        """One row of the table; ``skip`` 1 for particles that are their own nearest."""
        from sklearn.manifold import trustworthiness

        there = self.there.kneighbors(points, return_distance=False)[:, skip : skip + NEIGHBORS]
        here = self.here.kneighbors(placed, return_distance=False)[:, skip : skip + NEIGHBORS]
        kept = np.mean([len(np.intersect1d(a, b)) / NEIGHBORS for a, b in zip(there, here, strict=True)])
        of_its_cluster = np.mean((self.cluster[here] == cluster[:, None]).mean(axis=1) > 0.5)
        trust = trustworthiness(points[:TRUSTED], placed[:TRUSTED], n_neighbors=NEIGHBORS)
        speed = "" if seconds is None else f"{seconds:.2f}"
        print(f"| {name} | {speed} | {kept:.3f} | {of_its_cluster:.4f} | {trust:.4f} |", flush=True)


class _Timed:
    """A progress that prints how long each stage took."""

    def __init__(self) -> None:
        self.begun: tuple[str, float, float] | None = None
        self.begin("UMAP: compiling and neighbours", 0)

    def begin(self, stage: str, total: int) -> None:
        """The stage before is over."""
        now = time.process_time(), time.perf_counter()
        if self.begun is not None:
            name, processor, clock = self.begun
            peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
            print(f"| {name} | {now[0] - processor:.0f} | {now[1] - clock:.0f} | {peak:.2f} |", flush=True)
        self.begun = (f"{stage} ({total:,})" if total else stage, *now)

    def advance(self, count: int) -> None:
        """Nothing."""

    def say(self, sentence: str) -> None:
        """Nothing."""


def whole(count: int, fit: int) -> None:
    """``umap_coordinates`` of a memory-mapped file."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "pca.npy"
        header = {"descr": "<f4", "fortran_order": False, "shape": (count, COMPONENTS)}
        with path.open("wb") as file:  # a map would count as memory until it is written
            np.lib.format.write_array_header_1_0(file, header)
            for start in range(0, count, 100_000):
                file.write(particles(min(100_000, count - start), seed=start + 1)[0].tobytes())
        mapped = np.lib.format.open_memmap(path, mode="r")
        print("| stage | processor s | wall s | peak memory GiB |\n|---|---|---|---|")
        progress = _Timed()
        placed = umap_coordinates(mapped, NEIGHBORS, MIN_DIST, fit, 0, progress)
        progress.begin("end", 0)
        assert np.isfinite(placed).all()


def main() -> None:
    """Compare, or the whole."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("compare", "whole"))
    parser.add_argument("--count", type=int, default=1_000_000)
    parser.add_argument("--fit", type=int, default=50_000)
    parser.add_argument("--held-out", type=int, default=20_000)
    args = parser.parse_args()
    warnings.simplefilter("ignore")  # what umap and numba say of themselves
    if args.what == "compare":
        compare(args.fit, args.held_out)
    else:
        whole(args.count, args.fit)


if __name__ == "__main__":
    main()
