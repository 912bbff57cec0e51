"""The analysis of a run: latents of every particle, UMAP, clusters, maps of their medoids and what supports them, pictures."""

from __future__ import annotations

import time
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from cryohype_model.analysis.cluster import Clustering, cluster_latents
from cryohype_model.analysis.known import agreement, known_columns
from cryohype_model.analysis.maps import drop_stale_series, partition_digest, write_means, write_medoids
from cryohype_model.analysis.medoids import medoids
from cryohype_model.analysis.pictures import write_pictures
from cryohype_model.analysis.progress import Progress
from cryohype_model.analysis.quality import measure_quality
from cryohype_model.analysis.reduce import umap_coordinates
from cryohype_model.config import AnalysisConfig
from cryohype_model.errors import RunError
from cryohype_model.inference.latents import PcaBasis, encode_all, encode_share, fit_basis
from cryohype_model.inference.processes import ALONE, Processes
from cryohype_model.inference.trained import TrainedRun
from cryohype_model.runs.latents import LatentSpace, LatentWriter
from cryohype_model.runs.quality import QualityTable
from cryohype_model.runs.volumes import VolumeSeries

Rows = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Parts:
    """Which parts of an analysis are made, besides latents and clusters.

    Attributes
    ----------
    linear_volumes : a map of each cluster's mean coefficients by the basis volumes, without the hypernetwork.
    quality : compare the maps that are made with the back-projections of their clusters.
    """

    umap: bool = True
    medoid_volumes: bool = True
    mean_volumes: bool = False
    linear_volumes: bool = False
    activations: bool = False
    quality: bool = True


@dataclass(frozen=True)
class AnalysisResult:
    """What an analysis found.

    Attributes
    ----------
    latents : the finished folder. clustering : the partition. medoids : particle by cluster.
    variance_ratio : (q,) explained variance of each component.
    accuracy, adjusted_rand_index : of the clusters, where labels are known.
    series : the maps that were made. quality : how far particles support them, or None. figures : the pictures.
    seconds : that it all took.
    """

    latents: LatentSpace
    clustering: Clustering
    medoids: dict[int, int]
    variance_ratio: npt.NDArray[np.float64]
    accuracy: float | None
    adjusted_rand_index: float | None
    series: list[VolumeSeries] = field(default_factory=list)
    quality: QualityTable | None = None
    figures: list[Path] = field(default_factory=list)
    seconds: float = 0.0


def analyze(
    trained: TrainedRun, config: AnalysisConfig, progress: Progress, parts: Parts | None = None, processes: Processes = ALONE
) -> AnalysisResult:
    """Analyse one checkpoint of a run; an earlier analysis of it is replaced when this one is whole.

    Parameters
    ----------
    config : of the reduction and the clusters; it may differ from the run's own.
    parts : what is made; None for the usual.
    processes : this one is the first of them; the others :func:`assist`.

    Raises
    ------
    RunError : too few particles, a network that answers no numbers, or no basis volumes for linear maps.
    ConfigError : an impossible number of clusters.
    """
    began = time.monotonic()
    parts = parts or Parts()
    if parts.linear_volumes:
        trained.check_basis()
    latents, clustering, medoid_rows, scores, basis = _latents(trained, config, progress, parts, processes)
    digest = partition_digest(clustering.assignment)
    for name in drop_stale_series(trained.run, trained.checkpoint, digest):
        progress.say(f"The maps {name} of the earlier clusters are removed.")
    series = []
    if parts.medoid_volumes and medoid_rows:
        series.append(write_medoids(trained, medoid_rows, digest, progress))
    if parts.mean_volumes and medoid_rows:
        series.append(write_means(trained, clustering.assignment, config.seed, progress))
    if parts.linear_volumes and medoid_rows:
        series.append(write_means(trained, clustering.assignment, config.seed, progress, "linear"))
    quality = None
    if parts.quality and series:
        quality = measure_quality(trained, latents, clustering.assignment, series, config.seed, progress)
    figures = write_pictures(trained, latents, series, quality, config.seed, parts.activations, progress)
    ratio, seconds = basis.variance_ratio, time.monotonic() - began
    return AnalysisResult(latents, clustering, medoid_rows, ratio, *scores, series, quality, figures, seconds)


def assist(trained: TrainedRun, processes: Processes) -> None:
    """What a process beside the first does of an analysis: it encodes its share of the particles, and has done.

    Raises
    ------
    SystemExit : another failed, which the first process tells.
    """
    basis: PcaBasis = processes.of_first()
    encode_share(trained, basis, processes)


def _latents(
    trained: TrainedRun, config: AnalysisConfig, progress: Progress, parts: Parts, processes: Processes
) -> tuple[LatentSpace, Clustering, dict[int, int], tuple[float | None, float | None], PcaBasis]:
    """The finished latents folder and what was put into it; after an error nothing is left of it."""
    table = trained.particles.table
    count = len(table)
    progress.begin("principal components", min(count, config.pca_fit_particles))
    basis = processes.of_first(
        lambda: fit_basis(trained, config.pca_components, config.pca_fit_particles, config.seed, progress.advance)
    )
    with ExitStack() as undo:
        with processes.together():
            writer = LatentWriter(trained.run, trained.checkpoint, count, len(basis.components))
            undo.callback(writer.abandon)  # finds nothing once it is finished
        if processes.world > 1:
            progress.say(f"{processes.world} processes encode a share of the images each.")
        progress.begin("encoding images", count)
        encode_all(trained, basis, writer, progress.advance, processes)
        if not np.isfinite(writer.pca).all():
            raise RunError("some latents are not numbers; the network has diverged, use an earlier --checkpoint")
        columns = _umap_columns(writer.pca, config, progress) if parts.umap else {}
        progress.begin("clusters and medoids", 1)
        clustering = cluster_latents(writer.pca, config.cluster_method, config.clusters, table.label, config.seed)
        medoid_rows = medoids(writer.pca, clustering.assignment)
        progress.advance(1)
        scores = agreement(clustering.assignment, table.label)
        facts = _facts(trained, config, basis, clustering, medoid_rows, scores) | {"umap": parts.umap}
        columns |= {"cluster": clustering.assignment} | known_columns(table)
        latents = writer.finish(pd.DataFrame(columns), basis.arrays(), facts)
    return latents, clustering, medoid_rows, scores, basis


def _umap_columns(pca: npt.NDArray[np.float32], config: AnalysisConfig, progress: Progress) -> dict[str, npt.NDArray[Any]]:
    placed = umap_coordinates(pca, config.umap_neighbors, config.umap_min_dist, config.umap_fit_particles, config.seed, progress)
    return {"umap_x": placed[:, 0], "umap_y": placed[:, 1]}


def _facts(
    trained: TrainedRun,
    config: AnalysisConfig,
    basis: PcaBasis,
    clustering: Clustering,
    medoid_rows: dict[int, int],
    scores: tuple[float | None, float | None],
) -> dict[str, Any]:
    """What meta.json tells of the analysis."""
    return {
        "config": config.model_dump(mode="json"),
        "device": str(trained.device),
        "noise_floor": trained.scale.noise_floor,
        "explained_variance": [float(share) for share in basis.variance_ratio],
        "cluster_method": clustering.method,
        "cluster_criterion": clustering.criterion,
        "clusters": clustering.count,
        "cluster_sizes": clustering.sizes,
        "noise": int((clustering.assignment < 0).sum()),
        "partition": partition_digest(clustering.assignment),
        "medoids": {str(cluster): row for cluster, row in medoid_rows.items()},
        "accuracy": scores[0],
        "adjusted_rand_index": scores[1],
    }
