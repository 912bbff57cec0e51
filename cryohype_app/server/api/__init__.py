"""REST and websocket API, version 1: what scripts and the napari plugin use, and nothing that the pages cannot do."""

from __future__ import annotations

from fastapi import APIRouter

from cryohype_app.server.api.problem import REFUSALS
from cryohype_app.services import Services


def api_router(services: Services) -> APIRouter:
    """Every route under /api/v1."""
    from cryohype_app.server.api import health, runs, selections

    router = APIRouter(prefix="/api/v1", responses=REFUSALS)
    for module in (health, runs, selections):
        router.include_router(module.router(services))
    return router
