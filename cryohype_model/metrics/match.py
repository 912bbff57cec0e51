"""Maps of any box and pixel size brought to one grid, so that they can be compared."""

from __future__ import annotations

from typing import Protocol

import numpy as np
import numpy.typing as npt
from scipy import fft

from cryohype_model.errors import MetricError
from cryohype_model.metrics.evaluation import SAME_PIXEL_SIZE

Map = npt.NDArray[np.float32]
Xyz = tuple[float, float, float]

SMALLEST_BOX_PX = 8
PADDED_PX = 160  # a small box is padded at least so far to meet a pixel size


class NamedMap(Protocol):
    """A map that knows its pixel size: (d, d, d) ``array``, ``pixel_size_angstrom``, ``name``."""

    @property
    def array(self) -> Map: ...  # noqa: D102
    @property
    def pixel_size_angstrom(self) -> float: ...  # noqa: D102
    @property
    def name(self) -> str: ...  # noqa: D102


def on_one_grid(*maps: NamedMap) -> tuple[list[Map], float]:
    """All maps at the coarsest of their pixel sizes (Fourier-cropped) and the smallest of their boxes (cut around the centre).

    Returns
    -------
    (d, d, d) float32 maps (z, y, x) and their pixel size in Å.

    Raises
    ------
    MetricError : the grids cannot be brought together.
    """
    for one in maps:
        if len({*one.array.shape}) != 1:
            box = " × ".join(str(side) for side in reversed(one.array.shape))
            raise MetricError(f"{one.name} has a box of {box} px, and only cubes are compared; pad it to a cube")
    pixel_size = max(one.pixel_size_angstrom for one in maps)
    arrays = [_resampled(one, pixel_size) for one in maps]
    side = min(len(array) for array in arrays)
    if side < SMALLEST_BOX_PX:
        raise MetricError(
            f"the maps share a box of {side} px of {pixel_size:.4g} Å only, too small to compare; take a larger box"
        )
    return [_cut(array, side) for array in arrays], pixel_size


def centred_origin(box_px: int, pixel_size_angstrom: float, origin_angstrom: Xyz, new_box_px: int, new_pixel_size: float) -> Xyz:
    """(x, y, z) in Å of the first voxel of a map brought to another grid: its centre stays where it was."""
    shift = box_px // 2 * pixel_size_angstrom - new_box_px // 2 * new_pixel_size
    x, y, z = origin_angstrom
    return (x + shift, y + shift, z + shift)


def cropped(volume: Map, box_px: int) -> Map:
    """Fourier-crop a cubic (D, D, D) map of even box, centre at D // 2, to a smaller even one; density values are kept."""
    old, half = len(volume), box_px // 2
    coefficients = fft.rfftn(fft.ifftshift(volume))
    # frequencies strictly inside the smaller box: its Nyquist plane has no partner and is left out
    keep = np.arange(-half + 1, half)
    kept = np.zeros((box_px, box_px, half + 1), coefficients.dtype)
    kept[keep[:, None], keep[None, :], :half] = coefficients[keep[:, None], keep[None, :], :half]
    return fft.fftshift(fft.irfftn(kept, (box_px,) * 3)) * np.float32((box_px / old) ** 3)


def _resampled(one: NamedMap, pixel_size_angstrom: float) -> Map:
    """The map, its box made even, at a pixel size that is at least its own: padded so that the new box is even too, and cut."""
    even = len(one.array) // 2 * 2
    array = one.array[:even, :even, :even]  # the centre of an odd box D is D // 2, that of its first D - 1 too
    ratio = one.pixel_size_angstrom / pixel_size_angstrom
    if abs(1 - ratio) <= SAME_PIXEL_SIZE:
        return array
    for side in range(even, max(2 * even, PADDED_PX), 2):
        wanted = 2 * round(side * ratio / 2)
        if wanted >= SMALLEST_BOX_PX and abs(side * ratio - wanted) <= SAME_PIXEL_SIZE * wanted:
            padded = np.pad(array, (side - even) // 2)
            return _cut(cropped(padded, wanted), max(2 * round(even * ratio / 2), 2))
    raise MetricError(
        f"{one.name} ({even} px of {one.pixel_size_angstrom:.4g} Å) cannot be brought to a pixel size of "
        f"{pixel_size_angstrom:.4g} Å; resample it to that first"
    )


def _cut(array: Map, side: int) -> Map:
    """The middle of a cube, even sides."""
    low = (len(array) - side) // 2
    inner = slice(low, low + side)
    return np.ascontiguousarray(array[inner, inner, inner])
