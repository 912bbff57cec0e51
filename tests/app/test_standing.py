"""How runs stand, as their cards tell it."""

from __future__ import annotations

import sys
from pathlib import Path

from cryohype_app.jobs.book import JobBook
from cryohype_app.standing import standings
from cryohype_app.store import DataStore
from cryohype_model.runs.layout import Run
from cryohype_model.runs.manifest import update_manifest


def test_a_run_tells_what_can_be_done_with_it(store: Path, analysed: Run) -> None:
    update_manifest(analysed, status="stopped", epochs_done=1)
    (standing,) = standings(DataStore((store,)), JobBook(store))
    assert (standing.name, standing.status, standing.progress) == ("run", "stopped", "epoch 1 of 2")
    assert standing.analysed and standing.has_checkpoint and standing.can_resume and standing.can_delete
    assert len(standing.loss) == 7
    assert "60 particles, 16 px at 12 Å" in standing.facts


def test_a_run_that_is_written_to_cannot_be_deleted(store: Path, analysed: Run) -> None:
    update_manifest(analysed, status="running")
    (elsewhere,) = standings(DataStore((store,)), JobBook(store))
    assert not elsewhere.can_delete
    update_manifest(analysed, status="finished", epochs_done=2)
    book = JobBook(store)
    job = book.submit("analyze", "analyze run", (sys.executable, "-c", ""), run=analysed.path)
    (queued,) = standings(DataStore((store,)), book)
    assert (queued.job, queued.status, queued.can_delete) == (job.id, "queued", False)
    book.stop(job.id)
    (free,) = standings(DataStore((store,)), book)
    assert free.job is None and free.can_delete and not free.can_resume


def test_nothing_new_is_equal_and_a_new_loss_is_not(store: Path, analysed: Run) -> None:
    data, book = DataStore((store,)), JobBook(store)
    assert standings(data, book) == standings(data, book)
    before = standings(data, book)
    with analysed.metrics_log.open("a") as file:
        file.write('{"step": 9, "epoch": 1, "split": "step", "loss": 0.4}\n')
    assert standings(data, book) != before


def test_a_broken_run_tells_why(store: Path, analysed: Run) -> None:
    analysed.manifest.write_text("{")
    (standing,) = standings(DataStore((store,)), JobBook(store))
    assert standing.status == "broken"
    assert "not valid JSON" in standing.problem
