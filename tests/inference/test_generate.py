"""Volumes from latents: coarse shells first, any box, the density of the stored sampling."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from cryohype_model.config import RunConfig
from cryohype_model.errors import ConfigError
from cryohype_model.imaging.fourier import resize_volume, volume_to_fourier
from cryohype_model.imaging.preprocess import ImageScale
from cryohype_model.inference.generate import VolumeGenerator
from cryohype_model.nets.build import build_model
from cryohype_model.nets.inputs import EncoderInput
from cryohype_model.simulate.config import MixtureConfig
from cryohype_model.simulate.procedural import procedural_complex
from cryohype_model.simulate.structures import structure_density

BOX_PX = 16
ANY = torch.zeros(1, 1, 1)


def _scale(stored_px: int = BOX_PX, box_px: int = BOX_PX, scale: float = 3.0) -> ImageScale:
    return ImageScale(stored_px, box_px, 6.0 * stored_px / box_px, 1, scale, 0.1, 0.7, 0.3)


class ExactInr(nn.Module):
    """The transform of a known volume at whole frequencies, in the coefficients that the networks are trained on."""

    weight_shapes = ((6, 8), (8, 2))

    def __init__(self, volume: Tensor, scale: ImageScale, complex_output: bool) -> None:
        super().__init__()
        self.complex_output, self.box_px = complex_output, scale.box_px
        # an image's coefficients are the projection's, cropped to the box (which keeps its mean) and divided by the scale
        factor = (scale.box_px / scale.stored_box_px) ** 2 / scale.scale
        self.values = nn.Parameter(torch.fft.fftn(torch.fft.ifftshift(volume)) * factor, requires_grad=False)
        self.asked: list[int] = []

    def forward(self, _weights: object, coordinates: Tensor) -> Tensor:
        """Values at (1, m, 3) cycles/pixel of the training box."""
        self.asked.append(coordinates.shape[1])
        x, y, z = (coordinates * self.box_px).round().long().unbind(-1)
        found = self.values[z, y, x]
        return found if self.complex_output else found.real - found.imag


class Exact(nn.Module):
    """A model that knows one volume."""

    def __init__(self, inr: ExactInr) -> None:
        super().__init__()
        self.inr = inr

    def decode(self, latent: Tensor) -> Tensor:
        """Nothing is to be decoded."""
        return latent


@pytest.fixture(scope="module")
def density() -> Tensor:
    """(32, 32, 32) of a complex, nothing at Nyquist."""
    config = MixtureConfig(1, 32, 6.0, 24.0)
    return resize_volume(resize_volume(structure_density(procedural_complex(1), config, "cpu"), 30), 32)


def _exact(volume: Tensor, scale: ImageScale, complex_output: bool = True) -> VolumeGenerator:
    return VolumeGenerator(Exact(ExactInr(volume, scale, complex_output)), scale)  # type: ignore[arg-type]


def _inside_sphere(volume: Tensor, box_px: int, radius_px: int) -> np.ndarray:
    """A volume with the frequencies r < radius only, on another box."""
    coefficients = volume_to_fourier(volume)
    axis = torch.fft.fftfreq(len(volume), 1 / len(volume))
    half = torch.arange(len(volume) // 2 + 1)
    squared = axis[:, None, None] ** 2 + axis[None, :, None] ** 2 + half**2
    kept = torch.fft.fftshift(torch.fft.irfftn(coefficients * (squared < radius_px**2), s=(len(volume),) * 3))
    return resize_volume(kept, box_px).numpy()


@pytest.mark.parametrize("complex_output", [True, False], ids=["complex", "hartley"])
@pytest.mark.parametrize("box_px", [32, 16])
def test_density_values_are_those_of_the_stored_sampling(density: Tensor, complex_output: bool, box_px: int) -> None:
    """Stored box 32: whether trained at 32 px or downsampled to 16 px, a voxel's value is the true map's."""
    generator = _exact(density, _scale(32, box_px), complex_output)
    expected = _inside_sphere(density, box_px, box_px // 2)
    np.testing.assert_allclose(generator.volume(ANY), expected, atol=1e-5 * float(density.max()))


@pytest.mark.parametrize("box_px", [8, 12, 20, 24])
def test_another_box_keeps_density_and_physical_size(density: Tensor, box_px: int) -> None:
    generator = _exact(density, _scale(32, 16))
    expected = _inside_sphere(density, box_px, min(box_px, 16) // 2)
    np.testing.assert_allclose(generator.volume(ANY, box_px), expected, atol=1e-5 * float(density.max()))
    *_, stage = generator.stages(ANY, box_px)
    assert stage.volume.shape == (box_px,) * 3
    assert stage.pixel_size_angstrom * box_px == pytest.approx(32 * 6.0)


def test_stages_grow_to_the_whole_map_and_compute_nothing_twice(density: Tensor) -> None:
    generator = _exact(density, _scale(32, 32))
    stages = list(generator.stages(ANY, coarsest_px=8))
    assert [stage.volume.shape[0] for stage in stages] == [8, 16, 32]
    assert [stage.last for stage in stages] == [False, False, True]
    assert {round(stage.volume.shape[0] * stage.pixel_size_angstrom, 3) for stage in stages} == {192.0}
    asked = sum(generator.model.inr.asked)  # type: ignore[arg-type]
    whole = _exact(density, _scale(32, 32))
    np.testing.assert_array_equal(stages[-1].volume, whole.volume(ANY))
    assert asked == sum(whole.model.inr.asked)  # type: ignore[arg-type]
    for stage in stages:  # the shells up to r of a D-box are the 2r-box map
        np.testing.assert_allclose(stage.volume, whole.volume(ANY, stage.volume.shape[0]), atol=1e-6)


@pytest.fixture(params=["complex", "hartley", "concat"])
def networks(request: pytest.FixtureRequest, tiny_config: Callable[..., RunConfig]) -> tuple[Any, Tensor]:
    """Untrained networks and a latent."""
    kind = {"conditioning": "concat"} if request.param == "concat" else {"inr": {"output": request.param}}
    model = build_model(tiny_config(Path("none.star"), **kind).model, BOX_PX).eval()
    with torch.inference_mode():
        latent = model.encode(EncoderInput(torch.randn(1, BOX_PX, BOX_PX), torch.eye(3)[None], torch.zeros(1, 4)))
    return model, latent


def test_the_map_is_the_networks_transform(networks: tuple[Any, Tensor]) -> None:
    model, latent = networks
    volume = torch.from_numpy(VolumeGenerator(model, _scale()).volume(latent))
    coefficients = torch.fft.fftn(torch.fft.ifftshift(volume)) / 3.0
    pixels = torch.tensor([[1, 2, 3], [3, -2, 1], [-3, 2, -1], [0, 0, 5], [0, 0, -5], [0, 4, -2], [0, -4, 2], [7, 0, 0]])
    with torch.inference_mode():
        values, opposite = (model.inr(model.decode(latent), sign * pixels[None] / BOX_PX)[0] for sign in (1, -1))
    if not model.inr.complex_output:
        values = torch.complex((values + opposite) / 2, (opposite - values) / 2)
    x, y, z = pixels.T
    torch.testing.assert_close(coefficients[z, y, x], values, atol=1e-4, rtol=1e-4)
    assert float(coefficients[0, 0, 8].abs()) < 1e-4  # nothing at Nyquist


def test_chunks_do_not_show(networks: tuple[Any, Tensor]) -> None:
    model, latent = networks
    generator = VolumeGenerator(model, _scale())
    whole = generator.volume(latent)
    generator.chunk = 37
    np.testing.assert_allclose(generator.volume(latent), whole, atol=1e-5)


def test_half_precision_is_near_and_only_where_asked_for(networks: tuple[Any, Tensor]) -> None:
    model, latent = networks
    whole, mixed = (VolumeGenerator(model, _scale(), mixed).volume(latent) for mixed in (False, True))
    assert mixed.dtype == np.float32
    assert np.abs(whole - mixed).max() > 0.0 and np.corrcoef(whole.ravel(), mixed.ravel())[0, 1] > 0.99


def test_a_cancelled_map_stops_between_chunks(networks: tuple[Any, Tensor]) -> None:
    model, latent = networks
    generator = VolumeGenerator(model, _scale())
    asked = 0

    def after(count: int) -> Callable[[], bool]:
        def cancelled() -> bool:
            nonlocal asked
            asked += 1
            return asked > count

        return cancelled

    assert list(generator.stages(latent, coarsest_px=8, cancelled=lambda: True)) == []
    stages = list(generator.stages(latent, coarsest_px=8, cancelled=after(1)))
    assert [stage.last for stage in stages] == [False]


@pytest.mark.parametrize("box_px", [6, 15, 0, -8])
def test_an_impossible_box_is_refused(density: Tensor, box_px: int) -> None:
    with pytest.raises(ConfigError, match=f"must be even and at least 8 px, not {box_px}"):
        _exact(density, _scale(32, 32)).volume(ANY, box_px)
