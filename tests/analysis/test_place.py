"""Placing by neighbours, against umap-learn's own weights and beginning of its transform."""

from __future__ import annotations

import warnings
from collections.abc import Callable

import numpy as np
import pytest
from sklearn.neighbors import NearestNeighbors

from cryohype_model.analysis.place import Neighbourhood, membership


def cloud(count: int, seed: int = 0, dimensions: int = 4) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(count, dimensions)).astype(np.float32)


def sorted_distances(rows: int, count: int, seed: int = 0) -> np.ndarray:
    return np.sort(np.random.default_rng(seed).gamma(3, size=(rows, count)), axis=1)


@pytest.mark.parametrize("count", [3, 5, 15, 50])
def test_strengths_are_those_of_umap(count: int) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of what umap has no use for here
        from umap.umap_ import compute_membership_strengths, smooth_knn_dist

    distances = sorted_distances(40, count).astype(np.float32)
    sigmas, rhos = smooth_knn_dist.py_func(distances, float(count), local_connectivity=0.0)
    neighbours = np.tile(np.arange(count, dtype=np.int32), (40, 1))
    _, _, strengths, _ = compute_membership_strengths.py_func(neighbours, distances, sigmas, rhos, False, True)
    np.testing.assert_allclose(membership(distances.astype(np.float64)), strengths.reshape(40, count), rtol=2e-3, atol=1e-5)


def test_the_neighbours_after_the_first_add_up_to_log2_of_their_number() -> None:
    strengths = membership(sorted_distances(100, 15) * 1e-3)
    np.testing.assert_allclose(strengths[:, 1:].sum(axis=1), np.log2(15), rtol=1e-6)


@pytest.mark.parametrize("count", [1, 2])
def test_one_or_two_neighbours_count_alike(count: int) -> None:
    np.testing.assert_array_equal(membership(sorted_distances(3, count)), np.ones((3, count)))


def test_a_particle_that_is_there_already_is_placed_on_itself() -> None:
    points, placed = cloud(50), cloud(50, seed=1, dimensions=2)
    np.testing.assert_allclose(Neighbourhood(points, 8).place(points, placed), placed, atol=1e-6)


def test_places_are_inside_of_those_of_the_neighbours() -> None:
    points, placed, others = cloud(60), cloud(60, seed=1, dimensions=2), cloud(30, seed=2)
    found = Neighbourhood(points, 6).place(others, placed)
    order = np.argsort(np.linalg.norm(others[:, None] - points[None], axis=2), axis=1)[:, :6]
    assert (found >= placed[order].min(axis=1) - 1e-6).all() and (found <= placed[order].max(axis=1) + 1e-6).all()


def test_more_neighbours_than_there_are_particles() -> None:
    found = Neighbourhood(cloud(2), 15).place(cloud(5, seed=3), np.array([[0, 0], [2, 2]], np.float32))
    np.testing.assert_allclose(found, 1.0)


def test_all_at_one_point_are_no_error() -> None:
    same = np.ones((20, 3), np.float32)
    placed = cloud(20, dimensions=2)
    found = Neighbourhood(same, 5).place(same + np.float32(1e-3), placed)
    assert np.isfinite(found).all()


def test_the_vote_is_that_of_the_nearer_group() -> None:
    points = np.concatenate([cloud(20), cloud(20, seed=1) + 30])
    classes = np.repeat([7, -1], 20)
    others = np.concatenate([cloud(5, seed=2), cloud(5, seed=3) + 30])
    np.testing.assert_array_equal(Neighbourhood(points, 5).vote(others, classes), np.repeat([7, -1], 5))


class Faulty:
    """An index that is exact but for what it is told to do wrong."""

    def __init__(self, points: np.ndarray, spoil: Callable[[np.ndarray, np.ndarray], None]) -> None:
        self.search, self.spoil = NearestNeighbors(algorithm="brute").fit(points), spoil

    def query(self, query_data: np.ndarray, k: int, epsilon: float) -> tuple[np.ndarray, np.ndarray]:
        """As pynndescent's."""
        assert epsilon > 0
        distances, indices = self.search.kneighbors(query_data, n_neighbors=k)
        self.spoil(indices, distances)
        return indices, distances


def _finds_too_few(indices: np.ndarray, distances: np.ndarray) -> None:
    indices[::2, -1], distances[::2, -1] = -1, np.inf


def _stays_in_the_wrong_cluster(indices: np.ndarray, distances: np.ndarray) -> None:
    indices[4], distances[4] = np.arange(6), 50 + np.arange(6)


@pytest.mark.parametrize("spoil", [_finds_too_few, _stays_in_the_wrong_cluster])
def test_where_an_index_is_not_to_be_believed_all_are_looked_at(spoil: Callable[[np.ndarray, np.ndarray], None]) -> None:
    points, others = cloud(60), cloud(9, seed=2)
    found = Neighbourhood(points, 6, Faulty(points, spoil)).nearest(others)
    for one, exact in zip(found, Neighbourhood(points, 6).nearest(others), strict=True):
        np.testing.assert_allclose(one, exact)
