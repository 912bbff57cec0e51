"""Rotations between RELION's Euler angles and matrices; `k_volume = k_image @ R` with row vectors."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt


def euler_to_matrix(angles_deg: npt.ArrayLike) -> npt.NDArray[np.float64]:
    """RELION's ZYZ angles (rot, tilt, psi) in degrees, (n, 3), to matrices (n, 3, 3).

    A = Rz(psi) · Ry(tilt) · Rz(rot) with passive rotations, as RELION's Euler_angles2matrix (Heymann et al. 2005).
    """
    rot, tilt, psi = np.deg2rad(np.atleast_2d(np.asarray(angles_deg, dtype=np.float64))).T
    ca, cb, cg = np.cos(rot), np.cos(tilt), np.cos(psi)
    sa, sb, sg = np.sin(rot), np.sin(tilt), np.sin(psi)
    rows = [
        [cg * cb * ca - sg * sa, cg * cb * sa + sg * ca, -cg * sb],
        [-sg * cb * ca - cg * sa, -sg * cb * sa + cg * ca, sg * sb],
        [sb * ca, sb * sa, cb],
    ]
    return np.array(rows).transpose(2, 0, 1)


def matrix_to_euler(matrices: npt.ArrayLike) -> npt.NDArray[np.float64]:
    """Inverse of :func:`euler_to_matrix`: (n, 3, 3) to (rot, tilt, psi) in degrees, tilt in [0, 180]."""
    a = np.asarray(matrices, dtype=np.float64).reshape(-1, 3, 3)
    tilt = np.arctan2(np.hypot(a[:, 0, 2], a[:, 1, 2]), a[:, 2, 2])
    rot = np.arctan2(a[:, 2, 1], a[:, 2, 0])
    # psi from the matrix with rot undone: near the poles, where rot is any angle at all, the product is still right
    sine, cosine = np.sin(rot), np.cos(rot)
    psi = np.arctan2(cosine * a[:, 0, 1] - sine * a[:, 0, 0], cosine * a[:, 1, 1] - sine * a[:, 1, 0])
    angles: npt.NDArray[np.float64] = np.rad2deg(np.stack([rot, tilt, psi], axis=1))
    return angles


def rotation_vector_to_matrix(vectors: npt.ArrayLike) -> npt.NDArray[np.float64]:
    """Axis-angle vectors (n, 3) in radians to matrices (n, 3, 3), by Rodrigues' formula (cryoSPARC's ``alignments3D/pose``)."""
    v = np.asarray(vectors, dtype=np.float64).reshape(-1, 3)
    angle = np.linalg.norm(v, axis=1)
    axis = v / np.maximum(angle, 1e-12)[:, None]
    k = np.zeros((len(v), 3, 3))
    k[:, 0, 1], k[:, 0, 2], k[:, 1, 2] = -axis[:, 2], axis[:, 1], -axis[:, 0]
    k -= np.swapaxes(k, 1, 2)
    sine, cosine = np.sin(angle)[:, None, None], np.cos(angle)[:, None, None]
    rotation: npt.NDArray[np.float64] = np.eye(3) + sine * k + (1 - cosine) * (k @ k)
    return rotation


def random_rotations(count: int, rng: np.random.Generator) -> npt.NDArray[np.float64]:
    """Rotations drawn uniformly on SO(3), (count, 3, 3), from normalised 4-D Gaussians as quaternions."""
    w, x, y, z = (q := rng.standard_normal((count, 4))).T / np.linalg.norm(q, axis=1)
    rows = [
        [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
        [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
        [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)],
    ]
    return np.moveaxis(np.array(rows), 2, 0)
