"""The loss of the true molecule is nothing: poses, shifts, CTF, normalisation and both outputs agree with the simulator."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from cryohype_model.config import DataConfig, ModelConfig
from cryohype_model.imaging.fourier import fourier_to_image, image_to_fourier
from cryohype_model.imaging.particles import Particles
from cryohype_model.imaging.preprocess import Preprocessor
from cryohype_model.imaging.project import pad_for_slicing, slice_volume
from cryohype_model.io.mrc import read_volume
from cryohype_model.io.particles import read_particles
from cryohype_model.nets.hypernetwork import Prediction
from cryohype_model.nets.inputs import EncoderInput
from cryohype_model.nets.loss import SliceLoss
from cryohype_model.simulate.config import MixtureConfig
from cryohype_model.simulate.mixture import simulate_mixture
from cryohype_model.simulate.procedural import procedural_complex
from cryohype_model.training.prepare import image_scale

STORED_PX = 16
NO_WINDOW = {"window_radius": 1.5, "window_softness": 0.0}


class Truth(nn.Module):
    """Stands for the hypernetwork: the exact slice of a known volume, as coefficients or Hartley values."""

    def __init__(self, volume: Tensor, factor: float, box_px: int, hartley: bool) -> None:
        super().__init__()
        self.transform, self.factor, self.box_px, self.hartley = pad_for_slicing(volume), factor, box_px, hartley

    def forward(self, _inputs: EncoderInput, coordinates: Tensor, _basis_count: int) -> Prediction:
        """Values at coordinates in cycles/pixel of the box."""
        values = slice_volume(self.transform, coordinates * self.box_px * 2) * self.factor
        return Prediction(values.real - values.imag if self.hartley else values, None)


@pytest.fixture(scope="module")
def clean(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Noise-free images of one structure, with CTF and shifts."""
    config = MixtureConfig(20, STORED_PX, 12.0, 30.0, snr=float("inf"), max_shift_px=1.7)
    return simulate_mixture([procedural_complex(1)], tmp_path_factory.mktemp("clean") / "set", config)


def _mean_loss(star: Path, output: str, box_px: int = STORED_PX, factor: float = 1.0, mirror: bool = False) -> Tensor:
    volume, _, _ = read_volume(next((star.parent / "volumes").iterdir()))
    particles = Particles(read_particles(star))
    scale = image_scale(particles, DataConfig(box_px=box_px, **NO_WINDOW), contrast=1)
    config = ModelConfig.model_validate({"inr": {"output": output}})
    # image coefficients are divided by scale, and by (S/d)² where the image is downsampled
    factor *= (box_px / STORED_PX) ** 2 / scale.scale
    density = torch.from_numpy(volume[::-1].copy() if mirror else volume)
    model = Truth(density, factor, box_px, output == "hartley")
    return SliceLoss(Preprocessor(scale), config)(model, particles.batch(range(20))).image


@pytest.mark.parametrize("output", ["complex", "hartley"])
@pytest.mark.parametrize("box_px", [STORED_PX, 12])
def test_the_true_molecule_has_no_loss(clean: Path, output: str, box_px: int) -> None:
    losses = _mean_loss(clean, output, box_px)
    assert losses.shape == (20,)
    assert float(losses.max()) < 1e-5  # the mean square of an image is about 1; the slicer lacks a neighbour at +Nyquist


@pytest.mark.parametrize("output", ["complex", "hartley"])
def test_anything_else_has(clean: Path, output: str) -> None:
    assert float(_mean_loss(clean, output, factor=-1.0).mean()) > 1
    assert float(_mean_loss(clean, output, mirror=True).mean()) > 0.01


class Zero(nn.Module):
    """Nothing, at any coordinates; keeps what it was shown."""

    def forward(self, inputs: EncoderInput, coordinates: Tensor, _basis_count: int) -> Prediction:
        """Zeros."""
        self.seen = inputs
        return Prediction(torch.zeros(coordinates.shape[:2], dtype=torch.complex64), None)


def test_some_coordinates_only(clean: Path) -> None:
    particles = Particles(read_particles(clean))
    preprocessor = Preprocessor(image_scale(particles, DataConfig(), contrast=1))
    loss = SliceLoss(preprocessor, ModelConfig())

    rows = torch.tensor([0, 3, 4])
    batch = particles.batch([5])
    prepared = preprocessor.prepare(batch.images, batch.shift_px, batch.ctf)
    expected = preprocessor.half_disc_values(prepared.coefficients)[:, rows].abs().square().mean(1)
    torch.testing.assert_close(loss(Zero(), batch, rows).image, expected)


@pytest.mark.parametrize("output", ["complex", "hartley"])
def test_the_encoder_does_not_see_what_the_loss_is_taken_over(clean: Path, output: str) -> None:
    """Change the hidden coefficients of the images: the loss changes, what the encoder sees does not."""
    particles = Particles(read_particles(clean))
    preprocessor = Preprocessor(image_scale(particles, DataConfig(**NO_WINDOW), contrast=1))
    config = ModelConfig.model_validate({"inr": {"output": output}, "basis_volumes": 3, "basis_radius": 1.0})
    loss, model = SliceLoss(preprocessor, config), Zero()
    hidden = torch.rand(len(loss.preprocessor.half_disc), generator=torch.Generator().manual_seed(0)) < 0.5
    batch = particles.batch(range(4))
    change = image_to_fourier(torch.randn(4, STORED_PX, STORED_PX))
    only_hidden = torch.zeros(change.shape, dtype=torch.complex64)
    kx, ky = loss.preprocessor.half_disc[hidden].unbind(1)
    only_hidden[:, ky % STORED_PX, kx] = change[:, ky % STORED_PX, kx]
    on_axis = kx == 0
    only_hidden[:, -ky[on_axis] % STORED_PX, 0] = change[:, ky[on_axis] % STORED_PX, 0].conj()
    only_hidden[:, 0, 0] = only_hidden[:, 0, 0].real.to(torch.complex64)
    # centred batches, so that the phase ramp of a shift does not turn the change
    still = replace(batch, shift_px=torch.zeros(4, 2))
    changed = replace(still, images=still.images + fourier_to_image(only_hidden, STORED_PX))
    before, seen = loss(model, still, hidden=hidden).image, model.seen
    after, seen_after = loss(model, changed, hidden=hidden).image, model.seen
    torch.testing.assert_close(seen.images, seen_after.images, atol=1e-5, rtol=1e-5)
    assert seen.slices is not None and seen_after.slices is not None
    torch.testing.assert_close(seen.slices.values, seen_after.slices.values, atol=1e-5, rtol=1e-5)
    assert seen.slices.values.shape[1] == int((~hidden).sum())
    assert float((after - before).abs().min()) > 0.01
    full = loss(model, still).image * len(loss.pixels)
    parts = [loss(model, still, hidden=mask).image * _on_disc(loss, mask) for mask in (hidden, ~hidden)]
    torch.testing.assert_close(parts[0] + parts[1], full)  # the loss is over the hidden ones, all of them, and no others


class Known(Truth):
    """The same as the two halves of a hypernetwork whose latent is known; keeps how many coordinates it was asked for."""

    def decode(self, latent: Tensor) -> Tensor:
        """No weights: the volume is known."""
        return latent

    def inr(self, _weights: Tensor, coordinates: Tensor) -> Tensor:
        """Values at coordinates."""
        self.asked = coordinates.shape[1]
        return self(EncoderInput(None, coordinates, coordinates), coordinates, 0).values


@pytest.mark.parametrize("output", ["complex", "hartley"])
@pytest.mark.parametrize(("box_px", "of_all", "error"), [(24, (1.0, 1.0), 1e-5), (64, (0.1, 0.45), 0.2)])
def test_the_loss_of_a_latent_asks_for_a_part_of_a_large_image(
    tmp_path: Path, output: str, box_px: int, of_all: tuple[float, float], error: float
) -> None:
    config = MixtureConfig(60, box_px, 320 / box_px, 30.0, snr=0.1, max_shift_px=2.0)
    star = simulate_mixture([procedural_complex(1)], tmp_path / "noisy", config)
    volume, _, _ = read_volume(next((star.parent / "volumes").iterdir()))
    particles = Particles(read_particles(star))
    scale = image_scale(particles, DataConfig(**NO_WINDOW), contrast=1)
    loss = SliceLoss(Preprocessor(scale), ModelConfig.model_validate({"inr": {"output": output}}))
    model: Any = Known(torch.from_numpy(volume), 1 / scale.scale, box_px, output == "hartley")
    batch = particles.batch(range(60))
    exact = loss(model, batch).image
    prepared = loss.encoder_input(batch)[0]
    found = loss.of_latent(model, torch.zeros(60, 1, 1), prepared, batch.rotation)
    assert of_all[0] <= model.asked / len(loss.pixels) <= of_all[1]
    assert float((found - exact).square().mean().sqrt()) < error * float(exact.std())
    with torch.autocast("cpu", dtype=torch.bfloat16):  # as the networks are computed, not what is added up
        same = loss.of_latent(model, torch.zeros(60, 1, 1), prepared, batch.rotation)
    torch.testing.assert_close(same, found)


def _on_disc(loss: SliceLoss, mask: Tensor) -> int:
    """Coefficients of the loss's lattice under a mask of the half disc: on the whole disc each pair counts twice, 0 once."""
    if not loss.hartley:
        return int(mask.sum())
    origin = (loss.preprocessor.half_disc == 0).all(1)
    return 2 * int(mask.sum()) - int((mask & origin).sum())
