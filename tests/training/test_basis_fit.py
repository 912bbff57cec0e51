"""Expectation maximisation finds the volumes that made the images."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from scipy.spatial.transform import Rotation

from cryohype_model.cli import main
from cryohype_model.imaging.grid import FourierGrid, rotate_slice
from cryohype_model.nets.checkpoint import checkpoint_path, load_checkpoint
from cryohype_model.nets.grid_volumes import GridVolumes
from cryohype_model.nets.inputs import ObservedSlices
from cryohype_model.runs.run import open_run
from cryohype_model.training.basis_fit import BasisFit, fit_basis_volumes

BOX_PX, RADIUS_PX, NOISE = 12, 6.0, 1.2


@pytest.fixture(scope="module")
def truth(densities_on: Callable[..., torch.Tensor]) -> GridVolumes:
    """A mean and two volumes."""
    volumes = GridVolumes(box_px=BOX_PX, count=2, radius_px=RADIUS_PX)
    densities = torch.randn(3, BOX_PX, BOX_PX, BOX_PX, generator=torch.Generator().manual_seed(1))
    values = densities_on(volumes, densities)
    volumes.table[:] = torch.cat([values.real, values.imag], dim=1)
    return volumes


@pytest.fixture(scope="module")
def images(truth: GridVolumes) -> tuple[list[ObservedSlices], torch.Tensor]:
    """Of 1500 particles with a CTF each, and their coefficients."""
    torch.manual_seed(2)
    grid = FourierGrid(BOX_PX)
    coordinates = grid.coordinates(grid.half_disc_pixels)
    z = torch.randn(1500, 2)
    batches = []
    for part in z.split(300):
        rotation = torch.from_numpy(Rotation.random(len(part), random_state=len(batches)).as_matrix()).float()
        places = rotate_slice(coordinates, rotation)
        ctf = torch.rand(len(part), len(coordinates)) * 2 - 1
        noise = torch.complex(torch.randn_like(ctf), torch.randn_like(ctf)) * NOISE
        batches.append(ObservedSlices(truth.predict(part, places) * ctf + noise, ctf, places))
    return batches, z


def test_the_noise_falls_to_what_it_is_and_the_coefficients_are_found(
    images: tuple[list[ObservedSlices], torch.Tensor], truth: GridVolumes
) -> None:
    batches, z = images
    volumes = GridVolumes(box_px=BOX_PX, count=2, radius_px=RADIUS_PX)
    seen: list[float] = []
    assert fit_basis_volumes(volumes, batches, 25, 0, lambda _, noise: seen.append(noise) or True)
    assert bool(volumes.fitted)
    assert all(after < before * 1.005 for before, after in itertools.pairwise(seen)), "never back"
    assert seen[-1] == pytest.approx(2 * NOISE**2, rel=0.1)
    found = torch.cat([volumes.fit(batch) for batch in batches])
    with_mean = torch.cat([found, torch.ones(len(z), 1)], dim=1)
    left = z - with_mean @ torch.linalg.lstsq(with_mean, z).solution
    assert (left.var(0) < 0.1).all(), "the same plane of coefficients, in axes of its own"
    middle = truth.lattice.pixels().square().sum(1) < 9
    own, other = volumes.table.unflatten(1, (2, 3))[middle, :, 0], truth.table.unflatten(1, (2, 3))[middle, :, 0]
    assert torch.corrcoef(torch.stack([own.flatten(), other.flatten()]))[0, 1] > 0.95


@torch.no_grad()
def test_with_a_mixture_particles_of_one_kind_come_together(truth: GridVolumes) -> None:
    """Two kinds of particles at much noise: their coefficients are told apart better than under one Gaussian."""
    torch.manual_seed(5)
    grid = FourierGrid(BOX_PX)
    coordinates = grid.coordinates(grid.half_disc_pixels)
    kind = torch.arange(1200) % 2
    z = torch.tensor([[0.8, -0.5], [-0.8, 0.5]])[kind]
    rotation = torch.from_numpy(Rotation.random(1200, random_state=9).as_matrix()).float()
    places = rotate_slice(coordinates, rotation)
    noise = torch.complex(*torch.randn(2, *places.shape[:2])) * 5 * NOISE
    values = truth.predict(z, places) + noise
    batches = [
        ObservedSlices(values[rows], torch.ones(places.shape[:2])[rows], places[rows]) for rows in torch.arange(1200).split(300)
    ]
    parted = {}
    for components in (1, 4):
        volumes = GridVolumes(box_px=BOX_PX, count=2, radius_px=RADIUS_PX, components=components)
        assert fit_basis_volumes(volumes, batches, 12, 0, lambda *_: True)
        found = torch.cat([volumes.fit(batch) for batch in batches])
        one, other = found[kind == 0], found[kind == 1]
        spread = (one - one.mean(0)).square().sum(1).mean() + (other - other.mean(0)).square().sum(1).mean()
        parted[components] = float((one.mean(0) - other.mean(0)).square().sum() / spread)
        assert volumes.prior.constant.shape == (components,)
    assert parted[4] > 1.5 * parted[1]


def test_a_fit_can_be_stopped_and_is_then_none(images: tuple[list[ObservedSlices], torch.Tensor]) -> None:
    volumes = GridVolumes(box_px=BOX_PX, count=2, radius_px=RADIUS_PX)
    assert not fit_basis_volumes(volumes, images[0], 5, 0, lambda number, _: number < 2)
    assert not bool(volumes.fitted)


@torch.no_grad()
def test_of_many_images_the_corners_are_found_again(
    images: tuple[list[ObservedSlices], torch.Tensor], monkeypatch: pytest.MonkeyPatch
) -> None:
    kept, found = (GridVolumes(box_px=BOX_PX, count=2, radius_px=RADIUS_PX) for _ in range(2))
    BasisFit(kept, images[0], 0).step()
    monkeypatch.setattr("cryohype_model.training.basis_fit.KEPT_COORDINATES", 100)
    BasisFit(found, images[0], 0).step()
    torch.testing.assert_close(found.table, kept.table, rtol=0, atol=0)


def test_images_without_any_signal_give_finite_volumes() -> None:
    grid = FourierGrid(BOX_PX)
    places = rotate_slice(grid.coordinates(grid.half_disc_pixels), torch.eye(3).repeat(4, 1, 1))
    blind = ObservedSlices(torch.zeros(places.shape[:2], dtype=torch.complex64), torch.zeros(places.shape[:2]), places)
    volumes = GridVolumes(box_px=BOX_PX, count=2, radius_px=RADIUS_PX)
    with torch.no_grad():
        fit = BasisFit(volumes, [blind], 0)
        fit.step()
    assert volumes.table.isfinite().all()


def test_a_training_fits_them_once_and_resumes_with_them(mixture: Path, tiny_config: Callable[..., Any], tmp_path: Path) -> None:
    from cryohype_model.config import dump_config

    settings = {"basis_volumes": 3, "basis_form": "grid", "basis_components": 4, "image_tokens": False}
    config = tiny_config(mixture, training={"basis_passes": 4, "held_out_fraction": 0.5}, **settings)
    (tmp_path / "config.toml").write_text(dump_config(config))
    run = tmp_path / "run"
    assert main(["train", str(mixture), "-c", str(tmp_path / "config.toml"), "-o", str(run)]) == 0
    log = (run / "log.txt").read_text()
    assert log.count("basis volumes: pass") == 4
    first = load_checkpoint(checkpoint_path(open_run(run))).model
    assert bool(first["basis.fitted"]) and first["basis.table"].any()
    assert main(["train", "--resume", str(run), "--epochs", "3"]) == 0
    assert (run / "log.txt").read_text().count("basis volumes: pass") == 4
    again = load_checkpoint(checkpoint_path(open_run(run))).model
    for name in ("basis.table", "basis.prior.constant", "basis.prior.precision"):
        torch.testing.assert_close(again[name], first[name], rtol=0, atol=0)
