"""Random Fourier features of coordinates (Tancik et al. 2020), the input of every network over Fourier space."""

from __future__ import annotations

import math

import torch
from torch import Tensor


def draw_frequencies(count: int, sigma: float, box_px: int) -> Tensor:
    """(count, 3) Gaussian frequencies, in radians per cycle/pixel: a feature frequency is a position in real space.

    Parameters
    ----------
    sigma : standard deviation in half boxes. box_px : the training box.
    """
    # 2π turns cycles/pixel · pixels into radians
    return torch.randn(count, 3) * (2.0 * math.pi * sigma * box_px / 2.0)


def fourier_features(coordinates: Tensor, frequencies: Tensor) -> Tensor:
    """(..., 3) cycles/pixel to (..., 2F) sines and cosines, computed in float32."""
    # mixed precision would round angles of tens of radians to a few bits
    with torch.autocast(coordinates.device.type, enabled=False):
        angle = coordinates.float() @ frequencies.T
        return torch.cat([torch.sin(angle), torch.cos(angle)], dim=-1)
