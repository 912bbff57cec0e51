"""A lane: one thread that does jobs one after the other; of the jobs of a slot only the newest counts."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field

Key = tuple[str, str]  # kind of the request, slot


@dataclass(frozen=True, eq=False)
class Job:
    """Something to do for a slot. ``work`` asks ``cancelled`` between its steps and lets no exception out."""

    number: int
    key: Key
    work: Callable[[Job], None]
    cancelled: threading.Event = field(default_factory=threading.Event)


class Lane:
    """Jobs in the order that their slots came, each slot with one job waiting at most: slots are served in turn."""

    def __init__(self, name: str) -> None:
        self._changed = threading.Condition()
        self._waiting: dict[Key, Job] = {}
        self._running: list[Job] = []
        self._open = True
        self._thread = threading.Thread(target=self._serve, name=name, daemon=True)
        self._thread.start()

    def submit(self, job: Job) -> Job | None:
        """Put a job in; an older one of its key is cancelled and returned, the new one waits in its place."""
        with self._changed:
            live = [*self._waiting.values(), *(other for other in self._running if not other.cancelled.is_set())]
            older = next((other for other in live if other.key == job.key), None)
            if older is not None:
                older.cancelled.set()
            self._waiting[job.key] = job
            self._changed.notify()
            return older

    def cancel(self, job: Job) -> None:
        """Stop a job at its next step, or before it begins."""
        with self._changed:
            job.cancelled.set()
            if self._waiting.get(job.key) is job:
                del self._waiting[job.key]

    def let_pass(self, kind: str) -> None:
        """Do the waiting jobs of a kind now, from within a long job of this lane."""
        while (job := self._next(kind)) is not None:
            self._do(job)

    def stop(self, patience_seconds: float) -> None:
        """Cancel everything, and wait a while for what cannot be cancelled."""
        with self._changed:
            self._open = False
            for job in (*self._waiting.values(), *self._running):
                job.cancelled.set()
            self._waiting.clear()
            self._changed.notify()
        self._thread.join(patience_seconds)

    def _next(self, kind: str | None = None) -> Job | None:
        with self._changed:
            key = next((key for key in self._waiting if kind in (None, key[0])), None)
            if key is None:
                return None
            job = self._waiting.pop(key)
            self._running.append(job)  # in the same breath: between waiting and running nobody could cancel it
            return job

    def _serve(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._waiting or not self._open)
                if not self._open:
                    return
            if (job := self._next()) is not None:
                self._do(job)

    def _do(self, job: Job) -> None:
        try:
            job.work(job)
        finally:
            with self._changed:
                self._running.remove(job)
