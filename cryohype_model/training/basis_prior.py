"""The distribution of coefficients over particles, fitted to what noisy images say of them (Bovy, Hogg & Roweis 2011)."""

from __future__ import annotations

import torch
from sklearn.cluster import KMeans
from torch import Tensor

from cryohype_model.nets.mixture import CoefficientPrior, Gaussians, Posterior

FIRST_SPREAD = 0.3  # variance of the first Gaussians, where that of all coefficients together is 1
HELD_BY = 10.0  # particles that a covariance of LEAST_VARIANCE counts as: no Gaussian shrinks to a point
LEAST_VARIANCE = 0.02
ROUNDS = 6  # of the first fit, volumes held
IMAGES_AT_ONCE = 1000


class PriorMoments:
    """What the images together say of the distribution of coefficients.

    Parameters
    ----------
    components : Gaussians. count : coefficients.
    """

    def __init__(self, components: int, count: int) -> None:
        self.zeroth = torch.zeros(components)
        self.first = torch.zeros(components, count)
        self.second = torch.zeros(components, count, count)

    def add(self, posterior: Posterior) -> None:
        """Some images."""
        of = posterior.responsibility
        self.zeroth += of.sum(dim=0)
        self.first += torch.einsum("bk,bki->ki", of, posterior.means)
        self.second += torch.einsum("bk,bkij->kij", of, posterior.second())

    def gaussians(self) -> Gaussians:
        """The mixture of highest likelihood, its covariances held away from 0."""
        number = self.zeroth.clamp_min(torch.finfo().tiny)[:, None]
        mean = self.first / number
        spread = self.second - self.zeroth[:, None, None] * mean[:, :, None] * mean[:, None]
        least = HELD_BY * LEAST_VARIANCE * torch.eye(mean.shape[1])
        return Gaussians(self.zeroth / self.zeroth.sum(), mean, (spread + least) / (self.zeroth + HELD_BY)[:, None, None])


def first_gaussians(information: Tensor, score: Tensor, components: int, seed: int) -> Gaussians:
    """A mixture for images of which so much is known, begun with k-means of their coefficients under N(0, 1).

    Parameters
    ----------
    information, score : (n, count, count) and (n, count), of :meth:`CoefficientPrior.posterior`.
    """
    count = score.shape[1]
    prior = CoefficientPrior(count)
    measured = list(zip(information.split(IMAGES_AT_ONCE), score.split(IMAGES_AT_ONCE), strict=True))
    coefficients = torch.cat([prior.posterior(*part).mean() for part in measured])
    clusters = min(components, len(coefficients))
    found = KMeans(clusters, n_init=2, random_state=seed).fit(coefficients.numpy())
    weight, mean = torch.zeros(components), torch.zeros(components, count)
    weight[:clusters] = torch.bincount(torch.from_numpy(found.labels_).long(), minlength=clusters) / len(coefficients)
    mean[:clusters] = torch.from_numpy(found.cluster_centers_)
    gaussians = Gaussians(weight, mean, FIRST_SPREAD * torch.eye(count).repeat(components, 1, 1))
    for _ in range(ROUNDS):
        prior.set(gaussians)
        moments = PriorMoments(components, count)
        for part in measured:
            moments.add(prior.posterior(*part))
        gaussians = moments.gaussians()
    return gaussians
