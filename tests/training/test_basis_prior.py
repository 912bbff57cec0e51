"""A mixture is found behind noisy measurements, and with it each of them is read better."""

from __future__ import annotations

import pytest
import torch

from cryohype_model.nets.mixture import CoefficientPrior
from cryohype_model.training.basis_prior import first_gaussians

CENTRES = torch.tensor([[1.2, 0.0, 0.4], [-1.0, 1.0, 0.0], [-0.4, -1.3, -0.5]])
SHARES = torch.tensor([0.5, 0.3, 0.2])


@pytest.fixture(scope="module")
def measured() -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """3000 particles of three kinds: coefficients, and information and score of a measurement that differs for each."""
    generator = torch.Generator().manual_seed(3)
    kind = torch.multinomial(SHARES, 3000, replacement=True, generator=generator)
    z = CENTRES[kind] + 0.15 * torch.randn(3000, 3, generator=generator)
    design = torch.randn(3000, 6, 3, generator=generator)
    seen = (design @ z[..., None])[..., 0] + 1.5 * torch.randn(3000, 6, generator=generator)
    return z, design.mT @ design / 1.5**2, (design.mT @ seen[..., None])[..., 0] / 1.5**2


def test_kinds_of_particles_are_found(measured: tuple[torch.Tensor, torch.Tensor, torch.Tensor]) -> None:
    _, information, score = measured
    found = first_gaussians(information, score, 3, seed=0)
    nearest = torch.cdist(CENTRES, found.mean).argmin(dim=1)
    assert sorted(nearest.tolist()) == [0, 1, 2]
    torch.testing.assert_close(found.mean[nearest], CENTRES, atol=0.25, rtol=0)
    torch.testing.assert_close(found.weight[nearest], SHARES, atol=0.06, rtol=0)


@pytest.mark.parametrize("components", [3, 8])
def test_with_them_each_is_read_better(measured: tuple[torch.Tensor, torch.Tensor, torch.Tensor], components: int) -> None:
    z, information, score = measured
    prior = CoefficientPrior(3)
    alone = (prior.posterior(information, score).mean() - z).square().mean()
    prior.set(first_gaussians(information, score, components, seed=0))
    assert (prior.posterior(information, score).mean() - z).square().mean() < 0.6 * alone


def test_more_gaussians_than_particles_are_refused_nothing() -> None:
    found = first_gaussians(torch.eye(2).repeat(4, 1, 1), torch.randn(4, 2), 6, seed=0)
    assert found.weight.sum() == pytest.approx(1.0)
    assert found.mean.isfinite().all() and found.covariance.isfinite().all()
