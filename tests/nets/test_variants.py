"""Every variant of the paper builds, answers in the right shape, learns, and has no idle parameter."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from cryohype_model.config import RunConfig, validate_config
from cryohype_model.errors import ConfigError
from cryohype_model.imaging.particles import Particles
from cryohype_model.imaging.preprocess import Preprocessor
from cryohype_model.io.particles import read_particles
from cryohype_model.nets.build import build_model
from cryohype_model.nets.inputs import EncoderInput, ObservedSlices
from cryohype_model.nets.loss import SliceLoss
from cryohype_model.training.prepare import image_scale

TinyConfig = Callable[..., RunConfig]
BOX_PX = 16
VARIANTS: dict[str, dict[str, Any]] = {
    "hypernet": {},
    "paper": {"positional_embedding": False, "inr": {"output": "hartley"}},
    "tokens": {"pose_token": True, "ctf_token": True, "input_domain": "real", "token_low_pass_px": 6.0},
    "unfolded": {"inr": {"fold": False, "residual": False}},
    "concat": {"conditioning": "concat"},
    "unet": {"encoder": "unet"},
    "mlp": {"encoder": "mlp"},
    "basis": {"basis_volumes": 5, "basis_hidden": 16, "image_tokens": False},
    "basis beside image tokens": {"basis_volumes": 5, "basis_hidden": 16, "inr": {"output": "hartley"}},
    "concat of basis": {"basis_volumes": 5, "basis_hidden": 16, "image_tokens": False, "conditioning": "concat"},
}


@pytest.fixture(params=VARIANTS)
def config(request: pytest.FixtureRequest, tiny_config: TinyConfig) -> RunConfig:
    return tiny_config(Path("none.star"), **VARIANTS[request.param])


def _loss(config: RunConfig, star: Path) -> tuple[SliceLoss, Particles]:
    particles = Particles(read_particles(star))
    return SliceLoss(Preprocessor(image_scale(particles, config.data, 1)), config.model), particles


def _inputs(count: int) -> EncoderInput:
    """Random particles."""
    values = torch.randn(count, 40, dtype=torch.complex64)
    slices = ObservedSlices(values, torch.rand(count, 40), torch.rand(count, 40, 3) - 0.5)
    return EncoderInput(
        torch.randn(count, BOX_PX, BOX_PX), torch.eye(3).expand(count, 3, 3), torch.zeros(count, 4), slices=slices
    )


def test_shapes(config: RunConfig) -> None:
    model = build_model(config.model, BOX_PX)
    inputs = _inputs(3)
    latent = model.encode(inputs)
    layers = model.decode(latent)
    values, by_basis = model(inputs, torch.rand(3, 5, 3) - 0.5, basis_count=2)
    assert latent.ndim == 3 and len(latent) == 3
    assert [tuple(layer.weight.shape[-2:]) for layer in layers] == model.inr.weight_shapes
    assert values.shape == (3, 5)
    assert values.dtype == (torch.complex64 if config.model.inr.output == "complex" else torch.float32)
    assert by_basis is None if not config.model.basis_volumes else by_basis.shape == (3, 2)


def test_gradient_reaches_every_parameter(config: RunConfig, mixture: Path) -> None:
    loss, particles = _loss(config, mixture)
    model = build_model(config.model, BOX_PX)
    loss(model, particles.batch([0, 1, 2])).total().backward()
    idle = [name for name, p in model.named_parameters() if p.grad is None or not bool(p.grad.any())]
    assert idle == []


def test_the_loss_of_a_few_images_falls(config: RunConfig, mixture: Path) -> None:
    loss, particles = _loss(config, mixture)
    model = build_model(config.model, BOX_PX)
    optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
    batch = particles.batch(range(6))
    values = []
    for _ in range(60):
        value = loss(model, batch).total()
        optimizer.zero_grad()
        value.backward()
        optimizer.step()
        values.append(float(value.detach()))
    assert values[-1] < 0.8 * values[0]


def test_the_same_seed_gives_the_same_network_and_leaves_the_random_state_alone(config: RunConfig) -> None:
    torch.manual_seed(11)
    before = torch.get_rng_state()
    first, again, other = (build_model(config.model, BOX_PX, seed).state_dict() for seed in (1, 1, 2))
    assert torch.equal(torch.get_rng_state(), before)
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert any(not torch.equal(first[name], other[name]) for name in first)


def test_modulated_weights_have_columns_of_unit_norm(tiny_config: TinyConfig) -> None:
    model = build_model(tiny_config(Path("none.star")).model, BOX_PX)
    latent = model.encode(_inputs(2))
    for layer in model.decode(latent):
        norm = layer.weight.norm(dim=1)
        torch.testing.assert_close(norm, torch.ones_like(norm))


def test_columns_of_a_layer_share_the_tokens_in_turn(tiny_config: TinyConfig) -> None:
    """Column j is modulated by token j mod g: x repeated out / g times along the columns (docs/model.md, step 3)."""
    model = build_model(tiny_config(Path("none.star")).model, BOX_PX)
    latent = torch.randn(1, sum(model.decoder.groups), 32)
    changed = latent.clone()
    changed[0, 1] += torch.randn(32)  # token 1 of layer 0, which has 4 tokens
    columns = (model.decode(latent)[0].weight != model.decode(changed)[0].weight).any(dim=1)[0]
    assert columns.nonzero().flatten().tolist() == list(range(1, 32, 4))


def test_tokens_that_are_hidden_have_no_influence(tiny_config: TinyConfig) -> None:
    model = build_model(tiny_config(Path("none.star")).model, BOX_PX)
    keep = torch.ones(1, 16)
    keep[0, 0] = 0
    inputs = _inputs(1)
    images = inputs.images.clone()
    images[0, :4, :4] += 1.0
    changed = replace(inputs, images=images)
    assert torch.equal(model.encode(replace(inputs, keep=keep)), model.encode(replace(changed, keep=keep)))
    assert not torch.equal(model.encode(inputs), model.encode(changed))


@pytest.mark.parametrize(
    ("change", "key"), [({"patch_px": 5}, "model.patch_px = 5"), ({"weight_tokens": 5}, "model.weight_tokens = 5")]
)
def test_sizes_that_do_not_divide(tiny_config: TinyConfig, change: dict[str, int], key: str) -> None:
    with pytest.raises(ConfigError, match=f"{key} does not divide .* choose a divisor"):
        build_model(tiny_config(Path("none.star"), **change).model, BOX_PX)


@pytest.mark.parametrize(
    ("model", "sentence"),
    [
        ({"basis_volumes": 4, "encoder": "mlp"}, "set basis_volumes to 0"),
        ({"image_tokens": False}, "leaves the encoder nothing to read; set model.basis_volumes"),
        ({"basis_volumes": 4, "image_tokens": False, "pose_token": True}, "set model.image_tokens = true"),
    ],
)
def test_settings_that_contradict_each_other(model: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ConfigError, match=sentence) as raised:
        validate_config({"model": model})
    assert "{" not in str(raised.value)  # a sentence, not the section


def test_there_are_no_image_tokens_to_hide_without_image_tokens() -> None:
    with pytest.raises(ConfigError, match=r"model\.image_tokens is false; set it to 0"):
        validate_config({"model": {"basis_volumes": 4, "image_tokens": False}, "training": {"input_mask_fraction": 0.5}})
