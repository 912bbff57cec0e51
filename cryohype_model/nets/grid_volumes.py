"""Basis volumes as values on a lattice of Fourier space, and how a slice reads them."""

from __future__ import annotations

import math
from itertools import product
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

from cryohype_model.nets.basis import BasisVolumes


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


class GridVolumes(BasisVolumes):
    """Values on a lattice of one point a Fourier pixel; between the points they are interpolated.

    They learn nothing by gradient: expectation maximisation fits them before (:mod:`cryohype_model.training.basis_fit`).

    Parameters
    ----------
    box_px : the training box. count : basis volumes beside the mean. radius_px : they are 0 at and beyond it.

    Attributes
    ----------
    table : (lattice points, 2 · (count + 1)) real parts of all volumes, then imaginary parts.
    fitted : () bool.
    """

    table: Tensor
    fitted: Tensor

    def __init__(self, *, box_px: int, count: int, radius_px: float) -> None:
        super().__init__(count)
        self.lattice = HalfLattice(box_px, radius_px)
        self.register_buffer("table", torch.zeros(self.lattice.size, 2 * (count + 1)))
        self.register_buffer("log_sigma", torch.zeros(()))
        self.register_buffer("fitted", torch.tensor(False))

    def slices(self, coordinates: Tensor) -> tuple[Tensor, Tensor]:
        """Real and imaginary parts, (b, n, count + 1) each."""
        real, imaginary = self.at(self.lattice.corners(coordinates))
        return real.unflatten(0, coordinates.shape[:2]), imaginary.unflatten(0, coordinates.shape[:2])

    def at(self, corners: Corners) -> tuple[Tensor, Tensor]:
        """The same at n coordinates whose corners are known, (n, count + 1) each."""
        values = functional.embedding_bag(corners.row, self.table, per_sample_weights=corners.share, mode="sum")
        real, imaginary = values.unflatten(-1, (2, -1)).unbind(-2)
        return real, imaginary * corners.sign[:, None]
