"""How much of a map may be on its way: on a slow link little, so that a newer map does not wait behind an older one."""

from __future__ import annotations

import asyncio
from collections import deque
from time import monotonic

from cryohype_app.wire import LARGEST_PART_BYTES

FIRST_WINDOW = 1 << 18
LEAST_WINDOW, MOST_WINDOW = 1 << 16, 1 << 24
PARTS = 4  # of a window
QUICK_SECONDS, SLOW_SECONDS = 0.1, 0.3  # until the viewer says that it has a part


class Pace:
    """A window of bytes that the viewer has not confirmed; it doubles while it is filled and confirmed quickly, halves when late.

    The link itself (SSH, and the buffers of TCP on the way) would take megabytes at once: at 1 MB/s a new map would come seconds
    after the lasso. With the window it comes a third of a second later.
    """

    def __init__(self) -> None:
        self._window = FIRST_WINDOW
        self._sent = self._confirmed = self._changed_at = 0
        self._under_way: deque[tuple[int, float, bool]] = (
            deque()
        )  # bytes up to there, when they went, whether the window was full
        self._came = asyncio.Event()

    async def room(self) -> int:
        """Bytes of the next part; waits until there is room for one."""
        while self._sent - self._confirmed >= self._window:
            self._came.clear()
            await self._came.wait()
        return min(LARGEST_PART_BYTES, self._window // PARTS)

    def sent(self, count: int) -> None:
        """So many bytes of values went out."""
        self._sent += count
        is_full = self._sent - self._confirmed >= self._window // 2
        self._under_way.append((self._sent, monotonic(), is_full))

    def confirmed(self, total: int) -> None:
        """The viewer has so many bytes of values, counted from the beginning."""
        found = None
        while self._under_way and self._under_way[0][0] <= total:
            found = self._under_way.popleft()
        self._confirmed = max(self._confirmed, min(total, self._sent))
        if found is not None and found[0] > self._changed_at:  # sent since the window changed: it tells of this one
            self._adapt(monotonic() - found[1], found[2])
        self._came.set()

    def _adapt(self, took_seconds: float, was_full: bool) -> None:
        before = self._window
        if took_seconds < QUICK_SECONDS and was_full:  # a small map is quick on any link
            self._window = min(MOST_WINDOW, 2 * before)
        elif took_seconds > SLOW_SECONDS:
            self._window = max(LEAST_WINDOW, before // 2)
        if self._window != before:
            self._changed_at = self._sent
