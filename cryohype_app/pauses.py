"""How long the server answered nobody: the longest turns of its event loop."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from dataclasses import dataclass, field

PERIOD_S = 0.02
WINDOW_S = 10.0


@dataclass
class Pauses:
    """Sleeps for a moment again and again; what a sleep takes longer is how long others had to wait."""

    _seen: deque[tuple[float, float]] = field(default_factory=deque)

    async def watch(self) -> None:
        """Until it is cancelled."""
        while True:
            begun = time.monotonic()
            await asyncio.sleep(PERIOD_S)
            ended = time.monotonic()
            self._seen.append((ended, ended - begun - PERIOD_S))
            while self._seen and self._seen[0][0] < ended - WINDOW_S:
                self._seen.popleft()

    @property
    def longest_seconds(self) -> float:
        """Of the last ten seconds."""
        return max((pause for _, pause in self._seen), default=0.0)
