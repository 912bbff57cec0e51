from __future__ import annotations

import numpy as np
import pytest

from cryohype_model.analysis import medoids as module
from cryohype_model.analysis.medoids import medoids


@pytest.fixture(scope="module")
def points() -> np.ndarray:
    return np.random.default_rng(0).normal(size=(120, 4)).astype(np.float32)


def test_a_medoid_has_the_smallest_sum_of_distances(points: np.ndarray) -> None:
    assignment = np.arange(120) % 3
    for name, row in medoids(points, assignment).items():
        members = np.flatnonzero(assignment == name)
        sums = [np.linalg.norm(points[members] - points[m], axis=1).sum() for m in members]
        assert row == members[int(np.argmin(sums))]


def test_a_large_cluster_is_represented_by_the_particle_nearest_to_its_mean(
    points: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "EXACT_MEMBERS", 10)
    row = medoids(points, np.zeros(120, np.int64))[0]
    assert row == np.linalg.norm(points - points.mean(axis=0), axis=1).argmin()


def test_noise_has_no_medoid(points: np.ndarray) -> None:
    assignment = np.where(np.arange(120) < 50, -1, 2)
    found = medoids(points, assignment)
    assert list(found) == [2] and found[2] >= 50


def test_one_particle_is_its_own_medoid(points: np.ndarray) -> None:
    assignment = np.zeros(120, np.int64)
    assignment[17] = 1
    assert medoids(points, assignment)[1] == 17
