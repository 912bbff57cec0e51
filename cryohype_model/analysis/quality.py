"""The maps of all clusters beside the back-projections of their particles, one cluster at a time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict

import numpy as np
import numpy.typing as npt
import pandas as pd

from cryohype_model.analysis.progress import Progress
from cryohype_model.inference.quality import PADDING, selection_quality
from cryohype_model.inference.trained import TrainedRun
from cryohype_model.io.mrc import read_volume
from cryohype_model.metrics.quality import FEWEST_PARTICLES, WARNINGS, MapQuality
from cryohype_model.runs.latents import LatentSpace
from cryohype_model.runs.quality import ClusterQuality, ConfirmedShare, QualityTable, write_quality
from cryohype_model.runs.volumes import VolumeEntry, VolumeSeries

Rows = npt.NDArray[np.int64]


def measure_quality(
    trained: TrainedRun,
    latents: LatentSpace,
    assignment: Rows,
    series: Sequence[VolumeSeries],
    seed: int,
    progress: Progress,
) -> QualityTable:
    """Back-project each cluster and compare its maps; every particle is read once, one lattice a half is held.

    Parameters
    ----------
    assignment : (N,) cluster of each particle. series : maps of the clusters, any number of series.
    seed : of the halves.
    """
    made: dict[int, list[tuple[VolumeSeries, VolumeEntry]]] = {}
    for one in series:
        for entry in one.entries:
            if entry.cluster is not None:
                made.setdefault(entry.cluster, []).append((one, entry))
    order = np.argsort(assignment, kind="stable")
    ascending = assignment[order]
    bounds = {cluster: np.searchsorted(ascending, [cluster, cluster + 1]) for cluster in made}
    progress.begin("particles behind the maps", int(sum(end - start for start, end in bounds.values())))
    found: list[ClusterQuality] = []
    curves = []
    for cluster, maps in sorted(made.items()):
        rows = order[slice(*bounds[cluster])]
        volumes = {str(entry.method): read_volume(one.map_path(entry))[0] for one, entry in maps}
        results = selection_quality(trained, rows, volumes, seed, progress.advance)
        for one, entry in maps:
            result = results[entry.method]
            found.append(_entry(result, one, entry, len(rows)))
            curves.append(_curves(result, found[-1], trained.scale.pixel_size_angstrom))
    meta = {
        "partition": latents.meta.get("partition"),
        "box_px": trained.scale.box_px,
        "pixel_size_angstrom": trained.scale.pixel_size_angstrom,
        "padding": PADDING,
        "fewest_particles": FEWEST_PARTICLES,
        "seed": seed,
    }
    return write_quality(latents, found, pd.concat(curves, ignore_index=True), meta)


def _entry(result: MapQuality, series: VolumeSeries, entry: VolumeEntry, particles: int) -> ClusterQuality:
    shares = {
        name: None if share is None else ConfirmedShare(**asdict(share))
        for name, share in (("within", result.within), ("beyond", result.beyond), ("beyond_power", result.beyond_power))
    }
    return ClusterQuality(
        cluster=entry.cluster,
        method=entry.method,
        series=series.name,
        file=entry.file,
        particles=particles,
        carried_angstrom=result.carried_angstrom,
        agreed_angstrom=result.agreed_angstrom,
        agreement=result.agreement,
        warned=any(verdict in WARNINGS for verdict in result.verdicts),
        verdicts=result.verdicts,
        sentence=result.sentence(particles),
        **shares,
    )


def _curves(result: MapQuality, entry: ClusterQuality, pixel_size_angstrom: float) -> pd.DataFrame:
    shells = np.arange(len(result.half_fsc))
    return pd.DataFrame(
        {
            "cluster": entry.cluster,
            "method": entry.method,
            "frequency_1_per_angstrom": shells / (2 * (len(shells) - 1) * pixel_size_angstrom),
            "half_fsc": result.half_fsc,
            "ceiling": result.ceiling,
            "map_fsc": result.map_fsc,
            "claimed_fsc": result.claimed_fsc,
        }
    ).iloc[1:-1]  # the mean of the density, and the shell outside of the images' disc
