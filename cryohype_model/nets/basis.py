"""Learnt basis volumes, fitted to each image at its pose: the encoder's view of a particle that no pose and no CTF changes."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from cryohype_model.imaging.grid import fold_half_space
from cryohype_model.nets.features import draw_frequencies, fourier_features
from cryohype_model.nets.inputs import ObservedSlices


class BasisVolumes(nn.Module):
    """A mean volume and ``count`` basis volumes over Fourier space, all answers of one small network.

    The coefficients z of a particle are those of highest posterior probability under probabilistic principal component
    analysis with pose and CTF known (Tagare et al. 2015; Gilles & Singer 2025, RECOVAR):

        Y = CTF · (U_0 + Σ_m z_m U_m)(Rᵀ k) + σ · noise,   z ~ N(0, 1),   z = (Uᴴ CTF² U / σ² + 1)⁻¹ Uᴴ CTF (Y - CTF U_0) / σ²

    Unlike there, the volumes are learnt by gradient, through the network that reads z.

    Parameters
    ----------
    box_px : the training box. count : basis volumes beside the mean. hidden : width of the network's two hidden layers.
    frequencies, feature_sigma : of its random Fourier features.
    """

    frequencies: Tensor

    def __init__(self, *, box_px: int, count: int, hidden: int, frequencies: int, feature_sigma: float) -> None:
        super().__init__()
        self.count = count
        self.register_buffer("frequencies", draw_frequencies(frequencies, feature_sigma, box_px))
        self.first = nn.Linear(2 * frequencies, hidden)
        self.second = nn.Linear(hidden, hidden)
        self.last = nn.Linear(hidden, 2 * (count + 1))
        self.log_sigma = nn.Parameter(torch.zeros(()))

    def slices(self, coordinates: Tensor) -> tuple[Tensor, Tensor]:
        """Real and imaginary parts, (b, n, count + 1) each, of the mean and the basis volumes at (b, n, 3) coordinates."""
        folded, sign = fold_half_space(coordinates)
        x = torch.relu(self.first(fourier_features(folded, self.frequencies)))
        x = x + torch.relu(self.second(x))
        real, imaginary = self.last(x).float().unflatten(-1, (2, -1)).unbind(-2)
        return real, imaginary * sign[..., None]

    def fit(self, observed: ObservedSlices) -> Tensor:
        """(b, count) coefficients of each particle."""
        real, imaginary = self.slices(observed.coordinates)
        # half precision would lose the normal equations
        with torch.autocast(real.device.type, enabled=False):
            ctf = observed.ctf.float()[..., None]
            design = torch.cat([real * ctf, imaginary * ctf], dim=1)  # (b, 2n, count + 1)
            residual = torch.cat([observed.values.real, observed.values.imag], dim=1) - design[..., 0]
            design = design[..., 1:]
            weight = torch.exp(-2.0 * self.log_sigma)
            information = design.transpose(1, 2) @ design * weight
            information = information + torch.eye(self.count, device=information.device)
            score = design.transpose(1, 2) @ residual[..., None] * weight
            # without the check: it would make a GPU wait, and a diverged network is found by its loss
            return torch.cholesky_solve(score, torch.linalg.cholesky_ex(information).L)[..., 0]

    def predict(self, coefficients: Tensor, coordinates: Tensor) -> Tensor:
        """(b, n) complex values of the volumes U_0 + Σ z_m U_m, before the CTF.

        Parameters
        ----------
        coefficients : (b, count). coordinates : (b, n, 3).
        """
        real, imaginary = self.slices(coordinates)
        mixed = torch.cat([torch.ones_like(coefficients[:, :1]), coefficients], dim=1)[..., None]
        return torch.complex((real @ mixed.float())[..., 0], (imaginary @ mixed.float())[..., 0])
