"""Surfaces as .stl, which ChimeraX, Blender and 3-D printers read."""

from __future__ import annotations

import numpy as np

from cryohype_app.worker.results import MeshResult

TRIANGLE = np.dtype([("normal", "<f4", 3), ("corners", "<f4", (3, 3)), ("attribute", "<u2")])
HEADER_BYTES = 80


def stl(mesh: MeshResult, shift_angstrom: float) -> bytes:
    """A binary .stl file in Å.

    Parameters
    ----------
    shift_angstrom : added to every coordinate: the mesh begins at the box's centre, the .mrc of its map at the corner.
    """
    triangles = np.zeros(len(mesh.faces), TRIANGLE)
    corners = mesh.vertices[mesh.faces]
    normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    lengths = np.linalg.norm(normals, axis=1, keepdims=True)
    triangles["normal"] = np.divide(normals, lengths, out=np.zeros_like(normals), where=lengths > 0)
    triangles["corners"] = corners + np.float32(shift_angstrom)
    header = f"CryoHype {mesh.volume_id} at {mesh.level:.5g}, in angstrom".encode().ljust(HEADER_BYTES)[:HEADER_BYTES]
    return header + np.uint32(len(triangles)).tobytes() + triangles.tobytes()
