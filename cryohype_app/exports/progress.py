"""How far an export is, and waiting for what must not be cut in the middle."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import TypeVar

T = TypeVar("T")


@dataclass
class Progress:
    """Read by pages and the API, written by the one who makes the export.

    Attributes
    ----------
    total, done : seconds expected of all steps and of those that are behind; share : of the present one that is done.
    """

    total: float
    done: float = 0.0
    present: float = 0.0
    share: float = 0.0
    doing: str = "waiting for the volume worker"
    began: float = field(default_factory=time.monotonic)

    def begin(self, doing: str, expected: float) -> None:
        """A step begins; the one before has ended."""
        self.done, self.present, self.share, self.doing = self.done + self.present, expected, 0.0, doing

    def within(self, done: int, total: int) -> None:
        """How far the present step is."""
        self.share = done / max(1, total)

    @property
    def fraction(self) -> float:
        """Of the whole, 0 to 1."""
        return min(1.0, (self.done + self.share * self.present) / max(self.total, 1e-9))

    @property
    def seconds_left(self) -> float | None:
        """As it went so far; None in the beginning."""
        fraction = self.fraction
        return None if fraction < 0.03 else (time.monotonic() - self.began) * (1 - fraction) / fraction


async def whole(work: Awaitable[T]) -> T:
    """Wait for something that writes; a cancellation waits until it has ended, so that nothing is written afterwards."""
    task = asyncio.ensure_future(work)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait({task})
        raise


async def in_thread(work: Callable[[], T]) -> T:
    """The same for work in a thread."""
    return await whole(asyncio.to_thread(work))
