"""Half precision: every preset trains with the precision that it asks for, and only products are rounded."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from cryohype_model.cli import main
from cryohype_model.config import preset_names
from cryohype_model.inference.trained import multiplies_bfloat16, open_trained_run
from cryohype_model.nets.checkpoint import load_checkpoint
from cryohype_model.nets.hypernetwork import HyperNetwork
from cryohype_model.runs.layout import Run
from cryohype_model.runs.metrics_log import read_metrics
from cryohype_model.training.precision import Autocast

Train = Callable[..., int]
GRID = ["--set", "model.basis_volumes=3", "--set", "model.basis_form=grid", "--set", "model.image_tokens=false"]
SMALL = {
    "model.dim": 32, "model.depth": 1, "model.heads": 2, "model.head_dim": 16, "model.mlp_dim": 64, "model.weight_tokens": 4,
    "model.patch_px": 4, "model.inr.hidden": 32, "model.inr.frequencies": 16, "training.accelerator": "cpu",
    "training.epochs": 1, "training.batch_size": 8,
}  # fmt: skip


@pytest.mark.parametrize("options", [[], GRID], ids=["image tokens", "basis volumes"])
def test_half_precision_trains_like_single_precision(
    train: Train, tmp_path: Path, options: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cryohype_model.training.precision.multiplies_bfloat16", lambda _: True)
    losses = {}
    for precision in ("32-true", "bf16-mixed"):
        assert train(precision, *options, "--set", f"training.precision={precision}") == 0
        steps = read_metrics(Run(tmp_path / precision)).query("split == 'step'")
        losses[precision] = float(steps["loss"].iloc[-1])
    assert losses["bf16-mixed"] != losses["32-true"]
    assert losses["bf16-mixed"] == pytest.approx(losses["32-true"], rel=0.03)


@pytest.mark.parametrize("precision", ["bf16-mixed", "16-mixed"])
def test_a_cpu_that_would_be_slower_computes_in_single_precision(
    train: Train, monkeypatch: pytest.MonkeyPatch, precision: str, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("cryohype_model.training.precision.multiplies_bfloat16", lambda _: False)
    assert train("run", "--set", f"training.precision={precision}", "--set", "training.accelerator=cpu") == 0
    assert "on cpu (32-true)" in capsys.readouterr().err


@pytest.mark.parametrize("instructions", ["amx_bf16", "avx512_bf16"])
def test_a_cpu_is_asked_for_its_instructions(instructions: str, monkeypatch: pytest.MonkeyPatch) -> None:
    cpu = torch.device("cpu")
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {instructions: True}, raising=False)
    assert multiplies_bfloat16(cpu)
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {instructions: False}, raising=False)
    assert not multiplies_bfloat16(cpu)


def test_half_precision_with_a_scaled_gradient_trains_too(train: Train, monkeypatch: pytest.MonkeyPatch) -> None:
    """16-mixed is for old GPUs; the scaler of its gradients works on a CPU too."""
    monkeypatch.setattr("cryohype_model.training.loop.precision_plugin", lambda precision, _: Autocast(precision, "cpu"))
    assert train("run", "--set", "training.precision=16-mixed", "--set", "training.accelerator=cpu") == 0


def test_what_the_network_is_given_is_not_rounded(train: Train, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cryohype_model.training.precision.multiplies_bfloat16", lambda _: True)
    given: set[torch.dtype] = set()
    forward = HyperNetwork.forward

    def spied(self: HyperNetwork, inputs: Any, coordinates: torch.Tensor, *rest: int) -> Any:
        given.update({coordinates.dtype, inputs.images.dtype, inputs.rotation.dtype})
        return forward(self, inputs, coordinates, *rest)

    monkeypatch.setattr(HyperNetwork, "forward", spied)
    assert train("run", "--set", "training.precision=bf16-mixed") == 0
    assert given == {torch.float32}


@pytest.mark.parametrize("preset", preset_names())
def test_every_preset_trains_and_its_map_can_be_made(mixture: Path, tmp_path: Path, preset: str) -> None:
    """With its own settings, but networks and images as small as the others here."""
    run = tmp_path / "run"
    small = [word for key, value in SMALL.items() for word in ("--set", f"{key}={value}")]
    assert main(["train", str(mixture), "--preset", preset, "--box", "16", *small, "-o", str(run)]) == 0
    assert math.isfinite(load_checkpoint(run / "checkpoints" / "last.ckpt").best_loss)
    trained = open_trained_run(run, accelerator="cpu")
    assert abs(trained.generator.volume(trained.mean_latent([0]))).max() > 0
