"""Named particle sets of a run: stored, read as numbers, written back in the form of the original file."""

from __future__ import annotations

import tempfile
import threading
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
from fastapi import APIRouter, Body, Query, Response
from fastapi import Path as PathParameter
from fastapi.responses import FileResponse
from pydantic import BaseModel, Field
from starlette.background import BackgroundTask

from cryohype_app.lasso import Rows
from cryohype_app.server.api.binary import BYTES, DTYPE, file_answers, raw
from cryohype_app.server.api.choice import ParticleChoice, chosen
from cryohype_app.server.api.lookup import RunId, selection_run
from cryohype_app.server.api.problem import printable, refusals
from cryohype_app.services import Services
from cryohype_model.errors import CryoHypeError, RunError
from cryohype_model.io.export import export_selection
from cryohype_model.runs.layout import Run
from cryohype_model.runs.particles import read_run_particles
from cryohype_model.runs.selections import (
    delete_selection,
    list_selections,
    read_selection,
    read_selection_facts,
    write_selection,
)

Name = Annotated[str, PathParameter(description="name of the selection")]
FileForm = Annotated[Literal["star", "cs", "pkl"], Query(description="of the file")]
Numbers = Annotated[bytes, Body(media_type="application/octet-stream", description="zero-based particle numbers, <i8")]
NUMBER_BYTES = 8
WRITING = threading.Lock()  # a selection is two files: of two requests for a name one comes first


class SelectionFacts(BaseModel):
    """A stored selection."""

    name: str
    count: int = Field(ge=0, description="particles in it")
    created: str = Field(description="when it was made, UTC")
    origin: dict[str, Any] = Field(description="how it was made")
    problem: str = Field("", description="why it cannot be read, or empty")


def router(services: Services) -> APIRouter:
    """Routes under /runs/{run_id}/selections."""
    routes = APIRouter(prefix="/runs/{run_id}/selections", tags=["selections"])

    @routes.get("", responses=refusals(404, 422))
    def list_stored_selections(run_id: RunId) -> list[SelectionFacts]:
        """Every selection of a run."""
        run = selection_run(services, run_id)
        return [_facts(run, name) for name in list_selections(run)]

    @routes.put("/{name}", responses=refusals(404, 422))
    def store_selection(run_id: RunId, name: Name, wanted: ParticleChoice) -> SelectionFacts:
        """Store particles under a name; an older selection of the name is replaced."""
        rows, origin = chosen(services, run_id, wanted)
        return _stored(selection_run(services, run_id), name, rows, origin)

    @routes.delete("/{name}", status_code=204, responses=refusals(404, 422))
    def delete_stored_selection(run_id: RunId, name: Name) -> None:
        """Forget a selection; the particles stay."""
        delete_selection(selection_run(services, run_id, name), name)

    _add_contents(routes, services)
    return routes


def _add_contents(routes: APIRouter, services: Services) -> None:
    """The particles of a selection as numbers and as a file."""

    @routes.get(
        "/{name}/rows",
        response_class=Response,
        responses=refusals(404, 422)
        | {200: {"description": "The numbers", "content": {"application/octet-stream": BYTES}, "headers": DTYPE}},
    )
    def read_selection_rows(run_id: RunId, name: Name) -> Response:
        """Its particles' zero-based numbers, ascending, as bytes."""
        return raw(read_selection(selection_run(services, run_id, name), name))

    @routes.put("/{name}/rows", responses=refusals(404, 422))
    def store_selection_rows(run_id: RunId, name: Name, numbers: Numbers = b"") -> SelectionFacts:
        """Store particles under a name, their numbers as bytes: up to eight million."""
        if len(numbers) % NUMBER_BYTES:
            raise RunError(f"{len(numbers)} bytes are no whole numbers of {NUMBER_BYTES} bytes; send int64, little-endian")
        rows = np.frombuffer(numbers, "<i8").astype(np.int64)
        return _stored(selection_run(services, run_id), name, rows, {"kind": "list"})

    @routes.get("/{name}/particles", response_class=FileResponse, responses=file_answers("The file") | refusals(404, 422))
    def export_particles(run_id: RunId, name: Name, form: FileForm = "star") -> FileResponse:
        """The particles in the form of the file that they came from, every column; .pkl is cryoDRGN's index file."""
        run = selection_run(services, run_id, name)
        rows = read_selection(run, name)
        table = read_run_particles(run, need_images=False)
        folder = tempfile.TemporaryDirectory(prefix="cryohype-export-")
        path = Path(folder.name) / f"{name}.{form}"
        try:
            export_selection(table, rows, path)
        except BaseException:
            folder.cleanup()
            raise
        return FileResponse(
            path, filename=path.name, media_type="application/octet-stream", background=BackgroundTask(folder.cleanup)
        )


def _stored(run: Run, name: str, rows: Rows, origin: dict[str, Any]) -> SelectionFacts:
    try:
        with WRITING:
            write_selection(run, name, rows, origin)
    except OSError as error:
        raise RunError(
            f"the selection cannot be written ({error.strerror}); free space, or make {run.selections} writable"
        ) from None
    return _facts(run, name)


def _facts(run: Run, name: str) -> SelectionFacts:
    """What is known of a selection; a damaged one hides no other."""
    try:
        facts = read_selection_facts(run, name)
        return SelectionFacts(name=printable(name), count=facts["count"], created=facts["created"], origin=facts["origin"])
    except (CryoHypeError, KeyError, ValueError) as error:
        return SelectionFacts(name=printable(name), count=0, created="", origin={}, problem=printable(str(error)))
