"""A real worker process on a tiny analysed run, and an event loop to ask it from."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Callable, Coroutine, Iterator
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import pandas as pd
import pytest

from cryohype_app.worker.client import VolumeWorker
from cryohype_app.worker.request import VolumeRequest
from cryohype_app.worker.results import StageResult
from cryohype_model.runs.layout import Run

T = TypeVar("T")
Play = Callable[[Coroutine[Any, Any, T]], T]
SECONDS = 60.0


@pytest.fixture(scope="session")
def play() -> Iterator[Play[Any]]:
    """A function that runs a coroutine to its end, always on the same event loop."""
    loop = asyncio.new_event_loop()
    yield lambda coroutine: loop.run_until_complete(asyncio.wait_for(coroutine, SECONDS))
    loop.run_until_complete(loop.shutdown_asyncgens())
    loop.close()


@pytest.fixture(scope="session")
def analysed_run(pristine_run: Run, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A run with latents, which no test changes; without what else an analysis finds, which takes long."""
    from cryohype_model.inference.latents import encode_all, fit_basis
    from cryohype_model.inference.trained import open_trained_run
    from cryohype_model.runs.latents import LatentWriter

    folder = tmp_path_factory.mktemp("worker") / "run"
    shutil.copytree(pristine_run.path, folder)
    trained = open_trained_run(folder, accelerator="cpu")
    basis = fit_basis(trained, 8, 60, seed=0, report=lambda _: None)
    writer = LatentWriter(trained.run, trained.checkpoint, 60, len(basis.components))
    encode_all(trained, basis, writer, lambda _: None)
    writer.finish(pd.DataFrame(index=range(60)), basis.arrays(), {})
    return Run(folder)


@pytest.fixture(scope="session")
def worker(analysed_run: Run, play: Play[Any], tmp_path_factory: pytest.TempPathFactory) -> Iterator[VolumeWorker]:
    """A worker that the tests share; those that kill one make their own."""
    shared = VolumeWorker(analysed_run.path, accelerator="cpu", log=tmp_path_factory.mktemp("log") / "worker.log")
    yield shared
    play(shared.close())


@pytest.fixture
def own_worker(pristine_run: Run, play: Play[Any], tmp_path: Path) -> Iterator[Callable[..., VolumeWorker]]:
    """A function that makes a worker of the test's own, ``own_worker(idle_seconds=1)``."""
    made: list[VolumeWorker] = []

    def make(run: Path = pristine_run.path, **how: Any) -> VolumeWorker:
        made.append(VolumeWorker(run, **{"accelerator": "cpu", "log": tmp_path / "worker.log"} | how))
        return made[-1]

    yield make
    for one in made:
        play(one.close())


@pytest.fixture(scope="session")
def all_stages() -> Callable[..., Coroutine[Any, Any, list[StageResult]]]:
    """A function that waits for every stage, ``await all_stages(worker, [3, 17], slot="a", box_px=24)``."""

    async def collect(worker: VolumeWorker, rows: list[int], slot: str = "panel", **how: Any) -> list[StageResult]:
        return [stage async for stage in worker.stages(VolumeRequest(slot, np.array(rows, dtype=np.int64), **how))]

    return collect
