from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from types import SimpleNamespace
from typing import Any

import numpy as np
import panel_material_ui as pmui

from cryohype_app.components.viewer3d import VolumeViewer
from cryohype_app.frame import LatentFrame
from cryohype_app.state import AppState
from cryohype_app.views.path import COLOUR, PathView, Step
from cryohype_app.worker.results import MeshResult
from cryohype_model.runs.latents import read_latents
from cryohype_model.runs.layout import Run

TRIANGLE = np.eye(3, dtype=np.float32)


async def _never(_: Any) -> AsyncGenerator[Any, None]:
    await asyncio.sleep(60)
    yield None


class Buttons:
    """Makes none."""

    def button(self, *_: Any, **look: Any) -> Any:
        """One that does nothing."""
        return pmui.Button(**look)


def _step(row: int) -> Step:
    stage: Any = SimpleNamespace(
        volume_id=f"v-{row}", array=np.full((8, 8, 8), row, np.float32), pixel_size_angstrom=2.0, rows_used=9, checkpoint="last",
        ready=7.0,
    )  # fmt: skip
    return Step(row, stage, MeshResult(f"v-{row}", 1.0, TRIANGLE, TRIANGLE, np.array([[0, 1, 2]], np.uint32), 1), 1.0)


def _view(run: Run, state: AppState, said: list[str]) -> PathView:
    worker: Any = SimpleNamespace(stages=_never)
    viewer, napari = VolumeViewer(min_height=10), Buttons()
    frame = LatentFrame(read_latents(run))
    return PathView(worker, run, frame, state, viewer, lambda: None, napari, lambda text, *_: said.append(text))  # type: ignore[arg-type]


def test_what_comes_after_a_path_was_closed_is_not_shown(analysed: Run) -> None:
    async def drive() -> None:
        state = AppState()
        view, rows = _view(analysed, state, []), np.array([3, 5], np.int64)
        view.show(rows, {})
        state.select(np.array([1]), {"kind": "list"})
        view._preview(rows, _step(3), 1)
        view._finish(rows, [_step(3), _step(5)])
        assert view.viewer.series == view.viewer.meshes == [] and view.viewer.busy == ""
        view.show(rows, {})
        view._finish(rows, [_step(3), _step(5)])
        assert [mesh.id for mesh in view.viewer.series] == ["path 3", "path 5"] and view.viewer.playing
        view.close()
        assert view.viewer.series == []

    asyncio.run(drive())


def test_the_series_goes_to_viewers_as_one_at_the_level_that_is_drawn(analysed: Run) -> None:
    async def drive() -> None:
        view, rows = _view(analysed, AppState(run_id="id"), []), np.array([3, 5], np.int64)
        assert view._to_send() is None
        view.show(rows, {"path": "component", "component": 1})
        assert view._to_send() is None, "it is being made"
        view._finish(rows, [_step(3), _step(5)])
        view.contour.value = 1.5
        sending = view._to_send()
        assert sending is not None
        view.close()
        first, second = await sending.maps()
        assert (first.head.series.id, first.head.series.number, first.head.series.count) == (view.series_id, 0, 2)
        assert second.head.slot == f"series-{view.series_id}-1" and second.head.pinned
        assert (second.head.name, second.head.colour, second.head.level) == ("path along a component", COLOUR, 1.5)
        assert second.head.how == "mean of 9 neighbours of particle 5 · last" and second.head.ready == 7.0
        assert second.array[0, 0, 0] == 5.0 and second.head.pixel_size_angstrom == 2.0

    asyncio.run(drive())
