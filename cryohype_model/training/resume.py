"""Going on with a run: the same particles, the same networks."""

from __future__ import annotations

import psutil

from cryohype_model.config import RunConfig
from cryohype_model.errors import ConfigError, RunError
from cryohype_model.imaging.particles import Particles
from cryohype_model.inference.contrast import known_contrast
from cryohype_model.nets.checkpoint import Checkpoint
from cryohype_model.runs.layout import Run
from cryohype_model.runs.manifest import read_manifest
from cryohype_model.runs.particles import read_run_particles
from cryohype_model.runs.run import read_config
from cryohype_model.training.prepare import TrainingSet, check_trainable, image_scale, table_fingerprint


def check_same_model(before: RunConfig, now: RunConfig) -> None:
    """ConfigError where ``--set`` or an edited config.toml would change the particles or the networks of a run."""
    for section in ("data", "model"):
        if getattr(before, section) != getattr(now, section):
            raise ConfigError(
                f"a resumed run keeps its {section} section; only training.* and analysis.* keys can change, or begin a new run"
            )


def check_resumable(run: Run, checkpoint: Checkpoint) -> None:
    """RunError where the optimiser's state was left out to make a run small: going on without it is another training."""
    if not checkpoint.optimizer:
        particles = read_config(run).data.particles
        raise RunError(
            f"{run.path} was shipped without the optimiser's state and cannot be resumed; "
            f"train a new run from its settings: cryohype train {particles} --config {run.config}"
        )


def refuse_running(run: Run) -> None:
    """RunError while another process trains this run."""
    manifest = read_manifest(run)
    if manifest.status != "running" or manifest.pid is None:
        return
    try:
        process = psutil.Process(manifest.pid)
        created = process.create_time()
        if process.status() == psutil.STATUS_ZOMBIE:  # it has ended, only nobody took note
            return
    except psutil.NoSuchProcess:
        return
    if manifest.process_created is not None and abs(created - manifest.process_created) < 1.0:
        raise RunError(
            f"{run.path} is being trained by process {manifest.pid}; "
            f"stop that first (kill -INT {manifest.pid} writes a checkpoint)"
        )


def reopen_training_set(run: Run, config: RunConfig, checkpoint: Checkpoint | None) -> TrainingSet:
    """The particles of a run, with the scale of its checkpoint (measured anew where it died before the first one).

    Raises
    ------
    RunError : particles.star no longer holds what the run began with.
    """
    table = read_run_particles(run)
    manifest = read_manifest(run)
    if len(table) != manifest.particles:
        raise RunError(
            f"{run.particles_star} holds {len(table)} particles, but the run began with {manifest.particles}; restore the file"
        )
    if table_fingerprint(table) != manifest.data_fingerprint:
        raise RunError(f"{run.particles_star} names other images than the run began with, or in another order; restore the file")
    check_trainable(table, str(run.particles_star))
    particles = Particles(table)
    if checkpoint is not None:
        return TrainingSet(particles, checkpoint.scale, ())
    contrast, sentence = known_contrast(table, config.data.contrast)
    return TrainingSet(particles, image_scale(particles, config.data, contrast), (sentence,))
