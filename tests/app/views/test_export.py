"""The Export page without a browser: what its choices come to, and what it says."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from cryohype_app.exports.pace import Pace
from cryohype_app.exports.plan import PlannedFile
from cryohype_app.exports.progress import Progress
from cryohype_app.exports.source import ExportSource
from cryohype_app.jobs.book import JobBook
from cryohype_app.roots import Roots
from cryohype_app.services import Services
from cryohype_app.standing import standing_of
from cryohype_app.store import DataStore
from cryohype_app.views.export.choices import particle_numbers
from cryohype_app.views.export.preview import busy_line, duration, files_table, size_text
from cryohype_app.views.export.view import ExportView
from cryohype_app.views.runs import RunsView
from cryohype_model.errors import ConfigError, RunError
from cryohype_model.runs.layout import Run
from cryohype_model.runs.manifest import read_manifest
from cryohype_model.runs.selections import write_selection

SECONDS = 60


class Page:
    """The page in an event loop, and what it told."""

    def __init__(self, store: Path, run: Run) -> None:
        self.services = Services(DataStore((store,)), JobBook(store), Roots.of([store]), "cpu")
        self.run_id = read_manifest(run).id
        self.said: list[str] = []

    def play(self, act: Callable[[ExportView], Any]) -> ExportView:
        """Make the page, do something with it, and wait until it rests."""

        async def run() -> ExportView:
            frame = self.services.data.frame(self.run_id)
            worker = self.services.worker(self.run_id, frame.space.checkpoint)
            source = ExportSource(self.services.data, self.run_id, frame, worker)
            view = ExportView(self.services, source, SimpleNamespace(tell=lambda text, *_: self.said.append(text)))  # type: ignore[arg-type]
            await self._rest(view)
            act(view)
            await self._rest(view)
            view._tick()
            await self._rest(view)
            await self.services.close()
            return view

        return asyncio.run(asyncio.wait_for(run(), SECONDS))

    async def _rest(self, view: ExportView) -> None:
        while True:
            waits = [view._checking, view._timing, view._starting, view.finished._looking]
            making = self.services.exports.of(self.run_id)
            busy = making is not None and making.status == "making"
            if not busy and all(wait._task is None or wait._task.done() for wait in waits):
                return
            await asyncio.sleep(0.02)


@pytest.fixture
def page(store: Path, analysed: Run, monkeypatch: pytest.MonkeyPatch) -> Page:
    async def measured(*_: Any) -> Pace:
        return Pace("a fast machine", 20.0, 0.0, 5.0, 1.0)

    monkeypatch.setattr("cryohype_app.exports.desk.measure_pace", measured)
    write_selection(analysed, "<b>some</b>".replace("/", "|"), np.arange(5), {"kind": "list"})
    return Page(store, analysed)


def test_selections_are_ticked_at_first_and_their_files_are_listed(page: Page) -> None:
    view = page.play(lambda _: None)
    wish = view.choices.wish("zip")
    assert wish.selections == ("<b>some<|b>",)
    assert wish.clusters == ()
    assert wish.forms == {"maps", "script", "report"}
    assert "maps/b_some_b.mrc" in view.files.object
    assert not view.fetch.disabled
    assert view.summary.object.endswith("about 50 s on a fast machine"), "a map, its measures, 5 + 5 s, the report"


def test_nothing_chosen_is_a_sentence_and_no_button(page: Page) -> None:
    view = page.play(lambda view: setattr(view.choices.selections, "value", []))
    assert view.summary.object == "nothing is chosen to export; choose a selection, a cluster or a particle"
    assert view.fetch.disabled and view.keep.disabled
    assert view.files.object == ""


def test_a_script_without_maps_is_left_out(page: Page) -> None:
    view = page.play(lambda view: setattr(view.choices.ticks["maps"], "value", False))
    assert view.choices.ticks["script"].disabled
    assert view.choices.wish("zip").forms == {"report"}
    assert ".cxc" not in view.files.object


@pytest.mark.parametrize(
    ("widget", "text", "sentence"),
    [
        ("particles", "3, x7", "'x7' is no particle; write numbers such as 3, 17"),
        ("box", "large", "the box must be a number, not 'large'"),
        ("box", "33", "must be even and between 8 and 800 px, not 33"),
        ("low_pass", "-2", "a low-pass must be a positive number of Å, not -2"),
        ("name", "a/b", "cannot name a"),
    ],
)
def test_what_is_typed_wrongly_is_told(page: Page, widget: str, text: str, sentence: str) -> None:
    view = page.play(lambda view: view.choices.__dict__[widget].param.update(value=text, value_input=text))
    assert sentence in view.summary.object.replace("&#x27;", "'")
    assert view.fetch.disabled


def test_what_is_written_into_the_run_is_listed_with_its_place(page: Page, analysed: Run) -> None:
    def act(view: ExportView) -> None:
        for form, tick in view.choices.ticks.items():
            tick.value = form == "pkl"
        view.start("folder")

    view = page.play(act)
    (made,) = analysed.exports.iterdir()
    assert view.doing.object == f"{made.name} is complete."
    assert view.download.address == "", "a folder is not fetched"
    assert page.said == []
    (line,) = view.finished.lines.objects
    assert made.name in line.objects[0].objects[0].object


def test_a_zip_is_fetched_by_the_session_that_asked_for_it(page: Page, analysed: Run) -> None:
    def act(view: ExportView) -> None:
        for form, tick in view.choices.ticks.items():
            tick.value = form == "pkl"
        view.start("zip")

    view = page.play(act)
    (made,) = analysed.exports.iterdir()
    assert view.download.address == f"/api/v1/runs/{page.run_id}/exports/{made.name}"
    other = page.play(lambda _: None)
    assert other.download.address == ""
    assert len(other.finished.lines.objects) == 1


def test_numbers_of_particles() -> None:
    assert particle_numbers(" 3, 17;5 4\n") == (3, 17, 5, 4)
    assert particle_numbers("") == ()
    with pytest.raises(ConfigError, match="'-1' is no particle"):
        particle_numbers("-1")


@pytest.mark.parametrize(
    ("count", "text"),
    [(0, "0 B"), (999, "999 B"), (1024, "1.02 kB"), (132_096, "132 kB"), (67_110_000, "67.1 MB"), (5_200 * 10**9, "5200 GB")],
)
def test_sizes_for_people(count: int, text: str) -> None:
    assert size_text(count) == text


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.2, "a few seconds"), (31, "about 30 s"), (119, "about 2 min"), (3600 * 2.5, "about 2.5 h")]
)
def test_times_for_people(seconds: float, text: str) -> None:
    assert duration(seconds) == text


def test_names_of_files_are_text_and_sizes_tell_what_is_an_estimate() -> None:
    table = files_table([PlannedFile("particles/<i>.star", 100), PlannedFile("maps/a.mrc", 100, exact=True)])
    assert "&lt;i&gt;" in table and "<i>" not in table
    assert table.count("≈") == 1
    assert "and 600 more" in files_table([PlannedFile(str(number), 1) for number in range(1000)])


def test_the_time_that_is_left_is_told_once_it_is_known() -> None:
    progress = Progress(total=100.0)
    progress.begin("map of x", 50.0)
    assert busy_line(progress) == "map of x"
    progress.within(1, 1)
    assert busy_line(progress) == "map of x · a few seconds left"
    progress.begin("FSC of x", 50.0)
    assert progress.fraction == 0.5


def test_a_run_is_not_deleted_while_it_is_exported(page: Page, analysed: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(page.services.exports, "is_making", lambda run_id: run_id == page.run_id)
    run = standing_of(page.services.data, page.services.jobs, page.run_id)
    with pytest.raises(RunError, match="is being exported; wait for that, or cancel it on its Export page"):
        RunsView._delete(SimpleNamespace(services=page.services), run)  # type: ignore[arg-type]
    assert analysed.manifest.exists()
