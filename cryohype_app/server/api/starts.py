"""Trainings, analyses and embeddings: put into the queue of their device."""

from __future__ import annotations

import os

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field

from cryohype_app.jobs.job import LOCAL
from cryohype_app.launch import Training, default_device, resume_training, start_analysis, start_embedding, start_training
from cryohype_app.server.api.jobs import JobFacts, job_told
from cryohype_app.server.api.lookup import frame_of, run_of, selection_run
from cryohype_app.server.api.problem import refusals
from cryohype_app.services import Services


class Place(BaseModel):
    """Where a job is to run."""

    model_config = ConfigDict(extra="forbid")

    device: str | None = Field(
        None, pattern=r"^(cpu|cuda:\d{1,4}(,cuda:\d{1,4}){0,63})$",
        description="cpu, cuda:0, or several: cuda:0,cuda:2; without it the first GPU, or the CPU where there is none",
    )  # fmt: skip
    lane: str = Field(LOCAL, description="local, or the name of a SLURM lane")


class TrainingWish(Place):
    """A new run."""

    particles: str = Field(
        min_length=1, description="particle file under the server's folders; a relative path begins in the store"
    )
    name: str = Field(description="of the run's folder in the store")
    preset: str | None = Field(
        None, description="settings to begin from, see `cryohype config explain presets`; without it, what fits the machine"
    )
    overrides: list[str] = Field([], max_length=200, description="section.key=value in TOML syntax, such as training.epochs=20")
    analyze: bool = Field(False, description="as well, when it has trained to the end")


class RunWish(Place):
    """Work on a run that is there."""

    run: str = Field(description="identity of the run")


class EmbeddingWish(BaseModel):
    """A UMAP of a stored selection alone."""

    model_config = ConfigDict(extra="forbid")

    run: str = Field(description="identity of the run")
    selection: str = Field(description="name of the stored selection")
    checkpoint: str | None = Field(None, description="whose analysis is meant; without it, the newest")


def router(services: Services) -> APIRouter:
    """POST /jobs/train, /jobs/resume, /jobs/analyze and /jobs/embed."""
    routes = APIRouter(prefix="/jobs", tags=["jobs"])

    @routes.post("/train", status_code=202, responses=refusals(409, 422))
    def train_run(wanted: TrainingWish) -> JobFacts:
        """Put a new training into the queue of its device."""
        particles = services.data.home / os.path.expanduser(wanted.particles)
        training = Training(
            particles, wanted.name, wanted.preset, None, wanted.overrides, _device(services, wanted), wanted.lane, wanted.analyze
        )  # fmt: skip
        return job_told(services, start_training(services, training))

    @routes.post("/resume", status_code=202, responses=refusals(404, 409, 422))
    def resume_run(wanted: RunWish) -> JobFacts:
        """Let a training that was stopped go on."""
        run_of(services, wanted.run)
        return job_told(services, resume_training(services, wanted.run, _device(services, wanted), wanted.lane))

    @routes.post("/analyze", status_code=202, responses=refusals(404, 409, 422))
    def analyze_run(wanted: RunWish) -> JobFacts:
        """Latents, clusters and their maps of a run's last checkpoint."""
        run_of(services, wanted.run)
        return job_told(services, start_analysis(services, wanted.run, _device(services, wanted), wanted.lane))

    @routes.post("/embed", status_code=202, responses=refusals(404, 409, 422))
    def embed_selection(wanted: EmbeddingWish) -> JobFacts:
        """A UMAP of a stored selection alone; its axes are then columns of the analysis."""
        selection_run(services, wanted.run, wanted.selection)
        checkpoint = frame_of(services, wanted.run, wanted.checkpoint).space.checkpoint
        return job_told(services, start_embedding(services, wanted.run, wanted.selection, checkpoint))

    return routes


def _device(services: Services, place: Place) -> str:
    return place.device or default_device(services)
