"""What is known of each structure once its map is made: how, with which numbers, and how it looks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from cryohype_app.exports.items import Item
from cryohype_app.plots.particles import png
from cryohype_app.plots.surface import SIDES, Side, framed, projection, surface_picture
from cryohype_app.worker.results import BackprojectionResult, MetricsResult

Map = npt.NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class MapFacts:
    """A map in the worker and how it was made.

    Attributes
    ----------
    used : particles whose latents were averaged. particle : that was decoded, or whose neighbours were; None of a mean.
    """

    volume_id: str
    method: str
    checkpoint: str
    box_px: int
    pixel_size_angstrom: float
    level: float | None
    used: int
    particle: int | None
    low_pass_angstrom: float | None

    @property
    def box_angstrom(self) -> float:
        """Side of the box."""
        return self.box_px * self.pixel_size_angstrom


@dataclass(frozen=True, eq=False)
class Pictures:
    """PNG files of a map from its sides: projections, and the surface where there is one, of a ``share`` of the box's side."""

    projections: dict[Side, bytes]
    surfaces: dict[Side, bytes]
    share: float = 1.0


@dataclass
class Finding:
    """One structure of an export, filled in step by step; what was not asked for stays None."""

    item: Item
    map: MapFacts | None = None
    pictures: Pictures | None = None
    backprojection: BackprojectionResult | None = None
    metrics: MetricsResult | None = None
    truth: MetricsResult | None = None
    truth_share: float = 0.0

    def entry(self) -> dict[str, Any]:
        """Its line in volumes.json."""
        made = self._map()
        particle = {} if made.particle is None else {"particle": made.particle}
        return {
            "file": f"{self.item.stem}.mrc",
            **particle,
            **self.item.subject,
            "method": made.method,
            "pixel_size_angstrom": made.pixel_size_angstrom,
            "checkpoint": made.checkpoint,
            "level": made.level,
        }

    def sidecar(self, provenance: dict[str, Any]) -> dict[str, Any]:
        """What lies beside its map as .json."""
        made = self._map()
        return {
            "name": self.item.name,
            **self.entry(),
            "box_px": made.box_px,
            "origin_angstrom": [0.0, 0.0, 0.0],
            "low_pass_angstrom": made.low_pass_angstrom,
            "colour": self.item.colour,
            "particles_used": made.used,
            "particles_total": len(self.item.rows),
            "chosen_by": self.item.origin,
            **provenance,
        }

    def _map(self) -> MapFacts:
        assert self.map is not None  # a step before made it
        return self.map


def pictures_of(volume: Map, level: float | None, colour: str) -> Pictures:
    """Draw a map."""
    projections = {side: png(projection(volume, side)) for side in SIDES}
    if level is None:
        return Pictures(projections, {})
    shown, share = framed(volume, level)
    seen_from: tuple[Side, ...] = ("z", "x")
    return Pictures(projections, {side: png(surface_picture(shown, level, colour, side)) for side in seen_from}, share)
