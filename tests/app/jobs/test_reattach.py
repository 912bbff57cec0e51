"""Servers come and go; jobs and what is known of them stay."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from cryohype_app.jobs.book import JobBook
from cryohype_app.jobs.folder import JobFolder
from cryohype_app.jobs.job import Job, now

Python = Callable[..., tuple[str, ...]]
Reach = Callable[..., Job]

# A server that is killed while its job runs; with the word "early", between the note and the start, or right after the start.
_SERVER = """
import os, signal, sys
from pathlib import Path
from cryohype_app.jobs import watch
from cryohype_app.jobs.book import JobBook
store, when, *command = sys.argv[1:]
start = watch.local.start
def die(*arguments):
    if when == "started":
        start(*arguments)
    os.kill(os.getpid(), signal.SIGKILL)
if when != "running":
    watch.local.start = die
book = JobBook(Path(store))
job = book.submit("train", "Outlives", command, run=Path("/runs/a"))
while book.get(job.id).status != "running":
    book.tick()
os.kill(os.getpid(), signal.SIGKILL)
"""


def _killed_server(store: Path, when: str, command: tuple[str, ...]) -> None:
    done = subprocess.run([sys.executable, "-c", _SERVER, str(store), when, *command], timeout=60, check=False)
    assert done.returncode == -signal.SIGKILL


def test_a_job_outlives_its_server(book: JobBook, sleeper: tuple[str, ...], tmp_path: Path, ready: Reach, reach: Reach) -> None:
    _killed_server(tmp_path / "store", "running", sleeper)
    (job,) = book.jobs()
    assert ready(book, job) == job and job.status == "running"
    assert psutil.Process(job.pid).children()[0].cmdline() == list(sleeper)
    book.stop(job.id)
    assert reach(book, job, "stopped").exit_code == 143


def test_an_end_that_no_server_saw(book: JobBook, python: Python, tmp_path: Path, until: Callable[..., None]) -> None:
    go = tmp_path / "go"
    code = "import os, sys, time\nwhile not os.path.exists(sys.argv[1]): time.sleep(0.02)\nprint('why'); sys.exit(3)"
    _killed_server(tmp_path / "store", "running", python(code, str(go)))
    (job,) = book.jobs()
    go.touch()
    until(lambda: not psutil.pid_exists(job.pid or 0) or psutil.Process(job.pid).status() == psutil.STATUS_ZOMBIE)
    assert book.get(job.id).status == "running", "nobody looked yet"
    book.tick()
    job = book.get(job.id)
    assert (job.status, job.exit_code, job.message) == ("failed", 3, "why")
    assert job.ended is not None and job.ended < now(), "the runner's time, not the time of looking"


def test_a_server_killed_right_after_it_started_a_job(
    book: JobBook, sleeper: tuple[str, ...], tmp_path: Path, ready: Reach, reach: Reach
) -> None:
    _killed_server(tmp_path / "store", "started", sleeper)
    (job,) = book.jobs()
    assert (job.status, job.pid) == ("starting", None)
    job = ready(book, job)
    assert job.pid is not None
    book.stop(job.id)
    reach(book, job, "stopped")


def test_a_server_killed_right_before_it_started_a_job(book: JobBook, sleeper: tuple[str, ...], tmp_path: Path) -> None:
    _killed_server(tmp_path / "store", "before", sleeper)
    (job,) = book.jobs()
    book.tick()
    assert book.get(job.id).status == "starting", "the runner may yet appear"
    JobBook(tmp_path / "store", grace_seconds=0).tick()
    assert book.get(job.id).status == "failed"


def test_a_killed_runner_takes_its_command_along(
    book: JobBook, python: Python, ready: Reach, reach: Reach, until: Callable[..., None]
) -> None:
    """The device is free only when the command has ended; until then the job is not over."""
    code = """
import os, signal, sys, time
def save(*_):
    while not os.path.exists(sys.argv[1]): time.sleep(0.02)
    sys.exit(143)
signal.signal(signal.SIGTERM, save); print('ready'); time.sleep(120)
"""
    go = book._store / "go"
    job = ready(book, book.submit("train", "Train", python(code, str(go)), run=Path("/runs/a")))
    (child,) = psutil.Process(job.pid).children()
    os.kill(job.pid or 0, signal.SIGKILL)
    until(lambda: (book.tick(), book.get(job.id).pid == child.pid)[1])
    for _ in range(3):
        book.tick()
    between = book.get(job.id)
    assert between.status == "running" and "the command was asked to stop" in between.message
    go.touch()
    failed = reach(book, job, "failed")
    assert "vanished" in failed.message and "can be resumed" in failed.message and "--resume /runs/a" in failed.message
    assert failed.exit_code is None
    assert not child.is_running() or child.status() == psutil.STATUS_ZOMBIE


def test_a_killed_family(book: JobBook, sleeper: tuple[str, ...], ready: Reach, reach: Reach) -> None:
    """As after a power cut: nobody is left to tell."""
    job = ready(book, book.submit("analyze", "Analyse", sleeper))
    os.killpg(job.pid or 0, signal.SIGKILL)
    assert reach(book, job, "failed").message.endswith("no exit code was left; start it again")


@pytest.mark.parametrize("status", ["running", "stopping"])
def test_a_reused_process_number_is_not_the_job(book: JobBook, status: str, tmp_path: Path) -> None:
    job = book.submit("train", "Old", ("ls",))
    stranger = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(120)"])
    try:
        wrong = psutil.Process(stranger.pid).create_time() - 5
        book._shelf.put(job.changed(status=status, started=now(), pid=stranger.pid, process_created=wrong))
        book.stop(job.id)
        book.stop(job.id)
        book.tick()
        assert book.get(job.id).status == "stopped"
        assert stranger.poll() is None, "a stranger was signalled"
    finally:
        stranger.kill()
        stranger.wait()


def test_a_damaged_exit_file_is_none(book: JobBook, python: Python, reach: Reach) -> None:
    job = book.submit("check", "Torn", python(""))
    folder = JobFolder(book._shelf.root / job.id)
    folder.exit.write_text("{")
    folder.runner.write_text("[]")
    assert folder.read_exit() is None and folder.read_runner() is None
    assert reach(book, job, "finished").exit_code == 0
