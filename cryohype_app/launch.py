"""What the pages and the API start: checked first, then put into the queue."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from threading import Lock

from cryohype_app.jobs.commands import analyze_command, embed_command, resume_command, train_command
from cryohype_app.jobs.job import LOCAL, Job
from cryohype_app.services import Services
from cryohype_app.standing import standing_of
from cryohype_model.config import DataConfig, load_config
from cryohype_model.errors import ConfigError, InputFileError, RunError
from cryohype_model.runs.embeddings import rows_to_embed
from cryohype_model.runs.layout import check_name
from cryohype_model.runs.run import refuse_occupied

PATHS_OF_DATA = ("datadir", "poses", "ctf", "indices", "labels")  # keys of the data section that name files
_STARTING = Lock()  # of two that want one run, the first has it


class RunBusyError(RunError):
    """The folder of a run is taken, or something works in it."""


@dataclass(frozen=True)
class Training:
    """A new run.

    Attributes
    ----------
    particles : particle file, absolute. name : of the run's folder in the store.
    preset, config : one of the two to begin from; overrides : ``section.key=value`` on top of it.
    device, lane : of the job. analyze : as well, when it has trained to the end.
    """

    particles: Path
    name: str
    preset: str | None = None
    config: Path | None = None
    overrides: Sequence[str] = ()
    device: str = "cpu"
    lane: str = LOCAL
    analyze: bool = False

    def command(self, home: Path) -> tuple[str, ...]:
        """Word by word, for a run in the folder ``home``."""
        return train_command(
            self.particles, home / self.name, self.preset, self.overrides, self.device, self.config, analyze=self.analyze
        )


def default_device(services: Services) -> str:
    """The first GPU, or the CPU where there is none."""
    return next((device.id for device in services.devices if device.id != "cpu"), "cpu")


def start_training(services: Services, wanted: Training) -> Job:
    """Put a new training into the queue.

    Raises
    ------
    RunBusyError : a run of this name is there, or waits for its device.
    CryoHypeError : an impossible name or setting, or a path outside of the server's folders.
    """
    output = services.data.home / check_name(wanted.name, "run")
    if not services.roots.checked(output).is_relative_to(services.data.home.resolve()):
        raise InputFileError(f"{output} leads out of {services.data.home}; choose another name")
    if not os.path.exists(services.roots.checked(wanted.particles)):  # False also of a name that no file system takes
        raise InputFileError(f"{wanted.particles} does not exist; give a particle file")
    config = load_config(wanted.config, preset=wanted.preset, overrides=list(wanted.overrides))
    _check_paths(services, config.data)
    _check_device(services, wanted.lane, wanted.device)
    command = wanted.command(services.data.home)
    with _STARTING:
        _refuse_busy(services, output)
        try:
            refuse_occupied(output)
        except RunError as error:
            raise RunBusyError(str(error)) from None
        return services.jobs.submit("train", wanted.name, command, run=output, lane=wanted.lane, device=wanted.device)


def resume_training(services: Services, run_id: str, device: str, lane: str = LOCAL) -> Job:
    """Let a training that was stopped go on.

    Raises
    ------
    RunBusyError : it is being trained or analysed. RunError : it has nothing left to do, or no checkpoint to go on from.
    """
    run = standing_of(services.data, services.jobs, run_id)
    if run.status == "running":
        raise RunBusyError(f"{run.name} is being trained; stop that first")
    if not (run.can_resume and run.has_checkpoint):
        raise RunError(f"{run.name} is {run.status} and cannot go on; train a new run from its settings")
    return _work_on(services, "train", run.path, lane, device, resume_command(run.path, device=device))


def start_analysis(services: Services, run_id: str, device: str, lane: str = LOCAL) -> Job:
    """Put the analysis of a run's last checkpoint into the queue.

    Raises
    ------
    RunBusyError : it is being trained or analysed by a job. RunError : it has no checkpoint yet.
    """
    run = standing_of(services.data, services.jobs, run_id)
    if not run.has_checkpoint:
        raise RunError(f"{run.name} has no checkpoint yet; train it first")
    return _work_on(services, "analyze", run.path, lane, device, analyze_command(run.path, device=device))


def start_embedding(services: Services, run_id: str, selection: str, checkpoint: str) -> Job:
    """Put the embedding of a stored selection alone into the queue of the CPU; reads the selection, so not for the event loop.

    Raises
    ------
    RunBusyError : it is being made already. RunError : no such selection, or too few particles.
    """
    run = services.data.run(run_id)
    rows_to_embed(run, selection)
    command = embed_command(run.path, selection, checkpoint)
    if any(job.command == command and not job.is_over for job in services.jobs.jobs()):
        raise RunBusyError(f"the selection {selection!r} is being embedded already; wait for the end of it")
    return services.jobs.submit("embed", f"embed {selection} of {run.path.name}", command, run=run.path)


def _work_on(services: Services, kind: str, path: Path, lane: str, device: str, command: tuple[str, ...]) -> Job:
    _check_device(services, lane, device)
    with _STARTING:
        _refuse_busy(services, path)
        return services.jobs.submit(kind, f"{kind} {path.name}", command, run=path, lane=lane, device=device)


def _refuse_busy(services: Services, path: Path) -> None:
    for job in services.jobs.jobs():
        if job.run == path and not job.is_over:
            raise RunBusyError(f"the job {job.title!r} on {path.name} is {job.status}; wait for its end, or stop it")


def _check_device(services: Services, lane: str, device: str) -> None:
    """Of a cluster's machines nothing is known here; of this one, everything."""
    known = [found.id for found in services.devices]
    absent = [name for name in device.split(",") if name not in known]
    if lane == LOCAL and absent:
        raise ConfigError(f"there is no device {absent[0]!r} here; choose of {', '.join(known)}")


def _check_paths(services: Services, data: DataConfig) -> None:
    """A job runs in the store: there a relative path begins."""
    for key in PATHS_OF_DATA:
        if (path := getattr(data, key)) is not None:
            services.roots.checked(services.data.home / path)
