"""The connected parts of the density above a level: how many, how large, how far apart, and a map without the small ones."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy import ndimage
from scipy.spatial import ConvexHull
from scipy.spatial.distance import pdist

from cryohype_model.errors import MetricError

Map = npt.NDArray[np.float32]
Region = npt.NDArray[np.bool_]

FEW_POINTS, FEW_IN_PLANE = 1500, 12  # all distances between so many are cheap


def part_volumes_angstrom3(volume: Map, level: float, pixel_size_angstrom: float) -> npt.NDArray[np.float64]:
    """(n,) volume in Å³ of each connected part (voxels above the level that share a face), the largest first."""
    counts = np.bincount(ndimage.label(volume > level)[0].ravel())[1:]
    return np.sort(counts)[::-1].astype(np.float64) * pixel_size_angstrom**3


def largest_parts(volume: Map, level: float, least_angstrom3: float | None, pixel_size_angstrom: float) -> Region:
    """Where the parts of at least some volume lie; with None, where the largest one lies.

    Raises
    ------
    MetricError : no voxel exceeds the level, or every part is smaller.
    """
    labels, count = ndimage.label(volume > level)
    if not count:
        raise MetricError(f"no voxel exceeds the level {level:g} (the largest is {volume.max():g}); lower the level")
    sizes = np.bincount(labels.ravel()) * pixel_size_angstrom**3
    sizes[0] = 0
    kept = np.arange(count + 1) == np.argmax(sizes) if least_angstrom3 is None else sizes >= max(least_angstrom3, 1e-30)
    if not kept.any():
        raise MetricError(
            f"every part is smaller than {least_angstrom3:g} Å³ (the largest has {sizes.max():.6g} Å³); ask for less"
        )
    return np.take(kept, labels)


def without_dust(volume: Map, level: float, least_angstrom3: float, pixel_size_angstrom: float) -> Map:
    """The map with the mean density outside in place of the parts that are smaller than some volume.

    Raises
    ------
    MetricError : no voxel exceeds the level, or every part is smaller.
    """
    occupied = volume > level
    kept = largest_parts(volume, level, least_angstrom3, pixel_size_angstrom)
    outside = volume.mean(dtype=np.float64, where=~occupied)
    return np.where(occupied & ~kept, np.float32(outside), volume)


def largest_extent_angstrom(volume: Map, level: float, pixel_size_angstrom: float) -> float:
    """The distance between the two voxels above the level that lie farthest apart, centre to centre, in Å.

    Raises
    ------
    MetricError : no voxel exceeds the level.
    """
    occupied = volume > level
    if not occupied.any():
        raise MetricError(f"no voxel exceeds the level {level:g} (the largest is {volume.max():g}); lower the level")
    heights = np.flatnonzero(occupied.any(axis=(1, 2)))
    points = np.concatenate([np.insert(_corners(occupied[z]), 0, z, axis=1) for z in heights])
    if len(points) > FEW_POINTS:
        points = points[ConvexHull(points, qhull_options="QJ").vertices]  # QJ: flat ones too
    return float(pdist(points).max(initial=0.0)) * pixel_size_angstrom


def _corners(plane: Region) -> npt.NDArray[np.float64]:
    """(n, 2) the voxels (y, x) of a plane among which are the corners of its convex hull."""
    y = np.flatnonzero(plane.any(axis=1))
    rows = plane[y]
    ends = np.concatenate([rows.argmax(axis=1), rows.shape[1] - 1 - rows[:, ::-1].argmax(axis=1)])
    points = np.column_stack([np.tile(y, 2), ends]).astype(np.float64)
    return points[ConvexHull(points, qhull_options="QJ").vertices] if len(points) > FEW_IN_PLANE else points
