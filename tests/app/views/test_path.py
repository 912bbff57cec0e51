from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from types import SimpleNamespace
from typing import Any

import numpy as np

from cryohype_app.components.viewer3d import VolumeViewer
from cryohype_app.frame import LatentFrame
from cryohype_app.state import AppState
from cryohype_app.views.path import PathView, Step
from cryohype_app.worker.results import MeshResult
from cryohype_model.runs.latents import read_latents
from cryohype_model.runs.layout import Run

TRIANGLE = np.eye(3, dtype=np.float32)


async def _never(_: Any) -> AsyncGenerator[Any, None]:
    await asyncio.sleep(60)
    yield None


def _step(row: int) -> Step:
    stage: Any = SimpleNamespace(
        volume_id=f"v-{row}", array=np.zeros((8, 8, 8), np.float32), pixel_size_angstrom=2.0, rows_used=9, checkpoint="last"
    )
    return Step(row, stage, MeshResult(f"v-{row}", 1.0, TRIANGLE, TRIANGLE, np.array([[0, 1, 2]], np.uint32), 1), 1.0)


def _view(run: Run, state: AppState, said: list[str]) -> PathView:
    worker: Any = SimpleNamespace(stages=_never)
    viewer = VolumeViewer(min_height=10)
    return PathView(worker, run, LatentFrame(read_latents(run)), state, viewer, lambda: None, lambda text, *_: said.append(text))


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
