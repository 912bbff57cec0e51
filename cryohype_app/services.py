"""What all pages and the API share: made once when the server starts."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from cryohype_app.exports.desk import ExportDesk
from cryohype_app.jobs.devices import Device, list_devices
from cryohype_app.pauses import Pauses
from cryohype_app.roots import Roots
from cryohype_app.served import Served
from cryohype_app.store import DataStore
from cryohype_app.stream import VolumeStream

if TYPE_CHECKING:
    from cryohype_app.jobs.book import JobBook
    from cryohype_app.worker.client import VolumeWorker

log = logging.getLogger(__name__)
TICK_SECONDS = 1.0


@dataclass
class Services:
    """Runs on disk, jobs, volume workers, and the folders that may be read.

    Attributes
    ----------
    watchers : called after each look at the jobs, once a second. served : how browsers and desktop viewers reach this process.
    """

    data: DataStore
    jobs: JobBook
    roots: Roots
    accelerator: str = "auto"
    devices: tuple[Device, ...] = field(default_factory=list_devices)
    watchers: list[Callable[[], Awaitable[None]]] = field(default_factory=list)
    exports: ExportDesk = field(default_factory=ExportDesk)
    pauses: Pauses = field(default_factory=Pauses)
    stream: VolumeStream = field(default_factory=VolumeStream)
    served: Served = field(default_factory=Served)
    _workers: dict[tuple[Path, str], VolumeWorker] = field(default_factory=dict)
    _followed: dict[Path, str] = field(default_factory=dict)

    async def follow(self, run_id: str, checkpoint: str) -> VolumeWorker:
        """The worker of a training's latest checkpoint; that of the one before ends: a long training holds one process."""
        path = self.data.run(run_id).path
        before = self._followed.get(path, checkpoint)
        self._followed[path] = checkpoint
        if before != checkpoint and (old := self._workers.pop((path, before), None)) is not None:
            await old.close()
        return self.worker(run_id, checkpoint)

    def worker(self, run_id: str, checkpoint: str = "last") -> VolumeWorker:
        """The process that makes volumes of a checkpoint; it starts with the first request, and ends when it is idle."""
        from cryohype_app.worker.client import VolumeWorker

        run = self.data.run(run_id)
        key = (run.path, checkpoint)
        if key not in self._workers:
            log_file = self.data.home / ".cryohype" / "workers" / f"{run_id[:12]}.log"
            log_file.parent.mkdir(parents=True, exist_ok=True)
            self._workers[key] = VolumeWorker(run.path, checkpoint, self.accelerator, log=log_file)  # type: ignore[arg-type]  # checked by the command line
        return self._workers[key]

    def maker(self, run_id: str, volume_id: str) -> VolumeWorker | None:
        """Which of a run's workers made a volume, for a page or for a script; None where none did that is still there."""
        path = self.data.run(run_id).path
        return next((worker for (run, _), worker in self._workers.items() if run == path and worker.made(volume_id)), None)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """What runs beside the requests: the look at the jobs, once a second."""
        beside = [asyncio.create_task(self._tick()), asyncio.create_task(self.pauses.watch())]
        try:
            yield
        finally:
            for task in beside:
                task.cancel()
            await self.close()

    async def _tick(self) -> None:
        while True:
            try:
                await asyncio.to_thread(self.jobs.tick)
                self.devices = await asyncio.to_thread(list_devices)
                for watch in self.watchers:
                    await watch()
            except Exception:
                log.exception("the jobs could not be looked at; trying again")
            await asyncio.sleep(TICK_SECONDS)

    async def close(self) -> None:
        """End the volume workers and what they export; jobs go on."""
        await self.exports.close()
        for worker in self._workers.values():
            await worker.close()
        self._workers.clear()
