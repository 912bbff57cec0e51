"""The switchboard in this process: what is cancelled stops, what waits is served, what fails is told."""

from __future__ import annotations

import io
import os
import threading
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from cryohype_app.worker.ask import Ask
from cryohype_app.worker.frames import encode_frame, read_frame
from cryohype_app.worker.network import Network
from cryohype_app.worker.results import StoredResult
from cryohype_app.worker.service import Service
from cryohype_model.inference.trained import open_trained_run
from cryohype_model.runs.layout import Run


class Line:
    """A service on a pipe, whose network works on until nobody wants its answer."""

    def __init__(self, run: Run) -> None:
        self.running: dict[int, threading.Event] = {}
        self.stopped: dict[int, threading.Event] = {}
        self._pause = threading.Event()
        read_end, write_end = os.pipe()
        self._incoming, self._channel = os.fdopen(read_end, "rb"), os.fdopen(write_end, "wb", buffering=0)
        self._answers = io.BytesIO()
        service = Service(open_trained_run(run.path, accelerator="cpu"), "t", self._answers)
        self._thread = threading.Thread(target=service.serve, args=(self._incoming,))
        self._thread.start()

    def stages(self, ask: Ask, polite: bool = False) -> Iterator[StoredResult]:
        """One result, then nothing until cancelled; a polite one lets others pass."""
        number = ask.message["number"]
        yield StoredResult(f"stage of {number}")
        self.running[number].set()
        while not ask.cancelled():
            if polite:
                ask.let_pass()
            self._pause.wait(0.002)
        self.stopped[number].set()

    def send(self, number: int, slot: str, kind: str = "stages") -> None:
        """A request."""
        self.running[number], self.stopped[number] = threading.Event(), threading.Event()
        ask = {"slot": slot, "number": number}
        self._channel.write(b"".join(encode_frame({"id": number, "kind": kind, "ask": ask}, {"rows": np.array([1])})))

    def cancel(self, number: int) -> None:
        """No more of a request is wanted."""
        self._channel.write(b"".join(encode_frame({"kind": "cancel", "of": number})))

    def end(self) -> list[dict[str, Any]]:
        """What the service answered until its channel was closed."""
        self._channel.close()
        self._thread.join(20)
        assert not self._thread.is_alive()
        self._incoming.close()
        self._answers.seek(0)
        return [frame.message for frame in iter(lambda: read_frame(self._answers), None)]


@pytest.fixture
def line(pristine_run: Run, monkeypatch: pytest.MonkeyPatch) -> Iterator[Line]:
    monkeypatch.setattr(Network, "stages", lambda _, ask: made.stages(ask))
    monkeypatch.setattr(Network, "backproject", lambda _, ask: made.stages(ask, polite=True))
    made = Line(pristine_run)
    yield made
    made.end()


def test_a_cancelled_request_stops_without_a_word(line: Line) -> None:
    line.send(1, "a")
    assert line.running[1].wait(10)
    line.cancel(1)
    assert line.stopped[1].wait(10)
    assert line.end() == [{"id": 1, "result": {"volume_id": "stage of 1"}}]


def test_a_superseded_request_stops_and_hears_of_it(line: Line) -> None:
    line.send(1, "a")
    assert line.running[1].wait(10)
    line.send(2, "a")
    assert line.stopped[1].wait(10) and line.running[2].wait(10)
    line.cancel(2)
    first, second, third = line.end()
    assert (first["id"], third) == (1, {"id": 2, "result": {"volume_id": "stage of 2"}})
    assert second["id"] == 1 and second["error"]["kind"] == "Superseded"


def test_maps_pass_a_long_backprojection(line: Line) -> None:
    line.send(1, "a", kind="backproject")
    assert line.running[1].wait(10)
    line.send(2, "a")
    assert line.running[2].wait(10) and not line.stopped[1].is_set()
    line.cancel(2)
    assert line.stopped[2].wait(10) and not line.stopped[1].is_set()


def test_the_end_of_the_channel_stops_everything(line: Line) -> None:
    line.send(1, "a")
    line.send(2, "b", kind="backproject")
    assert line.running[1].wait(10)
    assert [answer["id"] for answer in line.end()] == [1]
    assert line.stopped[1].wait(10) and not line.running[2].is_set()


def test_a_failure_is_told_and_the_next_request_is_served(line: Line, monkeypatch: pytest.MonkeyPatch) -> None:
    served = line.stages

    def fail(ask: Ask) -> Iterator[StoredResult]:
        if ask.message["number"] == 1:
            raise KeyError("rows")
        return served(ask)

    monkeypatch.setattr(line, "stages", fail)
    line.send(1, "a")
    line.send(2, "b")
    assert line.running[2].wait(10)
    first, second = line.end()
    assert "error of its own (KeyError: 'rows')" in first["error"]["sentence"] and second["id"] == 2
