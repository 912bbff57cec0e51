"""Keeps one worker process: started when it is asked for, ended when it idles, started again when it died."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from pathlib import Path
from typing import Any

import numpy.typing as npt

from cryohype_app.worker.errors import WorkerError
from cryohype_app.worker.frames import Frame
from cryohype_app.worker.process import WorkerProcess


class Keeper:
    """The process of one run.

    Parameters
    ----------
    words : of the worker's command line. log : where its standard error goes.
    idle_seconds : it is ended after so long without a request, so that its GPU is free.
    """

    def __init__(self, words: Sequence[str], log: Path, idle_seconds: float) -> None:
        self._words, self._log, self._idle_seconds = words, log, idle_seconds
        self._process: WorkerProcess | None = None
        self._starting: asyncio.Task[WorkerProcess] | None = None
        self._ending: set[asyncio.Task[None]] = set()
        self._timer: asyncio.TimerHandle | None = None
        self._busy = 0
        self._open = True

    @property
    def process(self) -> WorkerProcess | None:
        """The process that runs now, if any."""
        return None if self._process is None or self._process.ended else self._process

    async def ask(
        self, kind: str, message: Mapping[str, Any], arrays: Mapping[str, npt.NDArray[Any]]
    ) -> AsyncGenerator[Frame, None]:
        """The frames that answer a request; starts the process if there is none."""
        self._begin()
        try:
            process = await self.running()
            async with aclosing(process.ask(kind, message, arrays)) as frames:
                async for frame in frames:
                    yield frame
        finally:
            self._finish()

    async def ready(self) -> Frame:
        """What the process says of itself when it is ready."""
        self._begin()
        try:
            return await asyncio.shield((await self.running()).ready)
        finally:
            self._finish()

    async def running(self) -> WorkerProcess:
        """The process, started if there is none.

        Raises
        ------
        WorkerError : the keeper was closed.
        """
        if not self._open:
            raise WorkerError("this volume worker is closed; open the run again")
        if (process := self.process) is not None:
            return process
        if self._starting is None:
            self._starting = asyncio.create_task(self._start())
        return await asyncio.shield(self._starting)  # whoever gives up waiting does not end it for the others

    async def close(self) -> None:
        """End the process for good."""
        self._open = False
        self._stop_timer()
        if self._starting is not None:
            await asyncio.wait({self._starting})
        self._retire()
        if self._ending:
            await asyncio.gather(*self._ending)

    async def _start(self) -> WorkerProcess:
        try:
            self._process = await WorkerProcess.start(self._words, self._log)
            return self._process
        finally:
            self._starting = None

    def _begin(self) -> None:
        self._busy += 1
        self._stop_timer()

    def _finish(self) -> None:
        self._busy -= 1
        if not self._busy and self._open:
            self._timer = asyncio.get_running_loop().call_later(self._idle_seconds, self._retire)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _retire(self) -> None:
        """End the process; a request that comes now starts another."""
        process, self._process = self._process, None
        if process is not None:
            task = asyncio.create_task(process.close())
            self._ending.add(task)
            task.add_done_callback(self._ending.discard)
