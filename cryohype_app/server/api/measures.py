"""Numbers beside a volume, and what it is compared with."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from fastapi import Query
from pydantic import BaseModel, ConfigDict, Field

from cryohype_app.server.api.made import MadeVolume, MadeVolumes
from cryohype_app.services import Services
from cryohype_app.worker.request import Reference
from cryohype_app.worker.results import MetricsResult
from cryohype_model.errors import RunError

Curve = list[float | None] | None
Number = float | None


class Comparison(BaseModel):
    """What a volume is compared with: one of the four, or nothing."""

    model_config = ConfigDict(extra="forbid")

    truth: str | None = Field(None, description="label or name of a structure of the simulation that the particles are from")
    volume: str | None = Field(None, description="id of another volume of the run")
    backprojection: bool = Field(False, description="with the map that the same particles make without a network")
    map: str | None = Field(None, description="an .mrc file in the server's folders")
    level: float | None = Field(
        None, allow_inf_nan=False, description="density at which the shape is measured; without it the suggested one"
    )


class Measures(BaseModel):
    """Shape of a volume, and its agreement with a reference; null is what is not defined or was not asked for."""

    volume_id: str
    level: Number = Field(description="at which the shape was measured")
    enclosed_volume_angstrom3: Number
    radius_of_gyration_angstrom: Number
    reference: str | None = Field(description="name of what it was compared with")
    frequency_per_angstrom: Curve = Field(description="of the shells of fsc")
    fsc: Curve = Field(description="of volume and reference")
    resolution_0143_angstrom: Number = Field(description="where that FSC falls below 0.143")
    resolution_05_angstrom: Number = Field(description="where that FSC falls below 0.5")
    fsc_auc: Number = Field(description="CryoBench's area under the FSC")
    perfect_auc: Number = Field(description="that area for identical maps")
    viou: Number = Field(description="volumetric intersection over union")
    chamfer_angstrom: Number = Field(description="Chamfer distance of the surfaces")
    volume_level: Number = Field(description="of the volume, for vIoU and Chamfer distance")
    reference_level: Number = Field(description="of the reference, for vIoU and Chamfer distance")
    levels: str | None = Field(description="how these levels were found")
    box_px: int | None = Field(description="of the common grid")
    pixel_size_angstrom: Number = Field(description="of the common grid")
    half_frequency_per_angstrom: Curve = Field(description="of the shells of half_fsc")
    half_fsc: Curve = Field(description="of the half maps, where one of the two is a back-projection")
    notes: list[str] = Field(description="what is not defined, and why")


Asked = Annotated[Comparison, Query()]


def reference_of(services: Services, made: MadeVolume, known: MadeVolumes, asked: Comparison) -> Reference | None:
    """What the worker is to compare a volume with.

    Raises
    ------
    RunError : more than one, or a volume of another checkpoint. InputFileError : a map outside of the server's folders.
    """
    given = [name for name in ("truth", "volume", "backprojection", "map") if getattr(asked, name)]
    if len(given) > 1:
        raise RunError(f"a volume is compared with one reference, not with {' and '.join(given)}; choose one")
    if asked.truth:
        return {"truth": _label(asked.truth)}
    if asked.volume:
        other = known.get(made.run_id, asked.volume)
        if other.worker is not made.worker:
            raise RunError(f"{asked.volume} was made by {other.facts.checkpoint}; compare volumes of one checkpoint")
        return {"volume": asked.volume}
    if asked.backprojection:
        return {"backprojection": made.rows}
    return {"map": services.roots.checked(services.data.home / Path(asked.map))} if asked.map else None


def told_measures(found: MetricsResult) -> Measures:
    """The worker's answer for JSON."""
    return Measures.model_validate({name: _told(value) for name, value in asdict(found).items()})


def _told(value: Any) -> Any:
    if isinstance(value, np.ndarray):
        return [_told(item) for item in value.tolist()]
    if isinstance(value, float):
        return value if np.isfinite(value) else None
    return list(value) if isinstance(value, tuple) else value


def _label(text: str) -> int | str:
    """Labels are numbers; anything else is a name."""
    try:
        return int(text)
    except ValueError:
        return text
