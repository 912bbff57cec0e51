"""Settings that fit this machine and these images, for those who gave none."""

from __future__ import annotations

import torch

from cryohype_model.config import RunConfig
from cryohype_model.errors import ConfigError
from cryohype_model.imaging.particles import Particles
from cryohype_model.training.prepare import TrainingSet, image_scale

BOX_LIMIT_PX = {"gpu": 128, "cpu": 32}


def automatic_preset() -> str:
    """The preset for a machine with or without a GPU."""
    return "tomotwin-100" if torch.cuda.is_available() else "cpu-small"


def fit_to_box(config: RunConfig, data: TrainingSet, *, box_fixed: bool) -> tuple[RunConfig, TrainingSet]:
    """Downsample to what the preset is made for, and choose a patch that divides the box.

    Parameters
    ----------
    box_fixed : the user named the box; only the patch is chosen.
    """
    limit = config.data.box_px or BOX_LIMIT_PX["gpu"]
    box = data.scale.box_px if box_fixed else largest_box(data.scale.stored_box_px, limit, config.model.patch_px)
    patch = largest_divisor(box, config.model.patch_px)
    changed = config.model_copy(
        update={
            "data": config.data.model_copy(update={"box_px": box}),
            "model": config.model.model_copy(update={"patch_px": patch}),
        }
    )
    return changed, _rescaled(data, changed)


def largest_box(stored_px: int, limit_px: int, patch_px: int) -> int:
    """The largest box of at most ``limit_px`` that patches tile; a small image keeps its own."""
    box = min(stored_px, limit_px) // 2 * 2
    if box < 8:
        raise ConfigError(f"the images are {stored_px} px wide; CryoHype needs at least 8 px")
    tiled = box // patch_px * patch_px
    return tiled if tiled >= 0.75 * box and tiled % 2 == 0 and tiled >= 8 else box


def largest_divisor(box_px: int, at_most: int) -> int:
    """The largest divisor of the box that is at most ``at_most``."""
    return max(size for size in range(1, at_most + 1) if box_px % size == 0)


def _rescaled(data: TrainingSet, config: RunConfig) -> TrainingSet:
    particles: Particles = data.particles
    return TrainingSet(particles, image_scale(particles, config.data, data.scale.contrast), data.notes)
