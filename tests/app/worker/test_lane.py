"""A lane serves slots in turn and only their newest jobs."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator

import pytest

from cryohype_app.worker.lane import Job, Lane


class Recorder:
    """A lane whose first job waits, so that the order of the others is known."""

    def __init__(self) -> None:
        self.lane = Lane("test")
        self.done: list[int] = []
        self.began, self.gate, self.finished = threading.Event(), threading.Event(), threading.Event()

    def job(self, number: int, slot: str, kind: str = "stages") -> Job:
        """One that writes its number down."""
        return Job(number, (kind, slot), lambda job: self.done.append(job.number))

    def blocker(self, slot: str, meanwhile: Callable[[], None] = lambda: None) -> Job:
        """Number 0, which waits for the gate."""

        def work(job: Job) -> None:
            self.began.set()
            assert self.gate.wait(10)
            meanwhile()
            self.done.append(-1 if job.cancelled.is_set() else 0)

        return Job(0, ("backproject", slot), work)

    def finish(self) -> list[int]:
        """The numbers of the jobs in the order that they were done; -1 is the first one, cancelled."""
        self.lane.submit(Job(99, ("end", ""), lambda _: self.finished.set()))
        self.gate.set()
        assert self.finished.wait(10)
        return self.done


@pytest.fixture
def recorder() -> Iterator[Recorder]:
    made = Recorder()
    yield made
    made.gate.set()
    made.lane.stop(10)


def test_slots_are_served_in_turn_and_a_newer_job_takes_the_place_of_an_older(recorder: Recorder) -> None:
    recorder.lane.submit(recorder.blocker("x"))
    assert recorder.began.wait(10)
    first = recorder.job(1, "a")
    assert recorder.lane.submit(first) is None
    assert recorder.lane.submit(recorder.job(2, "b")) is None
    assert recorder.lane.submit(recorder.job(3, "a")) is first and first.cancelled.is_set()
    assert recorder.lane.submit(recorder.job(4, "a", kind="mesh")) is None
    assert recorder.finish() == [0, 3, 2, 4]


def test_the_running_job_is_superseded_and_its_follower_waits_behind_other_slots(recorder: Recorder) -> None:
    running = recorder.blocker("x")
    recorder.lane.submit(running)
    assert recorder.began.wait(10)
    recorder.lane.submit(recorder.job(1, "a"))
    assert recorder.lane.submit(recorder.job(2, "x", kind="backproject")) is running
    assert recorder.lane.submit(recorder.job(3, "x", kind="backproject")).number == 2  # type: ignore[union-attr]
    assert recorder.finish() == [-1, 1, 3]


def test_a_cancelled_job_never_begins(recorder: Recorder) -> None:
    running, waiting = recorder.blocker("x"), recorder.job(1, "a")
    for job in (running, waiting):
        recorder.lane.submit(job)
    assert recorder.began.wait(10)
    recorder.lane.cancel(waiting)
    recorder.lane.cancel(running)
    assert recorder.finish() == [-1]


def test_a_long_job_lets_quick_ones_pass(recorder: Recorder) -> None:
    recorder.lane.submit(recorder.blocker("x", lambda: recorder.lane.let_pass("stages")))
    assert recorder.began.wait(10)
    recorder.lane.submit(recorder.job(1, "a", kind="backproject"))
    recorder.lane.submit(recorder.job(2, "a"))
    recorder.lane.submit(recorder.job(3, "b"))
    assert recorder.finish() == [2, 3, 0, 1]


def test_a_stopped_lane_has_finished_what_it_was_at(recorder: Recorder) -> None:
    running = recorder.blocker("x")
    recorder.lane.submit(running)
    assert recorder.began.wait(10)
    recorder.lane.submit(recorder.job(1, "a"))
    threading.Timer(0.05, recorder.gate.set).start()
    recorder.lane.stop(10)
    assert recorder.done == [-1]
