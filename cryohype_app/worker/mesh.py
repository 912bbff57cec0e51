"""From a map to a surface: marching cubes, turned from array order (z, y, x) into the conventions of maps (x, y, z)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import ndimage
from skimage.measure import marching_cubes

from cryohype_model.errors import MetricError

MOST_FACES = 300_000
SMOOTHING_PX = 1.0  # standard deviation of the Gaussian


@dataclass(frozen=True, eq=False)
class Surface:
    """Triangles.

    Attributes
    ----------
    vertices : (n, 3) float32 (x, y, z) in Å from the centre of the box, index D // 2.
    normals : (n, 3) float32 of unit length, towards lower density.
    faces : (m, 3) uint32, counter-clockwise seen from outside.
    step_px : sampling of the map.
    """

    vertices: npt.NDArray[np.float32]
    normals: npt.NDArray[np.float32]
    faces: npt.NDArray[np.uint32]
    step_px: int


def surface(
    volume: npt.NDArray[np.float32], level: float, pixel_size_angstrom: float, smooth: bool = False, most_faces: int = MOST_FACES
) -> Surface:
    """The surface where the density is ``level``.

    Parameters
    ----------
    volume : (d, d, d) (z, y, x).
    smooth : of the map low-passed by a Gaussian of one voxel.
    most_faces : the map is sampled more coarsely until there are no more (to a few in a hundred).

    Raises
    ------
    MetricError : the level is not between the lowest and the highest density.
    """
    if smooth:
        volume = ndimage.gaussian_filter(volume, SMOOTHING_PX)
    low, high = float(volume.min()), float(volume.max())
    if not low < level < high:
        raise MetricError(
            f"there is no surface at density {level:g}: the map lies between {low:.4g} and {high:.4g}; choose between"
        )
    if most_faces < 1:
        raise MetricError(f"a surface of at most {most_faces} faces is none; allow some thousands")
    return _triangles(volume, level, pixel_size_angstrom, _step(volume, level, most_faces))


def _step(volume: npt.NDArray[np.float32], level: float, most_faces: int) -> int:
    """The finest sampling with few enough faces, or the coarsest that still has some."""
    step, faces = 1, expected_faces(volume, level)
    while faces > most_faces and (faces := expected_faces(volume, level, step + 1)) > 0:
        step += 1
    return step


def expected_faces(volume: npt.NDArray[np.float32], level: float, step: int = 1) -> int:
    """Faces that marching cubes will make, nearly: a vertex on each crossed edge of the lattice, two faces a vertex (Euler)."""
    occupied = volume[::step, ::step, ::step] > level
    return 2 * sum(int(np.count_nonzero(np.diff(occupied, axis=axis))) for axis in range(3))


def _triangles(volume: npt.NDArray[np.float32], level: float, pixel_size_angstrom: float, step: int) -> Surface:
    # skimage's faces turn clockwise around what is dense in the order (z, y, x); reversing the columns is a mirror image,
    # in which the same faces turn counter-clockwise. Its normals are vectors, already towards lower density.
    vertices, faces, normals, _ = marching_cubes(volume, level, step_size=step, gradient_direction="descent")
    centre = np.array([side // 2 for side in volume.shape])
    return Surface(
        np.ascontiguousarray(((vertices - centre) * pixel_size_angstrom)[:, ::-1], dtype=np.float32),
        np.ascontiguousarray(normals[:, ::-1], dtype=np.float32),
        np.ascontiguousarray(faces, dtype=np.uint32),
        step,
    )
