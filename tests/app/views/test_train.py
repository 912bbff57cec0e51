"""The Train page without a browser: what it would start."""

from __future__ import annotations

import asyncio
from pathlib import Path
from types import SimpleNamespace

import pytest

from cryohype_app.jobs.book import JobBook
from cryohype_app.roots import Roots
from cryohype_app.services import Services
from cryohype_app.store import DataStore
from cryohype_app.views.train import TrainView
from cryohype_model.cli import command_parser
from cryohype_model.config import load_config
from cryohype_model.runs.layout import Run
from cryohype_model.runs.manifest import read_manifest


class Pages:
    """Makes the page within an event loop, as the server does, and waits for what it reads."""

    def __init__(self, store: Path, roots: list[Path]) -> None:
        self.services = Services(DataStore((store,)), JobBook(store), Roots.of([store, *roots]))
        self.said: list[str] = []

    def make(self, clone: str = "", **fields: object) -> TrainView:
        """The page with these fields of its settings filled in."""

        async def made() -> TrainView:
            view = TrainView(self.services, SimpleNamespace(tell=lambda text, *_: self.said.append(text)), clone)
            for key, value in fields.items():
                view.form.widgets[key.replace("__", ".")].value = value
            for _ in range(400):
                await asyncio.sleep(0.02)
                if view._reading._task is None or view._reading._task.done():
                    break
            return view

        return asyncio.run(made())


@pytest.fixture
def pages(store: Path, mixture: Path) -> Pages:
    return Pages(store, [mixture.parent])


def test_a_clone_keeps_every_setting_of_its_run(pages: Pages, analysed: Run) -> None:
    view = pages.make(clone=read_manifest(analysed).id, training__epochs=9)
    words = view.wanted.command(pages.services.data.home)[3:]
    args = command_parser("train").parse_args(list(words[1:]))
    assert args.preset is None, "a preset would take the place of the settings that are cloned"
    config = load_config(args.config, overrides=args.overrides)
    before = load_config(analysed.config)
    assert config.model == before.model
    assert config.training.epochs == 9
    assert config.training.batch_size == before.training.batch_size
    assert view.summary is not None
    assert dict(view.summary.rows)["particles"] == "60 in 1 stack"


def test_a_preset_takes_the_place_of_a_clone(pages: Pages, analysed: Run) -> None:
    view = pages.make(clone=read_manifest(analysed).id)
    view.preset.value = "demo"
    assert view.wanted.preset == "demo"
    assert view.wanted.config is None


def test_the_settings_that_say_how_a_file_is_read_are_heeded_and_confined(pages: Pages, analysed: Run, tmp_path: Path) -> None:
    outside = tmp_path.parent / "poses.pkl"
    view = pages.make(clone=read_manifest(analysed).id, data__poses=str(outside))
    assert view.summary is None
    assert "outside of the folders" in view.found.objects[0].object
    assert view.start.disabled


def test_an_emptied_box_is_refused_and_nothing_is_started(pages: Pages, analysed: Run) -> None:
    view = pages.make(clone=read_manifest(analysed).id)
    view.form.widgets["training.epochs"].value = None
    view._start()
    assert "training.epochs cannot be left empty" in pages.said[0]
    assert pages.services.jobs.jobs() == ()
