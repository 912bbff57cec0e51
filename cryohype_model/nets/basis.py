"""Basis volumes, fitted to each image at its pose: the encoder's view of a particle that no pose and no CTF changes."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import NamedTuple

import torch
from torch import Tensor, nn

from cryohype_model.imaging.grid import fold_half_space
from cryohype_model.nets.features import draw_frequencies, fourier_features
from cryohype_model.nets.inputs import ObservedSlices


class Posterior(NamedTuple):
    """Of the coefficients of b particles.

    Attributes
    ----------
    mean : (b, count), which is the mode too. cholesky : (b, count, count) lower factor of the inverse covariance.
    """

    mean: Tensor
    cholesky: Tensor


class BasisVolumes(nn.Module, ABC):
    """A mean volume and ``count`` basis volumes over Fourier space.

    The coefficients z of a particle are those of highest posterior probability under probabilistic principal component
    analysis with pose and CTF known (Tagare et al. 2015; Gilles & Singer 2025, RECOVAR):

        Y = CTF · (U_0 + Σ_m z_m U_m)(Rᵀ k) + σ · noise,   z ~ N(0, 1),   z = (Uᴴ CTF² U / σ² + 1)⁻¹ Uᴴ CTF (Y - CTF U_0) / σ²

    Parameters
    ----------
    count : basis volumes beside the mean.

    Attributes
    ----------
    log_sigma : logarithm of σ, the noise of a real or imaginary part.
    """

    log_sigma: Tensor

    def __init__(self, count: int) -> None:
        super().__init__()
        self.count = count

    @abstractmethod
    def slices(self, coordinates: Tensor) -> tuple[Tensor, Tensor]:
        """Real and imaginary parts, (b, n, count + 1) each, of the mean and the basis volumes at (b, n, 3) coordinates."""

    def fit(self, observed: ObservedSlices) -> Tensor:
        """(b, count) coefficients of each particle."""
        return self.posterior(observed, *self.slices(observed.coordinates)).mean

    def posterior(self, observed: ObservedSlices, real: Tensor, imaginary: Tensor) -> Posterior:
        """What an image says of its coefficients, where the slices of the volumes are known."""
        # half precision would lose the normal equations
        with torch.autocast(real.device.type, enabled=False):
            design, residual = design_and_residual(observed, real, imaginary)
            weight = torch.exp(-2.0 * self.log_sigma)
            information = design.transpose(1, 2) @ design * weight
            information = information + torch.eye(self.count, device=information.device)
            score = design.transpose(1, 2) @ residual[..., None] * weight
            # without the check: it would make a GPU wait, and a diverged network is found by its loss
            cholesky = torch.linalg.cholesky_ex(information).L
            return Posterior(torch.cholesky_solve(score, cholesky)[..., 0], cholesky)

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
