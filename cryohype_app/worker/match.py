"""Two maps of any box and pixel size brought to one grid, so that they can be compared."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch

from cryohype_app.worker.shelf import StoredVolume
from cryohype_model.errors import MetricError
from cryohype_model.imaging.fourier import resize_volume
from cryohype_model.metrics.evaluation import SAME_PIXEL_SIZE

Map = npt.NDArray[np.float32]

SMALLEST_BOX_PX = 8


def on_one_grid(first: StoredVolume, second: StoredVolume) -> tuple[Map, Map, float]:
    """Both maps at the coarser of their pixel sizes (Fourier-cropped) and the smaller of their boxes (cut around the centre).

    Returns
    -------
    (d, d, d) float32 maps (z, y, x) and their pixel size in Å.

    Raises
    ------
    MetricError : the grids cannot be brought together.
    """
    pixel_size = max(first.pixel_size_angstrom, second.pixel_size_angstrom)
    arrays = [_resampled(volume, pixel_size) for volume in (first, second)]
    side = min(len(array) for array in arrays)
    if side < SMALLEST_BOX_PX:
        raise MetricError(
            f"the maps share a box of {side} px of {pixel_size:.4g} Å only, too small to compare; take a larger box"
        )
    return _cut(arrays[0], side), _cut(arrays[1], side), pixel_size


def _resampled(volume: StoredVolume, pixel_size_angstrom: float) -> Map:
    """The map, its box made even, at a pixel size that is at least its own: padded so that the new box is even too, and cut."""
    even = len(volume.array) // 2 * 2
    array = volume.array[:even, :even, :even]  # the centre of an odd box D is D // 2, that of its first D - 1 too
    ratio = volume.pixel_size_angstrom / pixel_size_angstrom
    if abs(1 - ratio) <= SAME_PIXEL_SIZE:
        return array
    for side in range(even, 2 * even, 2):
        wanted = 2 * round(side * ratio / 2)
        if wanted >= SMALLEST_BOX_PX and abs(side * ratio - wanted) <= SAME_PIXEL_SIZE * wanted:
            padded = np.pad(array, (side - even) // 2)
            return _cut(resize_volume(torch.from_numpy(padded), wanted).numpy(), max(2 * round(even * ratio / 2), 2))
    raise MetricError(
        f"{volume.name} ({even} px of {volume.pixel_size_angstrom:.4g} Å) cannot be brought to a pixel size of "
        f"{pixel_size_angstrom:.4g} Å; resample it to that first"
    )


def _cut(array: Map, side: int) -> Map:
    """The middle of a cube, even sides."""
    low = (len(array) - side) // 2
    inner = slice(low, low + side)
    return np.ascontiguousarray(array[inner, inner, inner])
