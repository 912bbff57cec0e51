"""Classification against scikit-learn, and what the assignment must do with left-over clusters and noise."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cryohype_model.errors import MetricError
from cryohype_model.metrics import classification

seeds = st.integers(0, 2**32 - 1)


@settings(max_examples=30, deadline=None)
@given(seeds, st.integers(1, 6), st.integers(1, 8))
def test_scores_are_those_of_scikit_learn(seed: int, label_count: int, cluster_count: int) -> None:
    metrics = pytest.importorskip(
        "sklearn.metrics", reason="the oracle scikit-learn is not installed: pip install cryohype[train]"
    )
    rng = np.random.default_rng(seed)
    labels, clusters = (rng.integers(0, label_count, 60), rng.integers(0, cluster_count, 60))
    predicted = classification.match_clusters(clusters, labels)
    ours = classification.score(predicted, labels)
    options = {"labels": np.unique(labels), "average": "macro", "zero_division": 0.0}
    expected = (
        metrics.accuracy_score(labels, predicted),
        metrics.precision_score(labels, predicted, **options),
        metrics.recall_score(labels, predicted, **options),
        metrics.f1_score(labels, predicted, **options),
    )
    assert (ours.accuracy, ours.precision, ours.recall, ours.f1) == pytest.approx(expected, abs=1e-12)
    assert classification.adjusted_rand_index(clusters, labels) == pytest.approx(
        metrics.adjusted_rand_score(labels, clusters), abs=1e-12
    )


@settings(max_examples=20, deadline=None)
@given(seeds, st.integers(1, 9))
def test_neighbours_vote_as_in_scikit_learn(seed: int, k: int) -> None:
    neighbors = pytest.importorskip(
        "sklearn.neighbors", reason="the oracle scikit-learn is not installed: pip install cryohype[train]"
    )
    rng = np.random.default_rng(seed)
    labels = rng.integers(3, 6, 40)
    latents = rng.normal(size=(40, 5)) + labels[:, None] + 100
    queries = np.arange(0, 40, 7)
    predicted = classification.knn_classify(latents, labels, k, queries)
    for row, found in zip(queries, predicted, strict=True):
        others = np.arange(40) != row
        expected = neighbors.KNeighborsClassifier(k).fit(latents[others], labels[others]).predict(latents[row : row + 1])
        assert found == expected[0]


@settings(max_examples=20, deadline=None)
@given(seeds)
def test_renamed_classes_are_a_perfect_match(seed: int) -> None:
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 7, 80)
    clusters = rng.permutation(7)[labels] + 20
    predicted = classification.match_clusters(clusters, labels)
    np.testing.assert_array_equal(predicted, labels)
    assert classification.score(predicted, labels).accuracy == 1
    assert classification.adjusted_rand_index(clusters, labels) == 1


def test_left_over_clusters_and_noise_stay_unassigned() -> None:
    labels = np.array([0, 0, 0, 0, 0, 1, 1, 1, 1])
    clusters = np.array([5, 5, 5, 6, -1, 8, 8, 8, -1])
    predicted = classification.match_clusters(clusters, labels)
    np.testing.assert_array_equal(predicted, [0, 0, 0, -1, -1, 1, 1, 1, -1])
    scores = classification.score(predicted, labels)
    assert scores.accuracy == pytest.approx(6 / 9)
    assert scores.precision == 1
    assert scores.recall == pytest.approx((3 / 5 + 3 / 4) / 2)


def test_noise_never_takes_a_label_even_when_it_is_the_only_choice() -> None:
    np.testing.assert_array_equal(classification.match_clusters(np.array([-1, -1]), np.array([4, 4])), [-1, -1])


def test_chunks_of_neighbours_give_one_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    latents, labels = rng.normal(size=(50, 3)), rng.integers(0, 3, 50)
    whole = classification.knn_classify(latents, labels, 3)
    monkeypatch.setattr(classification, "CHUNK_VALUES", 120)
    np.testing.assert_array_equal(classification.knn_classify(latents, labels, 3), whole)


def test_lengths_that_differ_are_refused() -> None:
    with pytest.raises(MetricError, match="one value a particle"):
        classification.score(np.zeros(3, int), np.zeros(4, int))
    with pytest.raises(MetricError, match="one value a particle"):
        classification.adjusted_rand_index(np.zeros(0, int), np.zeros(0, int))
    with pytest.raises(MetricError, match="cannot vote"):
        classification.knn_classify(np.zeros((3, 2)), np.zeros(3, int), 3)
