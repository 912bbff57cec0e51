"""What a viewer asks for, and the maps that it gets."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from cryohype_app.plots.palette import category_colour
from cryohype_app.server.api.series import series_of
from cryohype_app.server.api.volumes import VolumeWish, prepared
from cryohype_app.services import Services
from cryohype_app.state import USUAL, stored_colour
from cryohype_app.stream import Shown
from cryohype_app.wire import Precision, SeriesPlace, VolumeHead
from cryohype_app.worker.client import VolumeWorker
from cryohype_app.worker.request import VolumeRequest
from cryohype_model.io.mrc import read_volume
from cryohype_model.runs.selections import read_selection_facts
from cryohype_model.runs.volumes import VolumeEntry, VolumeSeries

CHOICE = "choice"  # the slot of what a viewer chose itself


class Message(BaseModel):
    """A text message of a viewer."""

    model_config = ConfigDict(extra="ignore")


class Settings(Message):
    """Whether it follows the browser, and how exact the values are that it wants."""

    follow: bool = True
    precision: Precision = "full"


class Look(Message):
    """It wants to know what there is in a run."""

    run: str


class WishedParticles(VolumeWish):
    """A map of some particles of a run."""

    kind: Literal["particles"]
    run: str


class WishedSeries(BaseModel):
    """The stored maps of a run's series, to play, or one of them."""

    model_config = ConfigDict(extra="forbid")

    kind: Literal["series"]
    run: str
    series: str
    map: int | None = None


Wish = Annotated[WishedParticles | WishedSeries, Field(discriminator="kind")]


class Ask(Message):
    """It wants a map."""

    wish: Wish


async def granted(services: Services, wish: Wish, slot: str) -> AsyncGenerator[Shown, None]:
    """The maps, the coarsest first.

    Parameters
    ----------
    slot : of the worker: a newer wish takes the place of an older one.

    Raises
    ------
    CryoHypeError : it cannot be made.
    """
    made = _of_series(services, wish) if isinstance(wish, WishedSeries) else _of_particles(services, wish, slot)
    async with aclosing(made) as maps:
        async for shown in maps:
            yield shown


async def _of_particles(services: Services, wish: WishedParticles, slot: str) -> AsyncGenerator[Shown, None]:
    checkpoint, rows = await asyncio.to_thread(prepared, services, wish.run, wish)
    name, colour = await asyncio.to_thread(_called, services, wish, len(rows))
    worker = services.worker(wish.run, checkpoint)
    run = services.data.run(wish.run)
    known: dict[str, Any] = {"slot": CHOICE, "run_id": wish.run, "run_name": run.path.name, "name": name, "colour": colour}
    if wish.method == "backprojection":
        found = await worker.backproject(rows, slot)
        yield await _whole(worker, found.volume_id, known, f"back-projection of {found.count:,} particles")
        return
    request = VolumeRequest(slot, rows, wish.method, box_px=wish.box_px)
    async with aclosing(worker.stages(request)) as stages:
        async for stage in stages:
            head = VolumeHead(
                volume_id=stage.volume_id, stage=stage.stage, last=stage.last, shape=stage.array.shape,
                pixel_size_angstrom=stage.pixel_size_angstrom, level=stage.level,
                how=f"{stage.method} of {stage.rows_used:,} particles, {stage.checkpoint}", ready=stage.ready, **known,
            )  # fmt: skip
            yield Shown(head, stage.array)


async def _whole(worker: VolumeWorker, volume_id: str, known: dict[str, Any], how: str) -> Shown:
    volume = await worker.volume(volume_id)
    head = VolumeHead(
        volume_id=volume_id, shape=volume.array.shape, pixel_size_angstrom=volume.pixel_size_angstrom, level=volume.level,
        origin_angstrom=volume.origin_angstrom, how=how, ready=time.time(), **known,
    )  # fmt: skip
    return Shown(head, volume.array)


def _called(services: Services, wish: WishedParticles, count: int) -> tuple[str, str]:
    """Name and colour, as the browser has them."""
    if wish.cluster is not None:
        return f"cluster {wish.cluster}", category_colour(wish.cluster)
    if wish.selection is not None:
        facts = read_selection_facts(services.data.run(wish.run), wish.selection)
        return wish.selection, stored_colour(facts["origin"])
    if wish.particles is not None and len(wish.particles) == 1:
        return f"particle {wish.particles[0]}", USUAL
    return f"{count:,} particles", USUAL


async def _of_series(services: Services, wish: WishedSeries) -> AsyncGenerator[Shown, None]:
    series = await asyncio.to_thread(series_of, services, wish.run, wish.series)
    run = services.data.run(wish.run)
    chosen = range(len(series)) if wish.map is None else [wish.map]
    for number in chosen:
        if not 0 <= number < len(series):
            return
        yield await asyncio.to_thread(_stored, services, run.path.name, wish, series, number)


def _stored(services: Services, run_name: str, wish: WishedSeries, series: VolumeSeries, number: int) -> Shown:
    entry: VolumeEntry = series.entries[number]
    array, pixel_size, origin = read_volume(services.roots.checked(series.map_path(entry)), cubic=True)
    place = None if wish.map is not None else SeriesPlace(id=f"{wish.run}/{wish.series}", number=number, count=len(series))
    key = CHOICE if place is None else f"series-{place.id}-{number}"
    label = entry.file.removesuffix(".mrc") if place is None else wish.series
    colour = USUAL if entry.cluster is None or place else category_colour(entry.cluster)
    head = VolumeHead(
        slot=key, volume_id=f"{wish.series}/{entry.file}", run_id=wish.run, run_name=run_name, name=label, colour=colour,
        shape=array.shape, pixel_size_angstrom=pixel_size or entry.pixel_size_angstrom, origin_angstrom=origin,
        level=series.entries[0].level if place else entry.level, how=f"{entry.method}, {entry.checkpoint}", ready=time.time(),
        series=place,
    )  # fmt: skip
    return Shown(head, array)
