"""Exports of a run: maps, particles and reports, made on the server and fetched when they are complete."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Response
from fastapi import Path as PathParameter
from fastapi.responses import FileResponse, HTMLResponse
from pydantic import BaseModel, Field

from cryohype_app.exports.desk import Making, check
from cryohype_app.exports.shelf import Export, delete_export, exports_folder, find_export, list_exports, report_of
from cryohype_app.exports.source import ExportSource
from cryohype_app.exports.wish import Wish
from cryohype_app.server.api.lookup import RunId, frame_of, run_of
from cryohype_app.server.api.problem import Answers, ConflictError, NotThereError, printable, refusals
from cryohype_app.services import Services
from cryohype_model.errors import RunError

Name = Annotated[str, PathParameter(description="name of the export, as GET tells")]
# a report needs nothing from anywhere and may do nothing
REPORT_POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; sandbox allow-popups"
BINARY: Answers = {200: {"description": "The file", "content": {"application/zip": {}}}}
HTML: Answers = {200: {"description": "The report", "content": {"text/html": {}}}}


class ExportFacts(BaseModel):
    """A finished export."""

    name: str
    form: Literal["zip", "folder"] = Field(description="one file to download, or a folder on the server's machine")
    path: str = Field(description="on the server's machine")
    bytes: int = Field(ge=0, description="size")
    report: bool = Field(description="whether it holds a report")
    facts: dict[str, Any] = Field(description="its meta.json: what was wished, of which run and checkpoint")


class ExportStatus(BaseModel):
    """The export that is being made, or that was made last since the server was started."""

    id: str
    status: Literal["making", "finished", "failed", "cancelled"]
    doing: str = Field(description="the step it is at")
    fraction: float = Field(ge=0, le=1, description="of the work that is done")
    seconds_left: float | None = Field(description="as it went so far; null in the beginning")
    name: str = Field(description="of the finished export, empty before")
    message: str = Field(description="why there is none")


def router(services: Services) -> APIRouter:
    """Routes under /runs/{run_id}/exports."""
    routes = APIRouter(prefix="/runs/{run_id}/exports", tags=["exports"])

    @routes.get("", responses=refusals(404, 422))
    def list_all(run_id: RunId) -> list[ExportFacts]:
        """Every finished export of a run, newest first."""
        return [_facts(export) for export in list_exports(exports_folder(run_of(services, run_id), services.roots))]

    @routes.post("", status_code=202, responses=refusals(404, 409, 422))
    async def start(run_id: RunId, wish: Wish) -> ExportStatus:
        """Begin to make an export; ask for `current` until it is finished, then fetch it by its name."""
        if services.exports.is_making(run_id):
            raise ConflictError("an export of this run is being made already; wait for it, or cancel it")
        frame = await asyncio.to_thread(frame_of, services, run_id)
        source = ExportSource(services.data, run_id, frame, services.worker(run_id, frame.space.checkpoint))
        checked = await asyncio.to_thread(check, source, wish)
        return _status(services.exports.start(source, checked, exports_folder(source.run, services.roots)))

    @routes.get("/current", responses=refusals(404, 422))
    async def current(run_id: RunId) -> ExportStatus:
        """How far it is."""
        return _status(_current(services, run_id))

    @routes.delete("/current", status_code=204, responses=refusals(404, 422))
    async def cancel(run_id: RunId) -> None:
        """Give it up; nothing of it stays."""
        _current(services, run_id)
        services.exports.cancel(run_id)

    @routes.get("/{name}", response_class=FileResponse, responses=BINARY | refusals(404, 422))
    def fetch(run_id: RunId, name: Name) -> FileResponse:
        """The .zip of a finished export."""
        export = _export(services, run_id, name)
        if not export.is_zip:
            raise RunError(f"the export {name!r} is the folder {export.path} on the server's machine; copy it from there")
        return FileResponse(export.path, filename=export.name, media_type="application/zip")

    @routes.get("/{name}/report", response_class=Response, responses=HTML | refusals(404, 422))
    def report(run_id: RunId, name: Name) -> HTMLResponse:
        """The report of a finished export."""
        return HTMLResponse(report_of(_export(services, run_id, name)), headers={"Content-Security-Policy": REPORT_POLICY})

    @routes.delete("/{name}", status_code=204, responses=refusals(404, 422))
    def delete(run_id: RunId, name: Name) -> None:
        """Remove a finished export for good."""
        _export(services, run_id, name)
        delete_export(exports_folder(run_of(services, run_id), services.roots), name)

    return routes


def _current(services: Services, run_id: str) -> Making:
    making = services.exports.of(run_id)
    if making is None:
        raise NotThereError(f"no export of the run {run_id!r} was begun since the server was started")
    return making


def _export(services: Services, run_id: str, name: str) -> Export:
    folder = exports_folder(run_of(services, run_id), services.roots)
    try:
        return find_export(folder, name)
    except RunError as error:
        raise NotThereError(str(error)) from None


def _facts(export: Export) -> ExportFacts:
    return ExportFacts(
        name=printable(export.name), form="zip" if export.is_zip else "folder", path=printable(str(export.path)),
        bytes=export.bytes, report=export.has_report, facts=export.facts,
    )  # fmt: skip


def _status(making: Making) -> ExportStatus:
    progress = making.progress
    return ExportStatus(
        id=making.id, status=making.status, doing=progress.doing, fraction=progress.fraction,
        seconds_left=progress.seconds_left, name=making.name, message=making.message,
    )  # fmt: skip
