"""The websocket /events: messages when runs, jobs or stored selections change."""

from __future__ import annotations

import asyncio
import json
from contextlib import aclosing

from fastapi import APIRouter, WebSocket, WebSocketDisconnect

from cryohype_app.server.api.feed import Feed


def router(feed: Feed) -> APIRouter:
    """The websocket /events."""
    routes = APIRouter()

    @routes.websocket("/events")
    async def events(socket: WebSocket) -> None:
        """One message with everything, then one a change (docs/api.md)."""
        await socket.accept()
        telling, hearing = asyncio.create_task(_tell(socket, feed)), asyncio.create_task(_hear_the_end(socket))
        try:
            await asyncio.wait({telling, hearing}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            telling.cancel()
            hearing.cancel()
        await asyncio.wait({telling, hearing})
        if not telling.cancelled():
            telling.result()

    return routes


async def _tell(socket: WebSocket, feed: Feed) -> None:
    async with aclosing(feed.messages()) as messages:
        async for message in messages:
            try:
                await socket.send_text(json.dumps(message, allow_nan=False))
            except WebSocketDisconnect:
                return


async def _hear_the_end(socket: WebSocket) -> None:
    """Until the client goes away; what it says is not heeded."""
    while (await socket.receive())["type"] != "websocket.disconnect":
        pass
