"""Runs: how they stand, what they hold, and their training curves."""

from __future__ import annotations

import math
from typing import Annotated, Any

from fastapi import APIRouter, Query, Response
from pydantic import BaseModel, Field

from cryohype_app.server.api.lookup import RunId, run_of
from cryohype_app.server.api.problem import printable, refusals
from cryohype_app.services import Services
from cryohype_app.standing import Standing, standing_of, standings
from cryohype_model.config import RunConfig
from cryohype_model.runs.layout import Run
from cryohype_model.runs.manifest import Manifest
from cryohype_model.runs.run import read_config
from cryohype_model.runs.selections import list_selections
from cryohype_model.runs.volumes import list_volume_series

Value = float | int | str | None


class RunFacts(BaseModel):
    """A run and how it stands."""

    id: str = Field(description="identity, for the other addresses")
    name: str = Field(description="of its folder")
    folder: str = Field(description="where it lies on the server's machine")
    status: str = Field(description="created, queued, starting, running, stopping, stopped, finished, failed or broken")
    progress: str = Field(description="a sentence for people")
    problem: str = Field(description="why it failed or cannot be read, or empty")
    job: str | None = Field(description="the job that works on it now")
    analysed: bool = Field(description="whether there are latents")
    has_checkpoint: bool = Field(description="whether it can be analysed")
    can_resume: bool = Field(description="whether a training that was stopped can go on")
    manifest: Manifest | None = Field(description="its manifest.json; null where it cannot be read")


class RunDetails(RunFacts):
    """A run and what it holds."""

    config: RunConfig = Field(description="every setting")
    checkpoints: list[str] = Field(description="names; last and best are copies of one with a step")
    analyses: list[str] = Field(description="checkpoints that were analysed, the newest analysis first")
    series: list[str] = Field(description="stored series of maps")
    selections: list[str] = Field(description="stored selections")


class TrainingCurve(BaseModel):
    """Logged values, one a row, column by column; null is what is not a number or was not logged."""

    count: int = Field(ge=0, description="rows")
    columns: dict[str, list[Value]] = Field(description="step, epoch, split, loss, and what else the training told")


def router(services: Services) -> APIRouter:
    """Routes under /runs."""
    routes = APIRouter(tags=["runs"])

    @routes.get("/runs")
    def list_runs() -> list[RunFacts]:
        """Every run, newest first, broken ones last."""
        return run_facts(services)

    @routes.get("/runs/{run_id}", responses=refusals(404, 422))
    def read_run(run_id: RunId) -> RunDetails:
        """One run: how it stands, every setting, and what it holds."""
        run = run_of(services, run_id)
        facts = _facts(standing_of(services.data, services.jobs, run_id), _manifests(services).get(run_id))
        return RunDetails(**facts.model_dump(exclude={"manifest"}), manifest=facts.manifest, **_contents(services, run_id, run))

    @routes.get("/runs/{run_id}/metrics", response_model=TrainingCurve, responses=refusals(404, 422))
    def read_metrics(
        run_id: RunId,
        split: Annotated[str | None, Query(description="rows of this split only, such as step or epoch")] = None,
        since: Annotated[int | None, Query(description="rows of later steps only: the last step that is known already")] = None,
    ) -> Response:
        """The training curve."""
        curve = _curve(services, run_of(services, run_id), split, since)
        return Response(curve.model_dump_json(), media_type="application/json")  # made here, in a thread

    return routes


def run_facts(services: Services) -> list[RunFacts]:
    """Every run, newest first; reads the disk."""
    manifests = _manifests(services)
    return [_facts(found, manifests.get(found.id)) for found in standings(services.data, services.jobs)]


def _manifests(services: Services) -> dict[str, Manifest | None]:
    return {key: found.manifest for key, found in services.data.keyed_runs()}


def _facts(found: Standing, manifest: Manifest | None) -> RunFacts:
    return RunFacts(
        id=printable(found.id), name=printable(found.name), folder=printable(str(found.path)), status=found.status,
        progress=found.progress, problem=printable(found.problem), job=found.job, analysed=found.analysed,
        has_checkpoint=found.has_checkpoint, can_resume=found.can_resume, manifest=manifest,
    )  # fmt: skip


def _contents(services: Services, run_id: str, run: Run) -> dict[str, Any]:
    return {
        "config": read_config(run),
        "checkpoints": sorted(path.stem for path in run.checkpoints.glob("*.ckpt")),
        "analyses": services.data.latents(run_id),
        "series": [printable(name) for name in list_volume_series(run)],
        "selections": [printable(name) for name in list_selections(run)],
    }


def _curve(services: Services, run: Run, split: str | None, since: int | None) -> TrainingCurve:
    table = services.data.metrics(run)
    if split is not None and "split" in table:
        table = table[table["split"] == split]
    if since is not None and "step" in table:
        table = table[table["step"] > since]
    columns = {str(name): [_value(value) for value in table[name].tolist()] for name in table}
    return TrainingCurve(count=len(table), columns=columns)


def _value(value: Any) -> Value:
    """A value for JSON, which knows no infinity."""
    if isinstance(value, str | int):
        return value
    return value if isinstance(value, float) and math.isfinite(value) else None
