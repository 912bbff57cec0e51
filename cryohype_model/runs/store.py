"""A folder of runs: find them by their manifests, and check one."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import starfile

from cryohype_model.errors import CryoHypeError, RunError
from cryohype_model.runs.latents import LatentSpace
from cryohype_model.runs.layout import Run, complete_folders, unfinished_folders
from cryohype_model.runs.manifest import Manifest, read_manifest
from cryohype_model.runs.metrics_log import torn_lines
from cryohype_model.runs.run import read_config
from cryohype_model.runs.selections import list_selections, read_selection
from cryohype_model.runs.volumes import list_volume_series, read_volume_series


@dataclass(frozen=True)
class FoundRun:
    """A run of a store: its manifest, or None and the reason why it cannot be read."""

    run: Run
    manifest: Manifest | None
    problem: str = ""


@dataclass(frozen=True)
class RunStore:
    """A folder that holds runs, directly or one folder deeper; it may be a run itself."""

    path: Path

    def list_runs(self) -> list[FoundRun]:
        """Every run, newest first; broken ones come last with their reason.

        Raises
        ------
        RunError : the store is no folder.
        """
        if not self.path.is_dir():
            raise RunError(f"{self.path} is not a folder; give the folder that holds the runs")
        found = [_find(Run(folder)) for folder in _run_folders(self.path, depth=2)]
        return sorted(found, key=lambda item: (item.manifest is None, -_created(item), str(item.run.path)))


def check_run(run: Run) -> list[str]:
    """What is wrong with a run, one sentence each; an empty list for a sound run.

    Reads particles.star and every small file, not the maps or the networks.
    """
    try:
        manifest = read_manifest(run)
        problems = []
    except CryoHypeError as error:
        return [str(error)]
    try:
        read_config(run)
    except CryoHypeError as error:
        problems.append(str(error))
    problems += _check_particles(run, manifest)
    problems += _check_training(run, manifest)
    problems += _check_latents(run, manifest)
    problems += _check_named(run)
    return problems


def _find(run: Run) -> FoundRun:
    try:
        return FoundRun(run, read_manifest(run))
    except CryoHypeError as error:
        return FoundRun(run, None, str(error))


def _created(found: FoundRun) -> float:
    return found.manifest.created.timestamp() if found.manifest else 0.0


def _run_folders(folder: Path, depth: int) -> Iterator[Path]:
    """Folders with a manifest, at most ``depth`` below; nothing inside a run is searched."""
    if (folder / "manifest.json").is_file():
        yield folder
        return
    if depth == 0:
        return
    try:
        children = sorted(child for child in folder.iterdir() if child.is_dir() and not child.name.startswith("."))
    except PermissionError:
        return
    for child in children:
        if ".partial-" not in child.name:
            yield from _run_folders(child, depth - 1)


def _check_particles(run: Run, manifest: Manifest) -> list[str]:
    try:
        blocks = starfile.read(run.particles_star, always_dict=True)
    except FileNotFoundError:
        return [f"{run.particles_star} is missing; the run cannot be resumed or analysed"]
    except (OSError, ValueError, TypeError, IndexError) as error:
        return [f"{run.particles_star} cannot be read ({error}); restore it from a copy"]
    if "particles" not in blocks:
        return [f"{run.particles_star} has no data_particles block; restore it from a copy"]
    count = len(blocks["particles"])
    if count != manifest.particles:
        return [f"{run.particles_star} has {count} particles, the manifest tells of {manifest.particles}"]
    return []


def _check_training(run: Run, manifest: Manifest) -> list[str]:
    problems = []
    if manifest.epochs_done and not any(run.checkpoints.glob("*.ckpt")):
        problems.append(f"{run.checkpoints} holds no checkpoint although {manifest.epochs_done} epochs are done")
    torn = torn_lines(run)
    if torn:
        problems.append(f"{run.metrics_log} has {torn} torn lines; resuming the run drops them")
    return problems


def _check_latents(run: Run, manifest: Manifest) -> list[str]:
    problems = []
    for path in complete_folders(run.latents):
        space = LatentSpace(path)
        try:
            counts = {len(space), len(space.pca), len(space.table)}
        except CryoHypeError as error:
            problems.append(str(error))
            continue
        if counts != {manifest.particles}:
            problems.append(f"{path} tells of {sorted(counts)} particles, the manifest of {manifest.particles}; analyze again")
    return problems


def _check_named(run: Run) -> list[str]:
    """Volume series, selections, and folders that a killed process left."""
    problems = []
    for parent in (run.latents, run.volumes, run.evaluation):
        problems += [f"{path} was never finished; delete it or make it again" for path in unfinished_folders(parent)]
    for name in list_volume_series(run):
        try:
            series = read_volume_series(run, name)
        except CryoHypeError as error:
            problems.append(str(error))
            continue
        absent = [entry.file for entry in series.entries if not series.map_path(entry).is_file()]
        problems += [f"{series.path} lacks the map {file}; make the series again" for file in absent]
    for name in list_selections(run):
        try:
            read_selection(run, name)
        except CryoHypeError as error:
            problems.append(str(error))
    return problems
