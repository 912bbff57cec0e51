"""A half sphere of Fourier space in a flat order, and the lattice points around any coordinate."""

from __future__ import annotations

import math
from itertools import product
from typing import NamedTuple

import torch
from torch import Tensor


class Corners(NamedTuple):
    """The eight lattice points around each of n coordinates.

    Attributes
    ----------
    row : (n, 8) rows of the lattice. share : (n, 8) trilinear weights; 0 at and beyond the radius.
    sign : (n,), -1 where the coordinate lies in the other half and its values are conjugates.
    """

    row: Tensor
    share: Tensor
    sign: Tensor


class HalfLattice:
    """Integer frequencies of a half sphere of Fourier space, kx >= 0, in a flat order.

    Parameters
    ----------
    box_px : the box that frequencies are counted in. radius_px : values are read below it.
    """

    def __init__(self, box_px: int, radius_px: float) -> None:
        self.box_px, self.radius_px = box_px, radius_px
        self.reach = math.ceil(radius_px)
        self.side = 2 * self.reach + 1
        self.size = (self.reach + 1) * self.side**2

    def pixels(self) -> Tensor:
        """(size, 3) int64 frequencies (kx, ky, kz) of every lattice point."""
        across = torch.arange(-self.reach, self.reach + 1)
        return torch.cartesian_prod(torch.arange(self.reach + 1), across, across)

    def rows(self, kx: Tensor, ky: Tensor, kz: Tensor) -> Tensor:
        """Rows of lattice points."""
        return (kx * self.side + ky + self.reach) * self.side + kz + self.reach

    def fold(self, sums: Tensor) -> Tensor:
        """Sums over coefficients, (size, ...), in place: at kx = 0 the lattice holds both of a pair, and each gets the sum."""
        plane = torch.nonzero(self.pixels()[:, 0] == 0)[:, 0]
        opposite = self.rows(*(-self.pixels()[plane]).unbind(1))
        sums[plane] += sums[opposite].conj()
        return sums

    def corners(self, coordinates: Tensor) -> Corners:
        """Around (..., 3) coordinates in cycles/pixel, flattened to n."""
        points = coordinates.float().reshape(-1, 3) * self.box_px
        sign = torch.where(points[:, 0] < 0, -1.0, 1.0)
        points = points * sign[:, None]
        inside = points.square().sum(1) < self.radius_px**2
        points = torch.where(inside[:, None], points, 0.0)
        lower = points.floor()
        upper_share = points - lower
        row, share = [], []
        for corner in product((0, 1), repeat=3):
            kx, ky, kz = (lower + torch.tensor(corner, device=lower.device)).to(torch.int64).unbind(1)
            row.append(self.rows(kx, ky, kz))
            shares = [upper_share[:, axis] if upper else 1 - upper_share[:, axis] for axis, upper in enumerate(corner)]
            share.append(shares[0] * shares[1] * shares[2] * inside)
        return Corners(torch.stack(row, dim=1), torch.stack(share, dim=1), sign)
