"""From the connection's thread to the window: what was overtaken before the window had time is left out."""

from __future__ import annotations

import itertools
import threading
from collections import OrderedDict
from collections.abc import Hashable
from contextlib import suppress

from qtpy.QtCore import QObject, Signal

from cryohype_app.napari_plugin.live.events import Arrived, Contents, Event, Progress, Runs, Standing


class Inbox(QObject):
    """Events by what they are of; a window that draws for a second finds the newest map, not twenty."""

    filled = Signal()

    def __init__(self) -> None:
        super().__init__()
        self._events: OrderedDict[Hashable, Event] = OrderedDict()
        self._lock = threading.Lock()
        self._numbers = itertools.count()

    def put(self, event: Event) -> None:
        """From any thread."""
        with self._lock:
            is_first = not self._events
            key = self._key(event)
            self._events.pop(key, None)
            self._events[key] = event
        if is_first:
            with suppress(RuntimeError):  # the window was closed
                self.filled.emit()

    def take(self) -> list[Event]:
        """Everything, in the order in which it came last."""
        with self._lock:
            events = list(self._events.values())
            self._events.clear()
        return events

    def _key(self, event: Event) -> Hashable:
        if isinstance(event, Arrived):
            return Arrived, event.head.slot
        if isinstance(event, Contents):
            return Contents, event.run
        if isinstance(event, (Standing, Progress)):
            return type(event).__name__
        return type(event).__name__, next(self._numbers) if isinstance(event, Runs) else 0
