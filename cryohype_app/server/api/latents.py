"""Latent spaces: what the analysis found for every particle."""

from __future__ import annotations

from contextlib import suppress
from typing import Annotated, Any, Literal

import numpy as np
from fastapi import APIRouter, Path, Query, Response
from pydantic import BaseModel, Field

from cryohype_app.frame import Column, LatentFrame
from cryohype_app.server.api.binary import BYTES, DTYPE, Dtype, dtype_of, raw
from cryohype_app.server.api.lookup import Analysis, RunId, axes_of, column_of, frame_of
from cryohype_app.server.api.problem import printable, refusals
from cryohype_app.services import Services
from cryohype_model.errors import CryoHypeError, RunError

MOST_IN_JSON = 100_000  # values; more go as bytes


class ColumnFacts(BaseModel):
    """A column of the particles."""

    name: str = Field(description="for the other addresses, and for conditions")
    title: str = Field(description="for people")
    dtype: Dtype | None = Field(description="of its values, as numpy writes it; null where it is not read yet")
    kind: Literal["axis", "category", "quantity", "particle"] = Field(
        description="an axis of the picture, a group or a measure of the analysis, or a column of the particles' own file"
    )


class ClusterFacts(BaseModel):
    """A cluster of the analysis."""

    cluster: int = Field(description="its number; -1 is no cluster")
    count: int = Field(ge=0, description="particles in it")
    medoid: int | None = Field(description="the particle that stands for it")


class LatentFacts(BaseModel):
    """A latent space."""

    checkpoint: str = Field(description="whose networks made it")
    created: str = Field(description="when, UTC")
    count: int = Field(ge=0, description="particles")
    columns: list[ColumnFacts] = Field(description="axes of the picture first")
    clusters: list[ClusterFacts] = Field(description="none where no clusters were made")


class ColumnValues(BaseModel):
    """Values of a column in the order of the particles; null is not a number."""

    name: str
    dtype: Dtype
    values: list[float | None] | list[int]
    words: list[str] = Field(description="what the numbers of a column of words stand for; else empty")


def router(services: Services) -> APIRouter:
    """Routes under /runs/{run_id}/latents."""
    routes = APIRouter(prefix="/runs/{run_id}/latents", tags=["latents"])

    @routes.get("", responses=refusals(404, 422))
    def read_latents(run_id: RunId, checkpoint: Analysis = None) -> LatentFacts:
        """Axes, columns and clusters of an analysis."""
        frame = frame_of(services, run_id, checkpoint)
        created = str(frame.space.meta.get("created", ""))
        return LatentFacts(
            checkpoint=frame.space.checkpoint,
            created=created,
            count=len(frame),
            columns=_columns(frame),
            clusters=_clusters(frame),
        )

    @routes.get(
        "/columns/{name:path}",
        response_class=Response,
        responses=refusals(404, 422)
        | {
            200: {
                "description": "The values as bytes, or as JSON",
                "model": ColumnValues,
                "content": {"application/octet-stream": BYTES},
                "headers": DTYPE,
            }
        },
    )
    def read_column(
        run_id: RunId,
        name: Annotated[str, Path(description="of the column, as GET …/latents tells; it may hold a slash")],
        form: Annotated[Literal["raw", "json"], Query(description="bytes, or JSON of at most 100,000 values")] = "raw",
        checkpoint: Analysis = None,
    ) -> Response:
        """One value a particle."""
        frame = frame_of(services, run_id, checkpoint)
        values = column_of(frame, name)
        if form == "raw":
            return raw(values)
        if len(values) > MOST_IN_JSON:
            raise RunError(f"{len(values)} values are too many for JSON; ask for form=raw")
        words = [printable(word) for word in frame.names(name)]
        told = ColumnValues(name=name, dtype=dtype_of(values), values=_listed(values), words=words)
        return Response(told.model_dump_json(), media_type="application/json")

    return routes


def _listed(values: Column) -> list[float | None] | list[int]:
    if values.dtype.kind != "f":
        return [int(value) for value in values.tolist()]
    return [value if np.isfinite(value) else None for value in values.tolist()]


def _columns(frame: LatentFrame) -> list[ColumnFacts]:
    found: list[dict[str, Any]] = [{"name": name, "dtype": "<f4", "kind": "axis"} for name in axes_of(frame)]
    for name in frame.colours:
        kind = "category" if frame.kind(name) == "category" else "quantity"
        found.append({"name": name, "dtype": dtype_of(frame.column(name)), "kind": kind})
    with suppress(CryoHypeError):  # the particles' file may have gone: the analysis is there all the same
        found += [{"name": name, "dtype": None, "kind": "particle"} for name in frame.particle_colours]
    return [ColumnFacts.model_validate(facts | {"title": frame.title(facts["name"])}) for facts in found]


def _clusters(frame: LatentFrame) -> list[ClusterFacts]:
    if "cluster" not in frame.colours:
        return []
    medoids = {medoid.cluster: medoid.row for medoid in frame.medoids}
    sizes = frame.sizes("cluster")
    return [ClusterFacts(cluster=cluster, count=count, medoid=medoids.get(cluster)) for cluster, count in sizes.items()]
