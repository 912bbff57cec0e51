"""How each run stands: its manifest, its curve, and the job that works on it."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

import numpy as np
import numpy.typing as npt

from cryohype_app.jobs.book import JobBook
from cryohype_app.jobs.job import Job
from cryohype_app.store import DataStore
from cryohype_model.errors import CryoHypeError, RunError
from cryohype_model.runs.layout import Run
from cryohype_model.runs.manifest import Manifest
from cryohype_model.runs.run import read_config
from cryohype_model.runs.store import FoundRun


@dataclass(frozen=True, eq=False)
class Standing:
    """What a card tells of a run.

    Attributes
    ----------
    job : id of the job that works on it now, or None. loss : the curve, one value a logged step.
    """

    id: str
    name: str
    path: Path
    status: str
    facts: str = ""
    progress: str = ""
    problem: str = ""
    job: str | None = None
    analysed: bool = False
    has_checkpoint: bool = False
    can_resume: bool = False
    loss: npt.NDArray[np.float64] = field(default_factory=lambda: np.empty(0))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Standing) and self._told() == other._told() and np.array_equal(self.loss, other.loss)

    def __hash__(self) -> int:
        return hash(self.id)

    @property
    def can_delete(self) -> bool:
        """Whether nothing writes into it: neither a job of this store nor a training that was started elsewhere."""
        return self.job is None and self.status != "running"

    def _told(self) -> tuple[object, ...]:
        return (
            self.id, self.path, self.status, self.facts, self.progress, self.problem, self.job, self.analysed,
            self.has_checkpoint, self.can_resume,
        )  # fmt: skip


def standings(data: DataStore, jobs: JobBook) -> list[Standing]:
    """Every run of the store, newest first."""
    working = {job.run: job for job in reversed(jobs.jobs()) if job.run is not None and not job.is_over}
    return [_standing(data, key, found, working.get(found.run.path)) for key, found in data.keyed_runs()]


def standing_of(data: DataStore, jobs: JobBook, run_id: str) -> Standing:
    """One run, by its identity.

    Raises
    ------
    RunError : there is none.
    """
    path = data.run(run_id).path
    working = next((job for job in jobs.jobs() if job.run == path and not job.is_over), None)
    for key, found in data.keyed_runs():
        if key == run_id:
            return _standing(data, key, found, working)
    raise RunError(f"the run {run_id!r} has just gone; choose another")


def _standing(data: DataStore, key: str, found: FoundRun, job: Job | None) -> Standing:
    run, manifest = found.run, found.manifest
    if manifest is None:
        return Standing(key, run.path.name, run.path, "broken", problem=found.problem)
    metrics = data.metrics(run)
    losses = metrics[metrics["split"] == "step"]["loss"] if len(metrics) else metrics.get("loss", [])
    has_checkpoint = (run.checkpoints / "last.ckpt").exists()
    epochs = _epochs(run)
    status = job.status if job is not None and job.status != "running" else manifest.status
    return Standing(
        key, run.path.name, run.path, status, _facts(manifest), _progress(manifest, epochs, job), manifest.message,
        job=job.id if job is not None else None,
        analysed=any((folder / "meta.json").exists() for folder in run.latents.glob("step-*")),
        has_checkpoint=has_checkpoint,
        can_resume=manifest.status in {"stopped", "failed"} or (manifest.status == "finished" and manifest.epochs_done < epochs),
        loss=np.asarray(losses, np.float64),
    )  # fmt: skip


def _epochs(run: Run) -> int:
    try:
        stat = run.config.stat()
        return _epochs_of(run, stat.st_mtime_ns, stat.st_size)
    except (CryoHypeError, OSError):
        return 0


@lru_cache(maxsize=4096)
def _epochs_of(run: Run, *_: int) -> int:
    """Read once as long as the file stays what it is: its time and size are a part of the question."""
    return read_config(run).training.epochs


def _facts(manifest: Manifest) -> str:
    size = (
        f", {manifest.box_px} px at {manifest.pixel_size_angstrom:.3g} Å"
        if manifest.box_px and manifest.pixel_size_angstrom
        else ""
    )
    return f"{manifest.particles:,} particles{size} · {manifest.device or 'no device'} · {manifest.created:%Y-%m-%d %H:%M}"


def _progress(manifest: Manifest, epochs: int, job: Job | None) -> str:
    done = f"epoch {manifest.epochs_done} of {epochs}"
    return f"{done} · {job.kind} {job.status}" if job is not None else done
