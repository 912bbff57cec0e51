"""Mean and basis volumes by expectation maximisation, before the networks are trained (:class:`GridVolumes`).

The model is that of :class:`BasisVolumes`; every pass finds the posterior of all coefficients, then the volumes and the noise
that explain the images best under it (Tipping & Bishop 1999, appendix B; with poses and CTF known Tagare et al. 2015, Punjani &
Fleet 2021), and the distribution of the coefficients. That is one Gaussian, for the last passes a mixture where one is asked for:
then particles of one kind draw each other to their place. After each pass the coefficients are re-expressed so that all together
have mean 0 and variance 1 (parameter-expanded EM, Liu, Rubin & Wu 1998): that is quicker, and keeps the scale of the volumes.

As in any back-projection a slice is spread trilinearly over the lattice, and what one lattice point got is solved by
itself. A Wiener prior holds the volumes back: in each shell their power is expected to be that of the mean volume's signal.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence

import numpy as np
import torch
from torch import Tensor

from cryohype_model.nets.grid_volumes import GridVolumes
from cryohype_model.nets.inputs import ObservedSlices
from cryohype_model.nets.mixture import Gaussians
from cryohype_model.training.basis_prior import PriorMoments, first_gaussians
from cryohype_model.training.slice_sums import SliceSums, shell_mean, slice_sums

POINTS_AT_ONCE = 4096  # lattice points that are solved at a time
SMALLEST_POWER = 1e-6  # of a shell, as a fraction of the strongest one's
KEPT_COORDINATES = (
    6_000_000  # of all images: as many have their corners kept, 140 bytes each; of more they are found in every pass
)
GAUSSIAN_PART = 2 / 3  # of the passes, before the mixture
TINY = 1e-12  # nothing is divided by 0, whatever the images hold


class BasisFit:
    """Expectation maximisation on the CPU.

    Parameters
    ----------
    volumes : to be fitted, on the CPU; their prior begins as N(0, 1). batches : the images, prepared.
    seed : of the first volumes and of k-means.
    """

    def __init__(self, volumes: GridVolumes, batches: Sequence[ObservedSlices], seed: int) -> None:
        self.volumes, self.batches, self.seed = volumes, batches, seed
        self.numbers = sum(observed.values.numel() for observed in batches)
        self._kept = [slice_sums(volumes.lattice, each) for each in batches] if self.numbers <= KEPT_COORDINATES else None
        radius = volumes.lattice.pixels().double().square().sum(1).sqrt()
        self.shell = radius.round().long()
        self.noise = sum(float(observed.values.abs().square().sum()) for observed in batches) / self.numbers
        self._begin(radius.float())

    def step(self) -> float:
        """One pass: coefficients, then volumes; the noise variance of a coefficient, which falls from pass to pass."""
        count = self.volumes.count + 1
        rows, columns = torch.triu_indices(count, count)
        normal = np.zeros((self.volumes.lattice.size, len(rows)), dtype=np.float32)
        right = np.zeros((self.volumes.lattice.size, count), dtype=np.complex64)
        misfit = 0.0
        prior = PriorMoments(len(self.volumes.prior.constant), self.volumes.count)
        for part in self._parts():
            first, second, unexplained = self._moments(part, prior)
            normal += part.weight @ second[:, rows, columns].numpy()
            right += part.data @ first.numpy()
            misfit += unexplained
        self._solve(torch.from_numpy(normal), torch.from_numpy(right))
        self._set_noise(misfit / self.numbers)
        self._set_prior(prior.gaussians())
        return self.noise

    def mix(self) -> None:
        """From here on the coefficients' distribution is a mixture of as many Gaussians as the volumes' prior shall have."""
        measured = [self.volumes.measured(*self.volumes.design(part.observed, part.corners)) for part in self._parts()]
        information, score = (torch.cat(each) for each in zip(*measured, strict=True))
        self._set_prior(first_gaussians(information, score, self.volumes.prior.components, self.seed))

    def _begin(self, radius: Tensor) -> None:
        """One Gaussian, the mean by back-projection, and random volumes of long waves."""
        size, count = self.volumes.lattice.size, self.volumes.count
        self.volumes.prior.set(Gaussians(torch.ones(1), torch.zeros(1, count), torch.eye(count)[None]))
        weight, right = torch.zeros(size), torch.zeros(size, dtype=torch.complex64)
        for part in self._parts():
            ones = np.ones(len(part.observed.values), np.float32)
            weight += torch.from_numpy(part.weight @ ones)
            right += torch.from_numpy(part.data @ ones)
        mean = right / (weight + 1e-3 * weight.mean() + TINY)
        noise = self.noise / shell_mean(self.shell, weight).clamp_min(TINY)
        power = shell_mean(self.shell, mean.abs().square()) - noise
        self.power = power.clamp_min(SMALLEST_POWER * max(float(power.max()), TINY))
        random = torch.randn(2, size, count, generator=torch.Generator().manual_seed(self.seed))
        spread = (self.power / (2 * count)).sqrt()[self.shell] * torch.exp(-4 * radius / self.volumes.lattice.radius_px)
        table = self.volumes.table.unflatten(1, (2, count + 1))
        table[:, :, 1:] = (random * spread[:, None]).transpose(0, 1)
        table[:, :, 0] = torch.view_as_real(mean * (self.power / (self.power + noise))[self.shell])
        self._set_noise(self.noise)

    def _parts(self) -> Iterator[SliceSums]:
        yield from self._kept if self._kept is not None else (slice_sums(self.volumes.lattice, each) for each in self.batches)

    def _moments(self, part: SliceSums, prior: PriorMoments) -> tuple[Tensor, Tensor, float]:
        """E[z], (b, count + 1), and E[z zᵀ] with z₀ = 1 for the mean, and the expected square of what is left of the images."""
        design, residual = self.volumes.design(part.observed, part.corners)
        information, score = self.volumes.measured(design, residual)
        posterior = self.volumes.prior.posterior(information, score)
        prior.add(posterior)
        mean = posterior.mean()
        first = torch.cat([torch.ones(len(mean), 1), mean], dim=1)
        second = first[:, :, None] * first[:, None]
        second[:, 1:, 1:] = torch.einsum("bk,bkij->bij", posterior.responsibility, posterior.second())
        # of |residual - design z|², with what is known of design already
        explained = (2 * score * mean).sum(dtype=torch.float64) - (information * second[:, 1:, 1:]).sum(dtype=torch.float64)
        left = residual.square().sum(dtype=torch.float64) - explained * torch.exp(2 * self.volumes.log_sigma)
        return first, second, float(left)

    def _solve(self, normal: Tensor, right: Tensor) -> None:
        """The volumes at every lattice point, from its (count + 1)² normal equations, of which ``normal`` has one triangle."""
        lattice, count = self.volumes.lattice, self.volumes.count + 1
        first, second = torch.triu_indices(count, count)
        normal, right = lattice.fold(normal), lattice.fold(right)
        prior = (self.noise / self.power)[self.shell]
        for rows in torch.arange(len(normal)).split(POINTS_AT_ONCE):
            full = torch.diag_embed(prior[rows, None].expand(-1, count))
            full[:, first, second] += normal[rows]
            full[:, second, first] = full[:, first, second]
            values = torch.cholesky_solve(torch.view_as_real(right[rows]).contiguous(), torch.linalg.cholesky(full))
            self.volumes.table[rows] = values.transpose(1, 2).flatten(1)

    def _set_prior(self, gaussians: Gaussians) -> None:
        """The distribution of the coefficients, and both it and the volumes in terms of coefficients of mean 0 and variance 1."""
        mean, covariance = gaussians.total()
        factor = torch.linalg.cholesky(covariance)
        self.volumes.standardise(mean, factor)
        self.volumes.prior.set(gaussians.standardised(mean, factor))

    def _set_noise(self, variance: float) -> None:
        self.noise = max(variance, TINY)
        self.volumes.log_sigma.fill_(0.5 * math.log(self.noise / 2))  # of a real or imaginary part


def fit_basis_volumes(
    volumes: GridVolumes,
    batches: Sequence[ObservedSlices],
    passes: int,
    seed: int,
    report: Callable[[int, float], bool],
) -> bool:
    """Fit volumes in place; whether they are fitted.

    Parameters
    ----------
    volumes : on the CPU. batches : prepared images, a few hundred each.
    report : called with each pass and its noise variance; fitting ends early, unfinished, where it answers False.
    """
    with torch.no_grad():
        fit = BasisFit(volumes, batches, seed)
        mixed_after = math.ceil(GAUSSIAN_PART * passes) if volumes.prior.components > 1 else None
        for number in range(1, passes + 1):
            if not report(number, fit.step()):
                return False
            if number == mixed_after:
                fit.mix()
        volumes.fitted.fill_(True)
    return True
