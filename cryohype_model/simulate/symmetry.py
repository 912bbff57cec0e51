"""Point groups as sets of rotation matrices."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Matrices = npt.NDArray[np.float64]


def turn(axis: npt.ArrayLike, angle_deg: float) -> npt.NDArray[np.float64]:
    """(3, 3) rotation of column vectors by an angle about an axis, counter-clockwise seen from the axis' tip."""
    x, y, z = np.asarray(axis, dtype=np.float64) / np.linalg.norm(axis)
    k = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    angle = np.deg2rad(angle_deg)
    return np.eye(3) + np.sin(angle) * k + (1 - np.cos(angle)) * (k @ k)


def cyclic(order: int) -> Matrices:
    """(order, 3, 3): Cn about z."""
    return np.stack([turn((0, 0, 1), 360.0 * i / order) for i in range(order)])


def dihedral(order: int) -> Matrices:
    """(2 · order, 3, 3): Dn, the n-fold axis along z, a twofold along x."""
    return np.concatenate([cyclic(order), cyclic(order) @ turn((1, 0, 0), 180.0)])


def tetrahedral() -> Matrices:
    """(12, 3, 3): T, twofold axes along x, y, z, threefold axes along the diagonals."""
    threefold = np.stack([turn((1, 1, 1), 120.0 * i) for i in range(3)])
    return np.concatenate([threefold @ twofold for twofold in dihedral(2)])


def octahedral() -> Matrices:
    """(24, 3, 3): O, fourfold axes along x, y, z."""
    return np.concatenate([tetrahedral(), tetrahedral() @ turn((0, 0, 1), 90.0)])


def orbit(points: npt.ArrayLike, group: Matrices) -> npt.NDArray[np.float64]:
    """All symmetry copies of (n, 3) points, (n · len(group), 3)."""
    return np.einsum("gij,nj->gni", group, np.asarray(points, dtype=np.float64)).reshape(-1, 3)
