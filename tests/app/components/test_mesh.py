"""Surfaces as bytes."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from cryohype_app.components.mesh import Geometry, Mesh

CORNERS = np.array([[0, 0, 0], [10, 0, 0], [0, 20, 0]], dtype=np.float64)
UP = np.tile([0.0, 0.0, 1.0], (3, 1))


def test_arrays_of_any_type_become_little_endian_float32_and_uint32() -> None:
    geometry = Geometry.from_arrays(CORNERS, UP, np.array([[0, 1, 2]], dtype=np.int64))
    assert np.array_equal(np.frombuffer(geometry.vertices, "<f4").reshape(-1, 3), CORNERS)
    assert np.array_equal(np.frombuffer(geometry.faces, "<u4"), [0, 1, 2])
    assert (geometry.triangles, geometry.size_angstrom) == (1, (10.0, 20.0, 0.0))


def test_reversed_views_are_laid_out_anew() -> None:
    geometry = Geometry.from_arrays(CORNERS[:, ::-1], UP, np.array([[0, 1, 2]]))
    assert geometry.size_angstrom == (0.0, 20.0, 10.0)


def test_the_empty_surface() -> None:
    assert (Geometry().triangles, Geometry().size_angstrom) == (0, (0.0, 0.0, 0.0))


@pytest.mark.parametrize(
    ("vertices", "normals", "faces", "words"),
    [
        (b"\0" * 36, b"\0" * 24, b"\0" * 12, "normals \\(24 bytes\\)"),
        (b"\0" * 40, b"\0" * 40, b"\0" * 12, "float32 \\(n, 3\\)"),
        (b"\0" * 36, b"\0" * 36, b"\0" * 8, "faces \\(8 bytes\\)"),
        (b"\0" * 36, b"\0" * 36, np.array([0, 1, 3], "<u4").tobytes(), "vertex 3, but there are 3"),
    ],
)
def test_bytes_that_are_no_triangles_are_refused(vertices: bytes, normals: bytes, faces: bytes, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        Geometry(vertices, normals, faces)


@pytest.mark.parametrize(
    ("style", "words"),
    [({"colour": "red"}, "'red' of surface 'a'"), ({"colour": "#12345"}, "#rrggbb"), ({"opacity": 1.5}, "opacity 1.5")],
)
def test_impossible_looks_are_refused(style: dict[str, object], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        dataclasses.replace(Mesh("a", Geometry()), **style)


def test_another_colour_keeps_the_geometry() -> None:
    mesh = Mesh("a", Geometry.from_arrays(CORNERS, UP, np.array([[0, 1, 2]])))
    assert dataclasses.replace(mesh, colour="#ff0000").geometry is mesh.geometry
