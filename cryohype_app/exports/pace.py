"""How long an export will take: measured on the worker that will make it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from cryohype_app.exports.plan import PlannedStep
from cryohype_app.exports.wish import Method
from cryohype_app.worker.client import VolumeWorker
from cryohype_app.worker.request import VolumeRequest
from cryohype_model.runs.volumes import MEANS

ONLY_THE_LAST = 1 << 20  # a coarsest box beyond every map: no stages before the whole one
FEW, MORE = 16, 80  # particles of two measurements, whose difference is what each further one takes
FILE_SECONDS, REPORT_SECONDS = 0.2, 2.0
NEIGHBOURS = 50


@dataclass(frozen=True)
class Pace:
    """Seconds of this machine for this run: of a map, an image encoded, a back-projection, an image inserted into it."""

    device: str
    map: float
    image: float
    backprojection: float
    inserted: float

    def seconds(self, step: PlannedStep, method: Method) -> float:
        """What a step will take."""
        item = step.items[0]
        if step.kind == "map":
            encoded = len(item.rows) if decoded_method(item.kind, method) in MEANS else 1
            encoded = NEIGHBOURS if method == "neighbours" else encoded
            return self.map + encoded * self.image
        if step.kind == "backprojection":
            return self.backprojection + len(item.rows) * self.inserted
        if step.kind == "measure":
            return self.map
        return FILE_SECONDS if step.kind == "particles" else REPORT_SECONDS


UNKNOWN = Pace("", 1.0, 0.005, 1.0, 0.002)  # for the share that is done, where nothing was measured


def total_seconds(steps: Sequence[PlannedStep], pace: Pace, method: Method) -> float:
    """What all of them will take."""
    return sum(pace.seconds(step, method) for step in steps)


def decoded_method(kind: str, method: Method) -> str:
    """The latent that is decoded for a selection, cluster or particle: as ``cryohype volumes`` chooses."""
    if method != "automatic":
        return method
    return {"selection": "mean", "cluster": "medoid", "particle": "particle"}[kind]


async def measure_pace(worker: VolumeWorker, box_px: int | None, backprojects: bool) -> Pace:
    """Make a few maps to see how long they take.

    Parameters
    ----------
    box_px : of the maps. backprojects : measure back-projections too, which cost as much again.
    """
    facts = await worker.facts()
    rows = np.unique(np.linspace(0, facts.particles - 1, MORE).astype(np.int64))
    few = rows[: max(2, min(FEW, len(rows) // 2))]
    await _map_seconds(worker, rows[:1], box_px)  # the first one also warms up
    one, many = [await _map_seconds(worker, some, box_px) for some in (rows[:1], rows)]
    image = max(0.0, many - one) / max(1, len(rows) - 1)
    fixed = inserted = 0.0
    if backprojects:
        first, second = [(await worker.backproject(some, "export pace")).seconds for some in (few, rows)]
        inserted = max(0.0, second - first) / max(1, len(rows) - len(few))
        fixed = max(0.0, first - inserted * len(few))
    return Pace(facts.device, one, image, fixed, inserted)


async def _map_seconds(worker: VolumeWorker, rows: np.ndarray, box_px: int | None) -> float:
    seconds = 0.0
    request = VolumeRequest("export pace", rows, "mean", box_px=box_px, coarsest_px=ONLY_THE_LAST)
    async for stage in worker.stages(request):
        seconds = stage.seconds
    return seconds
