"""Basis volumes: the coefficients are the posterior mode of the linear model, whatever the pose and the CTF."""

from __future__ import annotations

import pytest
import torch

from cryohype_model.nets.basis import BasisVolumes, NetworkVolumes
from cryohype_model.nets.grid_volumes import GridVolumes
from cryohype_model.nets.inputs import ObservedSlices


def _network() -> NetworkVolumes:
    made = NetworkVolumes(box_px=16, count=3, hidden=32, frequencies=24, feature_sigma=0.25)
    with torch.no_grad():
        made.last.weight.mul_(20)  # volumes well above the prior's width
    return made


def _grid() -> GridVolumes:
    made = GridVolumes(box_px=16, count=3, radius_px=8.0)
    made.table.normal_()
    return made


@pytest.fixture(params=[_network, _grid])
def basis(request: pytest.FixtureRequest) -> BasisVolumes:
    torch.manual_seed(3)
    made: BasisVolumes = request.param()
    return made


def _observe(basis: BasisVolumes, z: torch.Tensor, n: int = 200) -> ObservedSlices:
    """Exact slices of the linear model, each particle at coordinates and with a CTF of its own."""
    coordinates = torch.rand(len(z), n, 3) - 0.5
    ctf = torch.rand(len(z), n) * 2 - 1
    return ObservedSlices(basis.predict(z, coordinates) * ctf, ctf, coordinates)


@torch.no_grad()
def test_coefficients_are_found_whatever_the_pose_and_the_ctf(basis: BasisVolumes) -> None:
    basis.log_sigma.fill_(-6.0)  # hardly any noise is expected: the prior does not shrink
    z = torch.tensor([[1.0, -2.0, 0.5]]).repeat(4, 1)
    torch.testing.assert_close(basis.fit(_observe(basis, z)), z, atol=2e-3, rtol=2e-3)


@torch.no_grad()
def test_coefficients_are_the_mode_of_the_posterior(basis: BasisVolumes) -> None:
    """The gradient of |Y - CTF (U_0 + U z)|² / σ² + |z|² vanishes there."""
    observed = _observe(basis, torch.randn(2, 3))
    observed = ObservedSlices(observed.values + torch.randn(2, 200, dtype=torch.complex64), observed.ctf, observed.coordinates)
    basis.log_sigma.fill_(0.3)
    mode = basis.fit(observed)

    def energy(z: torch.Tensor) -> torch.Tensor:
        misfit = (basis.predict(z, observed.coordinates) * observed.ctf - observed.values).abs().square().sum(1)
        return misfit * torch.exp(-2 * basis.log_sigma) + z.square().sum(1)

    least = energy(mode)
    for direction in torch.eye(3):
        for step in (-0.05, 0.05):
            assert (energy(mode + step * direction) > least).all()


@torch.no_grad()
def test_where_nothing_is_seen_the_coefficients_are_those_of_the_prior(basis: BasisVolumes) -> None:
    coordinates = torch.rand(2, 50, 3) - 0.5
    blind = ObservedSlices(torch.randn(2, 50, dtype=torch.complex64), torch.zeros(2, 50), coordinates)
    assert not basis.fit(blind).any()


@torch.no_grad()
def test_the_volumes_are_real(basis: BasisVolumes) -> None:
    """U(-k) = conj U(k): a density without imaginary part."""
    k, z = torch.rand(2, 30, 3) - 0.5, torch.randn(2, 3)
    torch.testing.assert_close(basis.predict(z, -k), basis.predict(z, k).conj())


@torch.no_grad()
def test_mixed_precision_solves_in_single(basis: BasisVolumes) -> None:
    observed = _observe(basis, torch.randn(2, 3))
    with torch.autocast("cpu", torch.bfloat16):
        assert basis.fit(observed).dtype == torch.float32


@torch.no_grad()
def test_a_diverged_network_answers_nan_and_not_an_error_of_its_own() -> None:
    basis = _network()
    observed = _observe(basis, torch.randn(2, 3))
    basis.last.weight.fill_(float("nan"))
    assert basis.fit(observed).isnan().all()


@torch.no_grad()
def test_a_grid_has_its_values_at_its_points_and_their_means_between_and_nothing_beyond() -> None:
    grid = _grid()
    rows = grid.lattice.rows(torch.tensor([2, 3]), torch.tensor([-1, -1]), torch.tensor([4, 4]))
    known = torch.complex(*grid.table[rows, :].unflatten(1, (2, -1)).unbind(1))
    places = torch.tensor([[2.0, -1, 4], [2.5, -1, 4], [-2, 1, -4], [6, 4, 4]])[None] / 16
    values = torch.complex(*grid.slices(places))[0]
    torch.testing.assert_close(values[:3], torch.stack([known[0], known.mean(0), known[0].conj()]))
    assert not values[3].any(), "at a radius of 8.2 px"
