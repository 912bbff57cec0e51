"""What is known of a particle's coefficients before its image is seen: a mixture of Gaussians, and what it is after."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn


class Gaussians(NamedTuple):
    """K Gaussians over ``count`` coefficients.

    Attributes
    ----------
    weight : (K,), of sum 1. mean : (K, count). covariance : (K, count, count).
    """

    weight: Tensor
    mean: Tensor
    covariance: Tensor

    def total(self) -> tuple[Tensor, Tensor]:
        """Mean (count,) and covariance (count, count) of all together."""
        mean = self.weight @ self.mean
        second = self.covariance + self.mean[:, :, None] * self.mean[:, None]
        return mean, torch.einsum("k,kij->ij", self.weight, second) - mean[:, None] * mean

    def standardised(self, mean: Tensor, factor: Tensor) -> Gaussians:
        """The distribution of z' where z = mean + factor z'."""
        inverse = torch.linalg.inv(factor)
        return Gaussians(self.weight, (self.mean - mean) @ inverse.T, inverse @ self.covariance @ inverse.T)


class Posterior(NamedTuple):
    """Of the coefficients of b particles: a mixture again.

    Attributes
    ----------
    responsibility : (b, K) probability of each Gaussian. means : (b, K, count), of each.
    cholesky : (b, K, count, count) lower factors of their inverse covariances.
    """

    responsibility: Tensor
    means: Tensor
    cholesky: Tensor

    def mean(self) -> Tensor:
        """(b, count)."""
        return (self.responsibility[..., None] * self.means).sum(dim=1)

    def second(self) -> Tensor:
        """(b, K, count, count) E[z zᵀ] of each Gaussian."""
        return torch.cholesky_inverse(self.cholesky) + self.means[..., :, None] * self.means[..., None, :]


class CoefficientPrior(nn.Module):
    """A mixture of K Gaussians, N(0, 1) until it is set to another.

    The posterior of a mixture under a linear measurement with Gaussian noise is a mixture again (Bovy, Hogg & Roweis 2011,
    "extreme deconvolution"). Logarithms are kept in the form that makes it a sum:

        log π_k N(z; μ_k, Σ_k) = constant_k + shift_kᵀ z - ½ zᵀ precision_k z

    Parameters
    ----------
    count : coefficients. components : K; a single one stays N(0, 1) and is not in the state.
    """

    constant: Tensor
    shift: Tensor
    precision: Tensor

    def __init__(self, count: int, components: int = 1) -> None:
        super().__init__()
        self.components = components
        kept = components > 1
        self.register_buffer("constant", torch.zeros(components), persistent=kept)
        self.register_buffer("shift", torch.zeros(components, count), persistent=kept)
        self.register_buffer("precision", torch.eye(count).repeat(components, 1, 1), persistent=kept)

    def set(self, gaussians: Gaussians) -> None:
        """Another mixture, of any number of Gaussians."""
        weight, mean, covariance = gaussians
        self.precision = torch.linalg.inv(covariance)
        self.shift = (self.precision @ mean[..., None])[..., 0]
        self.constant = weight.log() - 0.5 * (self.shift * mean).sum(dim=1) - 0.5 * torch.logdet(covariance)

    def posterior(self, information: Tensor, score: Tensor) -> Posterior:
        """What images say, with what was known.

        Parameters
        ----------
        information : (b, count, count) inverse covariance of the measurement, Dᵀ D / σ² of a design D.
        score : (b, count) Dᵀ residual / σ².
        """
        shift = self.shift + score[:, None]
        # without the check: it would make a GPU wait, and a diverged network is found by its loss
        cholesky = torch.linalg.cholesky_ex(self.precision + information[:, None]).L
        means = torch.cholesky_solve(shift[..., None], cholesky)[..., 0]
        half_log_determinant = cholesky.diagonal(dim1=-2, dim2=-1).log().sum(-1)
        evidence = self.constant + 0.5 * (shift * means).sum(-1) - half_log_determinant
        return Posterior(torch.softmax(evidence, dim=1), means, cholesky)
