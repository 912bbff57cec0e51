"""Maps of a page to viewers: who gets them, what is said where nobody listens, and what is not in the page."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from cryohype_app.components.copyline import CopyLine
from cryohype_app.desktop import Opened
from cryohype_app.jobs.book import JobBook
from cryohype_app.roots import Roots
from cryohype_app.served import Served
from cryohype_app.services import Services
from cryohype_app.store import DataStore
from cryohype_app.stream import Shown
from cryohype_app.views.napari import MADE_AGAIN, NOTHING, WENT_AWAY, Label, Napari, Sending, held_map
from cryohype_app.worker.errors import volume_gone
from cryohype_app.worker.results import VolumeResult

TOKEN = "a-secret-token-of-a-test"
LABEL = Label("cluster 3", "#D55E00", "run-id", "first", "mean of 9 particles", 0.5)
MAP = np.arange(64, dtype=np.float32).reshape(4, 4, 4)


class Page:
    """A page without a browser: its way to viewers, and what it told."""

    def __init__(self, store: Path) -> None:
        served = Served(port=8051, token=TOKEN)
        self.services = Services(DataStore((store,)), JobBook(store), Roots.of([store]), "cpu", served=served)
        self.said: list[str] = []
        self.made_again = 0
        self.napari = Napari(self.services, lambda text, *_: self.said.append(text))

    @property
    def dialog(self) -> Any:
        """How a viewer is connected."""
        return self.napari.dialog

    def sending(self, worker: Any = None) -> Sending:
        """A map that a worker holds."""
        return Sending(lambda: held_map(worker or Worker(), "v-1", LABEL), self._again)

    def _again(self) -> None:
        self.made_again += 1

    def lines(self) -> list[CopyLine]:
        """What can be copied."""
        return [part for part in self.dialog.select() if isinstance(part, CopyLine)]

    async def rest(self) -> None:
        """Until everything was sent."""
        await asyncio.gather(*self.napari._tasks)


class Worker:
    """Holds one map."""

    async def volume(self, volume_id: str) -> VolumeResult:
        """The map of an id."""
        return VolumeResult(volume_id, MAP, 2.5, (1.0, 2.0, 3.0), 9.0, "network")


class Forgetful:
    """Holds none."""

    async def volume(self, volume_id: str) -> VolumeResult:
        """The map of an id."""
        raise volume_gone(volume_id)


@pytest.fixture
def page(tmp_path: Path) -> Iterator[Page]:
    made = Page(tmp_path)
    yield made
    made.napari.end()


def drive(play: Callable[[], Awaitable[None]]) -> None:
    asyncio.run(asyncio.wait_for(play(), 60))  # type: ignore[arg-type]


def test_a_map_that_is_sent_is_a_layer_of_its_own_as_the_page_has_it(page: Page) -> None:
    async def play() -> None:
        here, other = page.services.stream.join(), page.services.stream.join()
        page.services.stream.settle(other, False, "half")
        page.napari._asked(page.sending())
        await page.rest()
        for listener in (here, other):
            head = (shown := await listener.take()).head
            assert shown.array is MAP and head.shape == (4, 4, 4)
            assert (head.slot, head.pinned, head.volume_id) == ("sent-v-1", True, "v-1")
            assert (head.name, head.colour, head.level, head.how) == ("cluster 3", "#D55E00", 0.5, "mean of 9 particles")
            assert (head.run_id, head.run_name, head.last) == ("run-id", "first", True)
            assert (head.pixel_size_angstrom, head.origin_angstrom) == (2.5, (1.0, 2.0, 3.0))
        assert page.said == ["Sent to napari (2 viewers)"]
        assert not page.dialog.open

    drive(play)


def test_without_a_level_of_the_page_the_suggested_one_counts_and_long_names_are_cut() -> None:
    async def play() -> None:
        (shown,) = await held_map(Worker(), "v", Label("n" * 70_000, "#D55E00", "", "", ""))  # type: ignore[arg-type]
        assert shown.head.level == 9.0 and len(shown.head.name) == 200

    drive(play)


def test_where_nobody_listens_it_waits_for_a_viewer(page: Page) -> None:
    async def play() -> None:
        button = page.napari.button(page.sending)
        page.napari._asked(page.sending())
        assert page.dialog.open and page.said == []
        assert button.label == "Send to napari"
        viewer = page.services.stream.join()
        assert not page.dialog.open and button.label == "Send to napari · 1"
        assert (await viewer.take()).head.name == "cluster 3"
        await page.rest()
        assert page.said == ["Sent to napari (1 viewer)"]
        page.services.stream.leave(viewer)
        assert button.label == "Send to napari"

    drive(play)


def test_who_closes_the_window_does_not_want_it_any_more(page: Page) -> None:
    async def play() -> None:
        page.napari._asked(page.sending())
        page.dialog.open = False
        page.services.stream.join()
        await page.rest()
        assert page.said == []

    drive(play)


def test_a_map_that_its_worker_let_go_is_made_again(page: Page) -> None:
    async def play() -> None:
        page.services.stream.join()
        page.napari._asked(page.sending(Forgetful()))
        await page.rest()
        assert page.said == [MADE_AGAIN] and page.made_again == 1

    drive(play)


def test_what_cannot_be_sent_is_told(page: Page) -> None:
    async def broken() -> list[Shown]:
        raise volume_gone("v-1")

    async def play() -> None:
        page.napari._asked(None)
        viewer = page.services.stream.join()
        page.napari._asked(Sending(broken))
        await page.rest()
        page.napari._asked(page.sending())
        page.services.stream.leave(viewer)
        await page.rest()
        assert page.said == [NOTHING, str(volume_gone("v-1")), WENT_AWAY]

    drive(play)


def test_a_page_that_is_gone_is_not_told_of_viewers(page: Page) -> None:
    button = page.napari.button(page.sending)
    page.napari.end()
    page.services.stream.join()
    assert button.label == "Send to napari"


def test_the_window_has_the_lines_and_the_token_only_when_it_is_asked_for(page: Page) -> None:
    async def play() -> None:
        assert page.lines() == [], "a page is quick while it is not needed"
        page.napari._asked(page.sending())
        lines = page.lines()
        shown = [line.shown for line in lines]
        assert "pip install -c constraints.txt '.[napari]'" in shown and "cryohype-app napari" in shown
        assert any(line.startswith("ssh -N -L 8051:localhost:8051 ") for line in shown)
        assert shown.count("http://localhost:8051/?token=••••••••") == 2
        assert TOKEN not in repr(page.dialog) + "".join(str(line.param.values()) for line in lines)
        first, second = (line for line in lines if line.secret)
        first._handle_msg({})
        assert first.text == f"http://localhost:8051/?token={TOKEN}" and second.text == ""
        page.dialog.open = False
        assert first.text == "" and page.lines() == []

    drive(play)


def test_the_tunnel_leads_to_this_machine(page: Page, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cryohype_app.views.connect.login_here", lambda: "me@gpu.example.org")

    async def play() -> None:
        page.napari._asked(page.sending())
        await page.napari._connect._naming._task  # type: ignore[misc]
        assert "ssh -N -L 8051:localhost:8051 me@gpu.example.org" in [line.shown for line in page.lines()]

    drive(play)


def test_a_line_that_is_no_secret_cannot_be_asked_for() -> None:
    line = CopyLine("a command", "ls")
    line._handle_msg({})
    assert line.text == ""


def opened(page: Page, monkeypatch: pytest.MonkeyPatch, **facts: Any) -> list[str]:
    """Addresses with which a napari was started."""
    asked: list[str] = []

    def open_napari(address: str, log: Path) -> Opened:
        asked.append(address)
        return SimpleNamespace(log=log, **facts)  # type: ignore[return-value]

    monkeypatch.setattr("cryohype_app.views.connect.open_napari", open_napari)
    monkeypatch.setattr("cryohype_app.views.connect.LOOK_SECONDS", 0.01)
    return asked


def test_a_napari_that_is_opened_here_gets_the_map(page: Page, monkeypatch: pytest.MonkeyPatch) -> None:
    async def play() -> None:
        asked = opened(page, monkeypatch, is_running=True)
        page.napari._asked(page.sending())
        connect = page.napari._connect
        connect._open_here()
        connect._open_here()
        assert connect.here.disabled and "starting" in connect.told.object
        page.dialog.open = False  # impatient
        viewer = page.services.stream.join()
        assert (await viewer.take()).head.name == "cluster 3"
        await connect._starting  # type: ignore[misc]
        assert asked == ["http://localhost:8051/"] and TOKEN not in asked[0]
        assert not connect.here.disabled and connect.told.object == ""

    drive(play)


def test_why_a_napari_ended_is_told(page: Page, monkeypatch: pytest.MonkeyPatch) -> None:
    async def play() -> None:
        opened(page, monkeypatch, is_running=False, last_words="ImportError: <b>no Qt</b>")
        page.napari._asked(page.sending())
        connect = page.napari._connect
        connect._open_here()
        await connect._starting  # type: ignore[misc]
        assert connect.told.object.startswith("napari ended before it was connected")
        assert "<b>" not in connect.told.object
        assert not connect.here.disabled and page.dialog.open

    drive(play)


@pytest.mark.parametrize("is_there", [True, False])
def test_it_is_offered_here_where_there_is_a_desktop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_there: bool) -> None:
    monkeypatch.setattr("cryohype_app.views.connect.can_open_napari", lambda: is_there)
    page = Page(tmp_path)

    async def play() -> None:
        page.napari._asked(page.sending())
        assert (page.napari._connect.here in page.dialog.select()) is is_there

    drive(play)
    page.napari.end()
