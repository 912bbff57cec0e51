"""The distribution of coefficients: its posterior is what integrating says, and nothing of it is lost in a file."""

from __future__ import annotations

import pytest
import torch
from torch.distributions import Categorical, MixtureSameFamily, MultivariateNormal

from cryohype_model.nets.grid_volumes import GridVolumes
from cryohype_model.nets.mixture import CoefficientPrior, Gaussians


@pytest.fixture
def gaussians() -> Gaussians:
    generator = torch.Generator().manual_seed(4)
    root = torch.randn(3, 2, 2, generator=generator)
    covariance = 0.1 * torch.eye(2) + 0.2 * root @ root.mT
    return Gaussians(torch.tensor([0.5, 0.3, 0.2]), torch.randn(3, 2, generator=generator), covariance)


def _density(gaussians: Gaussians, z: torch.Tensor) -> torch.Tensor:
    kinds = MultivariateNormal(gaussians.mean, gaussians.covariance)
    return MixtureSameFamily(Categorical(gaussians.weight), kinds).log_prob(z).exp()


def test_the_posterior_is_what_integrating_says(gaussians: Gaussians) -> None:
    information, score = torch.tensor([[[2.0, 0.5], [0.5, 1.0]]]), torch.tensor([[1.0, -2.0]])
    prior = CoefficientPrior(2, 3)
    prior.set(gaussians)
    found = prior.posterior(information, score)
    z = torch.cartesian_prod(*[torch.linspace(-8, 8, 400)] * 2)
    likelihood = torch.exp(z @ score[0] - 0.5 * torch.einsum("ni,ij,nj->n", z, information[0], z))
    weight = _density(gaussians, z) * likelihood
    weight = weight / weight.sum()
    torch.testing.assert_close(found.mean()[0], weight @ z, atol=1e-3, rtol=1e-3)
    second = torch.einsum("bk,bkij->bij", found.responsibility, found.second())[0]
    torch.testing.assert_close(second, torch.einsum("n,ni,nj->ij", weight, z, z), atol=1e-3, rtol=1e-3)
    torch.testing.assert_close(found.responsibility.sum(1), torch.ones(1))


def test_where_nothing_is_seen_the_mean_is_that_of_the_prior(gaussians: Gaussians) -> None:
    prior = CoefficientPrior(2, 3)
    prior.set(gaussians)
    found = prior.posterior(torch.zeros(1, 2, 2), torch.zeros(1, 2))
    torch.testing.assert_close(found.responsibility[0], gaussians.weight, atol=1e-5, rtol=0)
    torch.testing.assert_close(found.mean()[0], gaussians.total()[0], atol=1e-5, rtol=0)


def test_a_gaussian_that_nobody_belongs_to_does_no_harm(gaussians: Gaussians) -> None:
    prior = CoefficientPrior(2, 3)
    prior.set(gaussians._replace(weight=torch.tensor([0.6, 0.4, 0.0])))
    found = prior.posterior(torch.eye(2)[None], torch.ones(1, 2))
    assert found.responsibility[0, 2] == 0
    assert found.mean().isfinite().all()


def test_re_expressed_they_have_mean_0_and_variance_1_and_the_same_density(gaussians: Gaussians) -> None:
    mean, covariance = gaussians.total()
    factor = torch.linalg.cholesky(covariance)
    again = gaussians.standardised(mean, factor)
    torch.testing.assert_close(again.total()[0], torch.zeros(2), atol=1e-6, rtol=0)
    torch.testing.assert_close(again.total()[1], torch.eye(2), atol=1e-5, rtol=0)
    z = torch.randn(20, 2)
    torch.testing.assert_close(_density(again, z) / torch.linalg.det(factor), _density(gaussians, mean + z @ factor.T))


def test_volumes_in_other_coefficients_are_the_same_volumes() -> None:
    torch.manual_seed(0)
    volumes = GridVolumes(box_px=16, count=3, radius_px=8.0)
    volumes.table.normal_()
    z, places = torch.randn(4, 3), (torch.rand(4, 30, 3) - 0.5) * 0.8
    before = volumes.predict(z, places)
    mean, factor = torch.randn(3), torch.eye(3) + 0.3 * torch.randn(3, 3)
    volumes.standardise(mean, factor)
    torch.testing.assert_close(volumes.predict((z - mean) @ torch.linalg.inv(factor).T, places), before, atol=1e-4, rtol=1e-4)


def test_a_mixture_is_in_the_state_and_a_single_gaussian_is_not(gaussians: Gaussians) -> None:
    assert not CoefficientPrior(2).state_dict(), "runs of before had none"
    one, other = CoefficientPrior(2, 3), CoefficientPrior(2, 3)
    one.set(gaussians)
    other.load_state_dict(one.state_dict())
    asked = torch.eye(2)[None], torch.ones(1, 2)
    torch.testing.assert_close(other.posterior(*asked).mean(), one.posterior(*asked).mean(), atol=0, rtol=0)
