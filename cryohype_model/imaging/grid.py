"""Fourier coordinates of a box, as a disc, a half disc, or shells of a half sphere."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from cryohype_model.errors import ConfigError


@dataclass(frozen=True)
class FourierGrid:
    """Frequencies of an even box of side ``box_px``, in cycles/pixel, |k| < 0.5.

    A *half* holds one of each pair ±k (V(-k) = conj V(k) for real densities): kx > 0, or kx = 0 and ky > 0,
    or kx = ky = 0 and kz >= 0; it is read off the layout of ``torch.fft.rfft2``/``rfftn`` (last axis kx = 0 … D/2).
    """

    box_px: int

    def __post_init__(self) -> None:
        if self.box_px < 4 or self.box_px % 2:
            raise ConfigError(f"the box must be an even number of at least 4 pixels, not {self.box_px}; crop or pad by one pixel")

    @property
    def half_px(self) -> int:
        """D/2: the radius of the first shell that is left out."""
        return self.box_px // 2

    @cached_property
    def half_disc_pixels(self) -> Tensor:
        """(m, 2) int64 integer frequencies (kx, ky) of the half disc, sorted by radius: a prefix is a smaller disc."""
        radius = self.half_px
        ky, kx = torch.meshgrid(torch.arange(-radius + 1, radius), torch.arange(radius), indexing="ij")
        inside = (kx**2 + ky**2 < radius**2) & ((kx > 0) | (ky >= 0))
        points = torch.stack([kx[inside], ky[inside]], dim=1)
        return points[torch.argsort((points**2).sum(1), stable=True)]

    @cached_property
    def disc_pixels(self) -> Tensor:
        """(m, 2) int64 integer frequencies (kx, ky) of the full disc, sorted by radius."""
        radius = self.half_px
        ky, kx = torch.meshgrid(torch.arange(-radius + 1, radius), torch.arange(-radius + 1, radius), indexing="ij")
        inside = kx**2 + ky**2 < radius**2
        points = torch.stack([kx[inside], ky[inside]], dim=1)
        return points[torch.argsort((points**2).sum(1), stable=True)]

    def shell_pixels(self, inner: int, outer: int) -> Tensor:
        """(m, 3) int64 integer frequencies (kx, ky, kz) of the half sphere with inner <= r < outer."""
        reach = outer - 1 if outer > 0 else 0
        axis = torch.arange(-reach, reach + 1)
        kz, ky, kx = torch.meshgrid(axis, axis, torch.arange(reach + 1), indexing="ij")
        squared = kx**2 + ky**2 + kz**2
        half = (kx > 0) | ((kx == 0) & ((ky > 0) | ((ky == 0) & (kz >= 0))))
        inside = half & (squared >= inner**2) & (squared < outer**2)
        return torch.stack([kx[inside], ky[inside], kz[inside]], dim=1)

    def coordinates(self, pixels: Tensor) -> Tensor:
        """Integer frequencies as float32 cycles/pixel."""
        return pixels.to(torch.float32) / self.box_px


def rotate_slice(pixels_2d: Tensor, rotation: Tensor) -> Tensor:
    """Volume coordinates of the central slice seen by each image.

    Parameters
    ----------
    pixels_2d : (m, 2) frequencies (kx, ky) in any unit.
    rotation : (b, 3, 3) with ``k_volume = k_image @ R``.

    Returns
    -------
    (b, m, 3) frequencies (kx, ky, kz) in the same unit.
    """
    # mixed precision would round frequencies by up to a quarter of a pixel
    with torch.autocast(rotation.device.type, enabled=False):
        return pixels_2d.to(rotation.dtype) @ rotation[:, :2, :]


def fold_half_space(coordinates: Tensor) -> tuple[Tensor, Tensor]:
    """Fold k into one half-space: the density's transform at -k is the conjugate of that at k.

    The half holds kz > 0, and of the plane kz = 0 (a view along the axis) ky > 0, or ky = 0 and kx >= 0.

    Returns
    -------
    (..., 3) folded coordinates and (...) sign: -1 where the answer must be conjugated.
    """
    kx, ky, kz = coordinates.unbind(-1)
    opposite = (kz < 0) | ((kz == 0) & ((ky < 0) | ((ky == 0) & (kx < 0))))
    sign = torch.where(opposite, -1.0, 1.0).to(coordinates.dtype)
    return coordinates * sign[..., None], sign
