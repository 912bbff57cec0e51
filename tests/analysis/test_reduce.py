from __future__ import annotations

import errno
import importlib.util
import os
import subprocess
import sys
from types import ModuleType

import numpy as np
import pytest
from numba import njit
from numba.core.caching import IndexDataCacheFile, NullCache
from sklearn.neighbors import NearestNeighbors

from cryohype_model.analysis import reduce as module
from cryohype_model.analysis.place import Neighbourhood
from cryohype_model.analysis.progress import Silent
from cryohype_model.analysis.reduce import fitted_rows, umap_coordinates


def groups(count: int, seed: int = 0) -> np.ndarray:
    """(count, 5) two groups far apart, alternating."""
    rng = np.random.default_rng(seed)
    return (rng.normal(size=(count, 5)) + 20 * (np.arange(count) % 2)[:, None]).astype(np.float32)


def place(points: np.ndarray, fit: int = 1000, seed: int = 0) -> np.ndarray:
    return umap_coordinates(points, 15, 0.1, fit, seed, Silent())


def test_groups_stay_apart_also_for_particles_that_were_not_fitted() -> None:
    points = groups(120)
    placed = place(points, fit=80)
    assert placed.shape == (120, 2) and placed.dtype == np.float32
    first, second = placed[::2], placed[1::2]
    gap = np.linalg.norm(first.mean(axis=0) - second.mean(axis=0))
    assert gap > 3 * max(first.std(), second.std())


def test_what_is_compiled_is_kept_where_it_can_be(monkeypatch: pytest.MonkeyPatch) -> None:
    import umap
    from numba.core.dispatcher import Dispatcher

    monkeypatch.setattr(umap.umap_.smooth_knn_dist, "_cache", NullCache())
    points = np.random.default_rng(0).normal(size=(20, 3)).astype(np.float32)
    first = umap_coordinates(points, 5, 0.1, 20, 0, Silent())
    assert umap.umap_.smooth_knn_dist.stats.cache_path is not None

    def refuse(_: object) -> None:
        raise RuntimeError("cannot cache function: no locator available")

    monkeypatch.setattr(Dispatcher, "enable_caching", refuse)
    np.testing.assert_array_equal(umap_coordinates(points, 5, 0.1, 20, 0, Silent()), first)


def test_a_full_disk_keeps_nothing_and_hinders_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    @njit
    def double(number: int) -> int:
        return 2 * number

    def refuse(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(IndexDataCacheFile, "save", refuse)
    module._keep(double)
    assert double(3) == 6


def test_pytorch_keeps_its_threads() -> None:
    """Numba sets them to its own number when its threads begin, once a process: so a new one."""
    script = (
        "import torch, numpy as np\n"
        "from cryohype_model.analysis.progress import Silent\n"
        "from cryohype_model.analysis.reduce import umap_coordinates\n"
        "umap_coordinates(np.random.default_rng(0).normal(size=(30, 3)).astype(np.float32), 5, 0.1, 30, 0, Silent())\n"
        "print(torch.get_num_threads())\n"
    )
    threads = {"OMP_NUM_THREADS": "1", "NUMBA_NUM_THREADS": "2"}
    done = subprocess.run([sys.executable, "-c", script], env=os.environ | threads, capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["1"]


def test_the_same_seed_gives_the_same_picture() -> None:
    np.testing.assert_array_equal(place(groups(40), fit=30), place(groups(40), fit=30))


@pytest.mark.parametrize("count", [1, 2, 4])
def test_too_few_particles_keep_their_components(count: int) -> None:
    np.testing.assert_array_equal(place(groups(count)), groups(count)[:, :2])


@pytest.mark.parametrize("count", [5, 8, 17])
def test_few_particles_have_fewer_neighbours(count: int) -> None:
    placed = place(groups(count))
    assert placed.shape == (count, 2) and np.isfinite(placed).all()


def test_equal_particles_are_no_error() -> None:
    assert np.isfinite(place(np.ones((30, 5), np.float32))).all()


class Told(Silent):
    """Remembers stages and steps."""

    def __init__(self) -> None:
        self.totals: dict[str, int] = {}
        self.done: dict[str, int] = {}
        self.said: list[str] = []
        self._stage = ""

    def begin(self, stage: str, total: int) -> None:
        """A stage."""
        self._stage = stage
        self.totals[stage], self.done[stage] = total, 0

    def advance(self, count: int) -> None:
        """Steps of it."""
        self.done[self._stage] += count

    def say(self, sentence: str) -> None:
        """A sentence."""
        self.said.append(sentence)


def test_those_that_were_fitted_are_where_umap_put_them_and_the_others_among_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PLACED_AT_ONCE", 7)
    points, told = groups(60), Told()
    rows = fitted_rows(60, 40, 0)
    placed = umap_coordinates(points, 15, 0.1, 40, 0, told)
    np.testing.assert_array_equal(placed[rows], umap_coordinates(points[rows], 15, 0.1, 40, 0, Silent()))
    stage = "UMAP: placing the others"
    assert told.totals[stage] == told.done[stage] == 20
    rest = np.setdiff1d(np.arange(60), rows)
    np.testing.assert_allclose(placed[rest], Neighbourhood(points[rows], 15).place(points[rest], placed[rows]), atol=1e-5)


class Index:
    """Stands for pynndescent's, which takes a minute to compile: exact, and counts how often it is asked."""

    asked = 0

    def __init__(self, points: np.ndarray) -> None:
        self.search = NearestNeighbors(algorithm="brute").fit(points)

    def query(self, query_data: np.ndarray, k: int, epsilon: float) -> tuple[np.ndarray, np.ndarray]:
        """As pynndescent's."""
        assert epsilon > 0
        Index.asked += 1
        distances, indices = self.search.kneighbors(query_data, n_neighbors=k)
        return indices, distances


def test_of_many_particles_neighbours_are_looked_up_in_the_index_that_umap_was_given(monkeypatch: pytest.MonkeyPatch) -> None:
    points = groups(60)
    exactly = place(points, fit=40)

    def approximate(sample: np.ndarray, count: int, _seed: int) -> tuple[np.ndarray, np.ndarray, Index]:
        indices, distances, _ = module._exact_neighbours(sample, count)
        return indices, distances, Index(sample)

    monkeypatch.setattr(module, "EXACT_DISTANCES", 40 * 60 - 1)
    monkeypatch.setattr(module, "_approximate_neighbours", approximate)
    np.testing.assert_allclose(place(points, fit=40), exactly, atol=1e-5)
    assert Index.asked == 1


@pytest.fixture
def cuml(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """Stands for RAPIDS cuML on a GPU: places are the last two columns."""

    class UMAP:
        memory = 10**9

        def __init__(self, *, n_neighbors: int, min_dist: float, random_state: int, output_type: str) -> None:
            assert (n_neighbors, min_dist, random_state, output_type) == (15, 0.1, 0, "numpy")

        def fit_transform(self, points: np.ndarray) -> np.ndarray:
            if points.nbytes > self.memory:
                raise MemoryError
            return points[:, -2:]

    manifold = ModuleType("cuml.manifold")
    manifold.UMAP = UMAP
    monkeypatch.setitem(sys.modules, "cuml", ModuleType("cuml"))
    monkeypatch.setitem(sys.modules, "cuml.manifold", manifold)
    monkeypatch.setattr(module, "_gpu_is_there", lambda: True)
    return manifold


def test_a_gpu_fits_all_particles(cuml: ModuleType) -> None:
    points = groups(60)
    np.testing.assert_array_equal(place(points, fit=40), points[:, -2:])


def test_a_gpu_that_is_full_leaves_it_to_the_cpu(cuml: ModuleType) -> None:
    cuml.UMAP.memory = 100
    points, told = groups(60), Told()
    placed = umap_coordinates(points, 15, 0.1, 40, 0, told)
    assert any("memory is too small for 60 particles" in sentence for sentence in told.said)
    assert "UMAP: placing the others" in told.totals and not np.array_equal(placed, points[:, -2:])


def test_without_cuml_no_gpu_is_asked_for() -> None:
    assert importlib.util.find_spec("cuml") is not None or not module._gpu_is_there()
