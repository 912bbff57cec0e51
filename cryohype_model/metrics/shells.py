"""Sums over Fourier shells of several maps at once: powers and cross products, from which every correlation follows."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from scipy import fft

from cryohype_model.errors import MetricError

Volume = npt.NDArray[np.float32]
Curve = npt.NDArray[np.float64]


def shell_products(volumes: Sequence[Volume], mask: Volume) -> Curve:
    """Σ Re(Vi conj Vj) of every pair of n maps, over the Fourier voxels whose radius rounds to s.

    Parameters
    ----------
    volumes : n maps (D, D, D) on one grid. mask : (D, D, D), that each is multiplied with first.

    Returns
    -------
    (n, n, D // 2 + 1), symmetric in the first two.

    Raises
    ------
    MetricError : the maps are not cubes of one box.
    """
    shapes = {volume.shape for volume in (*volumes, mask)}
    box_px = mask.shape[0]
    if shapes != {(box_px,) * 3}:
        raise MetricError(f"maps are compared shell by shell in one cubic box, not in {' and '.join(map(str, sorted(shapes)))}")
    shells, twice = _lattice(box_px)
    # double precision: single loses the weak outer shells of smooth maps to rounding
    transforms = [fft.rfftn(np.asarray(volume * mask, dtype=np.float64)) for volume in volumes]
    products = np.empty((len(volumes), len(volumes), box_px // 2 + 1))
    for i, first in enumerate(transforms):
        for j, second in enumerate(transforms[: i + 1]):
            product = (first.real * second.real + first.imag * second.imag) * twice
            products[i, j] = products[j, i] = np.bincount(shells, product.ravel())[: box_px // 2 + 1]
    return products


def independent_voxels(mask: Volume) -> Curve:
    """(D // 2 + 1,) Fourier voxels of each shell that vary on their own in a map under this mask.

    A mask ties neighbours together: of D³ voxels as many are independent as its own volume holds.
    The FSC of two maps of noise scatters by 1 / sqrt of this number (van Heel & Schatz 2005).
    """
    box_px = mask.shape[0]
    shells, twice = _lattice(box_px)
    squared = mask.astype(np.float64) ** 2
    share = squared.sum() ** 2 / (squared**2).sum() / squared.size
    counts = np.bincount(shells, np.broadcast_to(twice, (box_px, box_px, len(twice))).ravel())
    return counts[: box_px // 2 + 1] * share


def _lattice(box_px: int) -> tuple[npt.NDArray[np.int64], Curve]:
    """Of rfftn: flat rounded radius of every voxel, and (D // 2 + 1,) how many of the full lattice each stands for along x."""
    full, half = fft.fftfreq(box_px, 1 / box_px), fft.rfftfreq(box_px, 1 / box_px)
    radius = np.sqrt(full[:, None, None] ** 2 + full[None, :, None] ** 2 + half[None, None, :] ** 2)
    twice = np.full(len(half), 2.0)
    twice[0] = 1.0
    if box_px % 2 == 0:
        twice[-1] = 1.0  # the planes kx = 0 and kx = D/2 hold both of each pair ±k
    return np.rint(radius).astype(np.int64).ravel(), twice
