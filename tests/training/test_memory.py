"""Steps cut to the memory there is: the plan, what is measured for it, and the gradient of parts."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from cryohype_model.cli import main
from cryohype_model.config import TrainingConfig
from cryohype_model.errors import TrainingError
from cryohype_model.imaging.particles import Particles
from cryohype_model.imaging.preprocess import Preprocessor
from cryohype_model.io.particles import read_particles
from cryohype_model.nets.build import build_model
from cryohype_model.nets.checkpoint import load_checkpoint
from cryohype_model.nets.loss import Losses, SliceLoss
from cryohype_model.runs.layout import Run
from cryohype_model.runs.manifest import read_manifest
from cryohype_model.runs.metrics_log import read_metrics
from cryohype_model.training.memory import PASSING, SPENT, StepPlan, kept_bytes, plan_step
from cryohype_model.training.prepare import image_scale
from cryohype_model.training.step import TrainingStep

MB = 10**6
Train = Callable[..., int]


def _bytes(plain: int, recomputed: int) -> Callable[[bool], int]:
    return lambda recompute: recomputed if recompute else plain


@pytest.mark.parametrize(
    ("free_mb", "options", "images", "recompute"),
    [
        (64 * 10 * 2, {}, 64, False),
        (32 * 10 * 2, {}, 32, False),  # in parts, nothing computed twice
        (4 * 10 * 2, {}, 4, False),
        (3 * 10 * 2, {}, 15, True),  # fewer than four of 10 MB would fit: 15 of 2 MB do
        (3 * 10 * 2, {"recompute": "never"}, 3, False),
        (64 * 10 * 2, {"recompute": "always"}, 64, True),
        (64 * 10 * 2, {"images_at_once": 5}, 5, False),
        (64 * 10 * 2, {"images_at_once": 100}, 64, False),
    ],
)
def test_a_step_is_cut_as_memory_asks(free_mb: int, options: dict[str, Any], images: int, recompute: bool) -> None:
    free = free_mb * MB * PASSING / SPENT / 2 * 1.01
    plan = plan_step(TrainingConfig.model_validate(options), 64, int(free), _bytes(10 * MB, 2 * MB))
    assert (plan.images, plan.recompute) == (images, recompute)
    sentence = plan.sentence(64)
    assert (sentence is None) == (images == 64 and not recompute)
    assert sentence is None or f"64 images are computed {images} at a time" in sentence


def test_not_even_one_image_is_one_sentence() -> None:
    with pytest.raises(TrainingError, match=r"one image keeps 2.00 GB in training, and 1.00 GB of memory are free"):
        plan_step(TrainingConfig(), 8, 10**9, _bytes(9 * 10**9, 2 * 10**9))


def test_what_autograd_keeps_is_counted_once() -> None:
    x = torch.randn(1000, requires_grad=True)
    assert kept_bytes(lambda: (x.exp() * 2.0).sum()) == 4000  # the exponential is its own derivative
    assert kept_bytes(lambda: (x * x).sum()) == 4000  # both factors are one
    y = torch.randn(1000, requires_grad=True)
    assert kept_bytes(lambda: (x * y).sum()) == 8000


@pytest.mark.parametrize("output", ["complex", "hartley"])
def test_activations_computed_twice_give_the_same_gradient_in_less_memory(
    mixture: Path, tiny_config: Callable[..., Any], output: str
) -> None:
    config = tiny_config(mixture, inr={"output": output, "hidden": 64, "layers": 5})
    particles = Particles(read_particles(mixture))
    scale = image_scale(particles, config.data, 1)
    loss = SliceLoss(Preprocessor(scale), config.model)
    model = build_model(config.model, scale.box_px)
    batch = particles.batch(range(4))
    gradients: list[list[Tensor]] = []
    kept = []
    for recompute in (False, True):
        model.inr.recompute = recompute
        gradients.append(list(torch.autograd.grad(loss(model, batch).total(), list(model.parameters()))))
        kept.append(kept_bytes(lambda: loss(model, batch).total()) - kept_bytes(lambda: loss(model, batch[:2]).total()))
    torch.testing.assert_close(gradients[0], gradients[1])
    assert kept[1] < 0.5 * kept[0]


def _greedy(monkeypatch: pytest.MonkeyPatch, most_images: int) -> None:
    """A GPU that has room for so many images."""
    original = SliceLoss.__call__

    def greedy(loss: SliceLoss, model: Any, batch: Any, *arguments: Any) -> Losses:
        if len(batch.index) > most_images:
            raise torch.cuda.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 GiB")
        return original(loss, model, batch, *arguments)

    monkeypatch.setattr(SliceLoss, "__call__", greedy)


def test_steps_are_cut_until_they_fit_and_the_result_is_the_same(
    train: Train, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert train("whole") == 0
    assert "images at a time" not in capsys.readouterr().err.replace("\n", " ")
    _greedy(monkeypatch, 2)
    assert train("parts") == 0
    assert "A step's 8 images are computed 2 at a time" in capsys.readouterr().err.replace("\n", " ")
    whole, parts = (load_checkpoint(Run(tmp_path / name).checkpoints / "last.ckpt") for name in ("whole", "parts"))
    assert parts.step == whole.step
    for name, value in whole.model.items():
        torch.testing.assert_close(value, parts.model[name], atol=1e-4, rtol=1e-3)


def test_where_the_memory_ran_out_a_run_goes_on_with_less(
    train: Train, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run = Run(tmp_path / "run")
    assert train("run", "--epochs", "1") == 0
    with monkeypatch.context() as patch:
        _greedy(patch, 4)
        assert main(["train", "--resume", str(run.path), "--epochs", "2", "--set", "training.images_at_once=8"]) == 2
    assert "resume with --set training.images_at_once=4" in capsys.readouterr().err.replace("\n", " ")
    assert read_manifest(run).status == "failed"
    assert main(["train", "--resume", str(run.path), "--set", "training.images_at_once=4", "--set", "training.batch_size=4"]) == 0
    metrics = read_metrics(run)
    epochs = metrics[metrics["split"] == "epoch"]
    assert epochs["epoch"].tolist() == [1, 2] and epochs["step"].tolist() == [8, 23]  # 8 of 8 images, then 15 of 4
    assert load_checkpoint(run.checkpoints / "last.ckpt").epoch == 2


def test_the_plan_is_of_the_largest_step_and_not_of_a_coarse_first_one(
    train: Train, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From coarse to fine, the first steps use few coordinates: memory must do for all of them, later."""
    plans = {}
    for name, epochs in (("fine", "0"), ("coarse", "2")):
        with monkeypatch.context() as patch:
            patch.setattr(TrainingStep, "_plan", _noting(TrainingStep._plan, plans, name))
            assert train(name, "--set", f"training.coarse_to_fine_epochs={epochs}") == 0
    assert plans["coarse"].image_bytes == plans["fine"].image_bytes


def _noting(plan: Callable[..., StepPlan], plans: dict[str, StepPlan], name: str) -> Callable[..., StepPlan]:
    def noted(*arguments: Any) -> StepPlan:
        plans[name] = plan(*arguments)
        return plans[name]

    return noted
