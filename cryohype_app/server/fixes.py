"""What bokeh-fastapi 0.1.8 lacks; to be deleted when it is mended there."""

from __future__ import annotations

import asyncio
from typing import Any

from bokeh_fastapi.handler import WSHandler


def apply() -> None:
    """Mend the websocket handler, once a process.

    Messages of one session follow each other: without a lock they interleave on a slow link, and the page breaks.
    A closed connection is told to the application: without it no session would ever be freed.
    """
    if getattr(WSHandler, "mended_by_cryohype", False):
        return
    send_message, ws_connect = WSHandler.send_message, WSHandler.ws_connect

    async def send_in_order(self: Any, message: Any) -> int:
        async with self.__dict__.setdefault("_sending", asyncio.Lock()):
            return int(await send_message(self, message))

    async def connect_until_closed(self: Any, websocket: Any) -> None:
        try:
            await ws_connect(self, websocket)
        finally:
            if self.connection is not None:
                self.application.client_lost(self.connection)

    WSHandler.send_message = send_in_order
    WSHandler.ws_connect = connect_until_closed
    WSHandler.mended_by_cryohype = True
