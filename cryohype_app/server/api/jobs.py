"""Jobs: what waits, runs and has ended, what each says, and how it is stopped."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Annotated

from fastapi import APIRouter, Query, Response
from fastapi.responses import PlainTextResponse
from pydantic import BaseModel, Field

from cryohype_app.jobs.commands import shown
from cryohype_app.jobs.job import Job
from cryohype_app.jobs.log import TAIL_BYTES
from cryohype_app.server.api.lookup import JobId, job_of
from cryohype_app.server.api.problem import ConflictError, printable, refusals
from cryohype_app.services import Services

LogBytes = Annotated[int, Query(ge=1, le=10_000_000, description="bytes at most")]


class JobFacts(BaseModel):
    """A job and how it stands."""

    id: str = Field(description="identity, for the other addresses")
    kind: str = Field(description="what it does, such as train or analyze")
    title: str = Field(description="what people call it")
    status: str = Field(description="queued, starting, running, stopping, stopped, finished or failed")
    message: str = Field(description="last sentence for people, such as why it failed")
    run: str | None = Field(description="identity of the run that it works on, once that is there")
    folder: str | None = Field(description="folder of that run, on the server's machine")
    lane: str = Field(description="local, or the name of a SLURM lane")
    device: str = Field(description="cpu, cuda:0, or several: cuda:0,cuda:2")
    command: str = Field(description="the equal command line")
    created: datetime = Field(description="when it was asked for")
    started: datetime | None = Field(description="when it left the queue")
    ended: datetime | None = Field(description="when it ended")
    exit_code: int | None = Field(description="of the command; 128 + n after signal n")


def router(services: Services) -> APIRouter:
    """Routes under /jobs."""
    routes = APIRouter(prefix="/jobs", tags=["jobs"])

    @routes.get("")
    def list_jobs() -> list[JobFacts]:
        """Every job, newest first."""
        return job_facts(services)

    @routes.get("/{job_id}", responses=refusals(404, 422))
    def read_job(job_id: JobId) -> JobFacts:
        """One job."""
        return job_told(services, job_of(services, job_id))

    @routes.get(
        "/{job_id}/log",
        response_class=Response,
        responses=refusals(404, 422)
        | {200: {"description": "The lines", "content": {"text/plain": {"schema": {"type": "string"}}}}},
    )
    def read_job_log(job_id: JobId, most: LogBytes = TAIL_BYTES) -> PlainTextResponse:
        """The last lines that it said."""
        job_of(services, job_id)
        return PlainTextResponse(services.jobs.log_tail(job_id, most))

    @routes.post("/{job_id}/stop", responses=refusals(404, 422))
    def stop_job(job_id: JobId) -> JobFacts:
        """Take it out of the queue, or ask it to write a checkpoint and end; kill it when it was asked before."""
        job_of(services, job_id)
        return job_told(services, services.jobs.stop(job_id))

    @routes.delete("/{job_id}", status_code=204, responses=refusals(404, 409, 422))
    def forget_job(job_id: JobId) -> None:
        """Forget a job that is over, with its log; its run stays."""
        job = job_of(services, job_id)
        if not job.is_over:
            raise ConflictError(f"the job {job.title!r} is {job.status}; stop it first")
        services.jobs.forget(job_id)

    return routes


def job_facts(services: Services) -> list[JobFacts]:
    """Every job, newest first; reads the disk."""
    runs = _run_ids(services)
    return [_facts(job, runs) for job in services.jobs.jobs()]


def job_told(services: Services, job: Job) -> JobFacts:
    """One job; reads the disk."""
    return _facts(job, _run_ids(services))


def _run_ids(services: Services) -> dict[Path, str]:
    return {found.run.path: key for key, found in services.data.keyed_runs() if found.manifest is not None}


def _facts(job: Job, runs: dict[Path, str]) -> JobFacts:
    return JobFacts(
        id=job.id, kind=job.kind, title=printable(job.title), status=job.status, message=printable(job.message),
        run=None if job.run is None else runs.get(job.run), folder=None if job.run is None else printable(str(job.run)),
        lane=job.lane, device=job.device, command=printable(shown(job.command)), created=job.created, started=job.started,
        ended=job.ended, exit_code=job.exit_code,
    )  # fmt: skip
