"""The interactive description of the API at /docs, from files of our own: no other host is asked."""

from __future__ import annotations

from pathlib import Path

from fastapi import FastAPI
from fastapi.responses import FileResponse
from fastapi.staticfiles import StaticFiles

STATIC = Path(__file__).parent / "static"


def add_docs(app: FastAPI) -> None:
    """Serve /docs and what it is made of."""

    @app.get("/docs", include_in_schema=False)
    def docs() -> FileResponse:
        """Swagger UI."""
        return FileResponse(STATIC / "docs.html")

    app.mount("/docs", StaticFiles(directory=STATIC), name="docs")
