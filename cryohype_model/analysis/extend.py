"""A run with more particles: the same networks, and what was found of the particles that are there stays as it is."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from cryohype_model.analysis.maps import series_name
from cryohype_model.analysis.newcomers import extend_latents
from cryohype_model.analysis.pictures import write_pictures
from cryohype_model.analysis.progress import Progress
from cryohype_model.errors import InputFileError, RunError
from cryohype_model.inference.trained import TrainedRun, open_trained_run
from cryohype_model.io.join import check_same_kind, joined, named_already
from cryohype_model.io.particles import without_unused_stacks
from cryohype_model.io.table import ParticleTable
from cryohype_model.io.write import write_star
from cryohype_model.nets.checkpoint import checkpoint_path
from cryohype_model.runs.inherit import inherit, inherit_maps
from cryohype_model.runs.latents import LatentSpace, read_latents
from cryohype_model.runs.layout import Run
from cryohype_model.runs.manifest import read_manifest
from cryohype_model.runs.particles import read_run_particles
from cryohype_model.runs.run import create_run, open_run, read_config, refuse_occupied
from cryohype_model.runs.volumes import VolumeSeries


@dataclass(frozen=True)
class Extension:
    """A run that was made of another and more particles.

    Attributes
    ----------
    run : the new one. latents : of all its particles.
    added : particles that joined. left_out : rows of the file whose images were in the run already.
    clusters : (added,) cluster of each, empty where there are none.
    series : maps that were taken over. seconds : that it all took.
    """

    run: Run
    latents: LatentSpace
    added: int
    left_out: int
    clusters: npt.NDArray[np.int64]
    series: list[VolumeSeries]
    seconds: float


def open_analysed_run(path: Path, checkpoint: str | None, accelerator: str) -> tuple[TrainedRun, LatentSpace]:
    """A run's latents and the networks that made them.

    Parameters
    ----------
    checkpoint : whose latents, as a step's name; None for the newest. accelerator : "auto", "cpu" or "cuda".

    Raises
    ------
    RunError : no run, no latents, or their networks are gone.
    """
    run = open_run(path)
    space = read_latents(run, checkpoint)
    for name in (space.checkpoint, "last", "best"):
        if checkpoint_path(run, name).is_file():
            trained = open_trained_run(path, name, accelerator)
            if trained.checkpoint == space.checkpoint:
                return trained, space
    raise RunError(f"the networks of {space.path} are no longer in {run.checkpoints}; run `cryohype analyze {path}`, then extend")


def extend(
    trained: TrainedRun,
    before: LatentSpace,
    more: ParticleTable,
    output: Path,
    command: Sequence[str],
    fingerprint: Callable[[ParticleTable], str],
    progress: Progress,
) -> Extension:
    """Make a run of the particles of another, followed by more of the same kind; it appears complete or not at all.

    Parameters
    ----------
    trained, before : as :func:`open_analysed_run` returns them; their run is not written to.
    more : further particles; images that the run has are left out.
    output : folder of the new run. command : the command line, word by word.
    fingerprint : of a table, for the manifest.

    Raises
    ------
    InputFileError : particles of another kind, or none that is new. RunError : the folder is taken, or latents are unfit.
    """
    began = time.monotonic()
    output = Path(output).absolute()
    refuse_occupied(output)
    table = _particles_of(trained, before)
    added, left_out = _new_of(trained, table, more, progress)
    building = output.with_name(f"{output.name}.partial-{os.getpid()}")
    shutil.rmtree(building, ignore_errors=True)
    try:
        both = joined(table, added, building / "particles.star")
        run = _create(trained, both, added, building, command, fingerprint(both))
        inherit(trained.run, run)
        latents, clusters = extend_latents(trained, before, both, run, progress)
        series = inherit_maps(trained.run, run, before, latents)
        drawn = [one for one in series if one.name == series_name("medoid", latents.checkpoint)]
        write_pictures(replace(trained, run=run), latents, drawn, None, 0, False, progress)
        refuse_occupied(output)
        os.rename(building, output)
    finally:
        shutil.rmtree(building, ignore_errors=True)
    run = Run(output)
    moved = [replace(one, path=run.volumes / one.name) for one in series]
    seconds = time.monotonic() - began
    return Extension(run, LatentSpace(run.latents / latents.checkpoint), len(added), left_out, clusters, moved, seconds)


def _particles_of(trained: TrainedRun, before: LatentSpace) -> ParticleTable:
    """The particles that are there; their images may be elsewhere by now."""
    table = read_run_particles(trained.run, need_images=False)
    if len(table) != len(before):
        raise RunError(f"{before.path} is of {len(before)} particles and the run has {len(table)}; analyze it again, then extend")
    return table


def _new_of(trained: TrainedRun, table: ParticleTable, more: ParticleTable, progress: Progress) -> tuple[ParticleTable, int]:
    """The rows of ``more`` whose images are new, and how many are not."""
    check_same_kind(table, more)
    if more.contrast_known * trained.scale.contrast < 0:
        said, taken = ("bright", "dark") if more.contrast_known > 0 else ("dark", "bright")
        raise InputFileError(
            f"{more.source.path} says that density is {said} in its images, and the run was trained with density taken as "
            f"{taken}; give images of the same contrast"
        )
    known = named_already(table, more)
    left_out = int(known.sum())
    if left_out == len(more):
        raise InputFileError(
            f"all {left_out:,} images of {more.source.path} are in {trained.run.path} already; nothing is to be added"
        )
    if left_out:
        progress.say(f"{left_out:,} of {len(more):,} images are in the run already and are left out.")
    if more.ctf is not None and table.ctf is None:
        progress.say("The run was trained without a CTF: that of the new particles is left out.")
        more = replace(more, ctf=None)
    return without_unused_stacks(more[~known]), left_out


def _create(
    trained: TrainedRun, both: ParticleTable, added: ParticleTable, folder: Path, command: Sequence[str], fingerprint: str
) -> Run:
    """The folder of the new run, with the manifest of the old one but for the particles."""
    manifest = read_manifest(trained.run)
    known = len(both) - len(added)
    note = f"{len(added)} particles of {added.source.path} added to the {known} of {trained.run.path} ({manifest.id})"
    return create_run(
        folder,
        read_config(trained.run),
        list(command),
        fingerprint,
        lambda path: write_star(both, path),
        particles=len(both),
        box_px=manifest.box_px,
        pixel_size_angstrom=manifest.pixel_size_angstrom,
        source=manifest.source,
        device=manifest.device,
        epochs_done=manifest.epochs_done,
        status="finished" if manifest.status == "finished" else "stopped",
        note=". ".join(filter(None, [manifest.note, note])),
    )
