"""Which particles and coordinates each step sees, and at which learning rate: pure functions of the seed and the step.

Nothing here has state, so that a resumed run continues exactly.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from cryohype_model.config import TrainingConfig

FLOOR_MARGIN = 0.005  # the floor is measured on a few hundred images: on a mixture of known truth it was 0.15 % too high


def steps_in_epoch(count: int, batch_size: int, world: int = 1) -> int:
    """Optimiser steps in one pass; a last batch too small to share between processes is left out."""
    full, rest = divmod(count, batch_size)
    return full + (1 if rest >= world else 0)


def epoch_batches(
    count: int, config: TrainingConfig, epoch: int, first: int, rank: int = 0, world: int = 1
) -> Iterator[npt.NDArray[np.int64]]:
    """Rows of each batch of an epoch, from batch ``first`` on; process ``rank`` of ``world`` gets its equal share."""
    order = np.random.default_rng([config.seed, 1, epoch]).permutation(count)
    for number in range(first, steps_in_epoch(count, config.batch_size, world)):
        rows = order[number * config.batch_size : (number + 1) * config.batch_size]
        rows = rows[: len(rows) // world * world]
        yield rows[rank::world]


def learning_rate(config: TrainingConfig, step: int, steps_per_epoch: int) -> float:
    """Linear warm-up, then a cosine down to ``final_learning_rate`` (paper appendix B)."""
    warmup = config.warmup_epochs * steps_per_epoch
    total = config.epochs * steps_per_epoch
    if step < warmup:
        return config.learning_rate * (step + 1) / warmup
    progress = min(1.0, (step - warmup) / max(1.0, total - warmup))
    cosine = 0.5 * (1.0 + math.cos(math.pi * progress))
    return config.learning_rate * (config.final_learning_rate + (1.0 - config.final_learning_rate) * cosine)


def coordinate_rows(config: TrainingConfig, radius_squared: Tensor, step: int, steps_per_epoch: int) -> Tensor | None:
    """Which of the coordinates, sorted by radius, a step uses; None means all of them.

    Parameters
    ----------
    radius_squared : (m,) of the coordinates, ascending, in pixels².
    """
    count = len(radius_squared)
    if config.coarse_to_fine_epochs > 0:
        progress = min(1.0, step / (config.coarse_to_fine_epochs * steps_per_epoch))
        radius = math.sqrt(float(radius_squared[-1])) * (0.25 + 0.75 * progress)
        # whole numbers: the largest radius is in
        count = int(torch.searchsorted(radius_squared, math.floor(radius**2 + 1e-6), right=True))
    if config.coordinate_fraction < 1:
        generator = torch.Generator().manual_seed(_step_seed(config.seed, 2, step))
        kept = max(1, round(count * config.coordinate_fraction))
        return torch.randperm(count, generator=generator)[:kept].sort().values
    return None if count == len(radius_squared) else torch.arange(count)


def token_mask(config: TrainingConfig, images: int, tokens: int, step: int, rank: int = 0, world: int = 1) -> Tensor | None:
    """(images, tokens) of 0 and 1: which image tokens the encoder sees; None means all."""
    if config.input_mask_fraction == 0:
        return None
    generator = torch.Generator().manual_seed(_step_seed(config.seed, 3, step))
    keep = torch.rand(images * world, tokens, generator=generator) >= config.input_mask_fraction
    return keep[rank::world].float()


def copies_noise(loss: float, noise_floor: float) -> bool:
    """Whether an epoch's loss is further below the noise floor than the floor is uncertain (``FLOOR_MARGIN``)."""
    return loss < (1.0 - FLOOR_MARGIN) * noise_floor


def hidden_coefficients(config: TrainingConfig, count: int, step: int) -> Tensor | None:
    """(count,) bool: which coefficients of the half disc the encoder does not see at this step; None where it sees all.

    The noise of different coefficients is independent, so a loss over those that are hidden cannot fall by copying noise
    (Batson & Royer 2019, Noise2Self).
    """
    if config.held_out_fraction == 0:
        return None
    generator = torch.Generator().manual_seed(_step_seed(config.seed, 4, step))
    number = min(count - 1, max(1, round(count * config.held_out_fraction)))
    hidden = torch.zeros(count, dtype=torch.bool)
    hidden[torch.randperm(count, generator=generator)[:number]] = True
    return hidden


def _step_seed(*words: int) -> int:
    return int(np.random.SeedSequence(words).generate_state(1)[0])
