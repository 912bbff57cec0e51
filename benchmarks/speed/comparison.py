"""Ours against a rival: pairs of times from the same rounds, as ratios with spread."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from benchmarks.speed.asking import Answer

Clock = Literal["wall", "cpu"]


@dataclass(frozen=True)
class Comparison:
    """One row of the table.

    Attributes
    ----------
    what : was done in a round. rival : by whom else. ours, theirs : an answer a round, in the order of the rounds.
    amount, unit : what a round makes, ``96 images`` say; a speed in ``unit``/s, or seconds each where ``unit`` is empty.
    target : how many times faster ours is to be; None where nothing was promised.
    flops : operations of one round of ours; limit : matrix products alone in the same rounds; None where not counted.
    limit_clock : that the share of the limit is taken by; processor time forgives other work on the machine.
    memory : whether the peak memory of the answers is that of this work.
    """

    what: str
    rival: str
    ours: Sequence[Answer]
    theirs: Sequence[Answer]
    amount: float
    unit: str
    target: float | None = None
    flops: float | None = None
    limit: Sequence[Answer] = field(default=())
    limit_clock: Clock = "wall"
    memory: bool = False

    def ratios(self, clock: Clock) -> npt.NDArray[np.float64]:
        """(rounds,) time of the rival over ours, of each round."""
        return np.array([getattr(b, clock) / getattr(a, clock) for a, b in zip(self.ours, self.theirs, strict=True)])

    @property
    def missed(self) -> bool:
        """Whether the median of the rounds is below the target."""
        return self.target is not None and float(np.median(self.ratios("wall"))) < self.target

    def shares_of_limit(self) -> npt.NDArray[np.float64]:
        """(rounds,) the time that the counted operations take as matrix products alone, over the time that they took."""
        if self.flops is None or not self.limit:
            return np.empty(0)
        clock, pairs = self.limit_clock, zip(self.ours, self.limit, strict=True)
        scale = [self.flops / alone.facts["flops"] for alone in self.limit]
        return np.array(scale) * [getattr(alone, clock) / getattr(ours, clock) for ours, alone in pairs]

    def record(self) -> dict[str, Any]:
        """For results.json."""
        return asdict(self) | {"ratio": spread_of(self.ratios("wall")), "cpu_ratio": spread_of(self.ratios("cpu"))}


def spread_of(values: npt.NDArray[np.float64]) -> dict[str, float]:
    """Median, lowest and highest."""
    return {"median": float(np.median(values)), "lowest": float(values.min()), "highest": float(values.max())}
