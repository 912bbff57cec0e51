"""How long the server answered nobody: the longest turns of its event loop, and how much of that was its own doing."""

from __future__ import annotations

import asyncio
import os
import time
from collections import deque
from dataclasses import dataclass, field
from typing import NamedTuple

PERIOD_S = 0.02
WINDOW_S = 10.0
QUEUE = "/proc/thread-self/schedstat"  # of Linux: nanoseconds on a core, nanoseconds ready to run without one, turns on a core


class Pause(NamedTuple):
    """How much longer than asked for one sleep took, and that without the time in which no core was free; seconds."""

    ended: float
    wall: float
    own: float


@dataclass
class Pauses:
    """Sleeps for a moment again and again; what a sleep takes longer is how long others had to wait.

    What the event loop computes and what it waits for (a file, a lock, a sleep) are pauses of its own. On a busy machine its
    thread also stands ready without a core to run on, which tells of the machine: the own pause is the pause without that time.
    Where the system does not tell that time, the two are the same.
    """

    _seen: deque[Pause] = field(default_factory=deque)

    async def watch(self) -> None:
        """Until it is cancelled."""
        queue = _open_queue()
        try:
            while True:
                begun, queued = time.monotonic(), _queued_seconds(queue)
                await asyncio.sleep(PERIOD_S)
                ended = time.monotonic()
                wall = ended - begun - PERIOD_S
                self._seen.append(Pause(ended, wall, wall - (_queued_seconds(queue) - queued)))
                while self._seen and self._seen[0].ended < ended - WINDOW_S:
                    self._seen.popleft()
        finally:
            if queue is not None:
                os.close(queue)

    @property
    def longest_seconds(self) -> float:
        """Of the last ten seconds."""
        return max((pause.wall for pause in self._seen), default=0.0)

    @property
    def longest_own_seconds(self) -> float:
        """Of the last ten seconds, without the time in which other processes held the cores."""
        return max((max(pause.own, 0.0) for pause in self._seen), default=0.0)


def _open_queue() -> int | None:
    """What tells of the thread that opens it, or None; open, it can be read again and again without looking the thread up."""
    try:
        return os.open(QUEUE, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return None


def _queued_seconds(queue: int | None) -> float:
    """For how long the thread has been ready to run without a core, since it began."""
    return 0.0 if queue is None else int(os.pread(queue, 100, 0).split()[1]) * 1e-9
