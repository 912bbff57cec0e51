"""Latents of particles that join those of a run: encoded, placed in its picture, given one of its clusters; no other moves."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.metrics import pairwise_distances_argmin

from cryohype_model.analysis.cluster import half_whitening
from cryohype_model.analysis.known import agreement, known_columns
from cryohype_model.analysis.maps import partition_digest
from cryohype_model.analysis.place import PLACED_AT_ONCE, Neighbourhood
from cryohype_model.analysis.progress import Progress
from cryohype_model.analysis.reduce import fitted_rows
from cryohype_model.config import AnalysisConfig
from cryohype_model.errors import RunError
from cryohype_model.imaging.particles import Particles, row_chunks
from cryohype_model.inference.latents import PcaBasis
from cryohype_model.inference.trained import TrainedRun
from cryohype_model.io.particles import without_unused_stacks
from cryohype_model.io.table import ParticleTable
from cryohype_model.runs.latents import LatentSpace, LatentWriter
from cryohype_model.runs.layout import Run

COPIED_ROWS = 65_536

Points = npt.NDArray[np.float32]
Rows = npt.NDArray[np.int64]


def extend_latents(
    trained: TrainedRun, before: LatentSpace, table: ParticleTable, into: Run, progress: Progress
) -> tuple[LatentSpace, Rows]:
    """Latents of a longer table: those that are there copied, only the other particles encoded, with the stored basis.

    Parameters
    ----------
    trained : the networks that ``before`` was made with.
    before : latents of the first particles of ``table``.
    into : the run that gets the latents.

    Returns
    -------
    The latents, and the (m,) clusters of the particles that were added (empty where there are no clusters).

    Raises
    ------
    RunError : the latents were not made by these networks, or some are not numbers.
    """
    known, count = len(before), len(table)
    added = without_unused_stacks(table[np.arange(known, count)])
    basis = _basis(before)
    writer = LatentWriter(into, before.checkpoint, count, len(basis.components))
    old_loss = before.table["loss"].to_numpy(np.float32)
    for start in range(0, known, COPIED_ROWS):
        rows = np.arange(start, min(known, start + COPIED_ROWS))
        writer.write(rows, before.pca[rows], old_loss[rows])
    loss = _encode(trained, basis, added, writer, known, progress)
    points = writer.pca[known:]
    if not np.isfinite(points).all():
        raise RunError("some latents are not numbers: the images are unlike those that the run was trained on; look at them")
    config = AnalysisConfig.model_validate(before.meta.get("config", trained.config.analysis))
    columns: dict[str, npt.NDArray[Any]] = {"loss": loss}
    if "umap_x" in before.table:
        placed = _placed(before, points, config, progress)
        columns |= {"umap_x": placed[:, 0], "umap_y": placed[:, 1]}
    clusters = np.empty(0, np.int64)
    if before.cluster is not None:
        clusters = clusters_of(before, points, config)
        columns["cluster"] = clusters
    columns |= {name: values for name, values in known_columns(added).items() if name in before.table}
    both = _joined(before.table, columns, table.label)
    return writer.finish(both, basis.arrays(), _facts(trained, before, both)), clusters


def clusters_of(before: LatentSpace, points: Points, config: AnalysisConfig) -> Rows:
    """The cluster that each further particle belongs to, in the space that the clusters were found in.

    After k-means that of the nearest centre; else what most of its neighbours are of, which may be none.

    Parameters
    ----------
    before : latents with clusters. points : (m, q) components of the further particles.
    """
    assignment = before.cluster
    assert assignment is not None
    scale = half_whitening(np.asarray(before.pca))
    whitened, wanted = before.pca / scale, (points / scale).astype(np.float32)
    if before.meta.get("cluster_method", config.cluster_method) != "kmeans":
        rows = _reference(before, config)
        return Neighbourhood(whitened[rows], config.umap_neighbors).vote(wanted, assignment[rows])
    order = np.argsort(assignment, kind="stable")
    names, starts, sizes = np.unique(assignment[order], return_index=True, return_counts=True)
    centres = np.add.reduceat(whitened[order], starts, axis=0, dtype=np.float64) / sizes[:, None]
    nearest: Rows = names[pairwise_distances_argmin(wanted, centres.astype(np.float32))]
    return nearest


def _basis(before: LatentSpace) -> PcaBasis:
    try:
        return PcaBasis(**{name: before.basis[name] for name in ("mean", "components", "variance_ratio")})
    except KeyError as error:
        raise RunError(f"{before.path / 'pca_basis.npz'} has no {error}; run `cryohype analyze` again") from None


def _encode(
    trained: TrainedRun, basis: PcaBasis, added: ParticleTable, writer: LatentWriter, first: int, progress: Progress
) -> Points:
    """Encode the particles into the rows from ``first`` on; their (m,) losses."""
    particles = Particles(added)
    parts = list(row_chunks(len(particles), trained.encode_batch))
    loss = np.empty(len(particles), np.float32)
    progress.begin("encoding images", len(particles))
    for rows, batch in zip(parts, particles.prefetch(parts), strict=True):
        latent, losses = trained.encode(batch.to(trained.device))
        flat = latent.flatten(1).float().cpu().numpy()
        if flat.shape[1] != basis.components.shape[1]:
            raise RunError(f"the latents of {trained.run.path} are of other networks; run `cryohype analyze` again, then extend")
        loss[rows] = losses.float().cpu().numpy()
        writer.write(first + rows, basis.project(flat), loss[rows])
        progress.advance(len(rows))
    return loss


def _reference(before: LatentSpace, config: AnalysisConfig) -> Rows:
    """The particles that UMAP was fitted on: the first analysis drew them, before any were added."""
    return fitted_rows(int(before.meta.get("analysed_particles", len(before))), config.umap_fit_particles, config.seed)


def _placed(before: LatentSpace, points: Points, config: AnalysisConfig, progress: Progress) -> Points:
    rows = _reference(before, config)
    places = before.table[["umap_x", "umap_y"]].to_numpy(np.float32)[rows]
    known = Neighbourhood(np.asarray(before.pca[rows]), config.umap_neighbors)
    placed = np.empty((len(points), 2), np.float32)
    progress.begin("UMAP: placing the new", len(points))
    for rows in row_chunks(len(points), PLACED_AT_ONCE):
        placed[rows] = known.place(np.asarray(points[rows]), places)
        progress.advance(len(rows))
    return placed


def _joined(before: pd.DataFrame, columns: dict[str, npt.NDArray[Any]], label: Rows | None) -> pd.DataFrame:
    """The table of all: the rows that were there, then those of the added; where these lack a column, it has no number."""
    both = pd.concat([before.drop(columns="index", errors="ignore"), pd.DataFrame(columns)], ignore_index=True)
    return both if label is None else both.assign(label=label)


def _facts(trained: TrainedRun, before: LatentSpace, both: pd.DataFrame) -> dict[str, Any]:
    """What meta.json tells: that of the analysis, with what is different of more particles."""
    facts = before.meta | {
        "device": str(trained.device),
        "analysed_particles": before.meta.get("analysed_particles", len(before)),
    }
    if "cluster" not in both:
        return facts
    assignment = both["cluster"].to_numpy(np.int64)
    sizes = np.bincount(assignment[assignment >= 0], minlength=int(before.meta.get("clusters", 0)))
    facts |= {
        "cluster_sizes": sizes.tolist(),
        "noise": int((assignment < 0).sum()),
        "partition": partition_digest(assignment),
    }
    accuracy, rand_index = agreement(assignment, both["label"].to_numpy(np.int64) if "label" in both else None)
    return facts if accuracy is None else facts | {"accuracy": accuracy, "adjusted_rand_index": rand_index}
