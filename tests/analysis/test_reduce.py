from __future__ import annotations

import numpy as np
import pytest

from cryohype_model.analysis.progress import Silent
from cryohype_model.analysis.reduce import umap_coordinates


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
