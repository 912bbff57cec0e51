"""A book on an empty store, small commands, and patience with a limit."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from cryohype_app.jobs.book import JobBook
from cryohype_app.jobs.job import Job
from cryohype_app.jobs.process import kill, reap

PATIENCE_SECONDS = 60.0

Until = Callable[[Callable[[], Any]], None]


@pytest.fixture
def until() -> Until:
    """A function that waits for a condition, ``until(path.exists)``."""

    def wait(condition: Callable[[], Any]) -> None:
        end = time.monotonic() + PATIENCE_SECONDS
        while not condition():
            assert time.monotonic() < end, "it did not happen in time"
            time.sleep(0.02)

    return wait


@pytest.fixture
def reach(until: Until) -> Callable[..., Job]:
    """A function that ticks until the job has a status: ``reach(book, job, "running")``."""

    def tick_until(book: JobBook, job: Job, status: str) -> Job:
        def arrived() -> bool:
            book.tick()
            found = book.get(job.id)
            assert found.status == status or not found.is_over, (found, book.log_tail(job.id))
            return found.status == status

        until(arrived)
        return book.get(job.id)

    return tick_until


@pytest.fixture
def book(tmp_path: Path, until: Until) -> Iterator[JobBook]:
    """A book on an empty store; nothing that it started outlives the test, and no zombie stays."""
    (tmp_path / "store").mkdir()
    before = set(psutil.Process().children())  # of other tests, such as a browser
    book = JobBook(tmp_path / "store", squeue_seconds=0.0)
    yield book
    for job in book.jobs():
        kill(job.pid, job.process_created)

    def gone() -> bool:
        reap()
        return set(psutil.Process().children()) <= before

    until(gone)


def _python(code: str, *words: str) -> tuple[str, ...]:
    return (sys.executable, "-S", "-c", code, *words)


@pytest.fixture
def python() -> Callable[..., tuple[str, ...]]:
    """A function that makes a command of a little code: ``python("print(1)", "argument")``."""
    return _python


@pytest.fixture
def sleeper() -> tuple[str, ...]:
    """A command that says ready and then waits to be ended."""
    return _python("import time; print('ready'); time.sleep(120)")


@pytest.fixture
def stubborn() -> tuple[str, ...]:
    """A command that says ready and does not end at SIGTERM."""
    return _python("import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('ready'); time.sleep(120)")


@pytest.fixture
def ready(until: Until, reach: Callable[..., Job]) -> Callable[[JobBook, Job], Job]:
    """A function that ticks until a job runs and has said ready."""

    def wait(book: JobBook, job: Job) -> Job:
        running = reach(book, job, "running")
        until(lambda: "ready" in book.log_tail(job.id))
        return running

    return wait
