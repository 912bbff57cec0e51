"""Making the maps that are compared, and bringing two of different runs to one worker."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from cryohype_app.state import Rows
from cryohype_app.views.compare.address import How, Source
from cryohype_app.views.compare.offers import Offers
from cryohype_app.worker.client import VolumeWorker
from cryohype_app.worker.request import Method, VolumeRequest
from cryohype_app.worker.results import StageResult
from cryohype_model.errors import InputFileError
from cryohype_model.metrics.difference import Scaling

METHODS: dict[How, Method] = {"mean": "mean", "medoid": "medoid", "neighbours": "neighbours", "linear": "linear"}


@dataclass(frozen=True, eq=False)
class Order:
    """A map that somebody waits for.

    Attributes
    ----------
    slot : a newer order of the slot takes the place of this one. upload : name and bytes of the user's own map.
    """

    worker: VolumeWorker
    offers: Offers
    source: Source
    how: How
    slot: str
    upload: tuple[str, bytes] | None = None

    @property
    def name(self) -> str:
        """For people, short."""
        if self.source.kind == "upload" and self.upload is not None:
            return self.upload[0]
        return self.offers.name(self.source)


@dataclass(frozen=True, eq=False)
class Made:
    """A whole map.

    Attributes
    ----------
    run_id, run_name : of the run whose worker holds it. told : how it was made.
    rows : the particles that it stands for, None where it stands for none.
    data : which images these number: equal for two runs of the same particles.
    units : of its densities: maps of equal units can be subtracted as they are.
    """

    worker: VolumeWorker
    volume_id: str
    name: str
    run_id: str
    run_name: str
    told: str
    rows: Rows | None
    data: str
    units: str


async def make_map(order: Order, show: Callable[[StageResult], None], report: Callable[[int, int], None]) -> Made:
    """Make a map; ``show`` gets the stages of one that the networks decode, ``report`` hears done and total of a back-projection.

    Raises
    ------
    CryoHypeError : it cannot be made; Superseded where a newer order of the slot took its place.
    """
    data = order.offers.manifest.data_fingerprint or order.offers.manifest.id
    run = (order.offers.place.run_id, order.offers.run.path.name)
    if order.source.is_group or order.source.kind == "particle":
        rows = await asyncio.to_thread(order.offers.rows, order.source)
        volume_id, told = await _of_particles(order, rows, show, report)
        kind = "back-projection" if order.source.is_group and order.how == "backprojection" else "network"
        return Made(order.worker, volume_id, order.name, *run, told, rows, data, f"{kind} of {order.offers.manifest.id}")
    volume_id, told = await _of_file(order)
    units = f"truth of {data}" if order.source.kind == "truth" else volume_id
    return Made(order.worker, volume_id, order.name, *run, told, None, data, units)


async def _of_particles(
    order: Order, rows: Rows, show: Callable[[StageResult], None], report: Callable[[int, int], None]
) -> tuple[str, str]:
    if order.source.is_group and order.how == "backprojection":
        made = await order.worker.backproject(rows, order.slot, report)
        return made.volume_id, f"back-projection of {made.count:,} particles · {made.seconds:.1f} s"
    method: Method = METHODS[order.how] if order.source.is_group else "particle"
    volume_id, told = "", ""
    async for stage in order.worker.stages(VolumeRequest(order.slot, rows, method, with_mesh=True)):
        show(stage)
        volume_id, told = stage.volume_id, how_decoded(stage)
    return volume_id, told


async def _of_file(order: Order) -> tuple[str, str]:
    if order.source.kind != "upload":
        return await order.worker.add_map(order.offers.files[str(order.source)], order.name), "as it is stored"
    if order.upload is None:
        raise InputFileError("an uploaded map is not kept with the address; choose the .mrc file again")
    name, content = order.upload
    return await order.worker.add_map(content, name), f"uploaded, {len(content) / 1e6:.1f} MB"


def how_decoded(stage: StageResult) -> str:
    """How the networks made a map, in few words."""
    if stage.rows_total == 1:
        return f"{stage.checkpoint} · {stage.seconds:.2f} s"
    used = f"{stage.rows_used:,} of {stage.rows_total:,}" if stage.rows_used < stage.rows_total else f"{stage.rows_total:,}"
    which = f" ({stage.particle:,})" if stage.particle is not None else ""
    return f"{stage.method}{which} of {used} particles · {stage.checkpoint} · {stage.seconds:.2f} s"


async def brought(made: Made, host: VolumeWorker) -> str:
    """Id of the map in the worker ``host``: where it lies in another one, it goes there by a file."""
    if made.worker is host:
        return made.volume_id
    with tempfile.TemporaryDirectory(prefix="cryohype-compare-") as folder:
        path = Path(folder) / "map.mrc"
        await made.worker.save(made.volume_id, path)
        return await host.add_map(path, made.name)


def suitable_scaling(a: Made, b: Made) -> Scaling:
    """Of B in a difference: none where both maps are of the same units, else to the standard deviation of A."""
    return "none" if a.units == b.units else "deviation"


def shared(a: Made, b: Made) -> int | None:
    """How many particles both maps stand for; None where that means nothing: of other images, or of no particles."""
    if a.rows is None or b.rows is None or a.data != b.data:
        return None
    return len(np.intersect1d(a.rows, b.rows, assume_unique=True))
