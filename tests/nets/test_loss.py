"""The loss of the true molecule is nothing: poses, shifts, CTF, normalisation and both outputs agree with the simulator."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from cryohype_model.config import DataConfig, ModelConfig
from cryohype_model.imaging.particles import Particles
from cryohype_model.imaging.preprocess import Preprocessor
from cryohype_model.imaging.project import pad_for_slicing, slice_volume
from cryohype_model.io.mrc import read_volume
from cryohype_model.io.particles import read_particles
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

    def forward(self, _images: Tensor, _rotation: Tensor, _ctf: Tensor, coordinates: Tensor, _keep: object) -> Tensor:
        """Values at coordinates in cycles/pixel of the box."""
        values = slice_volume(self.transform, coordinates * self.box_px * 2) * self.factor
        return values.real - values.imag if self.hartley else values


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
    return SliceLoss(Preprocessor(scale), config)(model, particles.batch(range(20)))


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


def test_some_coordinates_only(clean: Path) -> None:
    particles = Particles(read_particles(clean))
    preprocessor = Preprocessor(image_scale(particles, DataConfig(), contrast=1))
    loss = SliceLoss(preprocessor, ModelConfig())

    class Zero(nn.Module):
        def forward(self, *arguments: object) -> Tensor:
            """Nothing, at any coordinates."""
            coordinates = arguments[3]
            assert isinstance(coordinates, Tensor)
            return torch.zeros(coordinates.shape[:2], dtype=torch.complex64)

    rows = torch.tensor([0, 3, 4])
    batch = particles.batch([5])
    prepared = preprocessor.prepare(batch.images, batch.shift_px, batch.ctf)
    expected = preprocessor.half_disc_values(prepared.coefficients)[:, rows].abs().square().mean(1)
    torch.testing.assert_close(loss(Zero(), batch, rows), expected)
