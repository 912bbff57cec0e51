"""What is on disk, read once for all sessions of the dashboard."""

from __future__ import annotations

import time
from collections import OrderedDict
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock, RLock

import pandas as pd

from cryohype_app.frame import LatentFrame
from cryohype_model.errors import CryoHypeError, RunError
from cryohype_model.io.table import ParticleTable
from cryohype_model.runs.columns import ParticleColumns
from cryohype_model.runs.latents import LatentSpace, read_latents
from cryohype_model.runs.layout import Run, complete_folders
from cryohype_model.runs.manifest import Manifest, read_manifest
from cryohype_model.runs.metrics_log import read_metrics
from cryohype_model.runs.particles import read_run_particles
from cryohype_model.runs.store import FoundRun, RunStore

FRESH_SECONDS = 1.0  # a listing of the store is as old as this at most
FRAMES_KEPT = 3


@dataclass
class DataStore:
    """Runs, latents and training curves under a few folders; every answer is shared, nothing is copied for a session.

    Parameters
    ----------
    folders : stores or single runs; the first is where new runs go.
    """

    folders: tuple[Path, ...]
    _runs: dict[str, FoundRun] = field(default_factory=dict)
    _listed: float = float("-inf")
    _frames: OrderedDict[tuple[Path, str], LatentFrame] = field(default_factory=OrderedDict)
    _metrics: dict[Path, tuple[tuple[int, int], pd.DataFrame]] = field(default_factory=dict)
    _table: tuple[Run, ParticleTable] | None = None
    _lock: RLock = field(default_factory=RLock)
    _reading: Lock = field(default_factory=Lock)  # of particles, which takes long: nothing else waits for it

    @property
    def home(self) -> Path:
        """The folder of new runs."""
        return self.folders[0]

    def runs(self) -> list[FoundRun]:
        """Every run, newest first, broken ones last."""
        with self._lock:
            if time.monotonic() - self._listed > FRESH_SECONDS:
                self._list()
            return list(self._runs.values())

    def keyed_runs(self) -> list[tuple[str, FoundRun]]:
        """The same, each with the identity that :meth:`run` understands."""
        self.runs()
        with self._lock:
            return list(self._runs.items())

    def forget(self) -> None:
        """List anew with the next question: a run came or went."""
        with self._lock:
            self._listed = float("-inf")

    def run(self, run_id: str) -> Run:
        """The run of an identity (manifest.json's id).

        Raises
        ------
        RunError : there is none under the folders.
        """
        for refresh in (False, True):
            with self._lock:
                if refresh or not self._runs:
                    self._list()
                if run_id in self._runs:
                    return self._runs[run_id].run
        raise RunError(f"there is no run {run_id!r} here; it was moved or deleted, choose another")

    def manifest(self, run_id: str) -> Manifest:
        """How a run stands, read anew."""
        return read_manifest(self.run(run_id))

    def latents(self, run_id: str) -> list[str]:
        """Names of the checkpoints that were analysed, the newest analysis first."""
        spaces = [LatentSpace(path) for path in complete_folders(self.run(run_id).latents)]
        return [space.checkpoint for space in sorted(spaces, key=lambda space: str(space.meta.get("created")), reverse=True)]

    def frame(self, run_id: str, checkpoint: str | None = None) -> LatentFrame:
        """The latent space of a run: of a checkpoint, or of its newest analysis.

        Raises
        ------
        RunError : the run was not analysed yet.
        """
        run = self.run(run_id)
        space = read_latents(run, checkpoint)
        key = (space.path, str(space.meta.get("created")))
        with self._lock:
            frame = self._frames.pop(key, None) or LatentFrame(space, ParticleColumns(run))
            self._frames[key] = frame
            while len(self._frames) > FRAMES_KEPT:
                self._frames.popitem(last=False)
        return frame

    def table(self, run_id: str) -> ParticleTable:
        """The particles of a run, without their images; the last one that was asked for is kept."""
        run = self.run(run_id)
        with self._reading:
            if self._table is None or self._table[0] != run:
                self._table = (run, read_run_particles(run, need_images=False))
            return self._table[1]

    def metrics(self, run: Run) -> pd.DataFrame:
        """The training curve; the file is read again only when it has changed."""
        try:
            stat = run.metrics_log.stat()
        except FileNotFoundError:
            return read_metrics(run)
        state = (stat.st_size, stat.st_mtime_ns)
        with self._lock:
            known = self._metrics.get(run.path)
            if known is None or known[0] != state:
                known = (state, read_metrics(run))
                self._metrics[run.path] = known
            return known[1]

    def _list(self) -> None:
        found: dict[str, FoundRun] = {}
        for folder in self.folders:
            for item in RunStore(folder).list_runs() if folder.is_dir() else ():
                key = item.manifest.id if item.manifest else f"broken:{item.run.path}"
                # a copied run has the same identity: both are shown, the first keeps it
                found[key if key not in found else f"{key}:{item.run.path.name}"] = item
        broken_last = sorted(found.items(), key=lambda pair: (pair[1].manifest is None, -_created(pair[1])))
        self._runs, self._listed = dict(broken_last), time.monotonic()


def _created(found: FoundRun) -> float:
    return found.manifest.created.timestamp() if found.manifest else 0.0


def sentence(error: Exception) -> str:
    """What is shown of an error: our own sentences as they are, anything else by its kind."""
    if isinstance(error, CryoHypeError):
        return str(error)
    return f"Something unforeseen happened ({type(error).__name__}: {error}); the server's log has the details."
