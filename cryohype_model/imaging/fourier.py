"""Centred Fourier transforms: real space has its centre at index D // 2, frequencies use the layout of rfft."""

from __future__ import annotations

import torch
from torch import Tensor


def image_to_fourier(images: Tensor) -> Tensor:
    """(..., D, D) real images, centre at D // 2, to (..., D, D/2 + 1) coefficients, frequency 0 at [0, 0]."""
    # ifftshift brings the centre D // 2 to index 0, so that no phase ramp is left in the coefficients
    return torch.fft.rfft2(torch.fft.ifftshift(images, dim=(-2, -1)))


def fourier_to_image(coefficients: Tensor, box_px: int) -> Tensor:
    """Inverse of :func:`image_to_fourier`."""
    return torch.fft.fftshift(torch.fft.irfft2(coefficients, s=(box_px, box_px)), dim=(-2, -1))


def volume_to_fourier(volume: Tensor) -> Tensor:
    """(D, D, D) real volume (z, y, x), centre at D // 2, to (D, D, D/2 + 1) coefficients, frequency 0 at [0, 0, 0]."""
    return torch.fft.rfftn(torch.fft.ifftshift(volume, dim=(-3, -2, -1)), dim=(-3, -2, -1))


def fourier_to_volume(coefficients: Tensor, box_px: int) -> Tensor:
    """Inverse of :func:`volume_to_fourier`."""
    volume = torch.fft.irfftn(coefficients, s=(box_px,) * 3, dim=(-3, -2, -1))
    return torch.fft.fftshift(volume, dim=(-3, -2, -1))


def image_to_hartley(images: Tensor) -> Tensor:
    """(..., D, D) images to their centred Hartley transform Re F - Im F, frequency 0 at [D/2, D/2]."""
    full = torch.fft.fft2(torch.fft.ifftshift(images, dim=(-2, -1)))
    # fftshift brings frequency 0 from index 0 to the centre
    return torch.fft.fftshift(full.real - full.imag, dim=(-2, -1))


def coefficients_to_hartley(coefficients: Tensor) -> Tensor:
    """(..., D, D/2 + 1) rfft2 coefficients to the centred (..., D, D) Hartley image, with no further transform."""
    box = coefficients.shape[-2]
    positive = coefficients[..., : box // 2]  # kx = 0 … D/2 - 1
    # kx = -D/2 … -1 from F(-k) = conj F(k): rows ky -> -ky, columns reversed
    negative = torch.roll(torch.flip(coefficients[..., 1:], dims=(-2, -1)), 1, dims=-2).conj()
    full = torch.cat([negative, positive], dim=-1)
    return torch.fft.fftshift(full.real - full.imag, dim=-2)


def crop_fourier(coefficients: Tensor, box_px: int) -> Tensor:
    """Keep the frequencies of a smaller even box: Fourier downsampling of (..., D, D/2 + 1) to (..., d, d/2 + 1).

    The mean of the image is kept: coefficients are scaled by (d/D)².
    """
    old = coefficients.shape[-2]
    if box_px == old:
        return coefficients
    half = box_px // 2
    rows = torch.cat([coefficients[..., :half, : half + 1], coefficients[..., old - half :, : half + 1]], dim=-2)
    return rows * (box_px / old) ** 2


def gather_half_disc(coefficients: Tensor, pixels: Tensor) -> Tensor:
    """Values at (m, 2) integer frequencies (kx >= 0, ky) of (..., D, D/2 + 1) coefficients, as (..., m) complex."""
    box = coefficients.shape[-2]
    return coefficients[..., pixels[:, 1] % box, pixels[:, 0]]


def scatter_half_sphere(values: Tensor, pixels: Tensor, box_px: int) -> Tensor:
    """Coefficients (D, D, D/2 + 1) from values on half-sphere pixels (kx, ky, kz); the rest is 0.

    The plane kx = 0 holds both of each pair ±k, so its mirror images are filled in too.
    """
    out = torch.zeros(box_px, box_px, box_px // 2 + 1, dtype=values.dtype, device=values.device)
    kx, ky, kz = pixels.unbind(1)
    out[kz % box_px, ky % box_px, kx] = values
    on_plane = kx == 0
    out[-kz[on_plane] % box_px, -ky[on_plane] % box_px, 0] = values[on_plane].conj()
    origin = (kx == 0) & (ky == 0) & (kz == 0)
    if bool(origin.any()):
        out[0, 0, 0] = values[origin][0].real.to(values.dtype)
    return out


def resize_coefficients(coefficients: Tensor, box_px: int) -> Tensor:
    """Keep or zero-pad the frequencies of (D, D, D/2 + 1) volume coefficients for another even box; density values are kept."""
    old = coefficients.shape[0]
    if box_px == old:
        return coefficients
    half = min(old, box_px) // 2
    out = torch.zeros(box_px, box_px, box_px // 2 + 1, dtype=coefficients.dtype, device=coefficients.device)
    # frequencies strictly inside the smaller box: its Nyquist plane has no partner and is left out
    keep = torch.arange(-half + 1, half)
    out[keep[:, None] % box_px, keep[None, :] % box_px, :half] = coefficients[keep[:, None] % old, keep[None, :] % old, :half]
    return out * (box_px / old) ** 3


def resize_volume(volume: Tensor, box_px: int) -> Tensor:
    """Fourier-crop or zero-pad a cubic (D, D, D) volume to another even box; density values (not the sum) are kept."""
    if box_px == volume.shape[-1]:
        return volume
    return fourier_to_volume(resize_coefficients(volume_to_fourier(volume), box_px), box_px)
