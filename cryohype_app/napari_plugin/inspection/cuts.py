"""Planes through a map, seen from a side: pure functions, no mirror images.

A point is (z, y, x) in voxels. A view has axes to the right and up (0, 1, 2 for z, y, x) and is seen from the side
right × up in the right-handed frame x, y, z, as the three-dimensional view shows the map.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import ndimage

Map = npt.NDArray[np.float32]
Vector = npt.NDArray[np.float64]


@dataclass(frozen=True)
class View:
    """A side from which a map is cut: the axis that it cuts, those to the right and up, and where the eye is."""

    name: str
    cut: int
    right: int
    up: int
    seen_from: str

    @property
    def towards_eye(self) -> Vector:
        """(3,) unit vector (z, y, x) from the map to the eye: right × up."""
        return eye_of(np.eye(3)[self.right], np.eye(3)[self.up])


FRONT = View("z", 0, 2, 1, "+z")
BELOW = View("y", 1, 2, 0, "−y")
LEFT = View("x", 2, 0, 1, "−x")
VIEWS = (FRONT, BELOW, LEFT)


def eye_of(right: Vector, up: Vector) -> Vector:
    """Right × up of vectors (z, y, x), in the right-handed frame x, y, z."""
    return np.cross(right[::-1], up[::-1])[::-1]


def cut(array: Map, view: View, voxel: int) -> Map:
    """(rows, columns) of the plane at a voxel, the first row on top, as the view shows it."""
    plane = np.take(array, voxel, axis=view.cut)
    return plane.T[::-1] if view.right < view.up else plane[::-1]


@dataclass(frozen=True, eq=False)
class Slant:
    """A plane of any direction: unit vectors (z, y, x) to the right and up in it, and to the eye."""

    right: Vector
    up: Vector

    @property
    def towards_eye(self) -> Vector:
        """(3,) normal of the plane."""
        return eye_of(self.right, self.up)


def seen(view_direction: Vector, up: Vector) -> Slant:
    """The plane that a camera sees frontally; vectors (z, y, x)."""
    forward = view_direction / np.linalg.norm(view_direction)
    upright = up - (up @ forward) * forward
    upright = upright / np.linalg.norm(upright)
    return Slant(eye_of(forward, upright), upright)


def slanted(array: Map, slant: Slant, point: Vector, side_px: int) -> Map:
    """(side_px, side_px) densities on the plane through a point, 0 outside; in the middle the point nearest the box's centre.

    Parameters
    ----------
    point : (3,) (z, y, x) in voxels.
    """
    middle = middle_of(array.shape, slant, point)
    steps = np.arange(side_px) - side_px // 2
    places = middle[:, None, None] - steps[None, :, None] * slant.up[:, None, None] + steps * slant.right[:, None, None]
    return ndimage.map_coordinates(array, places, order=1, cval=0.0)


def middle_of(shape: tuple[int, ...], slant: Slant, point: Vector) -> Vector:
    """(3,) where the plane through a point is nearest to the centre of the box."""
    centre, normal = np.array(shape) // 2, slant.towards_eye
    return centre + ((point - centre) @ normal) * normal


def reach(shape: tuple[int, ...], normal: Vector) -> float:
    """How far, in voxels, a line along a normal runs from the centre to the edge of the box."""
    half = (np.array(shape) - 1) // 2
    return float(min(side / abs(n) for side, n in zip(half, normal, strict=True) if abs(n) > 1e-6))


def moved_to(point: Vector, shape: tuple[int, ...], normal: Vector, distance: float) -> Vector:
    """A point moved along a normal to a distance in voxels from the box's centre; back to the middle where it left the box."""
    centre = np.array(shape) // 2
    there = point + (distance - (point - centre) @ normal) * normal
    if (there < 0).any() or (there > np.array(shape) - 1).any():
        there = centre + distance * normal
    return np.clip(there, 0, np.array(shape) - 1)


def shades(plane: Map, window: tuple[float, float], level: float, colour: str) -> npt.NDArray[np.uint8]:
    """(rows, columns, 3) grey between the densities of black and white, tinted where the density exceeds the level."""
    low, high = window
    grey = np.clip((plane - low) * (255 / (high - low)), 0, 255)[..., None]
    tint = np.array([int(colour[place : place + 2], 16) for place in (1, 3, 5)])
    return np.where((plane > level)[..., None], tint * (0.4 + 0.6 / 255 * grey), grey).astype(np.uint8)
