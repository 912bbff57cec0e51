"""The exports that this server is making: one at a time of each run, seen by every session."""

from __future__ import annotations

import asyncio
import logging
import threading
import uuid
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Literal

from cryohype_app.exports.items import Item, items_of
from cryohype_app.exports.maker import ExportMaker
from cryohype_app.exports.pace import Pace, measure_pace
from cryohype_app.exports.plan import PlannedFile, check_forms, planned_files
from cryohype_app.exports.progress import Progress, in_thread
from cryohype_app.exports.shelf import begin_export, clear_away, disk_told, finish_folder, finish_zip
from cryohype_app.exports.source import ExportSource
from cryohype_app.exports.wish import Wish, check_wish
from cryohype_app.store import sentence
from cryohype_model.errors import RunError

log = logging.getLogger(__name__)
Status = Literal["making", "finished", "failed", "cancelled"]
ROOM = 1.1  # sizes are partly estimates


@dataclass(eq=False)
class Making:
    """An export that is being made, or that was the last one of its run.

    Attributes
    ----------
    name : of the finished folder or file, empty before. message : why there is none.
    """

    id: str
    run_id: str
    progress: Progress
    status: Status = "making"
    name: str = ""
    message: str = ""
    stopped: threading.Event = field(default_factory=threading.Event)

    def end(self) -> None:
        """Nothing more is done for it: it is complete where it has a name."""
        if self.name:
            self.status = "finished"
        elif self.status == "making":
            self.status, self.message = "cancelled", "The export was cancelled; nothing of it was kept."


@dataclass(frozen=True, eq=False)
class Checked:
    """A wish that can be fulfilled: its structures and files."""

    wish: Wish
    items: tuple[Item, ...]
    files: tuple[PlannedFile, ...]

    @property
    def bytes(self) -> int:
        """About what will be written."""
        return sum(file.bytes for file in self.files)


def check(source: ExportSource, wish: Wish) -> Checked:
    """What a wish comes to, before anything is made; reads the run, so not for the event loop.

    Raises
    ------
    CryoHypeError : one sentence why it is impossible.
    """
    check_wish(wish)
    items, table = items_of(source, wish), source.table()
    check_forms(wish, table)
    return Checked(wish, items, planned_files(wish, items, table, source.box_px(), table.box_px // 2 * 2))


@dataclass
class ExportDesk:
    """Starts, watches and cancels; what is finished is on disk and outlives the server."""

    _made: dict[str, Making] = field(default_factory=dict)
    _paces: dict[tuple[object, ...], Pace] = field(default_factory=dict)
    _tasks: dict[str, asyncio.Task[None]] = field(default_factory=dict)

    def of(self, run_id: str) -> Making | None:
        """The export of a run that is being made, or was made last since the server was started."""
        return self._made.get(run_id)

    def is_making(self, run_id: str) -> bool:
        """Whether an export of a run is being made."""
        making = self._made.get(run_id)
        return making is not None and making.status == "making"

    async def pace(self, source: ExportSource, wish: Wish) -> Pace:
        """How long the steps of a wish take; measured once for each checkpoint and box."""
        key = (source.run_id, source.checkpoint, wish.box_px, wish.backprojects)
        if key not in self._paces:
            self._paces[key] = await measure_pace(source.worker, wish.box_px, wish.backprojects)
        return self._paces[key]

    def start(self, source: ExportSource, checked: Checked, folder: Path, pace: Pace | None = None) -> Making:
        """Begin to make an export; call it from the event loop.

        Parameters
        ----------
        folder : of the run's exports.

        Raises
        ------
        RunError : another one of this run is being made.
        """
        if self.is_making(source.run_id):
            raise RunError("an export of this run is being made already; wait for it, or cancel it")
        making = Making(uuid.uuid4().hex, source.run_id, Progress(1.0))
        self._made[source.run_id] = making
        task = asyncio.get_running_loop().create_task(self._make(making, source, checked, folder, pace))
        task.add_done_callback(lambda _: making.end())  # also of one that was cancelled before it began
        self._tasks[source.run_id] = task
        return making

    def cancel(self, run_id: str) -> None:
        """Give up the export of a run; nothing of it stays."""
        making, task = self._made.get(run_id), self._tasks.get(run_id)
        if making is not None and task is not None and making.status == "making":
            making.stopped.set()
            task.cancel()

    async def close(self) -> None:
        """Give up every export: the server ends."""
        for run_id in self._tasks:
            self.cancel(run_id)
        await asyncio.gather(*(task for task in self._tasks.values() if not task.done()), return_exceptions=True)

    async def _make(self, making: Making, source: ExportSource, checked: Checked, folder: Path, pace: Pace | None) -> None:
        try:
            with disk_told(folder):
                await self._written(making, source, checked, folder, pace)
        except asyncio.CancelledError:
            pass  # which may also come when all is there already
        except Exception as error:  # whatever ends an export is told, and the server goes on
            log.debug("an export failed", exc_info=True)
            making.status, making.message = "failed", sentence(error)
        making.end()

    async def _written(self, making: Making, source: ExportSource, checked: Checked, folder: Path, pace: Pace | None) -> None:
        zipped = checked.wish.place == "zip"
        room = round(ROOM * checked.bytes) + (max(file.bytes for file in checked.files) if zipped else 0)
        begun: list[tuple[Path, Path]] = []  # known also where a cancellation comes while it is made
        try:
            await in_thread(lambda: begun.append(begin_export(folder, checked.wish.name, ".zip" if zipped else "", room)))
            inside, final = begun[0]
            maker = ExportMaker(source, checked.wish, checked.items, inside, f"export {making.id}", pace)
            making.progress = maker.progress
            await maker.make()
            maker.progress.begin("packing", 0.0)
            await in_thread(lambda: self._finish(making, inside, final))
        finally:
            for inside, _ in begun:
                await in_thread(partial(clear_away, inside))

    def _finish(self, making: Making, inside: Path, final: Path) -> None:
        if final.suffix == ".zip":
            done = finish_zip(inside, final, making.progress.within, making.stopped.is_set)
        else:
            done = finish_folder(inside, final)
        if done:
            making.name = final.name
