"""The checkpoints of a run: step files, `last` and `best`."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from cryohype_model.nets.checkpoint import Checkpoint, save_checkpoint
from cryohype_model.runs.layout import Run


def keep_checkpoint(run: Run, checkpoint: Checkpoint, is_best: bool, keep: int) -> Path:
    """Save, point `last` (and `best`) at it, and delete the step files that are too many.

    Parameters
    ----------
    is_best : the epoch just finished had the lowest loss.
    keep : step files that stay.
    """
    path = run.checkpoints / f"step-{checkpoint.step:08d}.ckpt"
    save_checkpoint(checkpoint, path)
    for name in ("last", "best") if is_best else ("last",):
        _point(path, run.checkpoints / f"{name}.ckpt")
    # by age, not by step: a run resumed from an earlier checkpoint writes smaller steps than lie there
    for old in sorted(run.checkpoints.glob("step-*.ckpt"), key=lambda file: file.stat().st_mtime_ns)[:-keep]:
        old.unlink()
    return path


def _point(path: Path, name: Path) -> None:
    """A second name for the same file, put in place in one step; a copy where the file system has no hard links."""
    beside = name.with_name(f".{name.name}.{os.getpid()}")
    beside.unlink(missing_ok=True)
    try:
        os.link(path, beside)
    except OSError:
        shutil.copyfile(path, beside)
    beside.replace(name)
