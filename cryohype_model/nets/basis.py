"""Basis volumes, fitted to each image at its pose: the encoder's view of a particle that no pose and no CTF changes."""

from __future__ import annotations

from abc import ABC, abstractmethod

import torch
from torch import Tensor, nn

from cryohype_model.imaging.grid import fold_half_space
from cryohype_model.nets.features import draw_frequencies, fourier_features
from cryohype_model.nets.inputs import ObservedSlices
from cryohype_model.nets.mixture import CoefficientPrior, Posterior


class BasisVolumes(nn.Module, ABC):
    """A mean volume and ``count`` basis volumes over Fourier space.

    The coefficients z of a particle are their mean under what its image and the prior say, in probabilistic principal component
    analysis with pose and CTF known (Tagare et al. 2015; Gilles & Singer 2025, RECOVAR). Where the prior is N(0, 1):

        Y = CTF · (U_0 + Σ_m z_m U_m)(Rᵀ k) + σ · noise,   z = (Uᴴ CTF² U / σ² + 1)⁻¹ Uᴴ CTF (Y - CTF U_0) / σ²

    Parameters
    ----------
    count : basis volumes beside the mean. components : Gaussians of the prior of z.

    Attributes
    ----------
    log_sigma : logarithm of σ, the noise of a real or imaginary part. prior : of z.
    """

    log_sigma: Tensor

    def __init__(self, count: int, components: int = 1) -> None:
        super().__init__()
        self.count = count
        self.prior = CoefficientPrior(count, components)

    @abstractmethod
    def slices(self, coordinates: Tensor) -> tuple[Tensor, Tensor]:
        """Real and imaginary parts, (b, n, count + 1) each, of the mean and the basis volumes at (b, n, 3) coordinates."""

    def fit(self, observed: ObservedSlices) -> Tensor:
        """(b, count) coefficients of each particle."""
        real, imaginary = self.slices(observed.coordinates)
        # half precision would lose the normal equations
        with torch.autocast(real.device.type, enabled=False):
            return self.posterior(*design_and_residual(observed, real, imaginary)).mean()

    def posterior(self, design: Tensor, residual: Tensor) -> Posterior:
        """What images say of their coefficients, by :func:`design_and_residual`."""
        return self.prior.posterior(*self.measured(design, residual))

    def measured(self, design: Tensor, residual: Tensor) -> tuple[Tensor, Tensor]:
        """What the images alone say: information (b, count, count) and score (b, count)."""
        weight = torch.exp(-2.0 * self.log_sigma)
        information = design.transpose(1, 2) @ design * weight
        return information, (design.transpose(1, 2) @ residual[..., None] * weight)[..., 0]

    def predict(self, coefficients: Tensor, coordinates: Tensor) -> Tensor:
        """(b, n) complex values of the volumes U_0 + Σ z_m U_m, before the CTF.

        Parameters
        ----------
        coefficients : (b, count). coordinates : (b, n, 3).
        """
        real, imaginary = self.slices(coordinates)
        mixed = torch.cat([torch.ones_like(coefficients[:, :1]), coefficients], dim=1)[..., None]
        return torch.complex((real @ mixed.float())[..., 0], (imaginary @ mixed.float())[..., 0])


def design_and_residual(observed: ObservedSlices, real: Tensor, imaginary: Tensor) -> tuple[Tensor, Tensor]:
    """The basis volumes as an image shows them, (b, 2n, count), and what the mean leaves of the image, (b, 2n)."""
    ctf = observed.ctf.float()[..., None]
    design = torch.cat([real * ctf, imaginary * ctf], dim=1)
    residual = torch.cat([observed.values.real, observed.values.imag], dim=1) - design[..., 0]
    return design[..., 1:], residual


class NetworkVolumes(BasisVolumes):
    """All volumes are answers of one small network, which learns with the network that reads their coefficients.

    Parameters
    ----------
    box_px : the training box. count : basis volumes beside the mean. hidden : width of the network's two hidden layers.
    frequencies, feature_sigma : of its random Fourier features.
    """

    frequencies: Tensor

    def __init__(self, *, box_px: int, count: int, hidden: int, frequencies: int, feature_sigma: float) -> None:
        super().__init__(count)
        self.register_buffer("frequencies", draw_frequencies(frequencies, feature_sigma, box_px))
        self.first = nn.Linear(2 * frequencies, hidden)
        self.second = nn.Linear(hidden, hidden)
        self.last = nn.Linear(hidden, 2 * (count + 1))
        self.log_sigma = nn.Parameter(torch.zeros(()))

    def slices(self, coordinates: Tensor) -> tuple[Tensor, Tensor]:
        """Real and imaginary parts, (b, n, count + 1) each."""
        folded, sign = fold_half_space(coordinates)
        x = torch.relu(self.first(fourier_features(folded, self.frequencies)))
        x = x + torch.relu(self.second(x))
        real, imaginary = self.last(x).float().unflatten(-1, (2, -1)).unbind(-2)
        return real, imaginary * sign[..., None]
