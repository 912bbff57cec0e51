"""Whether the server is there, and which one it is."""

from __future__ import annotations

import time
import uuid

from fastapi import APIRouter
from pydantic import BaseModel, Field

from cryohype_app import __version__
from cryohype_app.services import Services

INSTANCE = uuid.uuid4().hex


class Health(BaseModel):
    """An answer means that the server is there."""

    version: str = Field(description="of cryohype")
    instance: str = Field(description="changes when the server is restarted: a page then loads itself anew")
    uptime_seconds: float = Field(ge=0, description="since it was started")
    longest_pause_seconds: float = Field(description="of the last ten seconds, the longest time in which nobody was answered")
    longest_own_pause_seconds: float = Field(description="the same without the time in which other processes held the cores")


def router(services: Services) -> APIRouter:
    """GET /healthz."""
    routes = APIRouter(tags=["server"])
    started = time.monotonic()

    @routes.get("/healthz")
    async def healthz() -> Health:
        """The server's version and identity, and how promptly it answers."""
        pauses = services.pauses
        return Health(
            version=__version__,
            instance=INSTANCE,
            uptime_seconds=time.monotonic() - started,
            longest_pause_seconds=pauses.longest_seconds,
            longest_own_pause_seconds=pauses.longest_own_seconds,
        )

    return routes
