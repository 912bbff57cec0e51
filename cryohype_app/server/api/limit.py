"""A request is read whole before it is looked at: so there is an end to its size."""

from __future__ import annotations

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

LARGEST_JSON = 1 << 20  # bytes, 130,000 particle numbers: their parsing holds up everybody for 10 ms
LARGEST_BINARY = 1 << 26  # bytes: eight million particle numbers


class BodyLimit:
    """ASGI application around another: a body that is too large is refused while it comes in."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, its body counted."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        is_binary = Headers(scope=scope).get("content-type", "").startswith("application/octet-stream")
        left = LARGEST_BINARY if is_binary else LARGEST_JSON

        async def counted() -> Message:
            nonlocal left
            message = await receive()
            left -= len(message.get("body", b""))
            if left < 0:
                raise HTTPException(
                    400, f"a request may have {LARGEST_JSON >> 20} MiB, or {LARGEST_BINARY >> 20} MiB as "
                    "application/octet-stream: store many particles with PUT /runs/{run_id}/selections/{name}/rows",
                )  # fmt: skip
            return message

        await self.app(scope, counted, send)
