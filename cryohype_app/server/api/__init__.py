"""REST and websocket API, version 1: what scripts and the napari plugin use, and nothing that the pages cannot do."""

from __future__ import annotations

from fastapi import APIRouter, Security
from fastapi.security import HTTPBearer

from cryohype_app.server.api.feed import Feed
from cryohype_app.server.api.problem import REFUSALS
from cryohype_app.services import Services

BEARER = HTTPBearer(auto_error=False, description="the token that `cryohype-app serve` printed; a browser has it in its cookie")


def api_router(services: Services, feed: Feed) -> APIRouter:
    """Every route under /api/v1; what asks for the token is the guard around all of the server."""
    from cryohype_app.server.api import events, exports, health, jobs, latents, machine, runs, selections, series, starts, volumes

    router = APIRouter(prefix="/api/v1")
    for module in (health, runs, latents, selections, volumes, series, exports, starts, jobs, machine):
        router.include_router(module.router(services), responses=REFUSALS, dependencies=[Security(BEARER)])
    router.include_router(events.router(feed))
    return router
