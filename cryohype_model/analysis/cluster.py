"""Clusters of particles, found in the space of the principal components (never in its 2-D picture)."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
from sklearn.cluster import HDBSCAN, KMeans, MiniBatchKMeans
from sklearn.exceptions import ConvergenceWarning
from sklearn.mixture import GaussianMixture
from sklearn.neighbors import NearestNeighbors

from cryohype_model.errors import ConfigError

Method = Literal["kmeans", "gmm", "hdbscan"]
Covariance = Literal["full", "diag"]
Points = npt.NDArray[np.float32]
Rows = npt.NDArray[np.int64]

NOISE = -1
BATCHED_ABOVE = 200_000  # particles: k-means sees mini-batches from here on
MIXTURE_SAMPLE = 50_000  # particles that a Gaussian mixture is fitted on
DENSITY_SAMPLE = 10_000  # particles that HDBSCAN is run on: its time grows with the square in so many dimensions
BIC_SAMPLE, BIC_COMPONENTS, BIC_MOST, BIC_PATIENCE = 10_000, 10, 20, 4


@dataclass(frozen=True)
class Clustering:
    """A partition of the particles.

    Attributes
    ----------
    assignment : (N,) cluster of each particle, 0 the largest; NOISE = -1 where HDBSCAN finds none.
    method : how it was found. count : clusters, noise not counted.
    criterion : how their number was chosen, for people.
    """

    assignment: Rows
    method: Method
    count: int
    criterion: str

    @property
    def sizes(self) -> list[int]:
        """Particles of each cluster, in its order."""
        return np.bincount(self.assignment[self.assignment >= 0], minlength=self.count).tolist()


def cluster_latents(pca: Points, method: Method, clusters: int | None, labels: Rows | None, seed: int) -> Clustering:
    """Group the particles by their components, each scaled as :func:`half_whitened` does.

    Parameters
    ----------
    pca : (N, q) principal components, may be memory-mapped.
    method : "kmeans", "gmm" (Gaussian mixture) or "hdbscan".
    clusters : how many; None for the number of known labels, else by the BIC of Gaussian mixtures.
    labels : (N,) known classes (below 0: unknown), or None.
    seed : of starts and samples.

    Raises
    ------
    ConfigError : more clusters than particles, or a number for HDBSCAN, which finds its own.
    """
    if method == "hdbscan" and clusters is not None:
        raise ConfigError(f"HDBSCAN finds the number of clusters itself, {clusters} cannot be given; leave it out or use kmeans")
    if clusters is not None and clusters > len(pca):
        raise ConfigError(f"{clusters} clusters cannot be made of {len(pca)} particles; ask for fewer")
    points = half_whitened(pca)
    rng = np.random.default_rng(seed)
    with warnings.catch_warnings():
        # fewer distinct points than clusters, or a mixture still moving: the partition is usable
        warnings.simplefilter("ignore", ConvergenceWarning)
        if method == "hdbscan":
            assignment, smallest = _density_clusters(points, rng)
            criterion = f"density clusters of at least {smallest} particles of the sample"
        else:
            clusters, criterion = _count(points, clusters, labels, seed, rng)
            if method == "kmeans":
                assignment = _kmeans(points, clusters, seed)
            else:
                assignment = _mixture(points, _sample(points, MIXTURE_SAMPLE, rng), clusters, seed)
    assignment = _by_size(assignment)
    return Clustering(assignment, method, int(assignment.max(initial=NOISE)) + 1, criterion)


def half_whitened(pca: Points) -> Points:
    """Each component divided by the square root of its standard deviation, then all by one number that makes the first's 1.

    The first component often holds most of the variance, and k-means would cut it up instead of parting what differs in the
    others; whole whitening would raise noise to the same height (benchmarks/clustering.py measures the three). Tolerances
    and regularisers of the methods are absolute numbers: hence the unit.

    Parameters
    ----------
    pca : (N, q) principal components, may be memory-mapped.
    """
    points = np.asarray(pca, dtype=np.float32)
    return (points / half_whitening(points)).astype(np.float32)


def half_whitening(pca: Points) -> Points:
    """(q,) what :func:`half_whitened` divides the components by."""
    spread = pca.std(axis=0, dtype=np.float64)
    first = max(float(spread[0]), 1e-12)
    scale: Points = np.sqrt(first * np.maximum(spread, 1e-6 * first)).astype(np.float32)
    return scale


def _count(points: Points, clusters: int | None, labels: Rows | None, seed: int, rng: np.random.Generator) -> tuple[int, str]:
    """The number of clusters and how it was chosen."""
    if clusters is not None:
        return clusters, "as asked for"
    known = 0 if labels is None else len(np.unique(labels[labels >= 0]))
    if known:
        return known, "the number of known labels"
    sample = _sample(points, BIC_SAMPLE, rng)[:, :BIC_COMPONENTS]
    best = lowest_bic(sample, seed)
    return best, f"lowest BIC of Gaussian mixtures with up to {BIC_MOST} components"


def lowest_bic(points: Points, seed: int) -> int:
    """The number of Gaussian components with the lowest Bayesian information criterion (Schwarz 1978).

    Counts upwards and stops when BIC_PATIENCE more have not helped.

    Parameters
    ----------
    points : (n, q) a sample of few dimensions.
    """
    scores: list[float] = []
    most = min(BIC_MOST, max(1, len(points) // (2 * points.shape[1])))
    for count in range(1, most + 1):
        scores.append(float(_gaussians(count, "full", 2, seed).fit(points).bic(points)))
        if count - 1 - int(np.argmin(scores)) >= BIC_PATIENCE:
            break
    return int(np.argmin(scores)) + 1


def _kmeans(points: Points, clusters: int, seed: int) -> Rows:
    if len(points) > BATCHED_ABOVE:
        return MiniBatchKMeans(clusters, batch_size=8192, n_init=3, random_state=seed).fit_predict(points).astype(np.int64)
    starts = 10 if len(points) * clusters <= 10_000_000 else 2
    return KMeans(clusters, n_init=starts, random_state=seed).fit_predict(points).astype(np.int64)


def _mixture(points: Points, sample: Points, clusters: int, seed: int) -> Rows:
    # full covariances where there are ten particles for each of their axes, else diagonal ones
    kind: Covariance = "full" if len(sample) >= 10 * clusters * sample.shape[1] else "diag"
    return _gaussians(clusters, kind, 3, seed).fit(sample).predict(points).astype(np.int64)


def _gaussians(clusters: int, kind: Covariance, starts: int, seed: int) -> GaussianMixture:
    return GaussianMixture(clusters, covariance_type=kind, n_init=starts, reg_covar=1e-5, random_state=seed)


def _density_clusters(points: Points, rng: np.random.Generator) -> tuple[Rows, int]:
    """HDBSCAN of a sample; every other particle joins the nearest of the sample, or its noise."""
    sample = _sample(points, DENSITY_SAMPLE, rng)
    smallest = max(5, len(sample) // 200)
    if len(sample) <= smallest:
        return np.full(len(points), NOISE), smallest
    found = HDBSCAN(min_cluster_size=smallest, copy=True).fit_predict(sample).astype(np.int64)
    if len(sample) == len(points):
        return found, smallest
    neighbour = NearestNeighbors(n_neighbors=1).fit(sample).kneighbors(points, return_distance=False)[:, 0]
    return found[neighbour], smallest


def _sample(points: Points, most: int, rng: np.random.Generator) -> Points:
    """At most so many of the points, in their order."""
    if len(points) <= most:
        return points
    return points[np.sort(rng.choice(len(points), most, replace=False))]


def _by_size(assignment: Rows) -> Rows:
    """Clusters renumbered from the largest to the smallest; equal ones by their first particle."""
    names, first, sizes = np.unique(assignment, return_index=True, return_counts=True)
    real = names >= 0
    order = np.lexsort((first[real], -sizes[real]))
    rank = np.full(int(names.max(initial=NOISE)) + 2, NOISE, dtype=np.int64)  # the last entry is that of noise
    rank[names[real][order]] = np.arange(len(order))
    return rank[assignment]
