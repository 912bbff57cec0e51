"""The address of the stream."""

from __future__ import annotations

from fastapi import APIRouter, WebSocket, WebSocketDisconnect

from cryohype_app.server.api.feed import Feed
from cryohype_app.server.stream.conversation import Conversation
from cryohype_app.services import Services
from cryohype_app.wire import STREAM_PATH


def router(services: Services, feed: Feed) -> APIRouter:
    """The websocket."""
    routes = APIRouter()

    @routes.websocket(STREAM_PATH)
    async def stream(socket: WebSocket) -> None:
        """Maps as they are made (docs/api.md)."""
        await socket.accept()
        try:
            await Conversation(socket, services, feed).run()
        except WebSocketDisconnect:
            return

    return routes
