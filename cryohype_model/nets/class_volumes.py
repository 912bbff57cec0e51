"""Volumes of classes of particles, and how probable each is for an image: 3-D classification at known poses."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from cryohype_model.imaging.lattice import Corners, HalfLattice
from cryohype_model.nets.inputs import ObservedSlices


class ClassVolumes(nn.Module):
    """K volumes on a lattice of Fourier space, each what the particles of one class look like (Scheres 2012, without alignment).

    They learn nothing by gradient: expectation maximisation fits them before (:mod:`cryohype_model.training.class_fit`). A
    coefficient is compared with the lattice points around it, one by one and by their shares, as the fit spreads it: classes
    that noise made rough are no nearer to an image for that.

    Parameters
    ----------
    lattice : of the basis volumes. count : K.

    Attributes
    ----------
    real, imaginary : (lattice points, K). power : their squares, which no checkpoint holds.
    log_weight : (K,) logarithm of the share of each class. noise : () variance of a complex coefficient.
    """

    real: Tensor
    imaginary: Tensor
    power: Tensor
    log_weight: Tensor
    noise: Tensor

    def __init__(self, lattice: HalfLattice, count: int) -> None:
        super().__init__()
        self.count = count
        for name in ("real", "imaginary", "power"):
            self.register_buffer(name, torch.zeros(lattice.size, count), persistent=name != "power")
        self.register_buffer("log_weight", torch.zeros(count))
        self.register_buffer("noise", torch.ones(()))
        # of the module that loads: a deep copy has this hook too
        self.register_load_state_dict_post_hook(lambda module, _: module._square())  # type: ignore[no-untyped-call]  # of PyTorch

    def set(self, values: Tensor, weight: Tensor) -> None:
        """Other volumes, (lattice points, K) complex, and shares (K,) of the classes."""
        self.real.copy_(values.real)
        self.imaginary.copy_(values.imag)
        self._square()
        self.log_weight.copy_(weight.log())

    def _square(self) -> None:
        self.power.copy_(self.real.square() + self.imaginary.square())

    def probability(self, observed: ObservedSlices, corners: Corners) -> Tensor:
        """(b, K) of each class, given b images whose coefficients have these corners."""
        return torch.softmax(self.log_weight - self.misfit(observed, corners) / self.noise, dim=1)

    def misfit(self, observed: ObservedSlices, corners: Corners) -> Tensor:
        """(b, K) square of what each class leaves of each image, less the square of the image."""
        images = len(observed.values)
        row = corners.row.reshape(images, -1)

        def summed(table: Tensor, of_coordinates: Tensor) -> Tensor:
            share = (corners.share * of_coordinates.reshape(-1, 1)).reshape(images, -1)
            return functional.embedding_bag(row, table, per_sample_weights=share, mode="sum")

        ctf = observed.ctf.float()
        seen = ctf * observed.values
        sign = corners.sign.reshape(seen.shape)
        agreement = summed(self.real, seen.real) + summed(self.imaginary, seen.imag * sign)
        return summed(self.power, ctf.square()) - 2 * agreement

    def predict(self, probability: Tensor, corners: Corners, images: int) -> Tensor:
        """(b, n) complex values of the mean volume under (b, K) probabilities, at coordinates whose corners are known."""
        mixed = torch.stack([self.real @ probability.T, self.imaginary @ probability.T], dim=-1)
        own = torch.arange(images, device=mixed.device).repeat_interleave(len(corners.row) // images)
        values = (mixed[corners.row, own[:, None]] * corners.share[..., None]).sum(dim=1)
        return torch.complex(values[:, 0], values[:, 1] * corners.sign).unflatten(0, (images, -1))
