"""Maps on their way to desktop viewers: who listens, what is shown now, and a mailbox for each listener."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from cryohype_app.wire import FOLLOW, Precision, VolumeHead

MOST_WAITING = 64  # slots of a mailbox: those of the longest path, and some


@dataclass(frozen=True, eq=False)
class Shown:
    """A map and its head, whose dtype and factor are the sender's to set. ``array`` (z, y, x) float32."""

    head: VolumeHead
    array: npt.NDArray[np.float32]


@dataclass(eq=False)
class Listener:
    """A desktop viewer's mailbox: of each slot the newest map only, so that who is slow misses what was overtaken."""

    follows: bool = True
    precision: Precision = "full"
    _waiting: OrderedDict[str, Shown] = field(default_factory=OrderedDict)
    _arrived: asyncio.Event = field(default_factory=asyncio.Event)

    def put(self, shown: Shown) -> None:
        """Leave a map in its slot."""
        self._waiting.pop(shown.head.slot, None)
        self._waiting[shown.head.slot] = shown
        while len(self._waiting) > MOST_WAITING:
            self._waiting.popitem(last=False)
        self._arrived.set()

    def is_overtaken(self, slot: str) -> bool:
        """Whether a newer map of a slot waits."""
        return slot in self._waiting

    async def take(self) -> Shown:
        """The next map; waits for one. What the browser shows goes first: somebody looks at it."""
        while not self._waiting:
            self._arrived.clear()
            await self._arrived.wait()
        return self._waiting.pop(FOLLOW) if FOLLOW in self._waiting else self._waiting.popitem(last=False)[1]


class VolumeStream:
    """Everybody who listens. Used from the event loop only; nobody who is slow holds anybody up."""

    def __init__(self) -> None:
        self._listeners: set[Listener] = set()
        self._latest: Shown | None = None
        self._watchers: list[Callable[[int], None]] = []

    @property
    def count(self) -> int:
        """Viewers that are connected."""
        return len(self._listeners)

    def join(self) -> Listener:
        """A new listener."""
        listener = Listener()
        self._listeners.add(listener)
        self._tell()
        return listener

    def settle(self, listener: Listener, follows: bool, precision: Precision) -> None:
        """What a listener wants; one that begins to follow gets what is shown now."""
        begins = follows and self._latest is not None
        listener.follows, listener.precision = follows, precision
        if begins and self._latest is not None:
            listener.put(self._latest)

    def leave(self, listener: Listener) -> None:
        """It went away."""
        self._listeners.discard(listener)
        self._tell()

    def publish(self, shown: Shown) -> int:
        """Give a map to everybody who wants it, and return how many that are.

        A map of the slot FOLLOW is what the browser shows: it goes to those who follow, and later to those who come.
        """
        follows = shown.head.slot == FOLLOW
        if follows:
            self._latest = shown
        wanting = [listener for listener in self._listeners if listener.follows or not follows]
        for listener in wanting:
            listener.put(shown)
        return len(wanting)

    def on_count(self, watch: Callable[[int], None]) -> Callable[[], None]:
        """Tell ``watch`` of the number of viewers when it changes, until the function that is returned is called."""
        self._watchers.append(watch)
        return lambda: self._watchers.remove(watch) if watch in self._watchers else None

    def _tell(self) -> None:
        for watch in tuple(self._watchers):
            watch(self.count)
