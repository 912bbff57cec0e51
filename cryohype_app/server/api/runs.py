"""Runs, their training curves and their selections."""

from __future__ import annotations

from fastapi import APIRouter

from cryohype_app.services import Services
from cryohype_model.runs.manifest import Manifest


def router(services: Services) -> APIRouter:
    """GET /runs."""
    routes = APIRouter(tags=["runs"])

    @routes.get("/runs")
    def list_runs() -> list[Manifest]:
        """Every run that can be read, newest first."""
        return [found.manifest for found in services.data.runs() if found.manifest is not None]

    return routes
