"""Density of atoms on a grid: one Gaussian an atom, summed in Fourier space."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from cryohype_model.errors import ConfigError
from cryohype_model.imaging.fourier import fourier_to_volume, resize_coefficients, volume_to_fourier
from cryohype_model.simulate.models import Atoms

_SPLINE_WIDTH = 4  # points an axis of a cubic B-spline


def atoms_to_density(
    atoms: Atoms,
    box_px: int,
    pixel_size_angstrom: float,
    resolution_angstrom: float,
    oversampling: int = 2,
    device: torch.device | str = "cpu",
) -> Tensor:
    """Density (D, D, D) float32 (z, y, x) in electrons/Å³, the centroid at index D // 2.

    Every atom is a Gaussian of σ = resolution / (π√2) (ChimeraX's ``molmap``): amplitude exp(-(resolution · k)²), 1/e at
    k = 1 / resolution. Atoms are splat with a cubic B-spline on a grid ``oversampling`` times finer than the box, the
    spline's own transform (sinc⁴ an axis) is divided out, and the transform is cut at the box's Nyquist frequency: any box
    of the same side in Å holds the same map, Fourier-cropped.

    Parameters
    ----------
    atoms : the structure; it must fit in the box.
    box_px : D, even.
    pixel_size_angstrom : of the box.
    resolution_angstrom : see above.
    oversampling : of the grid on which atoms are splat.
    """
    fine_px = box_px * oversampling
    step_angstrom = pixel_size_angstrom / oversampling
    positions = torch.from_numpy(atoms.centred_angstrom).to(device) / step_angstrom + fine_px // 2
    if bool((positions < 1).any() or (positions >= fine_px - 2).any()):  # what a spline reaches
        needed = 2 * float(abs(atoms.centred_angstrom).max()) + 4 * step_angstrom
        raise ConfigError(
            f"{atoms.name} needs a box of {math.ceil(needed)} Å around its centroid and the box has "
            f"{box_px * pixel_size_angstrom:g} Å; give a larger box or pixel size"
        )
    mass = splat(positions, torch.from_numpy(atoms.weight).to(device), fine_px)
    coefficients = resize_coefficients(volume_to_fourier(mass), box_px)
    axis = torch.fft.fftfreq(box_px, device=device)  # cycles/pixel of the box
    spline = torch.sinc(axis / oversampling) ** _SPLINE_WIDTH
    factor = torch.exp(-((resolution_angstrom * axis / pixel_size_angstrom) ** 2)) / spline / step_angstrom
    half = factor[: box_px // 2 + 1]
    coefficients = coefficients * (factor[:, None, None] * factor[None, :, None] * half[None, None, :])
    return fourier_to_volume(coefficients, box_px)


def splat(positions_px: Tensor, weight: Tensor, box_px: int) -> Tensor:
    """Sum of cubic B-splines (z, y, x) at (n, 3) positions (x, y, z) in grid index units; the total weight is kept.

    Parameters
    ----------
    positions_px : (n, 3), from 1 to below D - 2: a spline reaches one point below and two above.
    weight : (n,).
    """
    corner = torch.floor(positions_px)
    t = positions_px - corner
    base = corner.to(torch.int64) - 1
    spline = torch.stack([(1 - t) ** 3, 3 * t**3 - 6 * t**2 + 4, -3 * t**3 + 3 * t**2 + 3 * t + 1, t**3]) / 6  # (4, n, 3)
    grid = torch.zeros(box_px**3, dtype=weight.dtype, device=weight.device)
    for dz in range(_SPLINE_WIDTH):
        for dy in range(_SPLINE_WIDTH):
            plane = ((base[:, 2] + dz) * box_px + base[:, 1] + dy) * box_px
            value = weight * spline[dz, :, 2] * spline[dy, :, 1]
            for dx in range(_SPLINE_WIDTH):
                grid.index_add_(0, plane + base[:, 0] + dx, value * spline[dx, :, 0])
    return grid.reshape(box_px, box_px, box_px)
