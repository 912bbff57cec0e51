"""Real-space masks with soft edges, values 0 to 1."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from cryohype_model.errors import MetricError

Volume = npt.NDArray[np.float32]


def soft_mask(volume: Volume, level: float, extend_px: float = 3.0, soft_px: float = 3.0) -> Volume:
    """1 over the density above a level and some voxels around it, falling to 0 along a raised cosine.

    Parameters
    ----------
    volume : (z, y, x) map.
    level : density above which a voxel counts as occupied.
    extend_px : distance from the occupied voxels that is still 1.
    soft_px : width of the edge beyond it.

    Returns
    -------
    (z, y, x) float32.

    Raises
    ------
    MetricError : no voxel lies above the level.
    """
    occupied = volume > level
    if not occupied.any():
        raise MetricError(
            f"no density lies above the mask level {level:g} (the map's maximum is {volume.max():g}); lower the level"
        )
    distance_px = ndimage.distance_transform_edt(~occupied)
    return _soft_edge(distance_px - extend_px, soft_px)


def sphere_mask(box_px: int, radius_px: float, soft_px: float = 3.0) -> Volume:
    """1 within a radius of the centre D // 2, falling to 0 along a raised cosine.

    Parameters
    ----------
    box_px : D.
    radius_px : radius that is still 1.
    soft_px : width of the edge beyond it.

    Returns
    -------
    (D, D, D) float32.
    """
    squared = (np.arange(box_px) - box_px // 2) ** 2
    distance_px = np.sqrt(squared[:, None, None] + squared[None, :, None] + squared[None, None, :])
    return _soft_edge(distance_px - radius_px, soft_px)


def _soft_edge(beyond_px: npt.NDArray[np.float64], soft_px: float) -> Volume:
    """1 where ``beyond_px`` <= 0, 0 where it exceeds ``soft_px``, half a cosine between."""
    if soft_px <= 0:
        return (beyond_px <= 0).astype(np.float32)
    return (0.5 + 0.5 * np.cos(np.pi * np.clip(beyond_px / soft_px, 0, 1))).astype(np.float32)
