"""Surfaces as the browser gets them: bytes of float32 and uint32, in Å from the box's centre, (x, y, z), right-handed."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

_COLOUR = re.compile(r"#[0-9a-fA-F]{6}")


@dataclass(frozen=True)
class Geometry:
    """Triangles; made once and shared by all sessions, for its bytes are sent as they are.

    Attributes
    ----------
    vertices, normals : bytes
        float32 (n, 3), little-endian, x y z; positions in Å from the box's centre, normals outwards.
    faces : bytes
        uint32 (m, 3), little-endian; counter-clockwise seen from outside.
    """

    vertices: bytes = b""
    normals: bytes = b""
    faces: bytes = b""
    size_angstrom: tuple[float, float, float] = field(init=False)

    def __post_init__(self) -> None:
        if len(self.vertices) != len(self.normals) or len(self.vertices) % 12 or len(self.faces) % 12:
            raise ValueError(
                f"vertices ({len(self.vertices)} bytes) and normals ({len(self.normals)} bytes) must be float32 (n, 3), "
                f"and faces ({len(self.faces)} bytes) uint32 (m, 3)"
            )
        points = np.frombuffer(self.vertices, "<f4").reshape(-1, 3)
        indices = np.frombuffer(self.faces, "<u4")
        if indices.size and int(indices.max()) >= len(points):
            raise ValueError(f"a face names vertex {int(indices.max())}, but there are {len(points)}")
        x, y, z = np.ptp(points, axis=0).tolist() if len(points) else (0.0, 0.0, 0.0)
        object.__setattr__(self, "size_angstrom", (x, y, z))

    @classmethod
    def from_arrays(cls, vertices: NDArray[np.floating], normals: NDArray[np.floating], faces: NDArray[np.integer]) -> Geometry:
        """The same from arrays (n, 3), (n, 3) and (m, 3); (x, y, z) order, Å."""
        return cls(
            np.ascontiguousarray(vertices, dtype="<f4").tobytes(),
            np.ascontiguousarray(normals, dtype="<f4").tobytes(),
            np.ascontiguousarray(faces, dtype="<u4").tobytes(),
        )

    @property
    def triangles(self) -> int:
        """How many there are."""
        return len(self.faces) // 12


@dataclass(frozen=True)
class Mesh:
    """A surface with its name and look; ``dataclasses.replace(mesh, colour=…)`` keeps the geometry, which is not sent again.

    Attributes
    ----------
    id : str
        What stays the same when a finer stage replaces a coarse one.
    name : str
        For the reader, also of the screen.
    colour : str
        ``#rrggbb``.
    opacity : float
        From 0, not drawn, to 1.
    wireframe : bool
        Lines in place of triangles.
    """

    id: str
    geometry: Geometry
    name: str = "surface"
    colour: str = "#6ea8e8"
    opacity: float = 1.0
    wireframe: bool = False

    def __post_init__(self) -> None:
        if not _COLOUR.fullmatch(self.colour):
            raise ValueError(f"the colour {self.colour!r} of surface {self.id!r} is not of the form #rrggbb")
        if not 0 <= self.opacity <= 1:
            raise ValueError(f"the opacity {self.opacity} of surface {self.id!r} is not between 0 and 1")
