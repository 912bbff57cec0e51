"""Stop, stop again, and who may be hit by it."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from cryohype_app.jobs.book import JobBook
from cryohype_app.jobs.folder import ExitRecord
from cryohype_app.jobs.job import Job, now
from cryohype_model.errors import RunError

Python = Callable[..., tuple[str, ...]]
Reach = Callable[..., Job]


def test_a_queued_job_is_stopped_at_once(book: JobBook, python: Python, tmp_path: Path) -> None:
    job = book.submit("check", "Never", python(f"open({str(tmp_path / 'ran')!r}, 'w')"))
    stopped = book.stop(job.id)
    assert (stopped.status, stopped.message, stopped.pid) == ("stopped", "Stopped on request.", None)
    book.tick()
    assert book.get(job.id) == stopped and not (tmp_path / "ran").exists()


def test_a_running_job_is_asked_and_may_tidy_up(book: JobBook, python: Python, reach: Reach, ready: Reach) -> None:
    code = """
import signal, sys, time
def save(*_):
    print('checkpoint written'); sys.exit(143)
signal.signal(signal.SIGTERM, save); print('ready'); time.sleep(120)
"""
    job = ready(book, book.submit("train", "Train", python(code)))
    with pytest.raises(RunError, match="is running; stop it first"):
        book.forget(job.id)
    assert book.stop(job.id).status == "stopping"
    job = reach(book, job, "stopped")
    assert (job.exit_code, job.message) == (143, "Stopped on request.")
    assert book.log_tail(job.id).endswith("checkpoint written\n")
    assert book.stop(job.id) == job, "what is over stays as it is"


def test_one_that_ends_well_all_the_same_is_finished(book: JobBook, python: Python, reach: Reach, ready: Reach) -> None:
    code = "import signal, sys, time; signal.signal(15, lambda *_: sys.exit(0)); print('ready'); time.sleep(120)"
    job = ready(book, book.submit("check", "Done", python(code)))
    book.stop(job.id)
    assert reach(book, job, "finished").message == ""


def test_a_second_stop_kills_what_does_not_listen(book: JobBook, stubborn: tuple[str, ...], reach: Reach, ready: Reach) -> None:
    job = ready(book, book.submit("check", "Stubborn", stubborn))
    (child,) = psutil.Process(job.pid).children()
    book.stop(job.id)
    time.sleep(0.2)  # time in which a command that listens would end
    book.tick()
    assert book.get(job.id).status == "stopping" and child.is_running()
    book.stop(job.id)
    job = reach(book, job, "stopped")
    assert (job.message, job.exit_code) == ("Killed at the second request.", 137), "the runner could still tell"
    assert not child.is_running(), "no zombie: its number would look like a training that goes on"


def test_a_kill_reaches_the_whole_family(
    book: JobBook, python: Python, reach: Reach, ready: Reach, until: Callable[..., None]
) -> None:
    # the second generation ignores SIGTERM and loses its parent; it stays in the session of the job
    code = """
import os, signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
if os.fork() == 0:
    if os.fork() == 0:
        print('orphan', os.getpid()); time.sleep(120)
    os._exit(0)
os.wait()
time.sleep(0.05); print('ready'); time.sleep(120)
"""
    job = ready(book, book.submit("check", "Family", python(code)))
    until(lambda: "orphan" in book.log_tail(job.id))
    line = next(line for line in book.log_tail(job.id).splitlines() if line.startswith("orphan"))
    orphan = psutil.Process(int(line.split()[1]))
    book.stop(job.id)
    book.stop(job.id)
    until(lambda: not orphan.is_running() or orphan.status() == psutil.STATUS_ZOMBIE)
    reach(book, job, "stopped")


def test_a_runner_that_hangs_is_killed_too(book: JobBook, stubborn: tuple[str, ...], reach: Reach, ready: Reach) -> None:
    job = ready(book, book.submit("check", "Hangs", stubborn))
    psutil.Process(job.pid).suspend()
    book.stop(job.id)
    book.stop(job.id)
    job = reach(book, job, "stopped")
    assert (job.message, job.exit_code) == ("Killed at the second request.", None)


def test_a_stop_before_the_command_has_begun(book: JobBook, sleeper: tuple[str, ...], reach: Reach) -> None:
    job = book.submit("check", "Early", sleeper)
    book.tick()
    assert book.get(job.id).status == "starting"
    book.stop(job.id)
    assert reach(book, job, "stopped").message == "Stopped on request."


def test_a_job_of_another_machine_is_only_read(book: JobBook, sleeper: tuple[str, ...]) -> None:
    """Process numbers mean nothing here: "not alive" would be wrong, and a signal would hit a stranger."""
    away, told, waiting = (book.submit("check", name, sleeper, device=f"cuda:{n}") for n, name in enumerate("abc"))
    mine = psutil.Process()
    for job, status in ((away, "running"), (told, "running"), (waiting, "queued")):
        number = {"pid": mine.pid, "process_created": mine.create_time() - 9} if status == "running" else {}
        book._shelf.put(job.changed(host="elsewhere", status=status, **number))
    book._shelf.folder(told.id).write_record(ExitRecord(exit_code=0, ended=now()))
    book.tick()
    assert [book.get(job.id).status for job in (away, told, waiting)] == ["running", "finished", "queued"]
    given_up = book.stop(away.id)
    assert given_up.status == "stopped" and f"its process {mine.pid} is on elsewhere" in given_up.message
