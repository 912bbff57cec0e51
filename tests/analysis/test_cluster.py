from __future__ import annotations

import numpy as np
import pytest

from cryohype_model.analysis import cluster
from cryohype_model.analysis.cluster import NOISE, cluster_latents
from cryohype_model.errors import ConfigError
from cryohype_model.metrics.classification import adjusted_rand_index

SIZES = (60, 90, 50, 100)


@pytest.fixture(scope="module")
def truth() -> np.ndarray:
    return np.random.default_rng(1).permutation(np.repeat(np.arange(len(SIZES)), SIZES))


@pytest.fixture(scope="module")
def blobs(truth: np.ndarray) -> np.ndarray:
    """(300, 6) four groups far apart, in small units: what tolerances of the methods must not mind."""
    rng = np.random.default_rng(0)
    centres = rng.normal(size=(len(SIZES), 6)) * 8
    return ((centres[truth] + rng.normal(size=(len(truth), 6))) * 1e-3).astype(np.float32)


@pytest.mark.parametrize("method", ["kmeans", "gmm", "hdbscan"])
def test_separable_groups_are_found(blobs: np.ndarray, truth: np.ndarray, method: cluster.Method) -> None:
    clusters = None if method == "hdbscan" else 4
    found = cluster_latents(blobs, method, clusters, None, seed=0)
    assert found.count == 4
    assert adjusted_rand_index(found.assignment, truth) > 0.98
    assert found.assignment.dtype == np.int64


def test_a_component_with_most_of_the_variance_does_not_decide_alone() -> None:
    """Two groups along the second component; along the first a spread that has nothing to do with them."""
    rng = np.random.default_rng(0)
    group = np.arange(400) % 2
    points = np.stack([rng.normal(scale=2.7, size=400), 4 * group + rng.normal(scale=0.3, size=400)], axis=1).astype(np.float32)
    found = cluster_latents(points, "kmeans", 2, None, seed=0)
    assert adjusted_rand_index(found.assignment, group) == 1


def test_half_whitening_goes_half_the_way(blobs: np.ndarray) -> None:
    spread = blobs.std(axis=0)
    expected = np.sqrt(spread / spread[0])
    np.testing.assert_allclose(cluster.half_whitened(blobs).std(axis=0), expected, rtol=1e-4)
    constant = np.zeros((5, 3), np.float32)
    np.testing.assert_array_equal(cluster.half_whitened(constant), constant)


def test_clusters_are_numbered_from_the_largest(blobs: np.ndarray) -> None:
    assert cluster_latents(blobs, "kmeans", 4, None, seed=0).sizes == sorted(SIZES, reverse=True)


def test_the_number_comes_from_the_bic_when_nothing_else_is_known(blobs: np.ndarray) -> None:
    found = cluster_latents(blobs, "kmeans", None, None, seed=0)
    assert found.count == 4 and "BIC" in found.criterion


def test_the_number_comes_from_the_known_labels(blobs: np.ndarray, truth: np.ndarray) -> None:
    labels = np.where(truth == 3, -1, truth)  # unknown is no label
    assert cluster_latents(blobs, "kmeans", None, labels, seed=0).count == 3


def test_the_same_seed_gives_the_same_clusters(blobs: np.ndarray) -> None:
    first, second = (cluster_latents(blobs, "gmm", 5, None, seed=3).assignment for _ in range(2))
    np.testing.assert_array_equal(first, second)


def test_hdbscan_leaves_far_particles_out(blobs: np.ndarray) -> None:
    far = np.concatenate([blobs, np.full((1, 6), 1.0, np.float32)])
    assert cluster_latents(far, "hdbscan", None, None, seed=0).assignment[-1] == NOISE


@pytest.mark.parametrize("method", ["kmeans", "gmm", "hdbscan"])
def test_large_sets_go_by_samples_and_batches(
    blobs: np.ndarray, truth: np.ndarray, method: cluster.Method, monkeypatch: pytest.MonkeyPatch
) -> None:
    for limit in ("BATCHED_ABOVE", "MIXTURE_SAMPLE", "DENSITY_SAMPLE"):
        monkeypatch.setattr(cluster, limit, 200)
    found = cluster_latents(blobs, method, None if method == "hdbscan" else 4, None, seed=0)
    assert found.assignment.shape == truth.shape
    assert adjusted_rand_index(found.assignment, truth) > 0.95


def test_equal_particles_do_not_stop_an_analysis() -> None:
    found = cluster_latents(np.zeros((10, 3), np.float32), "kmeans", 2, None, seed=0)
    assert found.count >= 1 and sum(found.sizes) == 10


def test_impossible_numbers_are_refused(blobs: np.ndarray) -> None:
    with pytest.raises(ConfigError, match="301 clusters"):
        cluster_latents(blobs, "kmeans", 301, None, seed=0)
    with pytest.raises(ConfigError, match="HDBSCAN finds"):
        cluster_latents(blobs, "hdbscan", 4, None, seed=0)
