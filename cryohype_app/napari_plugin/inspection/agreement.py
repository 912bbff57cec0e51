"""How far two maps agree, computed as the dashboard does: the same functions on the same common grid."""

from __future__ import annotations

import csv
import math
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from cryohype_app.napari_plugin.inspection.densities import densities_of
from cryohype_app.napari_plugin.inspection.work import afford
from cryohype_app.napari_plugin.layers import MapLayer
from cryohype_model.errors import InputFileError
from cryohype_model.metrics.difference import DEVIATIONS, Scaling, correlation, difference
from cryohype_model.metrics.evaluation import StructureRow, evaluate_pair
from cryohype_model.metrics.fsc import Curve, perfect_auc
from cryohype_model.metrics.match import centred_origin, on_one_grid
from cryohype_model.metrics.threshold import ThresholdPolicy

COMPARE_BYTES, SUBTRACT_BYTES = 110, 60  # a voxel of the larger map, at the peak
HOW = {"each": "as they are drawn", "best": "B by Otsu, A by largest vIoU"}
APART_ANGSTROM = 0.5  # centres that lie farther apart are told of


@dataclass(frozen=True, eq=False)
class Agreement:
    """Two maps and what was found.

    Attributes
    ----------
    row : the numbers. frequency_per_angstrom, fsc : (n,). levels : how they were found. notes : what must be known besides.
    """

    first: str
    second: str
    row: StructureRow
    correlation: float
    frequency_per_angstrom: Curve
    fsc: Curve
    box_px: int
    pixel_size_angstrom: float
    levels: str
    notes: tuple[str, ...]

    def __str__(self) -> str:
        """One line a number."""
        row = self.row
        lines = [
            f"resolution at FSC 0.143\t{_resolution(row.resolution_fsc0143_px, row.resolution_fsc0143_angstrom)}",
            f"resolution at FSC 0.5\t{_resolution(row.resolution_fsc05_px, row.resolution_fsc05_angstrom)}",
            f"FSC-AUC\t{row.fsc_auc:.4f} of {perfect_auc(self.box_px):.4f}",
            f"correlation of densities\t{self.correlation:.4f}",
            f"vIoU\t{_defined(row.viou, '.4f')}",
            f"Chamfer distance\t{_defined(row.chamfer_angstrom, '.3f')}{' Å' if math.isfinite(row.chamfer_angstrom) else ''}",
            f"levels\tA {_defined(row.map_level, '.4g')}, B {_defined(row.truth_level, '.4g')} ({self.levels})",
            f"grid\t{self.box_px} px of {self.pixel_size_angstrom:.4g} Å",
        ]
        return "\n".join([*lines, *self.notes])

    def write_csv(self, path: Path) -> None:
        """The curve, a line a shell, as ``cryohype backproject`` writes it.

        Raises
        ------
        InputFileError : the file cannot be written.
        """
        try:
            with path.open("w", newline="", encoding="utf-8") as file:
                writer = csv.writer(file)
                writer.writerow(["frequency_1_per_angstrom", "fsc"])
                writer.writerows((f"{f:.6f}", f"{c:.6f}") for f, c in zip(self.frequency_per_angstrom, self.fsc, strict=True))
        except OSError as error:
            raise InputFileError(f"{path} cannot be written ({error.strerror}); choose another folder") from error


def agreement(first: MapLayer, second: MapLayer, policy: ThresholdPolicy, mask: MapLayer | None = None) -> Agreement:
    """Compare two maps on their common grid.

    Parameters
    ----------
    mask : that both are multiplied with before the FSC, or None.

    Raises
    ------
    MetricError : the maps cannot be compared, or not in this memory.
    """
    given = [first, second] if mask is None else [first, second, mask]
    afford("comparing the maps", max(one.array.size for one in given), COMPARE_BYTES)
    for one in given:
        densities_of(one.array, one.name)
    maps, pixel_size = on_one_grid(*given)
    row, curve = evaluate_pair(second.name, maps[0], maps[1], pixel_size, policy, maps[2] if mask is not None else None)
    box = len(maps[0])
    frequency = np.arange(len(curve)) / (box * pixel_size)
    notes = [*([row.note] if row.note else []), *_lie(first, second), *([f"FSC within {mask.name}"] if mask is not None else [])]
    how = HOW.get(policy.kind, f"both enclose {policy.value:g} kDa")
    return Agreement(
        first.name, second.name, row, correlation(maps[0], maps[1]), frequency, curve, box, pixel_size, how, tuple(notes)
    )


def subtracted(first: MapLayer, second: MapLayer, scaling: Scaling) -> MapLayer:
    """The first map minus the second on their common grid, at a level of three standard deviations.

    Raises
    ------
    MetricError : the maps cannot be brought to one grid, or not in this memory.
    """
    afford("subtracting the maps", max(first.array.size, second.array.size), SUBTRACT_BYTES)
    for one in (first, second):
        densities_of(one.array, one.name)
    maps, pixel_size = on_one_grid(first, second)
    array, scale = difference(maps[0], maps[1], scaling)
    origin = centred_origin(len(first.array), first.pixel_size_angstrom, first.origin_angstrom, len(array), pixel_size)
    level = DEVIATIONS * float(array.std()) or float(array.flat[0])
    facts = {"scale": scale, "first": first.name, "second": second.name}
    name = f"{first.name} minus {second.name}"
    return replace(
        first, array=array, pixel_size_angstrom=pixel_size, name=name, origin_angstrom=origin, level=level, facts=facts
    )


def _lie(first: MapLayer, second: MapLayer) -> list[str]:
    """A remark where the maps lie apart in the view: they are compared centre on centre."""
    a, b = (
        np.array(one.origin_angstrom) + np.array(one.array.shape[::-1]) // 2 * one.pixel_size_angstrom for one in (first, second)
    )
    apart = float(np.linalg.norm(a - b))
    if apart <= APART_ANGSTROM:
        return []
    return [f"the centres of the boxes lie {apart:.1f} Å apart in the view; the maps are compared centre on centre"]


def _resolution(pixels: float, angstrom: float) -> str:
    return f"{angstrom:.2f} Å" + (", Nyquist: the FSC never falls below" if pixels <= 2 else "")


def _defined(value: float, how: str) -> str:
    return format(value, how) if math.isfinite(value) else "not defined"
