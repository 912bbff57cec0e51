"""Selections that are being embedded: queued, told, ended."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cryohype_app.jobs.book import JobBook
from cryohype_app.jobs.job import now
from cryohype_app.launch import RunBusyError, start_embedding
from cryohype_app.roots import Roots
from cryohype_app.services import Services
from cryohype_app.state import AppState
from cryohype_app.store import DataStore
from cryohype_app.views.embedding import EmbeddingView, Standing
from cryohype_model.cli import command_parser
from cryohype_model.errors import RunError
from cryohype_model.runs.layout import Run
from cryohype_model.runs.manifest import read_manifest
from cryohype_model.runs.selections import write_selection

CHECKPOINT = "step-00000007"


@pytest.fixture
def services(store: Path, analysed: Run) -> Services:
    write_selection(analysed, "half <b>", np.arange(30), {})
    return Services(DataStore((store,)), JobBook(store), Roots.of([store]))


def watched(services: Services, analysed: Run) -> Any:
    state = AppState(run_id=read_manifest(analysed).id, checkpoint=CHECKPOINT)
    said: list[tuple[str, ...]] = []
    shown: list[str] = []
    made = EmbeddingView(services, state, shown.append, lambda *words: said.append(words))
    made.said, made.shown = said, shown
    return made


def test_the_command_is_what_the_command_line_takes(services: Services, analysed: Run) -> None:
    job = start_embedding(services, read_manifest(analysed).id, "half <b>", CHECKPOINT)
    args = command_parser("embed").parse_args(list(job.command[4:]))
    assert (args.run_folder, args.selection, args.checkpoint) == (analysed.path, "half <b>", CHECKPOINT)
    assert (job.kind, job.device, job.status, job.run) == ("embed", "cpu", "queued", analysed.path)
    with pytest.raises(RunBusyError, match="embedded already"):
        start_embedding(services, read_manifest(analysed).id, "half <b>", CHECKPOINT)


def test_too_few_or_none_are_told_before_anything_is_queued(services: Services, analysed: Run) -> None:
    write_selection(analysed, "few", np.arange(9), {})
    for name, sentence in (
        ("few", "has 9 particles, a UMAP needs at least 10; select more"),
        ("absent", "no selection 'absent'"),
    ):
        with pytest.raises(RunError, match=sentence):
            start_embedding(services, read_manifest(analysed).id, name, CHECKPOINT)
    assert services.jobs.jobs() == ()


def test_only_the_session_that_asked_shows_it(services: Services, analysed: Run) -> None:
    async def use() -> None:
        asked = watched(services, analysed)
        asked.start("half <b>")
        while not asked.lines.objects:
            await asyncio.sleep(0.01)
        other = watched(services, analysed)
        (job,) = services.jobs.jobs()
        finished = job.changed(status="finished", ended=now(), exit_code=0)
        for view in (asked, other):
            view._draw([Standing(finished, "written")])
        assert asked.shown == ["half <b>"] and "alone are shown" in asked.said[0][0]
        assert other.shown == [] and "Space offers it" in other.said[0][0] and other.state.saved == 1

    asyncio.run(use())


def test_it_looks_only_while_it_waits(services: Services, analysed: Run) -> None:
    async def use() -> None:
        view = watched(services, analysed)
        assert services.watchers == []
        view.start("half <b>")
        while not view.lines.objects:
            await asyncio.sleep(0.01)
        (look,) = services.watchers
        await look()
        assert "waits for the jobs before it" in next(iter(view._lines.values())).words.object
        assert "<b>" not in next(iter(view._lines.values())).words.object, "a name is no HTML"
        later = watched(services, analysed)
        assert len(later.lines.objects) == 1, "a page that is opened later waits too"
        view._stop(services.jobs.jobs()[0].id)
        for each in list(services.watchers):
            await each()
        assert view.lines.objects == later.lines.objects == []
        assert view.said == [("'half <b>' was not embedded: Stopped on request.",)] and view.shown == []
        for each in list(services.watchers):
            await each()
        await asyncio.sleep(0)
        assert services.watchers == []

    asyncio.run(use())
