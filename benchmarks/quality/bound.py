"""Back-projection with the true labels: the bound that no method passes without knowing more than the images."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.quality.cases import Data
from benchmarks.quality.processes import Budget, watched
from benchmarks.quality.protocol import Outcome


@dataclass(frozen=True)
class BackProjection:
    """`cryohype backproject --by-label`: one map a structure, from all its images."""

    name: str = "back-projection, true labels"

    def missing(self) -> str | None:
        """It is always here."""
        return None

    def reconstruct(self, data: Data, folder: Path, budget: Budget, seed: int, maps: int) -> Outcome:
        """The maps; budget, seed and number of maps do not matter to it."""
        del budget, seed, maps
        out = folder / "maps"
        command: list[str | Path] = [Path(sys.executable).parent / "cryohype", "backproject", data.star, "--by-label", "-o", out]
        watched(command, folder / "backproject.log")
        maps_of = [(int(label), out / f"class_{label:04d}.mrc") for label in np.unique(data.labels)]
        return Outcome(maps_of, None, None, None, "bound: one map a structure from all its images and their true labels")
