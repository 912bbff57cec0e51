"""One life of the worker process, seen from the server: start, ask, end."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import secrets
import signal
import sys
from collections.abc import AsyncGenerator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy.typing as npt

from cryohype_app.worker.errors import WorkerError, heard
from cryohype_app.worker.frames import Frame, encode_frame, receive_frame
from cryohype_model.errors import CryoHypeError

PATIENCE_SECONDS = 10.0  # between closing the channel and killing
BUFFER_BYTES = 1 << 22

Inbox = asyncio.Queue["Frame | CryoHypeError"]


class WorkerProcess:
    """A running worker; made by :meth:`start`.

    Attributes
    ----------
    token : what the ids of its volumes begin with. ready : future of the frame that it says when it is ready.
    """

    def __init__(self, process: asyncio.subprocess.Process, token: str, log: Path) -> None:
        if process.stdin is None or process.stdout is None:
            raise WorkerError("the volume worker was started without its pipes; start it with WorkerProcess.start")
        self.token = token
        self.ready: asyncio.Future[Frame] = asyncio.get_running_loop().create_future()
        self._process, self._stdin, self._stdout, self._log = process, process.stdin, process.stdout, log
        self._numbers = itertools.count(1)
        self._inboxes: dict[int, Inbox] = {}
        self._end: CryoHypeError | None = None
        self._listener = asyncio.create_task(self._listen())

    @classmethod
    async def start(cls, words: Sequence[str], log: Path) -> WorkerProcess:
        """Start ``python -m cryohype_app.worker`` with these words; it loads while requests wait in its pipe.

        Parameters
        ----------
        log : file that its standard error is appended to.

        Raises
        ------
        WorkerError : the log cannot be written, or the machine starts no process.
        """
        token = secrets.token_hex(4)
        try:
            log.parent.mkdir(parents=True, exist_ok=True)
            with log.open("ab") as stderr:
                process = await asyncio.create_subprocess_exec(
                    *(sys.executable, "-m", "cryohype_app.worker", *words, "--token", token),
                    stdin=asyncio.subprocess.PIPE,
                    stdout=asyncio.subprocess.PIPE,
                    stderr=stderr,
                    limit=BUFFER_BYTES,
                    start_new_session=True,  # Ctrl-C is for the server, which then closes the channel
                )
        except OSError as error:
            raise WorkerError(f"the volume worker cannot be started ({error}); check its log file and the machine") from None
        return cls(process, token, log)

    @property
    def pid(self) -> int:
        """Of the operating system."""
        return self._process.pid

    @property
    def ended(self) -> bool:
        """Whether it can answer no more."""
        return self._end is not None

    async def ask(
        self, kind: str, message: Mapping[str, Any], arrays: Mapping[str, npt.NDArray[Any]]
    ) -> AsyncGenerator[Frame, None]:
        """Send a request; its frames as they come. Leaving early cancels it.

        Raises
        ------
        CryoHypeError : what the worker answered instead, or that it is gone.
        """
        number, inbox, done = next(self._numbers), Inbox(), False
        if self._end is not None:
            raise self._end
        self._inboxes[number] = inbox
        try:
            await self._send({"id": number, "kind": kind, "ask": dict(message)}, arrays)
            while not isinstance(item := await inbox.get(), CryoHypeError):
                if item.message.get("end"):
                    done = True
                    return
                yield item
            done = True
            raise item
        finally:
            self._inboxes.pop(number, None)
            if not done and not self.ended:
                self._stdin.writelines(encode_frame({"kind": "cancel", "of": number}))

    async def close(self) -> None:
        """End it: gently where it can have begun something, then by force; returns when it is gone."""
        patience = PATIENCE_SECONDS if self.ready.done() else 0.0
        self._fail(WorkerError("the volume worker was closed; ask again, which starts it anew"))
        self._stdin.close()
        done, _ = await asyncio.wait({self._listener}, timeout=patience)
        if not done:
            with contextlib.suppress(ProcessLookupError):
                self._process.kill()
        await self._listener

    async def _send(self, message: Mapping[str, Any], arrays: Mapping[str, npt.NDArray[Any]]) -> None:
        self._stdin.writelines(encode_frame(message, arrays))
        with contextlib.suppress(ConnectionError):  # the listener tells how it ended
            await self._stdin.drain()

    async def _listen(self) -> None:
        """Deliver frames until the process ends, then say how it ended to all who wait."""
        torn = ""
        try:
            while (frame := await receive_frame(self._stdout)) is not None:
                self._deliver(frame)
        except Exception as error:  # noqa: BLE001 - whatever it is, those who wait must hear of it
            torn = str(error)
            with contextlib.suppress(ProcessLookupError):
                self._process.kill()
        code = await self._process.wait()
        how = torn or _how(code)
        self._fail(
            WorkerError(f"The volume worker ended unexpectedly ({how}, log {self._log}); the next request starts it again.")
        )
        self._stdin.close()

    def _deliver(self, frame: Frame) -> None:
        if "failed" in frame.message:
            self._fail(heard(frame.message["failed"]))
        elif "ready" in frame.message:
            if not self.ready.done():
                self.ready.set_result(frame)
        elif (inbox := self._inboxes.get(frame.message["id"])) is not None:
            if "error" in frame.message:
                _replace(inbox, heard(frame.message["error"]))
            else:
                inbox.put_nowait(frame)

    def _fail(self, error: CryoHypeError) -> None:
        """The first reason counts; everybody who waits hears it."""
        if self._end is not None:
            return
        self._end = error
        for inbox in self._inboxes.values():
            _replace(inbox, error)
        if not self.ready.done():
            self.ready.set_exception(error)
            self.ready.exception()  # whether somebody waits for it or not


def _replace(inbox: Inbox, error: CryoHypeError) -> None:
    """The error instead of what has not been read yet."""
    while not inbox.empty():
        inbox.get_nowait()
    inbox.put_nowait(error)


def _how(code: int) -> str:
    if code >= 0:
        return f"exit code {code}"
    name = signal.Signals(-code).name if -code in set(signal.Signals) else f"signal {-code}"
    return f"killed by {name}" + (", often because memory ran out" if name == "SIGKILL" else "")
