"""A desktop viewer at the other end of a websocket."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Coroutine
from contextlib import aclosing
from typing import Any

from fastapi import WebSocket, WebSocketDisconnect
from pydantic import ValidationError

from cryohype_app import __version__
from cryohype_app.server.api.feed import Feed
from cryohype_app.server.stream.contents import contents
from cryohype_app.server.stream.pace import Pace
from cryohype_app.server.stream.wish import Ask, Look, Settings, Wish, granted
from cryohype_app.services import Services
from cryohype_app.store import sentence
from cryohype_app.stream import Shown
from cryohype_app.wire import FOLLOW, PROTOCOL, Part, encode, text, values_of
from cryohype_app.worker.errors import Superseded

log = logging.getLogger(__name__)


class Conversation:
    """Maps, runs and sentences go to the viewer; its wishes and what it confirms come back.

    Parameters
    ----------
    socket : accepted. feed : tells of the runs.
    """

    def __init__(self, socket: WebSocket, services: Services, feed: Feed) -> None:
        self._socket, self._services, self._feed = socket, services, feed
        self._listener = services.stream.join()
        self._pace = Pace()
        self._sending = asyncio.Lock()
        self._serial = 0
        self._work: dict[str, asyncio.Task[None]] = {}

    async def run(self) -> None:
        """Until the viewer goes away."""
        await self._say("hello", protocol=PROTOCOL, version=__version__)
        tasks = [asyncio.create_task(part) for part in (self._volumes(), self._runs(), self._hear())]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            self._services.stream.leave(self._listener)
            for task in (*tasks, *self._work.values()):
                task.cancel()
        await asyncio.wait(tasks)
        for task in tasks:
            error = None if task.cancelled() else task.exception()
            if error is not None and not isinstance(error, WebSocketDisconnect):
                log.error("a viewer's connection ended", exc_info=error)

    async def _volumes(self) -> None:
        while True:
            await self._send(await self._listener.take())

    async def _send(self, shown: Shown) -> None:
        """One map, part by part; what the browser shows meanwhile goes first, a newer one of the same slot ends this one."""
        slot = shown.head.slot
        self._serial += 1
        serial, offset = self._serial, 0
        values, factor = await asyncio.to_thread(values_of, shown.array, self._listener.precision)
        head = shown.head.model_copy(update={"shape": values.shape, "dtype": values.dtype.str, "factor": factor})
        content = values.reshape(-1).view("u1").data
        while offset < len(content) or not offset:
            size = await self._pace.room()
            if offset and self._listener.is_overtaken(slot):
                return
            while slot != FOLLOW and self._listener.is_overtaken(FOLLOW):
                await self._send(await self._listener.take())
            part = content[offset : offset + size]
            message = encode(Part(serial=serial, offset=offset, volume=None if offset else head), part)
            self._pace.sent(len(part))
            async with self._sending:
                await self._socket.send_bytes(message)
            offset += len(part)

    async def _runs(self) -> None:
        async with aclosing(self._feed.messages()) as messages:
            async for message in messages:
                await self._say("runs", change=message)

    async def _hear(self) -> None:
        while True:
            message = await self._socket.receive()
            if message["type"] == "websocket.disconnect":
                return
            try:
                self._heed(json.loads(message.get("text") or "{}"))
            except (ValueError, TypeError, AttributeError, KeyError) as error:
                said = error.errors()[0]["msg"] if isinstance(error, ValidationError) else str(error)
                await self._say("problem", sentence=f"the dashboard does not understand the viewer ({said}); update CryoHype")

    def _heed(self, message: dict[str, Any]) -> None:
        kind = message.get("kind")
        if kind == "got":
            self._pace.confirmed(int(message["bytes"]))
        elif kind == "settings":
            wanted = Settings.model_validate(message)
            self._services.stream.settle(self._listener, wanted.follow, wanted.precision)
        elif kind == "look":
            self._replace("look", self._look(Look.model_validate(message)))
        elif kind == "show":
            self._replace("show", self._show(Ask.model_validate(message).wish))
        else:
            raise ValueError(f"there is no message {kind!r}")

    def _replace(self, kind: str, work: Coroutine[Any, Any, None]) -> None:
        """Begin some work; the newest of a kind is the one that is wanted."""
        if (before := self._work.get(kind)) is not None:
            before.cancel()
        self._work[kind] = asyncio.create_task(self._tell_failure(work))

    async def _tell_failure(self, work: Coroutine[Any, Any, None]) -> None:
        try:
            await work
        except (WebSocketDisconnect, Superseded):
            return
        except Exception as error:  # noqa: BLE001  # whatever ends a wish is told, and the connection goes on
            await self._say("problem", sentence=sentence(error))

    async def _look(self, wanted: Look) -> None:
        await self._say("contents", run=wanted.run, **await asyncio.to_thread(contents, self._services, wanted.run))

    async def _show(self, wish: Wish) -> None:
        async with aclosing(granted(self._services, wish, f"viewer-{id(self)}")) as maps:
            async for shown in maps:
                self._listener.put(shown)

    async def _say(self, kind: str, **values: Any) -> None:
        async with self._sending:
            await self._socket.send_text(text(kind, **values))
