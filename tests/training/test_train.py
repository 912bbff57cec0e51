"""Training in this process: resume to the last bit, bad input, what a run folder holds afterwards."""

from __future__ import annotations

import os
import pickle
import signal
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import starfile
import torch

from cryohype_model.cli import main
from cryohype_model.config import load_config
from cryohype_model.io.particles import read_particles
from cryohype_model.nets.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from cryohype_model.nets.loss import Losses, SliceLoss
from cryohype_model.runs.latents import read_latents
from cryohype_model.runs.layout import Run
from cryohype_model.runs.manifest import read_manifest
from cryohype_model.runs.metrics_log import read_metrics
from cryohype_model.runs.store import check_run
from cryohype_model.training import loop
from cryohype_model.training.step import TrainingStep

Train = Callable[..., int]


def _resume(run: Run, *options: str) -> int:
    return main(["train", "--resume", str(run.path), *options])


def _interrupt_after(monkeypatch: pytest.MonkeyPatch, steps: int, number: int = signal.SIGINT) -> None:
    """A signal to this process while step ``steps`` is computed."""
    original, calls = TrainingStep.__call__, 0

    def counted(*arguments: Any) -> torch.Tensor:
        nonlocal calls
        calls += 1
        if calls == steps:
            os.kill(os.getpid(), number)
        return original(*arguments)

    monkeypatch.setattr(TrainingStep, "__call__", counted)


def _last(run: Run) -> Checkpoint:
    return load_checkpoint(run.checkpoints / "last.ckpt")


def _same(a: Any, b: Any) -> bool:
    if isinstance(a, torch.Tensor):
        return torch.equal(a, b)
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(_same(a[key], b[key]) for key in a)
    if isinstance(a, list | tuple):
        return len(a) == len(b) and all(map(_same, a, b))
    return bool(a == b)


EXTRAS = ["--set", "training.input_mask_fraction=0.2", "--set", "training.coordinate_fraction=0.7"]
HELD_OUT = ["--set", "model.basis_volumes=4", "--set", "model.image_tokens=false", "--set", "training.held_out_fraction=0.5"]


@pytest.mark.parametrize("options", [[], EXTRAS, HELD_OUT], ids=["plain", "masks", "basis volumes and held-out coefficients"])
@pytest.mark.parametrize("steps", [5, 8])  # in the middle, and at the end, of an epoch
def test_a_stopped_and_resumed_run_equals_an_uninterrupted_one(
    train: Train, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, steps: int, options: list[str]
) -> None:
    whole, cut = Run(tmp_path / "whole"), Run(tmp_path / "cut")
    assert train("whole", *options) == 0
    with monkeypatch.context() as patch:
        _interrupt_after(patch, steps)
        assert train("cut", *options) == 130
    stopped = _last(cut)
    assert stopped.step == steps and (stopped.epoch, stopped.batch) == divmod(steps, 8)
    assert read_manifest(cut).status == "stopped"
    assert _resume(cut) == 0
    assert read_manifest(cut).status == "finished" and read_manifest(cut).epochs_done == 2
    a, b = _last(whole), _last(cut)
    assert a.step == b.step == 16
    assert _same(a.model, b.model) and _same(a.optimizer, b.optimizer)
    assert (a.best_loss, a.scale) == (b.best_loss, b.scale)
    columns = ["step", "epoch", "split", "loss", "lr"]
    pd.testing.assert_frame_equal(read_metrics(whole)[columns], read_metrics(cut)[columns])


def test_poses_from_elsewhere_are_those_that_a_resumed_run_reads(
    mixture: Path, config_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """particles.star holds Euler angles, which give matrices of a pickle back but for the last bits."""
    table = read_particles(mixture)
    with (tmp_path / "poses.pkl").open("wb") as file:
        pickle.dump((table.rotation, table.shift_px / table.box_px), file)
    words = ["train", str(mixture.parent / "particles.mrcs"), "--poses", str(tmp_path / "poses.pkl"), "-c", str(config_file)]
    assert main([*words, "-o", str(tmp_path / "whole")]) == 0
    with monkeypatch.context() as patch:
        _interrupt_after(patch, 5)
        assert main([*words, "-o", str(tmp_path / "cut")]) == 130
    assert _resume(Run(tmp_path / "cut")) == 0
    assert _same(_last(Run(tmp_path / "whole")).model, _last(Run(tmp_path / "cut")).model)


def test_the_seed_decides(train: Train, tmp_path: Path) -> None:
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        assert train(name, "--epochs", "1", "--set", f"training.seed={seed}") == 0
    a, b, c = (_last(Run(tmp_path / name)).model for name in "abc")
    assert _same(a, b) and not _same(a, c)


def test_a_finished_run_is_sound_and_goes_on_longer(train: Train, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = Run(tmp_path / "run")
    assert train("run") == 0
    assert check_run(run) == []
    metrics = read_metrics(run)
    epochs = metrics[metrics["split"] == "epoch"]
    assert epochs["step"].tolist() == [8, 16] and epochs["loss"].is_monotonic_decreasing
    assert (metrics["noise_floor"] > 0).all() and (metrics["images_per_s"] > 0).all()
    assert sorted(path.name for path in run.checkpoints.iterdir()) == [
        "best.ckpt",
        "last.ckpt",
        "step-00000008.ckpt",
        "step-00000016.ckpt",
    ]
    assert "60 particles of 16 px" in run.log.read_text()
    assert _resume(run, "--epochs", "3") == 0
    assert _last(run).step == 24
    assert load_config(run.config).training.epochs == 3  # so that the next --resume means the same
    assert "cryohype analyze" in capsys.readouterr().err


def test_stop_message_names_the_command_that_goes_on_and_keeps_what_was_set(
    train: Train, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run = Run(tmp_path / "run")
    assert train("run") == 0
    with monkeypatch.context() as patch:
        _interrupt_after(patch, 3, signal.SIGTERM)
        assert _resume(run, "--epochs", "4") == 143
    assert f"Go on with: cryohype train --resume {run.path}" in capsys.readouterr().err
    assert _resume(run) == 0
    assert _last(run).epoch == 4


def test_a_run_without_the_state_of_its_optimiser_is_not_resumed(
    train: Train, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = Run(tmp_path / "run")
    assert train("run") == 0
    save_checkpoint(replace(_last(run), optimizer={}), run.checkpoints / "last.ckpt")
    before = run.config.read_text()
    assert _resume(run, "--epochs", "4") == 2
    said = capsys.readouterr().err
    assert "shipped without the optimiser's state" in said and f"--config {run.config}" in said
    assert run.config.read_text() == before and read_manifest(run).status == "finished"


def test_analysis_follows_a_training_that_came_to_its_end(train: Train, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole, cut = Run(tmp_path / "whole"), Run(tmp_path / "cut")
    assert train("whole", "--analyze", "--set", "analysis.clusters=2") == 0
    assert len(read_latents(whole)) == 60
    _interrupt_after(monkeypatch, 3)
    assert train("cut", "--analyze") == 130
    assert not any(cut.latents.iterdir())


def test_a_signal_in_the_last_step_finds_the_training_finished(
    train: Train, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _interrupt_after(monkeypatch, 16)
    assert train("run") == 0
    assert read_manifest(Run(tmp_path / "run")).status == "finished"


@pytest.mark.parametrize("when", ["loss", "weights"])
def test_a_diverged_training_says_so_and_keeps_the_last_good_checkpoint(
    train: Train, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], when: str
) -> None:
    original, calls = SliceLoss.__call__, 0

    def sick(loss: SliceLoss, model: Any, batch: Any, *arguments: Any) -> Losses:
        nonlocal calls
        calls += len(batch.index) > 2  # those of one and two images only measure memory
        value = original(loss, model, batch, *arguments).image
        if when == "loss":
            return Losses(value * (float("nan") if calls == 11 else 1.0), None)
        if calls == 16:  # the last step of the epoch: its loss is finite, the weights after it are not
            value = value + 0 * value.detach()
            value.register_hook(lambda gradient: gradient * float("nan"))
        return Losses(value, None)

    monkeypatch.setattr(SliceLoss, "__call__", sick)
    run = Run(tmp_path / "run")
    assert train("run") == 2
    said = capsys.readouterr().err.replace("\n", " ")
    assert "resume the last checkpoint with a smaller learning rate" in said and "Traceback" not in said
    manifest = read_manifest(run)
    assert manifest.status == "failed" and "learning rate" in manifest.message and manifest.pid is None
    good = _last(run)
    assert good.step == 8 and all(bool(value.isfinite().all()) for value in good.model.values())
    monkeypatch.undo()
    assert _resume(run, "--set", "training.learning_rate=1e-4") == 0


def test_best_is_the_best_of_those_that_were_written(train: Train, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    losses = iter([0.1, 0.5, 0.2, 0.6])
    finish = loop._Trainer._finish_epoch

    def with_loss(trainer: Any) -> float:
        trainer.loss_sum.fill_(next(losses) * trainer.steps_per_epoch)
        return finish(trainer)

    monkeypatch.setattr(loop._Trainer, "_finish_epoch", with_loss)
    assert train("run", "--epochs", "4", "--set", "training.checkpoint_epochs=2") == 0
    best = load_checkpoint(Run(tmp_path / "run").checkpoints / "best.ckpt")
    assert best.epoch == 2 and best.best_loss == pytest.approx(0.5)


def test_a_loss_below_the_noise_floor_is_told_once(train: Train, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    finish = loop._Trainer._finish_epoch
    shares = iter([1.2, 0.9, 0.8])

    def with_loss(trainer: Any) -> float:
        trainer.loss_sum.fill_(next(shares) * trainer.data.scale.noise_floor * trainer.steps_per_epoch)
        return finish(trainer)

    monkeypatch.setattr(loop._Trainer, "_finish_epoch", with_loss)
    assert train("run", "--epochs", "3") == 0
    said = Run(tmp_path / "run").log.read_text()
    assert said.count("below the noise floor") == 1 and "in epoch 2" in said and "held_out_fraction=0.5" in said


def test_resuming_from_an_earlier_checkpoint_keeps_what_it_writes(train: Train, tmp_path: Path) -> None:
    run = Run(tmp_path / "run")
    assert train("run", "--epochs", "4", "--set", "training.keep_checkpoints=4") == 0
    assert _resume(run, "--checkpoint", "step-00000008", "--set", "training.keep_checkpoints=1", "--epochs", "2") == 0
    assert [path.name for path in run.checkpoints.glob("step-*")] == ["step-00000016.ckpt"]
    assert _last(run).step == 16


def test_the_optimisers_settings_can_change(train: Train, tmp_path: Path) -> None:
    assert train("run", "--epochs", "1") == 0
    run = Run(tmp_path / "run")
    assert _resume(run, "--epochs", "2", "--set", "training.weight_decay=0.5", "--set", "training.adam_beta2=0.95") == 0
    (group,) = _last(run).optimizer["param_groups"]
    assert group["weight_decay"] == 0.5 and tuple(group["betas"]) == (0.9, 0.95)


def test_no_poses_is_refused_and_leaves_nothing(mixture: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    blocks = starfile.read(mixture, always_dict=True)
    table = blocks["particles"]
    blocks["particles"] = table.drop(columns=[name for name in table if name.startswith("rlnAngle")])
    blocks["particles"]["rlnImageName"] = [f"{i + 1}@{mixture.parent}/particles.mrcs" for i in range(len(table))]
    starfile.write({name: blocks[name] for name in ("optics", "particles")}, tmp_path / "unposed.star")
    assert main(["train", str(tmp_path / "unposed.star"), "-o", str(tmp_path / "run")]) == 2
    assert "has no poses" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["unposed.star"]


def test_another_run_and_other_files_are_left_alone(
    train: Train, tmp_path: Path, run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    before = sorted(run.path.rglob("*"))
    assert train("run") == 2  # the fixture's run lies there
    assert "already holds a run; continue it with --resume" in capsys.readouterr().err
    assert sorted(run.path.rglob("*")) == before
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "thesis.doc").touch()
    assert train("full") == 2
    assert "is not empty and holds no run" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["--set", "training.epoch=3"], "unknown configuration key 'training.epoch'; the nearest valid key is 'training.epochs'"),
        (["--set", "model.patch_px=5"], "model.patch_px = 5 does not divide the box of 16 px"),
        (["--set", "data.box_px=18"], "data.box_px = 18 must be even and at most the images' 16 px"),
        (["--set", "training.batch_size=1", "--devices", "2"], "training.batch_size = 1 is smaller than the number of processes"),
        (["--set", "training.accelerator=mps"], "training.accelerator = 'mps' is not possible here"),
        (["--preset", "tomotwin"], "there is no preset 'tomotwin'"),
    ],
)
def test_a_bad_option_is_one_sentence_and_leaves_nothing(
    train: Train, tmp_path: Path, capsys: pytest.CaptureFixture[str], options: list[str], sentence: str
) -> None:
    assert train("bad", *options) == 2
    said = capsys.readouterr().err
    assert sentence in said and said.count("\n") == 1
    assert not list(tmp_path.glob("bad*"))


def test_a_resumed_run_keeps_its_networks_and_particles(train: Train, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert train("run", "--epochs", "1") == 0
    run = Run(tmp_path / "run")
    assert _resume(run, "--set", "model.depth=2") == 2
    assert "keeps its model section" in capsys.readouterr().err
    written = run.config.read_text()
    run.config.write_text(written.replace("depth = 1 ", "depth = 2 "))  # edited by hand: the checkpoint knows better
    assert _resume(run, "--epochs", "2") == 2
    assert "keeps its model section" in capsys.readouterr().err
    run.config.write_text(written)
    assert _resume(run, "--checkpoint", "step-00000001") == 2
    assert "has no checkpoint 'step-00000001'" in capsys.readouterr().err
    lines = run.particles_star.read_text().rstrip("\n").split("\n")
    run.particles_star.write_text("\n".join([*lines[:-2], lines[-1], lines[-2]]) + "\n")
    assert _resume(run, "--epochs", "2") == 2
    assert "names other images than the run began with, or in another order" in capsys.readouterr().err
    run.particles_star.write_text("\n".join(lines[:-1]) + "\n")
    assert _resume(run, "--epochs", "2") == 2
    assert "holds 59 particles, but the run began with 60" in capsys.readouterr().err


def test_settings_that_fit_where_none_are_given(mixture: Path, tmp_path: Path) -> None:
    """No preset and no file: the box of 16 px stays, the patch of 8 px tiles it; a box that is named is taken."""
    small = ["--set", "model.dim=32", "--set", "model.depth=1", "--set", "training.accelerator=cpu", "--epochs", "1"]
    for name, options, box, patch in (("a", [], 16, 8), ("b", ["--box", "12"], 12, 6), ("c", ["--set", "data.box_px=14"], 14, 7)):
        words = ["train", str(mixture), "-o", str(tmp_path / name), *small, "--set", "model.patch_px=8", *options]
        assert main(words) == 0
        config = load_config(Run(tmp_path / name).config)
        assert (config.data.box_px, config.model.patch_px) == (box, patch)
        assert _last(Run(tmp_path / name)).scale.box_px == box


def test_any_other_failure_is_in_the_manifest(train: Train, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*arguments: Any) -> Losses:
        raise ZeroDivisionError("a defect of ours")

    monkeypatch.setattr(SliceLoss, "__call__", broken)
    with pytest.raises(ZeroDivisionError):
        train("run")
    manifest = read_manifest(Run(tmp_path / "run"))
    assert (manifest.status, manifest.message, manifest.pid) == ("failed", "a defect of ours", None)


def test_a_full_disk_is_one_sentence(
    train: Train, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    save = torch.save

    def full(content: Any, _file: Any) -> None:
        with open("/dev/full", "wb") as device:
            save(content, device)

    monkeypatch.setattr(torch, "save", full)
    assert train("run") == 2
    assert "the disk is full ([Errno 28] No space left on device); free space and run again" in capsys.readouterr().err
    assert list(Run(tmp_path / "run").checkpoints.iterdir()) == []
