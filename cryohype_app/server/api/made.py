"""The volumes that requests had made: whose they are, and which worker holds them."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass

from pydantic import BaseModel, Field

from cryohype_app.lasso import Rows
from cryohype_app.server.api.problem import NotThereError
from cryohype_app.worker.client import VolumeWorker

MOST_MADE = 128  # a worker holds 64


class VolumeFacts(BaseModel):
    """A map that was made."""

    id: str = Field(description="for the other addresses")
    checkpoint: str = Field(description="whose networks made it")
    method: str = Field(description="how it was made")
    particles_used: int = Field(ge=0, description="whose latents were averaged, or which were back-projected")
    particles_selected: int = Field(ge=0, description="that were asked for")
    box_px: int = Field(description="side")
    pixel_size_angstrom: float
    level: float | None = Field(description="suggested contour level; null of a constant map")
    seconds: float = Field(ge=0, description="that its making took")


@dataclass(frozen=True, eq=False)
class MadeVolume:
    """A map, the particles that were asked for, and who holds it."""

    run_id: str
    facts: VolumeFacts
    rows: Rows
    worker: VolumeWorker


class MadeVolumes:
    """The newest ones, by id."""

    def __init__(self) -> None:
        self._made: OrderedDict[str, MadeVolume] = OrderedDict()

    def put(self, made: MadeVolume) -> VolumeFacts:
        """Keep one; the oldest of too many is forgotten."""
        self._made[made.facts.id] = made
        while len(self._made) > MOST_MADE:
            self._made.popitem(last=False)
        return made.facts

    def get(self, run_id: str, volume_id: str) -> MadeVolume:
        """One of a run.

        Raises
        ------
        NotThereError : it was never made, or many others were made since.
        """
        made = self._made.get(volume_id)
        if made is None or made.run_id != run_id:
            raise NotThereError(f"there is no volume {volume_id!r} of this run; make it with POST …/volumes")
        return made

    def of_run(self, run_id: str) -> list[VolumeFacts]:
        """Those of a run, the newest first."""
        return [made.facts for made in reversed(self._made.values()) if made.run_id == run_id]
