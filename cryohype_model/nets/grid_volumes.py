"""Basis volumes as values on a lattice of Fourier space, and how a slice reads them."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from cryohype_model.imaging.lattice import Corners, HalfLattice
from cryohype_model.nets.basis import BasisVolumes


class GridVolumes(BasisVolumes):
    """Values on a lattice of one point a Fourier pixel; between the points they are interpolated.

    They learn nothing by gradient: expectation maximisation fits them before (:mod:`cryohype_model.training.basis_fit`).

    Parameters
    ----------
    box_px : the training box. count : basis volumes beside the mean. radius_px : they are 0 at and beyond it.
    components : Gaussians of the prior of the coefficients, which is fitted with the volumes.

    Attributes
    ----------
    table : (lattice points, 2 · (count + 1)) real parts of all volumes, then imaginary parts.
    fitted : () bool.
    """

    table: Tensor
    fitted: Tensor

    def __init__(self, *, box_px: int, count: int, radius_px: float, components: int = 1) -> None:
        super().__init__(count, components)
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

    def standardise(self, mean: Tensor, factor: Tensor) -> None:
        """The same volumes U_0 + Σ z U for coefficients z' of which z = mean + factor z'."""
        table = self.table.unflatten(1, (2, self.count + 1))
        table[:, :, 0] += table[:, :, 1:] @ mean
        table[:, :, 1:] = table[:, :, 1:] @ factor
