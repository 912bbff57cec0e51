"""Named particle sets of a run: stored, combined, written back in the form of the original file."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
from fastapi import APIRouter, Query
from fastapi import Path as PathParameter
from fastapi.responses import FileResponse
from pydantic import BaseModel, ConfigDict, Field, model_validator
from starlette.background import BackgroundTask

from cryohype_app.frame import LatentFrame
from cryohype_app.lasso import under_polygon
from cryohype_app.query import rows_where
from cryohype_app.services import Services
from cryohype_model.errors import RunError
from cryohype_model.io.export import export_selection
from cryohype_model.io.particles import read_particles
from cryohype_model.runs.selections import (
    delete_selection,
    list_selections,
    read_selection,
    read_selection_facts,
    write_selection,
)

RunId = Annotated[str, PathParameter(description="identity of the run, as GET /runs tells")]
Name = Annotated[str, PathParameter(description="name of the selection")]
Form = Literal["star", "cs", "pkl"]


class SelectionFacts(BaseModel):
    """A stored selection."""

    name: str
    count: int = Field(ge=0, description="particles in it")
    created: str = Field(description="when it was made, UTC")
    origin: dict[str, Any] = Field(description="how it was made")


class SelectionRequest(BaseModel):
    """Which particles: exactly one of the four ways."""

    model_config = ConfigDict(extra="forbid")

    particles: list[int] | None = Field(None, description="zero-based particle numbers")
    polygon: list[tuple[float, float]] | None = Field(None, description="corners of a lasso in the latent picture")
    cluster: int | None = Field(None, description="a cluster of the analysis")
    query: str | None = Field(None, description="a condition such as: loss < 0.6 and cluster == 3")
    x_axis: str = Field("umap_x", description="column along x, for a polygon")
    y_axis: str = Field("umap_y", description="column along y, for a polygon")

    @model_validator(mode="after")
    def _one_way(self) -> SelectionRequest:
        if sum(value is not None for value in (self.particles, self.polygon, self.cluster, self.query)) != 1:
            raise ValueError("give exactly one of particles, polygon, cluster and query")
        return self


def router(services: Services) -> APIRouter:
    """Routes under /runs/{run_id}/selections."""
    routes = APIRouter(prefix="/runs/{run_id}/selections", tags=["selections"])

    @routes.get("")
    def list_all(run_id: RunId) -> list[SelectionFacts]:
        """Every selection of a run."""
        return [_facts(services, run_id, name) for name in list_selections(services.data.run(run_id))]

    @routes.put("/{name}")
    def store(run_id: RunId, name: Name, wanted: SelectionRequest) -> SelectionFacts:
        """Store particles under a name; an older selection of the name is replaced."""
        rows, origin = _rows(services.data, run_id, wanted)
        write_selection(services.data.run(run_id), name, rows, origin)
        return _facts(services, run_id, name)

    @routes.delete("/{name}", status_code=204)
    def delete(run_id: RunId, name: Name) -> None:
        """Forget a selection; the particles stay."""
        delete_selection(services.data.run(run_id), name)

    @routes.get("/{name}/particles", response_class=FileResponse, responses={200: {"content": {"application/octet-stream": {}}}})
    def export(run_id: RunId, name: Name, form: Annotated[Form, Query(description="of the file")] = "star") -> FileResponse:
        """The particles in the form of the file that they came from, every column; .pkl is cryoDRGN's index file."""
        run = services.data.run(run_id)
        rows = read_selection(run, name)
        table = read_particles(run.particles_star, need_images=False)
        folder = tempfile.TemporaryDirectory(prefix="cryohype-export-")
        path = Path(folder.name) / f"{name}.{form}"
        try:
            export_selection(table, rows, path)
        except BaseException:
            folder.cleanup()
            raise
        return FileResponse(path, filename=path.name, background=BackgroundTask(folder.cleanup))

    return routes


def _facts(services: Services, run_id: str, name: str) -> SelectionFacts:
    facts = read_selection_facts(services.data.run(run_id), name)
    return SelectionFacts(name=name, count=facts["count"], created=facts["created"], origin=facts["origin"])


def _rows(data: Any, run_id: str, wanted: SelectionRequest) -> tuple[Any, dict[str, Any]]:
    """The particles of a request and how they were found."""
    if wanted.particles is not None:
        return np.asarray(wanted.particles, np.int64), {"kind": "list"}
    frame: LatentFrame = data.frame(run_id)
    seen = {"checkpoint": frame.space.checkpoint}
    if wanted.polygon is not None:
        x, y = frame.column(wanted.x_axis), frame.column(wanted.y_axis)
        place = {"polygon": wanted.polygon, "x_axis": wanted.x_axis, "y_axis": wanted.y_axis}
        return under_polygon(x, y, wanted.polygon), {"kind": "lasso", **place, **seen}
    if wanted.query is not None:
        return rows_where(frame, wanted.query), {"kind": "query", "query": wanted.query, **seen}
    if "cluster" not in frame.colours:
        raise RunError("the analysis has no clusters; run `cryohype analyze` again")
    return np.flatnonzero(frame.column("cluster") == wanted.cluster), {"kind": "cluster", "cluster": wanted.cluster, **seen}
