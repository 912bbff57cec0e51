"""Nothing of a training step or of encoding stays behind on the CPU; seen without a GPU, on PyTorch's device without memory."""

from __future__ import annotations

import contextlib
from typing import Any

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from cryohype_model.config import RunConfig, load_config, preset_names
from cryohype_model.imaging.particles import ParticleBatch
from cryohype_model.imaging.preprocess import ImageScale, Preprocessor
from cryohype_model.nets.build import build_model
from cryohype_model.nets.loss import SliceLoss

DEVICE = torch.device("meta")
# a GPU takes places of a CPU's tensor, and copies are what they are for
FREE = {"aten::index", "aten::_to_copy", "aten::copy_", "aten::index_put", "aten::index_put_", "aten::_index_put_impl_"}
BASIS = ["model.basis_volumes=4", "training.held_out_fraction=0.5"]


class OneDevice(TorchDispatchMode):
    """Refuses an operation of tensors on two devices, as a GPU does; single numbers may come from the CPU."""

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        given = [one for one in tree_leaves((args, kwargs)) if isinstance(one, torch.Tensor) and one.dim()]
        if len({one.device for one in given}) > 1 and func.name().split(".")[0] not in FREE:
            raise AssertionError(f"{func.name()} is given tensors on the CPU and on the device")
        return func(*args, **(kwargs or {}))


def _take_step(config: RunConfig, images: int = 4) -> None:
    box = config.data.box_px or 64
    loss = SliceLoss(Preprocessor(ImageScale(box, box, 1.5, 1, 1.0, 0.8, 0.85, 0.15), DEVICE), config.model)
    model = build_model(config.model, box).to(DEVICE)
    rotation = torch.eye(3).repeat(images, 1, 1)
    batch = ParticleBatch(
        torch.arange(images), torch.zeros(images, box, box), rotation, torch.zeros(images, 2), torch.ones(images, 9)
    )
    hidden = torch.arange(len(loss.preprocessor.half_disc)) % 2 == 0 if config.training.held_out_fraction else None
    with OneDevice():
        losses = loss(model, batch.to(DEVICE), None, None, hidden)
        losses.total().backward()
        with torch.no_grad():
            prepared, inputs = loss.encoder_input(batch.to(DEVICE))
            encoded = loss.of_latent(model, model.encode(inputs), prepared, rotation.to(DEVICE))
    assert losses.image.device == encoded.device == DEVICE


@pytest.mark.parametrize(
    ("preset", "changed"),
    [
        *[(name, []) for name in preset_names()],
        ("sim2struct-100", BASIS),
        ("sim2struct-100", ["model.inr.output=hartley", *BASIS]),
        ("tomotwin-100", ["model.encoder=unet"]),
        ("tomotwin-100", ["model.encoder=mlp", "model.depth=2"]),
        ("tomotwin-100", ["model.conditioning=concat", "model.pose_token=true", "model.ctf_token=true"]),
        ("tomotwin-100", ["model.token_low_pass_px=20", "model.input_domain=real"]),
    ],
)
def test_a_step_stays_on_its_device(preset: str, changed: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch, "autocast", lambda *_, **__: contextlib.nullcontext())  # it does not know this device
    _take_step(load_config(preset=preset, overrides=["data.particles=x.star", "data.box_px=64", *changed]))


def test_what_is_left_behind_is_seen() -> None:
    with OneDevice(), pytest.raises(AssertionError, match="on the CPU and on the device"):
        torch.ones(2, 2, device=DEVICE) @ torch.ones(2, 2)
