"""What one run takes over from another whose networks and particles it has: files that stay true."""

from __future__ import annotations

import os
import shutil
from contextlib import suppress
from pathlib import Path

from cryohype_model.runs.latents import LatentSpace
from cryohype_model.runs.layout import Run
from cryohype_model.runs.selections import list_selections
from cryohype_model.runs.volumes import (
    VolumeSeries,
    list_volume_series,
    read_volume_series,
    start_volume_series,
    write_volume_series,
)

OF_ONE_PARTICLE = {"particle", "medoid"}  # methods whose map is decoded from the latent of a single particle


def inherit(run: Run, into: Run) -> None:
    """Networks, the course of their training, and selections: the particles of ``run`` are the first of ``into``.

    Checkpoints share their place on the disk where the file system can: they are replaced, never changed.
    """
    for file in sorted(run.checkpoints.glob("*.ckpt")):
        with suppress(FileNotFoundError):  # a run that is being trained deletes old ones
            _link(file, into.checkpoints / file.name)
    if run.metrics_log.exists():
        shutil.copyfile(run.metrics_log, into.metrics_log)
    for name in list_selections(run):
        for suffix in (".npy", ".json"):
            shutil.copyfile(run.selections / f"{name}{suffix}", into.selections / f"{name}{suffix}")


def inherit_maps(run: Run, into: Run, before: LatentSpace, now: LatentSpace) -> list[VolumeSeries]:
    """The series of maps that are true of ``into`` as well: those of single particles, and those of the medoids of ``before``.

    A map that is a mean over particles would be another one with more of them.

    Parameters
    ----------
    before, now : latents of the two runs, the partition of ``now`` that of ``before`` with more particles.
    """
    taken = []
    for name in list_volume_series(run):
        series = read_volume_series(run, name)
        methods = {entry.method for entry in series.entries}
        is_of_partition = series.meta.get("partition") == before.meta.get("partition") is not None
        if methods == {"particle"} or (is_of_partition and methods == {"medoid"}):
            taken.append(_with_maps(series, into, {"partition": now.meta["partition"]} if is_of_partition else {}))
    return taken


def _with_maps(series: VolumeSeries, into: Run, changes: dict[str, str]) -> VolumeSeries:
    folder = start_volume_series(into, series.name)
    for entry in series.entries:
        _link(series.map_path(entry), folder / entry.file)
    return write_volume_series(into, series.name, series.entries, series.meta | changes)


def _link(file: Path, name: Path) -> None:
    """A second name for a file; a copy where the file system has no hard links."""
    try:
        os.link(file, name)
    except FileNotFoundError:
        raise
    except OSError:
        shutil.copyfile(file, name)
