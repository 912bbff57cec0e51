"""Levels at which a map counts as occupied: they decide vIoU and Chamfer distance, so the policy is named beside the numbers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from cryohype_model.errors import MetricError

Volume = npt.NDArray[np.float32]

ANGSTROM3_PER_KDA = 1210.0  # protein of 1.35 g/cm^3: 1.21 Å^3/Da (Harpaz, Gerstein & Chothia 1994)


@dataclass(frozen=True)
class ThresholdPolicy:
    """How the level of each map is found.

    Attributes
    ----------
    kind : "best": the truth is cut at its Otsu level, the map where its vIoU with that is largest;
        "level": one given density for both; "each": one for the map, one for the truth; "mass": both where they enclose the
        volume of a molecular mass.
    value : the density, or the mass in kDa; unused for "best".
    truth_value : the density of the truth, for "each".
    """

    kind: Literal["best", "level", "each", "mass"] = "best"
    value: float = 0.0
    truth_value: float = 0.0

    @classmethod
    def parse(cls, text: str) -> ThresholdPolicy:
        """Read ``best``, ``mass:KDA`` or a number.

        Raises
        ------
        MetricError : the text is none of them.
        """
        if text == "best":
            return cls()
        kind, number = ("mass", text[5:]) if text.startswith("mass:") else ("level", text)
        try:
            value = float(number)
        except ValueError:
            value = float("nan")
        if not np.isfinite(value) or (kind == "mass" and value <= 0):
            raise MetricError(
                f"the level {text!r} is not understood; give a density such as 0.1, mass:KDA such as mass:450, or best"
            )
        return cls("mass", value) if kind == "mass" else cls("level", value)

    def __str__(self) -> str:
        """The sentence printed beside vIoU and Chamfer distance."""
        if self.kind == "level":
            return f"density {self.value:g} for map and truth"
        if self.kind == "each":
            return f"density {self.value:g} for the map, {self.truth_value:g} for the truth"
        if self.kind == "mass":
            return f"map and truth each at the level that encloses {self.value:g} kDa"
        return "truth at its Otsu level, map at the level of largest vIoU with it"

    def levels(self, volume: Volume, truth: Volume, pixel_size_angstrom: float) -> tuple[float, float]:
        """The levels of a map and of its truth.

        Parameters
        ----------
        volume, truth : (z, y, x) maps on the same grid.
        pixel_size_angstrom : side of a voxel.

        Raises
        ------
        MetricError : a level does not exist (constant map, a mass that does not fit into the box).
        """
        if self.kind == "level":
            return self.value, self.value
        if self.kind == "each":
            return self.value, self.truth_value
        if self.kind == "mass":
            expected = molecular_volume_angstrom3(self.value)
            return level_enclosing(volume, expected, pixel_size_angstrom), level_enclosing(truth, expected, pixel_size_angstrom)
        truth_level = otsu_level(truth)
        return best_level(volume, truth > truth_level), truth_level


def molecular_volume_angstrom3(mass_kda: float) -> float:
    """Volume of a protein of this mass, at 1.21 Å^3/Da."""
    return mass_kda * ANGSTROM3_PER_KDA


def level_enclosing(volume: Volume, volume_angstrom3: float, pixel_size_angstrom: float) -> float:
    """The level above which lie as many voxels as the given volume holds (fewer where densities are equal).

    Parameters
    ----------
    volume : (z, y, x) map.
    volume_angstrom3 : volume to enclose.
    pixel_size_angstrom : side of a voxel.

    Raises
    ------
    MetricError : that is less than one voxel, or more than the box.
    """
    count = round(volume_angstrom3 / pixel_size_angstrom**3)
    if not 1 <= count < volume.size:
        raise MetricError(
            f"a volume of {volume_angstrom3:g} Å^3 is {count} voxels of {pixel_size_angstrom:g} Å, "
            f"of a box of {volume.size}; give a mass between one voxel and the box"
        )
    return float(np.partition(volume.ravel(), volume.size - count - 1)[volume.size - count - 1])


def otsu_level(volume: Volume, bins: int = 256) -> float:
    """The level that separates the histogram into the two classes of largest between-class variance (Otsu 1979).

    Parameters
    ----------
    volume : (z, y, x) map.
    bins : bins of the histogram.

    Raises
    ------
    MetricError : the map is constant.
    """
    low, high = float(volume.min()), float(volume.max())
    if low == high:
        raise MetricError(
            f"a level is not defined on a constant map (every voxel is {low:g}); check that the right map was given"
        )
    counts, edges = np.histogram(volume, bins=bins, range=(low, high))
    centres = (edges[:-1] + edges[1:]) / 2
    below, mass = np.cumsum(counts)[:-1], np.cumsum(counts * centres)
    above = volume.size - below
    with np.errstate(invalid="ignore", divide="ignore"):
        between = below * above * (mass[:-1] / below - (mass[-1] - mass[:-1]) / above) ** 2
    between = np.nan_to_num(between)
    return float(edges[1:-1][between >= between.max() * (1 - 1e-12)].mean())  # the middle of the gap between two populations


def best_level(volume: Volume, occupied: npt.NDArray[np.bool_]) -> float:
    """The level at which the map's vIoU with an occupied region is largest: exact, over every density that occurs.

    With the voxels sorted from dense to thin, the k densest give vIoU = c(k) / (k + n - c(k)), c(k) of them inside the
    region of n voxels; k is where a density ends.

    Parameters
    ----------
    volume : (z, y, x) map.
    occupied : (z, y, x) region of the truth.

    Raises
    ------
    MetricError : the map is constant, or the region is empty.
    """
    inside_count = int(np.count_nonzero(occupied))
    if inside_count == 0:
        raise MetricError("the level of largest vIoU is not defined: no voxel of the truth is occupied; lower the truth's level")
    order = np.argsort(volume, axis=None)[::-1]
    density = np.take(volume, order)  # np.take leaves other threads running, an index does not
    inside = np.cumsum(np.take(occupied, order).astype(np.int64))  # summing without a cast does so too
    ends = np.flatnonzero(density[1:] < density[:-1])  # the last voxel of each density but the lowest
    if not len(ends):
        raise MetricError(
            f"a level is not defined on a constant map (every voxel is {density[0]:g}); check that the right map was given"
        )
    hits = np.take(inside, ends)
    score = hits / (ends + 1 + inside_count - hits)
    return float(density[ends[np.argmax(score)] + 1])
