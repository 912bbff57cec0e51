"""The worker's switchboard: frames in, jobs on three lanes, frames out."""

from __future__ import annotations

import io
import logging
import os
import threading
from collections.abc import Callable, Iterator
from typing import Any

from cryohype_app.worker.ask import Ask, Cancelled
from cryohype_app.worker.errors import Superseded, told
from cryohype_app.worker.failures import is_broken_device, sentence
from cryohype_app.worker.frames import Frame, encode_frame, read_frame
from cryohype_app.worker.lane import Job, Lane
from cryohype_app.worker.network import Network
from cryohype_app.worker.packing import pack
from cryohype_app.worker.quick import Quick
from cryohype_app.worker.shelf import VolumeShelf
from cryohype_model.inference.trained import TrainedRun

LOG = logging.getLogger(__name__)
PATIENCE_SECONDS = 5.0  # for a map that is being saved when the server goes away

Answer = Callable[[Ask], Iterator[Any]]


class Service:
    """Answers every frame of a stream: maps on one thread, quick things and metrics on their own, so that none waits for another.

    Parameters
    ----------
    trained : the network. token : what ids of volumes begin with. outgoing : where answers go.
    """

    def __init__(self, trained: TrainedRun, token: str, outgoing: io.BufferedIOBase) -> None:
        shelf = VolumeShelf(token)
        network, quick = Network(trained, shelf), Quick(trained, shelf)
        slow, at_once, numbers = self._lanes = Lane("network"), Lane("quick"), Lane("metrics")
        self._answers: dict[str, tuple[Lane, Answer]] = {
            "stages": (slow, network.stages),
            "backproject": (slow, network.backproject),
            "metrics": (numbers, _one(quick.metrics)),
        }
        for name in ("mesh", "histogram", "projections", "difference", "low_pass", "montage", "add_map", "save", "volume"):
            self._answers[name] = (at_once, _one(getattr(quick, name)))
        self._outgoing, self._writing = outgoing, threading.Lock()
        self._jobs: dict[int, tuple[Lane, Job]] = {}

    def serve(self, incoming: io.BufferedIOBase) -> None:
        """Until the stream ends, which means that the server is gone."""
        while (frame := read_frame(incoming)) is not None:
            if frame.message["kind"] == "cancel":
                self._cancel(int(frame.message["of"]))
            else:
                self._accept(frame)
        network, quick, metrics = self._lanes
        for lane, patience in ((network, 0.0), (metrics, 0.0), (quick, PATIENCE_SECONDS)):
            lane.stop(patience)

    def tell(self, message: dict[str, Any], arrays: dict[str, Any] | None = None) -> None:
        """Send one frame."""
        parts = encode_frame(message, arrays)
        with self._writing:
            for part in parts:
                self._outgoing.write(part)
            self._outgoing.flush()

    def _accept(self, frame: Frame) -> None:
        number, kind = int(frame.message["id"]), str(frame.message["kind"])
        lane, answer = self._answers[kind]
        slot = frame.message["ask"].get("slot")
        key = (kind, f"#{number}" if slot is None else f"={slot}")
        job = Job(number, key, lambda job: self._work(job, ask, answer))
        ask = Ask(
            frame.message["ask"],
            frame.arrays,
            job.cancelled.is_set,
            lambda done, total: self.tell({"id": number, "progress": [done, total]}),
            lambda: lane.let_pass("stages"),
        )
        self._jobs[number] = lane, job
        older = lane.submit(job)
        if older is not None:
            self._jobs.pop(older.number, None)
            newer = Superseded("a newer request of the same panel took this one's place; wait for that one")
            self.tell({"id": older.number, "error": told(newer)})

    def _cancel(self, number: int) -> None:
        lane, job = self._jobs.pop(number, (None, None))
        if lane is not None and job is not None:
            lane.cancel(job)

    def _work(self, job: Job, ask: Ask, answer: Answer) -> None:
        try:
            for result in answer(ask):
                if job.cancelled.is_set():
                    return
                message, arrays = pack(result)
                self.tell({"id": job.number, "result": message}, arrays)
            if not job.cancelled.is_set():
                self.tell({"id": job.number, "end": True})
        except Cancelled:
            return
        except Exception as error:  # noqa: BLE001 - one request's failure is told to whoever asked, and the process lives on
            self._fail(job, error)
        finally:
            self._jobs.pop(job.number, None)

    def _fail(self, job: Job, error: Exception) -> None:
        content = told(sentence(error))
        try:
            if not job.cancelled.is_set():
                self.tell({"id": job.number, "error": content})
        except OSError:
            LOG.warning("nobody hears that request %d failed: %s", job.number, error)
        if is_broken_device(error):
            LOG.error("the device is broken for this process, which ends: %s", error)
            os._exit(3)


def _one(method: Callable[[Ask], Any]) -> Answer:
    """An answer of one result."""
    return lambda ask: iter((method(ask),))
