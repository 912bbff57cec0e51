"""Central slices of a volume's transform: the projections that the Fourier slice theorem promises."""

from __future__ import annotations

import torch
from torch import Tensor

from cryohype_model.imaging.fourier import fourier_to_image
from cryohype_model.imaging.grid import rotate_slice
from cryohype_model.imaging.shift import rfft_pixels


def pad_for_slicing(volume: Tensor, padding: int = 2) -> Tensor:
    """Full transform (P, P, P) complex of a zero-padded volume, frequency 0 at P // 2, ready for :func:`project`.

    The volume is divided by the sinc² that trilinear interpolation multiplies it with (RELION's gridding correction).

    Parameters
    ----------
    volume : (D, D, D) real (z, y, x), centre at D // 2, D even.
    padding : P = padding · D.
    """
    box = volume.shape[-1]
    padded_box = padding * box
    axis = (torch.arange(box, device=volume.device, dtype=volume.dtype) - box // 2) / padded_box
    radius = torch.sqrt(axis[:, None, None] ** 2 + axis[None, :, None] ** 2 + axis[None, None, :] ** 2)
    corrected = volume / torch.sinc(radius) ** 2
    low = padded_box // 2 - box // 2
    padded = torch.zeros((padded_box,) * 3, dtype=volume.dtype, device=volume.device)
    padded[low : low + box, low : low + box, low : low + box] = corrected
    # shifts on both sides: centre D // 2 in real space, frequency 0 at P // 2 in Fourier space
    return torch.fft.fftshift(torch.fft.fftn(torch.fft.ifftshift(padded)))


def slice_volume(padded_transform: Tensor, coordinates_px: Tensor) -> Tensor:
    """Trilinear interpolation of a padded transform.

    Parameters
    ----------
    padded_transform : (P, P, P) complex, frequency 0 at P // 2.
    coordinates_px : (..., 3) frequencies (kx, ky, kz) in padded Fourier pixels.

    Returns
    -------
    (...) complex; 0 outside.
    """
    size = padded_transform.shape[-1]
    position = coordinates_px + size // 2
    corner = torch.floor(position)
    fraction = position - corner
    base = corner.to(torch.int64)
    flat = padded_transform.reshape(-1)
    total = torch.zeros(coordinates_px.shape[:-1], dtype=padded_transform.dtype, device=padded_transform.device)
    for dz in (0, 1):
        for dy in (0, 1):
            for dx in (0, 1):
                index = base + torch.tensor([dx, dy, dz], device=base.device)
                inside = ((index >= 0) & (index < size)).all(-1)
                x, y, z = index.clamp(0, size - 1).unbind(-1)
                weight = (
                    (fraction[..., 0] if dx else 1 - fraction[..., 0])
                    * (fraction[..., 1] if dy else 1 - fraction[..., 1])
                    * (fraction[..., 2] if dz else 1 - fraction[..., 2])
                )
                total += flat[(z * size + y) * size + x] * (weight * inside)
    return total


def project_coefficients(padded_transform: Tensor, rotation: Tensor, box_px: int) -> Tensor:
    """Coefficients (b, D, D/2 + 1) of projections along the z axis of the rotated volume; 0 at and beyond Nyquist."""
    padding = padded_transform.shape[-1] // box_px
    pixels = rfft_pixels(box_px).to(rotation.device)
    flat = pixels.reshape(-1, 2)
    inside = (flat**2).sum(1) < (box_px // 2) ** 2
    values = slice_volume(padded_transform, rotate_slice(flat[inside], rotation) * padding)
    out = torch.zeros(len(rotation), len(flat), dtype=values.dtype, device=values.device)
    out[:, inside] = values
    return out.reshape(-1, *pixels.shape[:2])


def project(volume: Tensor, rotation: Tensor, padding: int = 2) -> Tensor:
    """Projections (b, D, D) of a (D, D, D) volume: out[y, x] = Σ_z of the volume rotated by R (b, 3, 3)."""
    box = volume.shape[-1]
    return fourier_to_image(project_coefficients(pad_for_slicing(volume, padding), rotation, box), box)
