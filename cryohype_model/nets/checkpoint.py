"""Checkpoints: what is needed to go on training, or to make volumes. Read with weights_only=True, written atomically."""

from __future__ import annotations

import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch

from cryohype_model.config import RunConfig, validate_config
from cryohype_model.errors import RunError
from cryohype_model.imaging.preprocess import ImageScale
from cryohype_model.io.atomic import written_whole
from cryohype_model.nets.build import build_model
from cryohype_model.nets.hypernetwork import HyperNetwork
from cryohype_model.runs.layout import Run

CHECKPOINT_VERSION = 1


@dataclass(frozen=True)
class Checkpoint:
    """The state of training after ``step`` optimiser steps.

    Attributes
    ----------
    config : complete configuration of the run.
    scale : constants of the data set.
    model, optimizer : state dictionaries.
    epoch, batch : batches of ``epoch`` already seen; ``batch`` 0 means that the epoch has not begun.
    step : optimiser steps so far. best_loss : lowest mean loss of the epochs that have a checkpoint.
    epoch_loss_sum : loss summed over the batches of the unfinished epoch.
    """

    config: RunConfig
    scale: ImageScale
    model: dict[str, Any]
    optimizer: dict[str, Any]
    epoch: int
    batch: int
    step: int
    best_loss: float
    epoch_loss_sum: float


def save_checkpoint(checkpoint: Checkpoint, path: Path) -> None:
    """Write beside, then rename: a kill or a full disk leaves the older file."""
    content = {
        "version": CHECKPOINT_VERSION,
        "config": checkpoint.config.model_dump(),
        "scale": asdict(checkpoint.scale),
        **{
            name: getattr(checkpoint, name)
            for name in ("model", "optimizer", "epoch", "batch", "step", "best_loss", "epoch_loss_sum")
        },
    }
    with written_whole(path) as beside, beside.open("wb") as file:
        try:
            torch.save(content, file)
        except RuntimeError as error:
            # torch answers a full disk with a complaint about its own archive, and the disk's is behind it
            raise error.__context__ if isinstance(error.__context__, OSError) else error from None
        file.flush()
        os.fsync(file.fileno())


def load_checkpoint(path: Path) -> Checkpoint:
    """Read a checkpoint onto the CPU.

    Raises
    ------
    RunError : missing, damaged, or of another version.
    """
    if not path.is_file():
        raise RunError(f"there is no checkpoint {path}; train first, or name another with --checkpoint")
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # torch raises several unrelated types on a damaged or foreign file
        raise RunError(
            f"{path} is not a checkpoint of cryohype, or it is damaged ({type(error).__name__}); use another one"
        ) from error
    version = content.get("version") if isinstance(content, dict) else None
    if version != CHECKPOINT_VERSION:
        raise RunError(
            f"{path} has checkpoint version {version}; this release reads version {CHECKPOINT_VERSION}, "
            "use the release that wrote it"
        )
    content.pop("version")
    try:
        content["config"] = validate_config(content["config"])
        content["scale"] = ImageScale(**content["scale"])
        return Checkpoint(**content)
    except (KeyError, TypeError) as error:
        raise RunError(f"{path} is damaged, it lacks a part of a checkpoint ({error}); use another one") from None


def restore_model(checkpoint: Checkpoint) -> HyperNetwork:
    """The networks of a checkpoint, on the CPU, in evaluation mode."""
    config = checkpoint.config
    model = build_model(config.model, checkpoint.scale.box_px, config.training.seed)
    model.load_state_dict(checkpoint.model)
    return model.eval()


def checkpoint_path(run: Run, name: str = "last") -> Path:
    """The file of a checkpoint: "last", "best", a step's file name, or a path."""
    path = Path(name)
    return path if path.suffix == ".ckpt" and path.is_file() else run.checkpoints / f"{path.name.removesuffix('.ckpt')}.ckpt"
