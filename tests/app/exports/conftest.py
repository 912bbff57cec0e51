"""A run with clusters, labels and selections and a worker that makes its maps, both shared; exports are a test's own."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Callable, Coroutine, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from cryohype_app.exports.desk import ExportDesk, Making, check
from cryohype_app.exports.source import ExportSource
from cryohype_app.exports.wish import Wish
from cryohype_app.store import DataStore
from cryohype_app.worker.client import VolumeWorker
from cryohype_model.runs.latents import LatentWriter
from cryohype_model.runs.layout import Run
from cryohype_model.runs.manifest import read_manifest
from cryohype_model.runs.selections import write_selection

CHECKPOINT = "step-00000007"
SECONDS = 90.0


def analyse(run: Run) -> None:
    """Latents of 60 particles in two clusters, the true structures but for three particles."""
    rng = np.random.default_rng(1)
    label = np.repeat([0, 1], 30)
    cluster = label.copy()
    cluster[[3, 4, 50]] = 1 - cluster[[3, 4, 50]]
    pca = rng.normal(size=(60, 4)).astype(np.float32) + 8 * cluster[:, None]
    writer = LatentWriter(run, CHECKPOINT, 60, 4)
    writer.write(np.arange(60), pca, rng.random(60))
    table = pd.DataFrame({"umap_x": pca[:, 0], "umap_y": pca[:, 1], "cluster": cluster, "label": label})
    medoids = {str(number): int(np.flatnonzero(cluster == number)[0]) for number in range(2)}
    writer.finish(table, {"components": np.eye(4, dtype=np.float32)}, {"medoids": medoids, "cluster_method": "kmeans"})


@pytest.fixture(scope="session")
def play() -> Iterator[Callable[[Coroutine[Any, Any, Any]], Any]]:
    """A function that runs a coroutine to its end, always on the same event loop."""
    loop = asyncio.new_event_loop()
    yield lambda coroutine: loop.run_until_complete(asyncio.wait_for(coroutine, SECONDS))
    loop.run_until_complete(loop.shutdown_asyncgens())
    loop.close()


@pytest.fixture(scope="session")
def source(pristine_run: Run, tmp_path_factory: pytest.TempPathFactory, play: Any) -> Iterator[ExportSource]:
    """What exports are made of; no test changes it."""
    store = tmp_path_factory.mktemp("exports")
    shutil.copytree(pristine_run.path, store / "first")
    run = Run(store / "first")
    analyse(run)
    write_selection(run, "bent & <b>bold", np.arange(10, 30), {"kind": "lasso", "colour": "#882255", "x_axis": "umap_x"})
    write_selection(run, "few", np.array([2, 40, 41]), {"kind": "list"})
    write_selection(run, "none", np.array([], np.int64), {"kind": "list"})
    worker = VolumeWorker(run.path, CHECKPOINT, "cpu", log=store / "worker.log")
    data, run_id = DataStore((store,)), read_manifest(run).id
    yield ExportSource(data, run_id, data.frame(run_id), worker)
    play(worker.close())


@dataclass
class Exporter:
    """Makes exports into a folder."""

    source: ExportSource
    folder: Path
    play: Callable[[Coroutine[Any, Any, Any]], Any]

    def make(self, **wish: Any) -> Path:
        """The finished folder or file."""
        making = self.play(self._made(Wish(name="mine", **{"place": "folder"} | wish)))
        assert making.status == "finished", making.message
        return self.folder / making.name

    async def _made(self, wish: Wish) -> Making:
        desk = ExportDesk()
        making = desk.start(self.source, check(self.source, wish), self.folder)
        while making.status == "making":
            await asyncio.sleep(0.02)
        return making


@pytest.fixture(scope="session")
def exporter_in(source: ExportSource, play: Any) -> Callable[[Path], Exporter]:
    """A function that gives a place for exports in a folder."""
    return lambda folder: Exporter(source, folder / "exports", play)


@pytest.fixture
def exporter(exporter_in: Callable[[Path], Exporter], tmp_path: Path) -> Exporter:
    """Exports of this test."""
    return exporter_in(tmp_path)
