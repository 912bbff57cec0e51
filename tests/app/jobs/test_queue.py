"""One job a device, first come first served, and nobody starves."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cryohype_app.jobs.book import JobBook
from cryohype_app.jobs.job import Job, make_job
from cryohype_app.jobs.lock import locked
from cryohype_app.jobs.queue import startable

Python = Callable[..., tuple[str, ...]]
Reach = Callable[..., Job]

_BEGIN = datetime(2026, 1, 1, tzinfo=timezone.utc)


def _jobs(*devices_and_status: tuple[str, str]) -> list[Job]:
    """Jobs in order of submission."""
    return [
        make_job(
            kind="check",
            title=str(place),
            command=("ls",),
            cwd="/",
            device=device,
            status=status,
            created=_BEGIN + timedelta(seconds=place),
        )
        for place, (device, status) in enumerate(devices_and_status)
    ]


@pytest.mark.parametrize(
    ("jobs", "ready"),
    [
        ([("cpu", "queued"), ("cpu", "queued")], "0"),
        ([("cpu", "queued"), ("cuda:0", "queued"), ("cuda:1", "queued")], "012"),
        ([("cuda:0", "running"), ("cuda:0", "queued"), ("cuda:1", "queued")], "2"),
        ([("cuda:0", "stopping"), ("cuda:0", "queued")], ""),
        ([("cuda:0", "starting"), ("cuda:0", "queued")], ""),
        ([("cuda:0", "failed"), ("cuda:0", "queued")], "1"),
        ([("cuda:0", "running"), ("cuda:0,cuda:1", "queued"), ("cuda:1", "queued")], ""),
        ([("cuda:0,cuda:1", "queued"), ("cuda:1", "queued"), ("cuda:2", "queued")], "02"),
    ],
)
def test_whose_turn_it_is(jobs: list[tuple[str, str]], ready: str) -> None:
    assert "".join(job.title for job in startable(reversed(_jobs(*jobs)))) == ready


@given(st.lists(st.sets(st.sampled_from(["cuda:0", "cuda:1", "cuda:2", "cpu"]), min_size=1, max_size=3), max_size=12), st.data())
def test_every_job_gets_its_turn_in_order(wishes: list[set[str]], data: st.DataObject) -> None:
    waiting = [",".join(sorted(wish - {"cpu"})) or "cpu" for wish in wishes]
    jobs = {job.id: job for job in _jobs(*((device, "queued") for device in waiting))}
    begun: dict[str, list[str]] = {}
    while any(not job.is_over for job in jobs.values()):
        for job in startable(jobs.values()):
            jobs[job.id] = job.changed(status="running")
            for device in job.devices:
                begun.setdefault(device, []).append(job.title)
        running = [job for job in jobs.values() if job.status == "running"]
        used = [device for job in running for device in job.devices]
        assert running and len(used) == len(set(used)), "something runs, and one job a device"
        ending = data.draw(st.sampled_from(running))
        jobs[ending.id] = ending.changed(status="finished")
    assert all(titles == sorted(titles, key=int) for titles in begun.values()), "first come first served on each device"


def test_the_next_of_a_device_begins_when_the_one_before_ended(
    book: JobBook, sleeper: tuple[str, ...], python: Python, ready: Reach, reach: Reach
) -> None:
    first, second = book.submit("check", "First", sleeper), book.submit("check", "Second", python(""))
    other = book.submit("check", "Other device", python(""), device="cuda:0")
    ready(book, first)
    reach(book, other, "finished")
    assert book.get(second.id).status == "queued"
    book.stop(first.id)
    done = reach(book, second, "finished")
    ended = book.get(first.id).ended
    assert done.started is not None and ended is not None and done.started >= ended


def test_several_servers_start_a_job_once(book: JobBook, python: Python, tmp_path: Path, until: Callable[..., None]) -> None:
    code = "import sys; open(sys.argv[1], 'a').write(sys.argv[2] + '\\n')"
    jobs = [book.submit("check", str(n), python(code, str(tmp_path / "ran"), str(n)), device=f"cuda:{n}") for n in range(4)]
    books = [JobBook(tmp_path / "store") for _ in range(3)]
    together, over = threading.Barrier(6), threading.Event()

    def serve(server: JobBook) -> None:
        together.wait()
        while not over.is_set():
            server.tick()

    threads = [threading.Thread(target=serve, args=(books[n % 3],)) for n in range(6)]
    for thread in threads:
        thread.start()
    try:
        until(lambda: all(book.get(job.id).is_over for job in jobs))
    finally:
        over.set()
        for thread in threads:
            thread.join()
    assert sorted((tmp_path / "ran").read_text().split()) == ["0", "1", "2", "3"]
    assert {job.status for job in book.jobs()} == {"finished"}
    assert [server.problems() for server in books] == [()] * 3


def test_threads_submit_and_stop_without_losing_any(book: JobBook, python: Python) -> None:
    def work() -> None:
        for _ in range(5):
            book.stop(book.submit("check", "Many", python("")).id)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [job.status for job in book.jobs()] == ["stopped"] * 20


def test_a_tick_does_not_wait_for_the_lock(book: JobBook, python: Python, reach: Reach) -> None:
    job = book.submit("check", "Wait", python(""))
    with locked(book._shelf.root / "lock") as held:
        assert held
        book.tick()
        assert book.get(job.id).status == "queued"
    reach(book, job, "finished")
