"""Translations as phase ramps in Fourier space."""

from __future__ import annotations

import math

import torch
from torch import Tensor


def phase_ramp(pixels: Tensor, shift_px: Tensor, box_px: int) -> Tensor:
    """Factor that translates an image by +shift.

    Parameters
    ----------
    pixels : (..., 2) integer frequencies (kx, ky).
    shift_px : (b, 2) shift (x, y) in pixels of the box ``box_px``.

    Returns
    -------
    (b, ...) complex exp(-2πi k·t).
    """
    angle = torch.tensordot(shift_px, pixels.to(shift_px.dtype), dims=([1], [-1])) * (-2.0 * math.pi / box_px)
    return torch.polar(torch.ones_like(angle), angle)


def rfft_pixels(box_px: int) -> Tensor:
    """(D, D/2 + 1, 2) integer frequencies (kx, ky) in the layout of ``torch.fft.rfft2``."""
    ky = torch.fft.fftfreq(box_px, 1.0 / box_px).round().to(torch.int64)
    kx = torch.arange(box_px // 2 + 1)
    return torch.stack(torch.meshgrid(kx, ky, indexing="xy"), dim=-1)
