"""The numbers beside a volume: its shape, and its agreement with a reference, by the functions of cryohype_model.metrics."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from cryohype_app.worker.results import MetricsResult
from cryohype_app.worker.shelf import StoredVolume
from cryohype_model.errors import MetricError
from cryohype_model.metrics.evaluation import evaluate_pair
from cryohype_model.metrics.fsc import perfect_auc
from cryohype_model.metrics.match import on_one_grid
from cryohype_model.metrics.shape import enclosed_volume_angstrom3, radius_of_gyration_angstrom
from cryohype_model.metrics.threshold import ThresholdPolicy

Curve = npt.NDArray[np.float64]


def shell_frequencies(count: int, box_px: int, pixel_size_angstrom: float) -> Curve:
    """(count,) spatial frequency in 1/Å of the first so many shells."""
    return np.arange(count) / (box_px * pixel_size_angstrom)


def measure(
    volume_id: str, volume: StoredVolume, level: float | None, reference: StoredVolume | None, levels: str = "best"
) -> MetricsResult:
    """Everything that is known of a volume, alone and beside a reference.

    Parameters
    ----------
    level : at which the shape is measured; None for the suggested one.
    levels : how the levels of vIoU and Chamfer distance are found: "best", "mass:KDA" or a density.

    Raises
    ------
    MetricError : the grids cannot be compared, or ``levels`` is not understood.
    """
    level = volume.level if level is None else level
    numbers, notes = _shape(volume, level)
    if reference is not None:
        compared, more = _compared(volume, reference, ThresholdPolicy.parse(levels))
        numbers |= compared
        notes += more
    return MetricsResult(volume_id, level, notes=tuple(notes), **numbers, **_halves(volume, reference))


def _shape(volume: StoredVolume, level: float | None) -> tuple[dict[str, Any], list[str]]:
    """Enclosed volume in Å³ and radius of gyration in Å, and why one is not defined."""
    if level is None:
        return {}, ["the map is constant, so it has no level and no shape"]
    found: dict[str, Any] = {
        "enclosed_volume_angstrom3": enclosed_volume_angstrom3(volume.array, level, volume.pixel_size_angstrom)
    }
    try:
        found["radius_of_gyration_angstrom"] = radius_of_gyration_angstrom(volume.array, level, volume.pixel_size_angstrom)
    except MetricError as error:
        return found, [str(error)]
    return found, []


def _compared(volume: StoredVolume, reference: StoredVolume, policy: ThresholdPolicy) -> tuple[dict[str, Any], list[str]]:
    (first, second), pixel_size = on_one_grid(volume, reference)
    row, curve = evaluate_pair(reference.name, first, second, pixel_size, policy)
    box = len(first)
    numbers = {
        "resolution_0143_angstrom": row.resolution_fsc0143_angstrom,
        "resolution_05_angstrom": row.resolution_fsc05_angstrom,
        "fsc_auc": row.fsc_auc,
        "viou": row.viou,
        "chamfer_angstrom": row.chamfer_angstrom,
        "volume_level": row.map_level,
        "reference_level": row.truth_level,
    }
    facts = {
        "reference": reference.name,
        "frequency_per_angstrom": shell_frequencies(len(curve), box, pixel_size),
        "fsc": curve,
        "perfect_auc": perfect_auc(box),
        "levels": str(policy),
        "box_px": box,
        "pixel_size_angstrom": pixel_size,
    }
    defined = {name: value if math.isfinite(value) else None for name, value in numbers.items()}
    return facts | defined, [row.note] if row.note else []


def _halves(volume: StoredVolume, reference: StoredVolume | None) -> dict[str, Any]:
    """The half-map FSC of whichever is a back-projection, the reference first."""
    for found in (reference, volume):
        if found is not None and found.half_fsc is not None:
            frequency = shell_frequencies(len(found.half_fsc), len(found.array), found.pixel_size_angstrom)
            return {"half_frequency_per_angstrom": frequency, "half_fsc": found.half_fsc}
    return {}
