"""Classes found against classes known: cluster matching, accuracy, precision, recall, F1, Rand index, nearest neighbours."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.optimize import linear_sum_assignment

from cryohype_model.errors import MetricError

Labels = npt.NDArray[np.int64]

UNASSIGNED = -1  # predicted class of particles whose cluster has no label: always counted as wrong
MOST_QUERIES = 5000  # particles that classify() asks for their neighbours: an accuracy to within 0.7 %
CHUNK_VALUES = 16_000_000  # distances held at once by knn_classify: 128 MB


@dataclass(frozen=True)
class Scores:
    """Agreement of predicted and known classes; precision, recall and F1 are means over the known classes (macro)."""

    accuracy: float
    precision: float
    recall: float
    f1: float


@dataclass(frozen=True)
class ClassificationResult:
    """How clusters and nearest neighbours agree with the known classes.

    Attributes
    ----------
    labels : (n,) known classes of the particles that have one.
    matched : (n,) labels by cluster, one to one (Hungarian), or None without clusters.
    cluster_count : clusters found, noise not counted.
    by_clusters, adjusted_rand_index : agreement of the clusters, or None without them.
    by_neighbours : agreement of the leave-one-out vote of ``neighbours`` neighbours over ``queried`` particles,
        or None without latents.
    """

    labels: Labels
    matched: Labels | None
    cluster_count: int
    by_clusters: Scores | None
    adjusted_rand_index: float | None
    by_neighbours: Scores | None
    neighbours: int
    queried: int

    def as_dict(self) -> dict[str, Any]:
        """The numbers, with the assignments named, for summary.json."""
        return {
            "particles": len(self.labels),
            "classes": len(np.unique(self.labels)),
            "clusters": self.cluster_count,
            "assignment": "clusters and labels matched one to one (Hungarian); left-over clusters and noise count as wrong",
            "by_clusters": None if self.by_clusters is None else asdict(self.by_clusters),
            "adjusted_rand_index": self.adjusted_rand_index,
            "neighbour_vote": f"leave-one-out vote of {self.neighbours} nearest neighbours over {self.queried} particles",
            "by_neighbours": None if self.by_neighbours is None else asdict(self.by_neighbours),
        }


def classify(
    labels: Labels, clusters: Labels | None, latents: npt.NDArray[np.floating] | None, neighbours: int = 10
) -> ClassificationResult:
    """Every measure of classification that the data allow; particles of unknown class (label < 0) are left out.

    Parameters
    ----------
    labels : (n,) known classes.
    clusters : (n,) clusters, < 0 for noise, or None.
    latents : (n, q) coordinates for the neighbours' vote, or None.
    neighbours : that vote; fewer where the median class holds fewer others, which could not win the vote.

    Raises
    ------
    MetricError : the lengths differ, or no label is known.
    """
    known = np.flatnonzero(labels >= 0)
    for name, column in (("clusters", clusters), ("latents", latents)):
        if column is not None and len(column) != len(labels):
            raise MetricError(
                f"{len(column)} {name} cannot be compared with {len(labels)} labels; both need one value a particle"
            )
    if len(known) < 2:
        raise MetricError(f"{len(known)} of {len(labels)} particles have a known class; classification needs at least two")
    truth = labels[known]
    found = None if clusters is None else clusters[known]
    matched = None if found is None else match_clusters(found, truth)
    voters = max(1, min(neighbours, int(np.median(np.unique(truth, return_counts=True)[1])) - 1))
    queries = np.unique(np.linspace(0, len(known) - 1, min(len(known), MOST_QUERIES)).astype(np.int64))
    votes = None if latents is None else knn_classify(latents[known], truth, voters, queries)
    return ClassificationResult(
        labels=truth,
        matched=matched,
        cluster_count=0 if found is None else len(np.unique(found[found >= 0])),
        by_clusters=None if matched is None else score(matched, truth),
        adjusted_rand_index=None if found is None else adjusted_rand_index(found, truth),
        by_neighbours=None if votes is None else score(votes, truth[queries]),
        neighbours=voters,
        queried=len(queries),
    )


def match_clusters(clusters: Labels, labels: Labels) -> Labels:
    """The label of each particle by its cluster: clusters and labels matched one to one, most particles agreeing (Hungarian).

    With more clusters than labels the left-over clusters get :data:`UNASSIGNED`; so does noise (cluster < 0).

    Parameters
    ----------
    clusters, labels : (n,) found and known classes.

    Returns
    -------
    (n,) predicted labels.

    Raises
    ------
    MetricError : the lengths differ or are zero.
    """
    table, cluster_names, label_names = contingency(clusters, labels)
    agreement = np.where(cluster_names[:, None] < 0, 0, table)
    rows, columns = linear_sum_assignment(agreement, maximize=True)
    label_of_row = np.full(len(cluster_names), UNASSIGNED)
    label_of_row[rows] = label_names[columns]
    label_of_row[cluster_names < 0] = UNASSIGNED
    return label_of_row[np.searchsorted(cluster_names, clusters)]


def contingency(first: Labels, second: Labels) -> tuple[Labels, Labels, Labels]:
    """How many particles each pair of classes shares.

    Parameters
    ----------
    first, second : (n,) classes.

    Returns
    -------
    (r, c) counts, (r,) sorted classes of ``first``, (c,) sorted classes of ``second``.

    Raises
    ------
    MetricError : the lengths differ or are zero.
    """
    if len(first) != len(second) or not len(first):
        raise MetricError(f"{len(first)} classes cannot be compared with {len(second)}; both need one value a particle")
    first_names, rows = np.unique(first, return_inverse=True)
    second_names, columns = np.unique(second, return_inverse=True)
    table = np.zeros((len(first_names), len(second_names)), dtype=np.int64)
    np.add.at(table, (rows, columns), 1)
    return table, first_names, second_names


def score(predicted: Labels, labels: Labels) -> Scores:
    """Accuracy, macro precision, macro recall and macro F1; a class that is never predicted has precision 0.

    Parameters
    ----------
    predicted, labels : (n,) predicted and known classes.

    Raises
    ------
    MetricError : the lengths differ or are zero.
    """
    table, predicted_names, label_names = contingency(predicted, labels)
    same = predicted_names[:, None] == label_names[None, :]
    hits = (table * same).sum(axis=0)
    predicted_count = (table.sum(axis=1)[:, None] * same).sum(axis=0)
    known_count = table.sum(axis=0)
    precision = hits / np.maximum(predicted_count, 1)
    recall = hits / known_count
    f1 = 2 * hits / (predicted_count + known_count)
    return Scores(float(hits.sum() / len(labels)), float(precision.mean()), float(recall.mean()), float(f1.mean()))


def adjusted_rand_index(clusters: Labels, labels: Labels) -> float:
    """Agreement of two partitions corrected for chance (Hubert & Arabie 1985): 1 identical, 0 random; needs no assignment.

    Parameters
    ----------
    clusters, labels : (n,) classes.

    Raises
    ------
    MetricError : the lengths differ or are zero.
    """
    table, _, _ = contingency(clusters, labels)
    together, rows, columns = (_pairs(counts) for counts in (table, table.sum(axis=1), table.sum(axis=0)))
    expected = rows * columns / max(_pairs(table.sum()), 1.0)
    ceiling = (rows + columns) / 2
    return 1.0 if ceiling == expected else float((together - expected) / (ceiling - expected))


def knn_classify(latents: npt.NDArray[np.floating], labels: Labels, k: int, queries: Labels | None = None) -> Labels:
    """Leave-one-out: each particle takes the commonest label of its k nearest others (the smallest of equally common ones).

    Distances are exact and computed in chunks: with the tens of dimensions of a latent space, trees are no faster.

    Parameters
    ----------
    latents : (n, q) coordinates, such as the PCA of the latents.
    labels : (n,) known classes.
    k : neighbours that vote.
    queries : (m,) rows to classify, or None for all; the others stay as their neighbours.

    Returns
    -------
    (m,) predicted labels.

    Raises
    ------
    MetricError : there are no k others, or not one label a row.
    """
    if len(latents) != len(labels) or not 1 <= k < len(labels):
        raise MetricError(
            f"{k} neighbours cannot vote among {len(latents)} latents with {len(labels)} labels; lower k or check the labels"
        )
    rows = np.arange(len(labels)) if queries is None else queries
    names, codes = np.unique(labels, return_inverse=True)
    points = np.asarray(latents, dtype=np.float64)
    points = points - points.mean(axis=0)
    squares = (points**2).sum(axis=1)
    chunk = max(1, CHUNK_VALUES // len(points))
    winners = []
    for start in range(0, len(rows), chunk):
        some = rows[start : start + chunk]
        distance = squares[None, :] - 2 * points[some] @ points.T  # + |query|^2, the same for the whole row
        distance[np.arange(len(some)), some] = np.inf
        nearest = np.argpartition(distance, k - 1, axis=1)[:, :k]
        votes = np.zeros((len(some), len(names)), dtype=np.int64)
        np.add.at(votes, (np.arange(len(some))[:, None], codes[nearest]), 1)
        winners.append(votes.argmax(axis=1))
    return names[np.concatenate(winners)]


def _pairs(counts: Labels) -> float:
    """Pairs of particles within groups of these sizes."""
    sizes = np.asarray(counts, dtype=np.float64)
    return float((sizes * (sizes - 1) / 2).sum())
