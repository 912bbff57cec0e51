"""Maps of particles, made by the volume worker on request; it holds the newest ones for a while."""

from __future__ import annotations

import asyncio
import tempfile
import uuid
from collections.abc import Coroutine
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

from fastapi import APIRouter, Query, Request, Response
from fastapi import Path as PathParameter
from fastapi.responses import FileResponse
from pydantic import Field
from starlette.background import BackgroundTask

from cryohype_app.lasso import Rows
from cryohype_app.server.api.binary import BYTES, file_answers
from cryohype_app.server.api.choice import ParticleChoice, chosen
from cryohype_app.server.api.lookup import RunId, run_of
from cryohype_app.server.api.made import MadeVolume, MadeVolumes, VolumeFacts
from cryohype_app.server.api.measures import Asked, Measures, reference_of, told_measures
from cryohype_app.server.api.problem import ConflictError, NotThereError, refusals
from cryohype_app.server.api.stl import stl
from cryohype_app.services import Services
from cryohype_app.worker.client import VolumeWorker
from cryohype_app.worker.request import VolumeRequest
from cryohype_model.errors import ConfigError, RunError

T = TypeVar("T")
LOOK_SECONDS = 0.5  # between two looks at whether the client still waits
WHOLE = 1 << 20  # px: no coarser map first
VolumeId = Annotated[str, PathParameter(description="identity of the volume, as POST …/volumes told")]
FileName = Annotated[str, Query(max_length=120, description="of the file, without .mrc; the volume's identity if empty")]
Level = Annotated[float | None, Query(allow_inf_nan=False, description="density of the surface; without it the suggested one")]


class VolumeWish(ParticleChoice):
    """A map of some particles: exactly one of the five ways to say which, and how."""

    method: Literal["mean", "medoid", "neighbours", "particle", "linear", "backprojection"] = Field(
        "mean",
        description="the latent that is decoded: the mean of all (of a random 256 of more), the medoid's, the mean of the "
        "medoid's 50 neighbours, or the particle's own; linear makes the map of the mean coefficients of the basis volumes, "
        "backprojection without any network",
    )
    box_px: int | None = Field(None, description="side of the map; without it, as the network was trained")
    checkpoint: str | None = Field(None, description="without it, the newest that was analysed, or the last")


def router(services: Services) -> APIRouter:
    """Routes under /runs/{run_id}/volumes."""
    routes = APIRouter(prefix="/runs/{run_id}/volumes", tags=["volumes"])
    known = MadeVolumes()

    @routes.post("", status_code=201, responses=refusals(404, 409, 422, 503))
    async def make_volume(request: Request, run_id: RunId, wanted: VolumeWish) -> VolumeFacts:
        """Make a map; answers when it is there, which takes seconds, or minutes for a back-projection of many particles."""
        checkpoint, rows = await asyncio.to_thread(prepared, services, run_id, wanted)
        worker = services.worker(run_id, checkpoint)
        facts = await _while_asked(request, _made(worker, checkpoint, rows, wanted))
        return known.put(MadeVolume(run_id, facts, rows, worker))

    @routes.get("", responses=refusals(404, 422))
    def list_volumes(run_id: RunId) -> list[VolumeFacts]:
        """The newest maps that were made here, the newest first; the worker may have let the older ones go."""
        run_of(services, run_id)
        return known.of_run(run_id)

    @routes.get("/{volume_id}", response_class=FileResponse, responses=file_answers("The map, .mrc") | refusals(404, 422, 503))
    async def download_volume(run_id: RunId, volume_id: VolumeId, name: FileName = "") -> FileResponse:
        """The map as .mrc, pixel size and origin in its header; one that a page of the dashboard shows as well."""
        await asyncio.to_thread(run_of, services, run_id)
        worker = services.maker(run_id, volume_id)
        if worker is None:
            raise NotThereError(f"there is no volume {volume_id!r} any more; ask for its particles again")
        folder = await asyncio.to_thread(tempfile.TemporaryDirectory, prefix="cryohype-volume-")
        path = Path(folder.name) / "map.mrc"
        try:
            await worker.save(volume_id, path)
        except BaseException:
            await asyncio.to_thread(folder.cleanup)
            raise
        return FileResponse(
            path, filename=f"{name or volume_id}.mrc", media_type="application/octet-stream",
            background=BackgroundTask(folder.cleanup),
        )  # fmt: skip

    _add_looks(routes, services, known)
    return routes


def _add_looks(routes: APIRouter, services: Services, known: MadeVolumes) -> None:
    """Surface and measures of a volume."""

    @routes.get(
        "/{volume_id}/mesh",
        response_class=Response,
        responses=refusals(404, 422, 503) | {200: {"description": "The surface, .stl", "content": {"model/stl": BYTES}}},
    )
    async def download_mesh(run_id: RunId, volume_id: VolumeId, level: Level = None) -> Response:
        """The surface as .stl in Å, where the .mrc of the map is."""
        made = known.get(run_id, volume_id)
        at = made.facts.level if level is None else level
        if at is None:
            raise RunError("the map is constant, so no level is suggested; give one")
        found = await made.worker.mesh(volume_id, at)
        centre = made.facts.box_px // 2 * made.facts.pixel_size_angstrom
        headers = {"Content-Disposition": f'attachment; filename="{volume_id}.stl"'}
        return Response(await asyncio.to_thread(stl, found, centre), media_type="model/stl", headers=headers)

    @routes.get("/{volume_id}/metrics", responses=refusals(404, 409, 422, 503))
    async def measure_volume(request: Request, run_id: RunId, volume_id: VolumeId, against: Asked) -> Measures:
        """Shape of the map, and its agreement with a true structure, another volume, the particles themselves, or a file."""
        made = known.get(run_id, volume_id)
        reference = await asyncio.to_thread(reference_of, services, made, known, against)
        slot = uuid.uuid4().hex
        work = made.worker.metrics(volume_id, reference, level=against.level, slot=slot)
        return told_measures(await _while_asked(request, work))


def prepared(services: Services, run_id: str, wanted: VolumeWish) -> tuple[str, Rows]:
    """The checkpoint and the particles of a wish; reads the disk.

    Raises
    ------
    CryoHypeError : there is no such run, checkpoint or particle, or nothing was chosen.
    """
    run = run_of(services, run_id)
    names = sorted(path.stem for path in run.checkpoints.glob("*.ckpt"))
    if wanted.checkpoint is not None and wanted.checkpoint not in names:
        raise NotThereError(f"{run.path.name} has no checkpoint {wanted.checkpoint!r}; there are: {', '.join(names) or 'none'}")
    if not names:
        raise RunError(f"{run.path.name} has no checkpoint yet; train it first")
    if wanted.method == "backprojection" and wanted.box_px is not None:
        raise ConfigError("a back-projection has the box of the images as trained on; leave box_px out")
    analyses = services.data.latents(run_id)
    rows, _ = chosen(services, run_id, wanted, wanted.checkpoint if wanted.checkpoint in analyses else None)
    if not len(rows):
        raise RunError("no particle is selected; select at least one")
    return wanted.checkpoint or next((name for name in analyses if name in names), "last"), rows


async def _made(worker: VolumeWorker, checkpoint: str, rows: Rows, wanted: VolumeWish) -> VolumeFacts:
    slot = uuid.uuid4().hex  # of its own: no other request takes the place of this one
    if wanted.method == "backprojection":
        found = await worker.backproject(rows, slot)
        return VolumeFacts(
            id=found.volume_id, checkpoint=checkpoint, method=wanted.method, particles_used=found.count,
            particles_selected=len(rows), box_px=found.box_px, pixel_size_angstrom=found.pixel_size_angstrom,
            level=found.level, seconds=found.seconds,
        )  # fmt: skip
    request = VolumeRequest(slot, rows, wanted.method, box_px=wanted.box_px, coarsest_px=WHOLE)
    stages = [stage async for stage in worker.stages(request)]
    if not stages:
        raise ConflictError("the map was given up; ask for it again")
    whole = stages[-1]
    return VolumeFacts(
        id=whole.volume_id, checkpoint=whole.checkpoint, method=whole.method, particles_used=whole.rows_used,
        particles_selected=whole.rows_total, box_px=len(whole.array), pixel_size_angstrom=whole.pixel_size_angstrom,
        level=whole.level, seconds=whole.seconds,
    )  # fmt: skip


async def _while_asked(request: Request, work: Coroutine[Any, Any, T]) -> T:
    """The result of some work; given up when the client goes away, so that a script that was ended blocks no worker."""
    task = asyncio.create_task(work)
    try:
        while not task.done():
            await asyncio.wait({task}, timeout=LOOK_SECONDS)
            if not task.done() and await request.is_disconnected():
                raise ConflictError("nobody waits for this any more")
        return task.result()
    finally:
        task.cancel()
