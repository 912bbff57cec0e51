"""One request as the worker's threads see it."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy.typing as npt


class Cancelled(Exception):  # noqa: N818 - not an error: nobody waits for the answer any more
    """Leaves a computation in its middle."""


def _never() -> bool:
    return False


def _nothing(*_: object) -> None:
    return None


@dataclass(frozen=True, eq=False)
class Ask:
    """What is asked, and what a computation may call between its steps.

    Attributes
    ----------
    message, arrays : of the frame.
    cancelled : whether nobody waits for the answer any more.
    report : tells done and total of something countable.
    let_pass : lets quick maps of others pass in the middle of a long computation.
    arrived : when, by time.monotonic().
    """

    message: dict[str, Any]
    arrays: dict[str, npt.NDArray[Any]]
    cancelled: Callable[[], bool] = _never
    report: Callable[[int, int], None] = _nothing
    let_pass: Callable[[], None] = _nothing
    arrived: float = field(default_factory=time.monotonic)

    def seconds(self) -> float:
        """Since the request arrived."""
        return time.monotonic() - self.arrived
