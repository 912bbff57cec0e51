"""Maps of clusters, written as volume series of the run: of medoids, of mean latents, and by the basis volumes alone."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Mapping
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from cryohype_model.analysis.progress import Progress
from cryohype_model.errors import MetricError, RunError
from cryohype_model.inference.trained import TrainedRun
from cryohype_model.io.mrc import write_volume
from cryohype_model.metrics.threshold import otsu_level
from cryohype_model.runs.layout import Run
from cryohype_model.runs.volumes import (
    VolumeSeries,
    list_volume_series,
    read_volume_series,
    start_volume_series,
    write_volume_series,
)

MEAN_OF_MOST = 512  # members whose latents are encoded anew for a cluster's mean

Rows = npt.NDArray[np.int64]
Kind = Literal["medoid", "mean", "linear"]
NAMES: dict[Kind, str] = {"medoid": "medoids", "mean": "cluster-means", "linear": "cluster-linear"}


def series_name(kind: Kind, checkpoint: str) -> str:
    """Name of the series of a checkpoint."""
    return f"{NAMES[kind]}-{checkpoint}"


def partition_digest(assignment: Rows) -> str:
    """What tells one partition from another: a series of maps belongs to one."""
    return hashlib.sha256(np.ascontiguousarray(assignment, dtype=np.int64).tobytes()).hexdigest()[:16]


def write_medoids(trained: TrainedRun, medoid_rows: Mapping[int, int], digest: str, progress: Progress) -> VolumeSeries:
    """A map of each cluster's medoid.

    Parameters
    ----------
    medoid_rows : particle by cluster. digest : of the partition.
    """
    rows = {cluster: np.array([row]) for cluster, row in medoid_rows.items()}
    return _write_series(trained, "medoid", rows, digest, progress)


def write_means(
    trained: TrainedRun, assignment: Rows, seed: int, progress: Progress, kind: Literal["mean", "linear"] = "mean"
) -> VolumeSeries:
    """A map of each cluster's mean latent, over at most MEAN_OF_MOST random members; less noisy than the medoid's.

    Parameters
    ----------
    kind : "linear" for the mean coefficients and the basis volumes instead.
    """
    rng = np.random.default_rng(seed)
    rows = {}
    for cluster in np.unique(assignment[assignment >= 0]):
        members = np.flatnonzero(assignment == cluster)
        rows[int(cluster)] = np.sort(rng.permutation(members)[:MEAN_OF_MOST])
    return _write_series(trained, kind, rows, partition_digest(assignment), progress)


def drop_stale_series(run: Run, checkpoint: str, digest: str) -> list[str]:
    """Remove the cluster maps of a checkpoint that were made of another partition; their names are returned.

    Cluster 3 of an older analysis is not the cluster 3 of this one, and its map would be taken for it.
    """
    stale = []
    for name in (series_name(kind, checkpoint) for kind in NAMES):
        if name in list_volume_series(run) and read_volume_series(run, name).meta.get("partition") != digest:
            shutil.rmtree(run.volumes / name)
            stale.append(name)
    return stale


def _write_series(trained: TrainedRun, kind: Kind, rows: Mapping[int, Rows], digest: str, progress: Progress) -> VolumeSeries:
    name = series_name(kind, trained.checkpoint)
    generator = trained.generator
    partial = start_volume_series(trained.run, name)
    progress.begin(f"maps ({kind})", len(rows))
    try:
        entries = []
        for cluster, members in rows.items():
            file = f"cluster_{cluster:04d}.mrc"
            volume = generator.volume(trained.mean_code(members, kind))
            entries.append(_entry(trained, kind, file, cluster, members, volume))
            write_volume(partial / file, volume, trained.scale.pixel_size_angstrom)
            progress.advance(1)
        facts = {"partition": digest, "particles_averaged": {str(cluster): len(members) for cluster, members in rows.items()}}
        return write_volume_series(trained.run, name, entries, facts)
    except BaseException:
        shutil.rmtree(partial, ignore_errors=True)
        raise


def _entry(
    trained: TrainedRun, kind: Kind, file: str, cluster: int, members: Rows, volume: npt.NDArray[np.float32]
) -> dict[str, Any]:
    return {
        "file": file,
        "particle": int(members[0]) if kind == "medoid" else None,
        "cluster": cluster,
        "method": kind,
        "pixel_size_angstrom": trained.scale.pixel_size_angstrom,
        "checkpoint": trained.checkpoint,
        "level": _level(volume),
    }


def _level(volume: npt.NDArray[np.float32]) -> float | None:
    """A contour level to begin with: Otsu's; none for a constant map."""
    if not np.isfinite(volume).all():
        raise RunError("a generated map holds values that are not numbers; the network has diverged, use an earlier --checkpoint")
    try:
        return otsu_level(volume)
    except MetricError:
        return None
