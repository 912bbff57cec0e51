"""What every method is asked for: the same images, their neighbours, clusters of a known number."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
import numpy.typing as npt

from benchmarks.quality.cases import Data
from benchmarks.quality.processes import Budget
from cryohype_model.runs.neighbours import nearest

Rows = npt.NDArray[np.int64]
Space = npt.NDArray[np.float32]
LabelledMaps = list[tuple[int, Path]]
AVERAGED = 50  # nearest images whose mean latent is decoded, beside the paper's protocol of one image


@dataclass(frozen=True)
class Cost:
    """What training took: seconds on the wall and of processor time, passes over the images, images a second on the wall."""

    wall_s: float
    cpu_s: float
    epochs: float
    images_per_s: float


@dataclass(frozen=True)
class Outcome:
    """What a method found.

    Attributes
    ----------
    single : (label, map) of each chosen image, from that image alone.
    averaged : the same from the mean latent of its nearest images, None where the method has no latents.
    space : (n, q) latents in which neighbours and clusters are found, or None.
    cost : of the training, None where there is none.
    how : the settings in words, for the table's notes.
    """

    single: LabelledMaps
    averaged: LabelledMaps | None
    space: Space | None
    cost: Cost | None
    how: str


class Method(Protocol):
    """An adapter: one reconstruction program."""

    @property
    def name(self) -> str:
        """As the table has it."""

    def missing(self) -> str | None:
        """A sentence why it cannot run here, or None."""

    def reconstruct(self, data: Data, folder: Path, budget: Budget, seed: int, maps: int) -> Outcome:
        """Train on the data within the budget and write ``maps`` maps of each structure below ``folder``."""


Decode = Callable[[Sequence[Rows], Path], list[Path]]  # maps of the mean latents of groups of images, written into a folder


def outcome_of(data: Data, space: Space, decode: Decode, folder: Path, maps: int, cost: Cost, how: str) -> Outcome:
    """The maps that the protocol asks for, from any method with latents.

    Parameters
    ----------
    space : (n, q) latents in the order of the images. decode : writes maps of mean latents.
    """
    chosen = first_images(data.labels, maps)
    single = decode([np.array([row]) for _, row in chosen], folder / "single")
    averaged = decode([nearest(space, row, AVERAGED) for _, row in chosen], folder / "averaged")
    labels = [label for label, _ in chosen]
    return Outcome(list(zip(labels, single, strict=True)), list(zip(labels, averaged, strict=True)), space, cost, how)


def first_images(labels: Rows, count: int) -> list[tuple[int, int]]:
    """(label, row) of the first ``count`` images of each label: the same for every method."""
    return [(int(label), int(row)) for label in np.unique(labels) for row in np.flatnonzero(labels == label)[:count]]


def nearest_epochs(seconds: float, seconds_per_epoch: float) -> int:
    """How many whole epochs come nearest to a budget; at least one."""
    return max(1, round(seconds / seconds_per_epoch))
