"""Still pictures of a map: its surface, lit, and its projections, from the three sides that the 3-D view names."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
import numpy.typing as npt
from scipy import fft

from cryohype_app.plots.particles import grey

Map = npt.NDArray[np.float32]
Side = Literal["x", "y", "z"]

# the axis towards the viewer, up and to the right, as frontend/viewer/src/pose.js: right-handed, nothing is mirrored
SIDES: dict[Side, tuple[int, int, int]] = {"z": (0, 1, 2), "y": (1, 2, 0), "x": (2, 0, 1)}
LIGHT = (0.37, 0.56, 0.74)  # towards the light: right, up, towards the viewer
SMOOTH_PX = 208  # a smaller map is interpolated to about this, so that its surface has no steps
LARGEST_PX = 256
MIDDLE = 0.7  # of the box: shown alone where all of the surface is in it, as images are mostly twice as wide as the molecule
AMBIENT, FADED = 0.38, 0.35  # light everywhere; how much the back of the molecule pales


def projection(volume: Map, side: Side) -> npt.NDArray[np.uint8]:
    """(h, w) sums along the view from one side, row 0 on top."""
    return grey(volume.transpose(SIDES[side]).sum(axis=0)[::-1])


def framed(volume: Map, level: float) -> tuple[Map, float]:
    """A map at a size that is drawn well and soon, and the share of the box's side that is left.

    Parameters
    ----------
    volume : (d, d, d) (z, y, x). level : where nothing beyond the middle is above it, the rest is cut away.
    """
    sampled = _sampled(volume)
    side = len(sampled)
    low = round(side * (1 - MIDDLE) / 2)
    middle = sampled[low : side - low, low : side - low, low : side - low]
    outside = np.count_nonzero(sampled > level) - np.count_nonzero(middle > level)
    return (sampled, 1.0) if outside else (middle, len(middle) / side)


def surface_picture(volume: Map, level: float, colour: str, side: Side = "z") -> npt.NDArray[np.uint8]:
    """(h, w, 4) uint8 picture of the surface at a level, parallel projection, transparent where there is none.

    Parameters
    ----------
    volume : (d, d, d) (z, y, x), as :func:`framed` makes it. colour : ``#rrggbb``. side : the axis that points to the viewer.
    """
    seen = volume.transpose(SIDES[side])
    solid = seen[::-1] > level  # the nearest first
    hit = solid.any(axis=0)
    depth = len(seen) - 1 - solid.argmax(axis=0)
    shade = _shade(seen, level, depth)
    nearest, farthest = (depth[hit].max(), depth[hit].min()) if hit.any() else (1, 0)
    pale = FADED * (nearest - depth) / max(1, nearest - farthest)
    base = np.array([int(colour[start : start + 2], 16) for start in (1, 3, 5)], np.float32)
    lit = base * shade[..., None] + (255 - base) * (np.maximum(0, shade - 1))[..., None]
    rgb = lit + (255 - lit) * pale[..., None]
    picture = np.dstack([np.clip(rgb, 0, 255), np.where(hit, 255, 0)]).astype(np.uint8)
    picture[~hit] = 0
    return np.ascontiguousarray(picture[::-1])


def _sampled(volume: Map) -> Map:
    """Small maps finer, large ones coarser."""
    side = len(volume)
    if side > LARGEST_PX:
        volume = volume[:: -(-side // LARGEST_PX), :: -(-side // LARGEST_PX), :: -(-side // LARGEST_PX)]
    finer = side * round(SMOOTH_PX / side)
    for axis in range(3) if finer > side else ():
        # zeros behind the coefficients: what lies between the voxels of a map without finer detail
        volume = fft.irfft(fft.rfft(volume, axis=axis), n=finer, axis=axis) * np.float32(finer / side)
    return volume


def _shade(seen: Map, level: float, depth: npt.NDArray[np.int64]) -> npt.NDArray[Any]:
    """How bright each place of the surface is, about 0 to 1.1: by the angle of its normal with the light."""
    up, right = np.indices(depth.shape)
    largest = np.array(seen.shape) - 1

    def at(towards: int, above: int, beside: int) -> npt.NDArray[Any]:
        places = (depth + towards, up + above, right + beside)
        return seen[tuple(place.clip(0, top) for place, top in zip(places, largest, strict=True))]

    steepness = np.stack([at(0, 0, -1) - at(0, 0, 1), at(0, -1, 0) - at(0, 1, 0), at(-1, 0, 0) - at(1, 0, 0)])
    length = np.sqrt((steepness**2).sum(axis=0))
    light = np.array(LIGHT) / np.linalg.norm(LIGHT)
    facing = np.tensordot(light, steepness, axes=1) / np.maximum(length, 1e-12 * max(abs(level), 1e-12))
    return AMBIENT + 0.72 * np.clip(facing, 0, 1)
