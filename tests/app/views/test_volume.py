"""What viewers get of the structure on Explore: the names, colours and facts of the page, before the page has drawn them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from pathlib import Path
from typing import Any

import numpy as np
import panel_material_ui as pmui
import pytest

from cryohype_app.state import USUAL, AppState, Rows
from cryohype_app.stream import Listener, Shown, VolumeStream
from cryohype_app.views.volume import VolumeView
from cryohype_app.wire import FOLLOW, VolumeHead
from cryohype_app.worker.request import VolumeRequest
from cryohype_app.worker.results import HistogramResult, MeshResult, StageResult, VolumeResult
from cryohype_model.palette import CATEGORIES, category_colour
from cryohype_model.runs.layout import Run

TRIANGLE = np.eye(3, dtype=np.float32)
ROWS = np.arange(1234, dtype=np.int64)
RUN = Run(Path("first"))


class Worker:
    """Makes maps of 4 and 8 px at once."""

    async def stages(self, request: VolumeRequest) -> AsyncGenerator[StageResult, None]:
        """Two of them."""
        for number, side in enumerate((4, 8)):
            mesh = MeshResult("v-1", 0.5, TRIANGLE, TRIANGLE, np.array([[0, 1, 2]], np.uint32), 1)
            yield StageResult(
                "v-1", number, side == 8, np.zeros((side, side, side), np.float32), 16.0 / side, 0.5, min(256, len(request.rows)),
                len(request.rows), request.method, "step-7", 0.25, mesh, None, 1000.0 + number,
            )  # fmt: skip

    async def histogram(self, volume_id: str) -> HistogramResult:
        """Of the map."""
        return HistogramResult(volume_id, np.ones(2, np.int64), np.array([0.0, 1.0, 2.0]), 0.5, 0.25, 0.75, 8, 2.0)

    async def volume(self, volume_id: str) -> VolumeResult:
        """The whole map."""
        return VolumeResult(volume_id, np.ones((8, 8, 8), np.float32), 2.0, (0.0, 0.0, 0.0), 0.5, "network")


class Buttons:
    """The way to viewers, without buttons that do anything."""

    def __init__(self, stream: VolumeStream) -> None:
        self.stream = stream

    def button(self, *_: Any, **look: Any) -> Any:
        """One that does nothing."""
        return pmui.Button(**look)

    def follow(self, shown: Shown) -> None:
        """To everybody who follows."""
        self.stream.publish(shown)


class Heard(Listener):
    """Keeps every map, also those that are overtaken."""

    def __init__(self) -> None:
        super().__init__()
        self.all: list[Shown] = []

    def put(self, shown: Shown) -> None:
        """Leave a map."""
        self.all.append(shown)

    @property
    def heads(self) -> list[VolumeHead]:
        """Of all maps."""
        return [shown.head for shown in self.all]


class Page:
    """The structure of a session, and a viewer."""

    def __init__(self, stream: VolumeStream) -> None:
        self.stream, self.state, self.viewer = stream, AppState(run_id="run-id"), Heard()
        stream._listeners.add(self.viewer)
        self.said: list[str] = []
        self.view = VolumeView(Worker(), RUN, self.state, Buttons(stream), lambda text, *_: self.said.append(text), True)  # type: ignore[arg-type]

    async def rest(self) -> None:
        """Until the map is drawn."""
        while self.view._task is None:
            await asyncio.sleep(0)
        await self.view._task
        while (counting := self.view.contour._counting._task) is not None and not counting.done():
            await counting

    async def select(self, rows: Rows, origin: dict[str, Any], name: str = "", colour: str = "") -> None:
        """Select, and wait for the map."""
        self.state.select(rows, origin, name, "replace", colour)
        await self.rest()

    @property
    def drawn(self) -> tuple[str, str]:
        """Name and colour of the surface in the browser."""
        (mesh,) = self.view.viewer.meshes
        return mesh.name, mesh.colour


def drive(play: Callable[[Page], Awaitable[None]]) -> None:
    async def run() -> None:
        await play(Page(VolumeStream()))

    asyncio.run(asyncio.wait_for(run(), 60))


def test_every_stage_goes_to_those_who_follow() -> None:
    async def play(page: Page) -> None:
        await page.select(ROWS, {"kind": "lasso"})
        first, last = page.viewer.heads
        assert (first.slot, first.pinned, first.stage, first.last, first.shape) == (FOLLOW, False, 0, False, (4, 4, 4))
        assert (last.stage, last.last, last.shape, last.pixel_size_angstrom) == (1, True, (8, 8, 8), 2.0)
        assert (last.volume_id, last.run_id, last.run_name, last.level) == ("v-1", "run-id", "first", 0.5)
        assert [head.ready for head in (first, last)] == [1000.0, 1001.0]
        assert last.how == "mean of 256 of 1,234 particles · step-7"
        assert page.view.facts.object == "8 px at 2.00 Å · mean of 256 of 1,234 particles · step-7 · 0.25 s"

    drive(play)


@pytest.mark.parametrize(
    ("count", "origin", "name", "stored", "title", "colour"),
    [
        (1234, {"kind": "lasso"}, "", "", "1,234 particles", USUAL),
        (1, {"kind": "box"}, "", "", "1 particle", USUAL),
        (1, {"kind": "particle", "particle": 0}, "particle 0", "", "particle 0", USUAL),
        (9, {"kind": "cluster", "cluster": 3}, "cluster 3", "", "cluster 3", category_colour(3, True)),
        (9, {"kind": "cluster", "cluster": 6}, "cluster 6", "", "cluster 6", category_colour(6, True)),
        (9, {"kind": "cluster", "cluster": -1}, "cluster -1", "", "cluster -1", category_colour(-1)),
        (9, {"kind": "group", "column": "label", "value": 2}, "structure 2", "", "structure 2", category_colour(2, True)),
        (9, {"kind": "stored", "name": "mine"}, "mine", "#12ab34", "mine", "#12ab34"),
        (9, {"kind": "query", "query": "loss < 0.6"}, "loss < 0.6", "", "loss < 0.6", USUAL),
    ],
)
def test_name_and_colour_are_those_of_the_browser(
    count: int, origin: dict[str, Any], name: str, stored: str, title: str, colour: str
) -> None:
    async def play(page: Page) -> None:
        await page.select(ROWS[:count], origin, name, stored)
        assert page.drawn == (title, colour)
        assert {(head.name, head.colour) for head in page.viewer.heads} == {(title, colour)}

    drive(play)


def test_a_name_that_is_given_and_a_theme_reach_the_viewers_without_another_map() -> None:
    async def play(page: Page) -> None:
        await page.select(ROWS, {"kind": "lasso"})
        page.state.rename("mine", CATEGORIES[1])
        assert page.drawn == ("mine", CATEGORIES[1])
        *_, before, after = page.viewer.all
        assert after.array is before.array and after.head == before.head.model_copy(
            update={"name": "mine", "colour": CATEGORIES[1]}
        )
        await page.select(ROWS[:9], {"kind": "cluster", "cluster": 0}, "cluster 0")
        told = len(page.viewer.heads)
        page.view.set_theme(False)
        assert page.drawn == ("cluster 0", category_colour(0, False))
        assert page.viewer.heads[-1].colour == category_colour(0, False) != category_colour(0, True)
        page.view.set_theme(False)
        assert len(page.viewer.heads) == told + 1

    drive(play)


def test_a_name_does_not_bring_back_what_another_session_has_replaced() -> None:
    async def play(page: Page) -> None:
        other = Page(page.stream)
        await page.select(ROWS, {"kind": "lasso"})
        await other.select(ROWS[:7], {"kind": "lasso"})
        page.viewer.all.clear()
        other.viewer.all.clear()
        page.state.rename("mine", CATEGORIES[1])
        assert page.drawn == ("mine", CATEGORIES[1]) and page.viewer.all == []

    drive(play)


def test_what_was_overtaken_is_not_published() -> None:
    async def play(page: Page) -> None:
        page.state.select(ROWS, {"kind": "lasso"})
        page.state.select(ROWS[:3], {"kind": "lasso"}, operation="replace")
        await page.rest()
        assert {head.name for head in page.viewer.heads} == {"3 particles"}

    drive(play)


def test_what_is_sent_is_what_is_drawn() -> None:
    async def play(page: Page) -> None:
        assert page.view._to_send() is None
        await page.select(ROWS, {"kind": "lasso"})
        page.view.contour.level.value = 1.25
        sending = page.view._to_send()
        assert sending is not None
        await page.select(ROWS[:9], {"kind": "cluster", "cluster": 3}, "cluster 3")
        (shown,) = await sending.maps()
        assert (shown.head.name, shown.head.colour, shown.head.level) == ("1,234 particles", USUAL, 1.25)
        assert (shown.head.slot, shown.head.how) == ("sent-v-1", "mean of 256 of 1,234 particles · step-7")
        page.state.clear()
        assert page.view.contour.drawn_level is None and page.view._to_send() is None

    drive(play)
