"""Density against sums of Gaussians in real space."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from cryohype_model.errors import ConfigError
from cryohype_model.imaging.fourier import resize_volume
from cryohype_model.simulate.density import atoms_to_density, splat
from cryohype_model.simulate.models import Atoms


def _atoms(count: int, seed: int, reach: float = 20.0, centre: np.ndarray | None = None) -> Atoms:
    rng = np.random.default_rng(seed)
    positions = rng.uniform(-reach, reach, (count, 3)).astype(np.float32)
    return Atoms(positions, rng.uniform(1, 20, count).astype(np.float32), "cloud", centre)


def test_density_is_a_sum_of_gaussians() -> None:
    """σ = resolution / (π√2), total = sum of the weights, axes (z, y, x), centroid at D // 2."""
    atoms, resolution, pixel = _atoms(20, 0), 11.0, 2.0
    sigma = resolution / (math.pi * math.sqrt(2))
    axis = (np.arange(32) - 16) * pixel
    expected = np.zeros((32, 32, 32))
    for (x, y, z), weight in zip(atoms.centred_angstrom, atoms.weight, strict=True):
        gaussians = [np.exp(-((axis - c) ** 2) / (2 * sigma**2)) / (sigma * math.sqrt(2 * math.pi)) for c in (z, y, x)]
        expected += weight * np.einsum("i,j,k->ijk", *gaussians)
    density = atoms_to_density(atoms, 32, pixel, resolution).numpy()
    assert np.abs(density - expected).max() < 0.01 * expected.max()
    assert density.sum() * pixel**3 == pytest.approx(atoms.weight.sum(), rel=1e-4)


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 1000), st.sampled_from([4.0, 8.0]))
def test_any_box_of_the_same_side_holds_the_same_map(seed: int, resolution: float) -> None:
    atoms = _atoms(50, seed)
    small = atoms_to_density(atoms, 16, 4.0, resolution)
    large = resize_volume(atoms_to_density(atoms, 32, 2.0, resolution), 16)
    assert float((small - large).std() / large.std()) < 0.01


def test_the_given_centre_goes_to_the_centre_of_the_box() -> None:
    positions = np.array([[1.0, 2.0, 3.0], [9.0, 2.0, 3.0]], np.float32)
    atoms = Atoms(positions, np.array([1, 2], np.float32), "two", centre_angstrom=positions[0])
    density = atoms_to_density(atoms, 32, 1.0, 5.0)
    assert np.unravel_index(int(density.argmax()), (32, 32, 32)) == (16, 16, 24)  # the heavier one, 8 Å along x


@settings(deadline=None)
@given(st.integers(0, 1000))
def test_splatting_keeps_weight_and_centre_of_mass(seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    positions = 2 + 12 * torch.rand(30, 3, generator=generator, dtype=torch.float64)
    weight = torch.rand(30, generator=generator, dtype=torch.float64)
    grid = splat(positions, weight, 20)
    torch.testing.assert_close(grid.sum(), weight.sum())
    axis = torch.arange(20, dtype=torch.float64)
    moments = torch.stack([grid.sum((0, 1)) @ axis, grid.sum((0, 2)) @ axis, grid.sum((1, 2)) @ axis])
    torch.testing.assert_close(moments, weight @ positions)


def test_a_box_that_is_too_small_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"cloud needs a box of .* Å .* has 32 Å"):
        atoms_to_density(_atoms(50, 0), 16, 2.0, 4.0)
