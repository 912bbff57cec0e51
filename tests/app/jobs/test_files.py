"""A damaged job file is told, and keeps nobody from working."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from cryohype_app.jobs.book import JobBook
from cryohype_app.jobs.job import Job
from cryohype_model.errors import RunError

_DAMAGE: dict[str, Callable[[Path], object]] = {
    "is not valid JSON": lambda path: path.write_text(path.read_text()[:40]),
    "format version None": lambda path: path.write_text("[]"),
    "format version 99": lambda path: path.write_text(json.dumps(json.loads(path.read_text()) | {"format_version": 99})),
    "'colour' = 'red'": lambda path: path.write_text(json.dumps(json.loads(path.read_text()) | {"colour": "red"})),
    "'status' = 'bored'": lambda path: path.write_text(json.dumps(json.loads(path.read_text()) | {"status": "bored"})),
    "which has another folder": lambda path: path.write_text(json.dumps(json.loads(path.read_text()) | {"id": "0" * 12})),
    "Is a directory": lambda path: (path.unlink(), path.mkdir()),
}


@pytest.mark.parametrize("words", _DAMAGE)
def test_a_damaged_job_is_told(book: JobBook, words: str) -> None:
    broken, whole = (book.submit("check", name, ("ls",)) for name in ("broken", "whole"))
    path = book._shelf.folder(broken.id).job
    assert len(book.jobs()) == 2
    _DAMAGE[words](path)
    assert book.jobs() == (whole,)
    (problem,) = book.problems()
    assert words in problem and str(path) in problem
    with pytest.raises(RunError, match="delete"):
        book.get(broken.id)


def test_the_others_go_on(book: JobBook, python: Callable[..., tuple[str, ...]], reach: Callable[..., Job]) -> None:
    broken, whole = (book.submit("check", name, python("")) for name in ("broken", "whole"))
    book._shelf.folder(broken.id).job.write_text("{")
    reach(book, whole, "finished")


def test_a_folder_without_a_job_is_none(book: JobBook, python: Callable[..., tuple[str, ...]]) -> None:
    job = book.submit("check", "Half gone", python(""))
    book._shelf.folder(job.id).job.unlink()
    (book._shelf.root / "notes").mkdir()
    assert (book.jobs(), book.problems()) == ((), ())


def test_one_job_that_cannot_be_written_does_not_keep_the_others(
    book: JobBook, python: Callable[..., tuple[str, ...]], reach: Callable[..., Job], monkeypatch: pytest.MonkeyPatch
) -> None:
    full, whole = (book.submit("check", name, python(""), device=device) for name, device in (("a", "cpu"), ("b", "cuda:0")))
    put = book._shelf.put

    def refuse(job: Job) -> Job:
        if job.id == full.id:
            raise RunError("the disk is full")
        return put(job)

    monkeypatch.setattr(book._shelf, "put", refuse)
    reach(book, whole, "finished")
    book.tick()
    assert book.problems() == ("the disk is full",)
    monkeypatch.undo()
    reach(book, full, "finished")
    assert book.problems() == ()


def test_what_is_read_is_what_was_replaced(book: JobBook, tmp_path: Path) -> None:
    """Files are read again only when they were replaced, also by another server."""
    job = book.submit("check", "Same", ("ls",))
    assert book.get(job.id) is book.get(job.id)
    other = JobBook(tmp_path / "store")
    other.stop(job.id)
    assert book.get(job.id).status == "stopped"
    shutil.rmtree(book._shelf.folder(job.id).path)
    assert book.jobs() == ()
