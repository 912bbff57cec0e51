"""Shapes of two maps, each cut at its level: volumetric IoU, Chamfer distance, enclosed volume, radius of gyration."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from cryohype_model.errors import MetricError

Volume = npt.NDArray[np.float32]
Mask = npt.NDArray[np.bool_]


def viou(a: Volume, b: Volume, level_a: float, level_b: float) -> float:
    """Volumetric intersection over union of the occupied voxels (density > level), between 0 and 1.

    Parameters
    ----------
    a, b : (z, y, x) maps on the same grid.
    level_a, level_b : the level of each.

    Raises
    ------
    MetricError : the grids differ, or neither map has an occupied voxel.
    """
    _check_same_grid(a, b)
    occupied_a, occupied_b = a > level_a, b > level_b
    union = np.count_nonzero(occupied_a | occupied_b)
    if union == 0:
        raise MetricError(
            f"vIoU is not defined: no voxel of either map exceeds its level ({level_a:g}, {level_b:g}); lower the levels"
        )
    return float(np.count_nonzero(occupied_a & occupied_b) / union)


def chamfer_distance_angstrom(a: Volume, b: Volume, level_a: float, level_b: float, pixel_size_angstrom: float) -> float:
    """Mean distance from each occupied voxel of a to the nearest of b, and of b to a, averaged: in Å, exact.

    The nearest occupied voxel is read off the exact Euclidean distance transform of the grid, which equals the
    nearest-neighbour search between the two point clouds of voxel centres. (The paper prints the same average in units
    of its scaled voxel coordinates.)

    Parameters
    ----------
    a, b : (z, y, x) maps on the same grid.
    level_a, level_b : the level of each; voxels above are occupied.
    pixel_size_angstrom : side of a voxel.

    Raises
    ------
    MetricError : the grids differ, or one of the maps has no occupied voxel.
    """
    _check_same_grid(a, b)
    occupied_a, occupied_b = a > level_a, b > level_b
    for name, occupied, level in (("first", occupied_a, level_a), ("second", occupied_b, level_b)):
        if not occupied.any():
            raise MetricError(
                f"the Chamfer distance is not defined: no voxel of the {name} map exceeds {level:g}; lower the level"
            )
    box = ndimage.find_objects((occupied_a | occupied_b).astype(np.uint8))[0]
    occupied_a, occupied_b = occupied_a[box], occupied_b[box]
    to_b_px = ndimage.distance_transform_edt(~occupied_b)[occupied_a].mean()
    to_a_px = ndimage.distance_transform_edt(~occupied_a)[occupied_b].mean()
    return float((to_b_px + to_a_px) / 2 * pixel_size_angstrom)


def enclosed_volume_angstrom3(volume: Volume, level: float, pixel_size_angstrom: float) -> float:
    """Volume of the voxels above the level, in Å^3.

    Parameters
    ----------
    volume : (z, y, x) map.
    level : density above which a voxel counts.
    pixel_size_angstrom : side of a voxel.
    """
    return float(np.count_nonzero(volume > level) * pixel_size_angstrom**3)


def radius_of_gyration_angstrom(volume: Volume, level: float, pixel_size_angstrom: float) -> float:
    """Root mean square distance of the density above the level (weighted with the density) from its centre of mass, in Å.

    Parameters
    ----------
    volume : (z, y, x) map.
    level : density above which a voxel counts; not negative, so that all weights are positive.
    pixel_size_angstrom : side of a voxel.

    Raises
    ------
    MetricError : the level is negative, or no voxel lies above it.
    """
    if level < 0:
        raise MetricError(f"the radius of gyration needs a level of at least 0, not {level:g}: density must be positive")
    points_px = np.argwhere(volume > level).astype(np.float64)
    if not len(points_px):
        raise MetricError(f"the radius of gyration is not defined: no voxel exceeds {level:g}; lower the level")
    weights = volume[volume > level].astype(np.float64)
    centre_px = np.average(points_px, axis=0, weights=weights)
    mean_square = np.average(((points_px - centre_px) ** 2).sum(axis=1), weights=weights)
    return float(np.sqrt(mean_square) * pixel_size_angstrom)


def _check_same_grid(a: Volume, b: Volume) -> None:
    """Refuse maps of different boxes."""
    if a.shape != b.shape:
        raise MetricError(f"the maps must have one box, not {a.shape} and {b.shape}; crop or resample one of them")
