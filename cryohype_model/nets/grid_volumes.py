"""Basis volumes as values on a lattice of Fourier space, and how a slice reads them."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from cryohype_model.imaging.lattice import Corners, HalfLattice
from cryohype_model.nets.basis import BasisVolumes, design_and_residual
from cryohype_model.nets.class_volumes import ClassVolumes
from cryohype_model.nets.inputs import ObservedSlices


class GridVolumes(BasisVolumes):
    """Values on a lattice of one point a Fourier pixel; between the points they are interpolated.

    They learn nothing by gradient: expectation maximisation fits them before (:mod:`cryohype_model.training.basis_fit`).

    Parameters
    ----------
    box_px : the training box. count : basis volumes beside the mean. radius_px : they are 0 at and beyond it.
    components : Gaussians of the prior of the coefficients, which is fitted with the volumes.
    classes : volumes of classes, whose probabilities follow the coefficients; 0 for none.

    Attributes
    ----------
    classes : the volumes of classes, or None.
    table : (lattice points, 2 · (count + 1)) real parts of all volumes, then imaginary parts.
    fitted : () bool.
    """

    table: Tensor
    fitted: Tensor

    def __init__(self, *, box_px: int, count: int, radius_px: float, components: int = 1, classes: int = 0) -> None:
        super().__init__(count, components)
        self.lattice = HalfLattice(box_px, radius_px)
        self.classes = ClassVolumes(self.lattice, classes) if classes else None
        self.register_buffer("table", torch.zeros(self.lattice.size, 2 * (count + 1)))
        self.register_buffer("log_sigma", torch.zeros(()))
        self.register_buffer("fitted", torch.tensor(False))

    def fit(self, observed: ObservedSlices) -> Tensor:
        """(b, count) coefficients of each particle, and behind them the (b, classes) probability of each class."""
        corners = self.lattice.corners(observed.coordinates)
        # half precision would lose the normal equations
        with torch.autocast(observed.ctf.device.type, enabled=False):
            coefficients = self.posterior(*self.design(observed, corners)).mean()
            if self.classes is None:
                return coefficients
            return torch.cat([coefficients, self.classes.probability(observed, corners)], dim=1)

    def design(self, observed: ObservedSlices, corners: Corners) -> tuple[Tensor, Tensor]:
        """:func:`design_and_residual` of images whose coefficients have these corners."""
        real, imaginary = (each.unflatten(0, observed.values.shape) for each in self.at(corners))
        return design_and_residual(observed, real, imaginary)

    def predict(self, coefficients: Tensor, coordinates: Tensor) -> Tensor:
        """(b, n) complex values: of the classes by their probabilities where there are some, else U_0 + Σ z_m U_m."""
        if self.classes is None:
            return super().predict(coefficients, coordinates)
        return self.classes.predict(coefficients[:, self.count :], self.lattice.corners(coordinates), len(coordinates))

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
