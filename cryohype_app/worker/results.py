"""What the volume worker answers."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from cryohype_app.worker.request import Method

Map = npt.NDArray[np.float32]
Curve = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class WorkerFacts:
    """The process, its checkpoint and its particles; ``device`` as torch names it, sizes as the networks were trained."""

    pid: int
    checkpoint: str
    device: str
    particles: int
    box_px: int
    pixel_size_angstrom: float
    stored_box_px: int


@dataclass(frozen=True, eq=False)
class MeshResult:
    """The surface of a volume where its density is ``level``.

    Attributes
    ----------
    vertices : (n, 3) float32 (x, y, z) in Å from the centre of the box, index D // 2.
    normals : (n, 3) float32 of unit length, towards lower density.
    faces : (m, 3) uint32, counter-clockwise seen from outside.
    step_px : sampling of the volume; above 1 where it would have had too many faces.
    """

    volume_id: str
    level: float
    vertices: Map
    normals: Map
    faces: npt.NDArray[np.uint32]
    step_px: int


@dataclass(frozen=True, eq=False)
class StageResult:
    """A map of growing box; the id is the same for all stages of a request and names the newest of them.

    Attributes
    ----------
    stage : 0, 1 … last : whether this is the whole map.
    array : (d, d, d) float32 (z, y, x).
    level : Otsu's; None of a constant map.
    rows_used, rows_total : particles whose latents were averaged, and selected.
    seconds : since the request arrived in the worker.
    particle : the particle that was decoded, or whose neighbours were averaged; None of a mean.
    ready : when all of this was there, seconds since 1970.
    """

    volume_id: str
    stage: int
    last: bool
    array: Map
    pixel_size_angstrom: float
    level: float | None
    rows_used: int
    rows_total: int
    method: Method
    checkpoint: str
    seconds: float
    mesh: MeshResult | None = None
    particle: int | None = None
    ready: float = 0.0


@dataclass(frozen=True, eq=False)
class BackprojectionResult:
    """The map that particles make without a network.

    Attributes
    ----------
    frequency_per_angstrom, fsc : (D/2 + 1,) of the half maps. count : particles used.
    """

    volume_id: str
    frequency_per_angstrom: Curve
    fsc: Curve
    resolution_0143_angstrom: float
    resolution_05_angstrom: float
    count: int
    box_px: int
    pixel_size_angstrom: float
    level: float | None
    seconds: float


@dataclass(frozen=True, eq=False)
class MetricsResult:
    """Shape of a volume at its level, and how it agrees with a reference; None is what is not defined or was not asked for.

    Attributes
    ----------
    frequency_per_angstrom, fsc : (d/2 + 1,) of volume and reference on their common grid of ``box_px``, ``pixel_size_angstrom``.
    fsc_auc, perfect_auc : CryoBench's area, and that of identical maps.
    volume_level, reference_level : of vIoU and Chamfer distance, found as ``levels`` says.
    half_frequency_per_angstrom, half_fsc : of the half maps, where volume or reference is a back-projection.
    notes : sentences about what is not defined.
    """

    volume_id: str
    level: float | None
    enclosed_volume_angstrom3: float | None = None
    radius_of_gyration_angstrom: float | None = None
    reference: str | None = None
    frequency_per_angstrom: Curve | None = None
    fsc: Curve | None = None
    resolution_0143_angstrom: float | None = None
    resolution_05_angstrom: float | None = None
    fsc_auc: float | None = None
    perfect_auc: float | None = None
    viou: float | None = None
    chamfer_angstrom: float | None = None
    volume_level: float | None = None
    reference_level: float | None = None
    levels: str | None = None
    box_px: int | None = None
    pixel_size_angstrom: float | None = None
    half_frequency_per_angstrom: Curve | None = None
    half_fsc: Curve | None = None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class HistogramResult:
    """``counts`` (b,) of the densities between ``edges`` (b + 1,), their mean and standard deviation, the suggested level.

    Attributes
    ----------
    facts : how the map was made, as of :class:`VolumeResult`, without the array.
    """

    volume_id: str
    counts: npt.NDArray[np.int64]
    edges: Curve
    mean: float
    deviation: float
    level: float | None
    box_px: int
    pixel_size_angstrom: float
    facts: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class ProjectionsResult:
    """Sums (d, d) float32 of a volume: along z as (y, x), along y as (z, x), along x as (z, y)."""

    volume_id: str
    along_z: Map
    along_y: Map
    along_x: Map
    pixel_size_angstrom: float


@dataclass(frozen=True, eq=False)
class MontageResult:
    """``images`` (n, px, px) uint8 (y, x) of particles, each stretched between its own percentiles."""

    images: npt.NDArray[np.uint8]


@dataclass(frozen=True, eq=False)
class VolumeResult:
    """A volume as the worker holds it.

    Attributes
    ----------
    array : (d, d, d) float32 (z, y, x). origin_angstrom : (x, y, z) of voxel [0, 0, 0].
    kind : what made it: "network", "backprojection", "map" or "difference". facts : how.
    """

    volume_id: str
    array: Map
    pixel_size_angstrom: float
    origin_angstrom: tuple[float, float, float]
    level: float | None
    kind: str
    facts: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class StoredResult:
    """The id of a volume that was stored or saved."""

    volume_id: str
