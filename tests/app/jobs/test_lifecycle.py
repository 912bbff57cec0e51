"""A job from the queue to its end, told by its exit code."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from cryohype_app.jobs.book import JobBook
from cryohype_app.jobs.job import Job
from cryohype_model.errors import RunError
from cryohype_model.runs.store import RunStore

Python = Callable[..., tuple[str, ...]]
Reach = Callable[..., Job]


def test_a_job_runs_to_its_end(book: JobBook, python: Python, reach: Reach, tmp_path: Path) -> None:
    code = "import os, sys; print(sys.argv[1], os.getcwd(), os.isatty(0), sys.stdin.read()); print('last', file=sys.stderr)"
    submitted = book.submit("check", "Say it", python(code, "a b'c"), run=tmp_path / "run", cwd=tmp_path)
    assert (submitted.status, submitted.pid, submitted.ended) == ("queued", None, None)
    assert (submitted.lane, submitted.device, submitted.run) == ("local", "cpu", tmp_path / "run")
    job = reach(book, submitted, "finished")
    assert (job.exit_code, job.message) == (0, "")
    assert book.log_tail(job.id) == f"a b'c {tmp_path} False \nlast\n"
    assert job.started is not None and job.ended is not None
    assert job.created <= job.started <= job.ended
    assert job.created.utcoffset() == timedelta(0)


def test_the_next_server_finds_the_same(book: JobBook, python: Python, reach: Reach, tmp_path: Path) -> None:
    jobs = [reach(book, book.submit("check", name, python("")), "finished") for name in "abc"]
    again = JobBook(tmp_path / "store")
    assert list(again.jobs()) == jobs[::-1], "newest first"
    assert again.get(jobs[0].id) == jobs[0]


def test_a_failing_command_is_told_by_its_last_line(book: JobBook, python: Python, reach: Reach) -> None:
    code = "import sys; print('10%\\r20%\\r\\x1b[31mno pose in row 3\\x1b[0m\\n \\n', file=sys.stderr); sys.exit(2)"
    job = reach(book, book.submit("check", "Fail", python(code)), "failed")
    assert (job.exit_code, job.message) == (2, "no pose in row 3")


def test_a_silent_failure_gets_a_sentence(book: JobBook, python: Python, reach: Reach) -> None:
    job = reach(book, book.submit("check", "Fail", python("raise SystemExit(7)")), "failed")
    assert job.message == "The command ended with exit code 7 and said nothing."


@pytest.mark.parametrize(("number", "status"), [("SIGTERM", "stopped"), ("SIGINT", "stopped"), ("SIGKILL", "failed")])
def test_a_signal_from_outside(book: JobBook, python: Python, reach: Reach, number: str, status: str) -> None:
    code = f"import os, signal as s; print('epoch 3'); s.signal(s.SIGINT, s.SIG_DFL); os.kill(os.getpid(), s.{number})"
    job = reach(book, book.submit("check", "Killed", python(code)), status)
    assert job.exit_code is not None and job.exit_code > 128
    assert number in job.message


def test_a_command_that_does_not_exist(book: JobBook, reach: Reach) -> None:
    job = reach(book, book.submit("check", "Nothing", ["/nowhere/program", "x"]), "failed")
    assert job.exit_code == 127
    assert "'/nowhere/program' could not be started" in job.message and "No such file" in job.message


def test_a_folder_that_does_not_exist(book: JobBook, python: Python, reach: Reach, tmp_path: Path) -> None:
    job = reach(book, book.submit("check", "Nowhere", python(""), cwd=tmp_path / "gone"), "failed")
    assert (job.exit_code, str(tmp_path / "gone") in job.message) == (127, True)


@pytest.mark.parametrize(("device", "visible"), [("cpu", ""), ("cuda:1", "1"), ("cuda:0,cuda:2", "0,2")])
def test_a_command_sees_its_devices_only(
    book: JobBook, python: Python, reach: Reach, monkeypatch: pytest.MonkeyPatch, device: str, visible: str
) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,1,2,3")
    code = "import json, os; print(json.dumps(dict(os.environ)))"
    job = reach(book, book.submit("check", "Look", python(code), device=device), "finished")
    environment = json.loads(book.log_tail(job.id))
    assert environment["CUDA_VISIBLE_DEVICES"] == visible
    assert environment["CUDA_DEVICE_ORDER"] == "PCI_BUS_ID", "the numbers are nvidia-smi's"
    assert environment["PYTHONUNBUFFERED"] == "1"
    assert environment["PATH"] == os.environ["PATH"]


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"device": "cuda"}, "'device' = 'cuda'"),
        ({"device": "cuda:0;rm"}, "'device'"),
        ({"command": ()}, "'command'"),
        ({"command": "ls -l"}, "'command'"),
        ({"kind": ""}, "'kind'"),
    ],
)
def test_an_impossible_job_is_refused(book: JobBook, fields: dict[str, object], words: str) -> None:
    whole = {"kind": "check", "title": "No", "command": ("ls",)} | fields
    with pytest.raises(RunError, match=words):
        book.submit(**whole)  # type: ignore[arg-type]  # that is the point
    assert book.jobs() == ()


def test_a_job_that_is_over_can_be_forgotten(book: JobBook, python: Python, reach: Reach, tmp_path: Path) -> None:
    job = book.submit("check", "Short", python("print(1)"))
    with pytest.raises(RunError, match="'Short' is queued; stop it first"):
        book.forget(job.id)
    reach(book, job, "finished")
    book.forget(job.id)
    assert book.jobs() == () and list((tmp_path / "store" / ".cryohype" / "jobs").glob("*/")) == []
    with pytest.raises(RunError, match=f"no job {job.id}"):
        book.get(job.id)


@pytest.mark.parametrize("job_id", ["", "..", "../../../etc", "0123456789ab/..", "0123456789AB", "0" * 13])
def test_an_identity_is_no_path(book: JobBook, job_id: str) -> None:
    for ask in (book.get, book.stop, book.forget, book.log_tail):
        with pytest.raises(RunError, match="names no job"):
            ask(job_id)


def test_the_tail_of_a_long_log(book: JobBook, python: Python, reach: Reach) -> None:
    job = reach(book, book.submit("check", "Talk", python("for i in range(9999): print(f'line {i} Å')")), "finished")
    text = book.log_tail(job.id, 100)
    assert text.endswith("line 9998 Å\n") and len(text.encode()) <= 100
    assert text.startswith("line 99"), "no half line at the beginning"
    assert len(book.log_tail(job.id)) > 10_000


def test_jobs_are_not_runs(book: JobBook, python: Python, tmp_path: Path) -> None:
    book.submit("check", "Wait", python(""))
    assert RunStore(tmp_path / "store").list_runs() == []


def test_an_empty_store_is_left_as_it_is(tmp_path: Path) -> None:
    book = JobBook(tmp_path)
    book.tick()
    assert (book.jobs(), book.problems(), book.lanes()) == ((), (), ("local",))
    assert list(tmp_path.iterdir()) == []


def test_nobody_else_may_put_jobs_into_the_store(book: JobBook, tmp_path: Path) -> None:
    book.submit("check", "Mine", (sys.executable,))
    assert (tmp_path / "store" / ".cryohype" / "jobs").stat().st_mode & 0o077 == 0


def test_a_store_that_cannot_be_written_to(tmp_path: Path) -> None:
    (tmp_path / ".cryohype").write_text("")
    with pytest.raises(RunError, match="jobs cannot be kept"):
        JobBook(tmp_path).submit("check", "No", ("ls",))
