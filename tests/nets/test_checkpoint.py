"""Checkpoints: a round trip, and what is not one."""

from __future__ import annotations

import pickle
from pathlib import Path

import pytest
import torch

from cryohype_model.errors import RunError
from cryohype_model.nets.checkpoint import checkpoint_path, load_checkpoint, restore_model, save_checkpoint
from cryohype_model.runs.layout import Run


def test_round_trip(run: Run) -> None:
    path = run.checkpoints / "last.ckpt"
    first = load_checkpoint(path)
    save_checkpoint(first, run.path / "again.ckpt")
    again = load_checkpoint(run.path / "again.ckpt")
    for name in ("config", "scale", "epoch", "batch", "step", "best_loss", "epoch_loss_sum"):
        assert getattr(first, name) == getattr(again, name)
    assert all(torch.equal(first.model[name], again.model[name]) for name in first.model)
    restored = restore_model(again)
    assert not restored.training
    assert all(torch.equal(value, first.model[name]) for name, value in restored.state_dict().items())
    assert list(run.path.glob(".*")) == []


@pytest.mark.parametrize("version", [0, 2, None])
def test_another_version_is_named(run: Run, version: int | None) -> None:
    path = run.checkpoints / "last.ckpt"
    torch.save(torch.load(path, weights_only=True) | {"version": version}, path)
    with pytest.raises(RunError, match=f"checkpoint version {version}; this release reads version 1"):
        load_checkpoint(path)


def test_a_truncated_file_is_refused(run: Run) -> None:
    path = run.checkpoints / "last.ckpt"
    content = path.read_bytes()
    for kept in (0, 10, len(content) // 2, len(content) - 100):
        path.unlink()
        path.write_bytes(content[:kept])
        with pytest.raises(RunError, match="damaged"):
            load_checkpoint(path)


def test_a_missing_checkpoint_is_named(run: Run) -> None:
    with pytest.raises(RunError, match=r"there is no checkpoint .*step-1\.ckpt"):
        load_checkpoint(checkpoint_path(run, "step-1"))


def test_a_checkpoint_without_its_networks_is_refused(run: Run) -> None:
    path = run.checkpoints / "last.ckpt"
    content = torch.load(path, weights_only=True)
    del content["model"]
    torch.save(content, path)
    with pytest.raises(RunError, match="damaged"):
        load_checkpoint(path)


class _Bomb:
    def __init__(self, target: Path) -> None:
        self.target = target

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return Path.touch, (str(self.target),)


@pytest.mark.parametrize("dump", ["torch", "pickle"])
def test_a_pickle_that_would_run_code_is_refused_without_running_it(tmp_path: Path, dump: str) -> None:
    target, path = tmp_path / "exploded", tmp_path / "bomb.ckpt"
    content = {"version": 1, "model": _Bomb(target)}
    if dump == "torch":
        torch.save(content, path)
    else:
        path.write_bytes(pickle.dumps(content))
    with pytest.raises(RunError, match="not a checkpoint"):
        load_checkpoint(path)
    assert not target.exists()


def test_a_failed_write_leaves_the_older_file(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    path = run.checkpoints / "last.ckpt"
    before, content = path.read_bytes(), load_checkpoint(path)

    def full(_content: object, file: object) -> None:
        file.write(b"half")  # type: ignore[attr-defined]
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(torch, "save", full)
    with pytest.raises(OSError, match="No space"):
        save_checkpoint(content, path)
    assert path.read_bytes() == before
    assert [p.name for p in run.checkpoints.glob(".*")] == []
