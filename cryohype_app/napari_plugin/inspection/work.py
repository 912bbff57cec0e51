"""Computations of a widget: each in a thread, of one kind the newest wins, and none outlives the window's interest in it."""

from __future__ import annotations

import logging
import queue
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

import psutil
from qtpy.QtCore import QObject, QTimer, Signal

from cryohype_model.errors import CryoHypeError, MetricError

LOOK_EVERY_MS = 30
T = TypeVar("T")


@dataclass(frozen=True, eq=False)
class _Wish:
    kind: str
    says: str
    compute: Callable[[], Any]
    done: Callable[[Any], None]


class Work(QObject):
    """What a widget has computed. Threads never touch Qt: the window looks for their answers while it waits for one.

    Parameters
    ----------
    parent : the widget.
    """

    changed = Signal()
    failed = Signal(str)  # one sentence

    def __init__(self, parent: QObject) -> None:
        super().__init__(parent)
        self._answers: queue.SimpleQueue[tuple[_Wish, Any, Exception | None]] = queue.SimpleQueue()
        self._running: dict[str, _Wish] = {}
        self._newest: dict[str, _Wish] = {}
        self._timer = QTimer(self)
        self._timer.setInterval(LOOK_EVERY_MS)
        self._timer.timeout.connect(self._look)

    def ask(self, kind: str, says: str, compute: Callable[[], T], done: Callable[[T], None]) -> None:
        """Compute in a thread; the answer goes to ``done`` unless a newer wish of the kind came meanwhile.

        Parameters
        ----------
        says : what is computed, for people. compute : must not touch layers or widgets.
        """
        self._newest[kind] = _Wish(kind, says, compute, done)
        if kind not in self._running:
            self._start(self._newest[kind])
        self.changed.emit()

    def forget(self, kind: str) -> None:
        """Nobody waits for this kind any more."""
        self._newest.pop(kind, None)
        self.changed.emit()

    @property
    def under_way(self) -> list[str]:
        """What is being computed and waited for."""
        return [wish.says for wish in self._newest.values()]

    def _start(self, wish: _Wish) -> None:
        self._running[wish.kind] = wish
        # a daemon: closing napari does not wait for it
        threading.Thread(target=_compute, args=(wish, self._answers), name=f"cryohype {wish.kind}", daemon=True).start()
        self._timer.start()

    def _look(self) -> None:
        while not self._answers.empty():
            wish, answer, error = self._answers.get()
            del self._running[wish.kind]
            newest = self._newest.get(wish.kind)
            if newest is wish:
                del self._newest[wish.kind]
                self._deliver(wish, answer, error)
            elif newest is not None:
                self._start(newest)
            self.changed.emit()
        if not self._running:
            self._timer.stop()

    def _deliver(self, wish: _Wish, answer: Any, error: Exception | None) -> None:
        if error is None:
            wish.done(answer)
        elif isinstance(error, CryoHypeError):
            self.failed.emit(str(error))
        elif isinstance(error, MemoryError):
            self.failed.emit(f"{wish.says}: the memory of this machine is not enough; close other maps, or take a smaller box")
        else:
            logging.getLogger(__name__).error("%s", wish.says, exc_info=error)
            self.failed.emit(f"{wish.says}: an error of CryoHype's own ({error!r}); please report it")


def _compute(wish: _Wish, answers: queue.SimpleQueue[tuple[_Wish, Any, Exception | None]]) -> None:
    try:
        answers.put((wish, wish.compute(), None))
    except Exception as error:  # noqa: BLE001  # whatever ends a computation is told, and the widget goes on
        answers.put((wish, None, error))


def afford(says: str, voxels: int, bytes_per_voxel: int) -> None:
    """Refuse a computation that this machine has not the memory for.

    Raises
    ------
    MetricError : it needs more than is free.
    """
    needed, free = voxels * bytes_per_voxel, psutil.virtual_memory().available
    if needed > free:
        raise MetricError(
            f"{says} needs about {needed / 1e9:.1f} GB of memory and {free / 1e9:.1f} GB are free; "
            "close other maps, or take a map of a smaller box"
        )
