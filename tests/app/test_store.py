"""What is on disk, found once for all sessions."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from cryohype_app.frame import LatentFrame
from cryohype_app.store import DataStore
from cryohype_model.errors import RunError
from cryohype_model.runs.layout import Run
from cryohype_model.runs.manifest import read_manifest
from cryohype_model.runs.metrics_log import append_metrics


def test_runs_are_found_by_their_identity(store: Path, analysed: Run) -> None:
    data = DataStore((store,))
    run_id = read_manifest(analysed).id
    assert [found.run.path for found in data.runs()] == [analysed.path]
    assert data.run(run_id).path == analysed.path
    with pytest.raises(RunError, match="no run 'nonsense'"):
        data.run("nonsense")


def test_a_copied_run_and_a_broken_one_are_shown_too(store: Path, analysed: Run) -> None:
    shutil.copytree(analysed.path, store / "copy")
    (store / "broken").mkdir()
    (store / "broken" / "manifest.json").write_text("{")
    keyed = DataStore((store,)).keyed_runs()
    assert len(keyed) == len({key for key, _ in keyed}) == 3
    assert keyed[-1][1].manifest is None


def test_a_run_that_appears_later_is_found_at_once_by_its_identity(store: Path, analysed: Run) -> None:
    data = DataStore((store,))
    data.runs()
    new = Run(store / "new")
    shutil.copytree(analysed.path, new.path)
    text = new.manifest.read_text().replace(read_manifest(analysed).id, "f" * 32)
    new.manifest.write_text(text)
    assert data.run("f" * 32).path == new.path


def test_latents_are_shared_until_they_are_made_anew(store: Path, analysed: Run) -> None:
    data = DataStore((store,))
    run_id = read_manifest(analysed).id
    assert data.frame(run_id) is data.frame(run_id)
    assert data.latents(run_id) == ["step-00000007"]


def test_the_curve_is_read_again_only_when_it_grew(store: Path, analysed: Run) -> None:
    data = DataStore((store,))
    before = data.metrics(analysed)
    assert data.metrics(analysed) is before
    append_metrics(analysed, {"step": 8, "epoch": 1, "split": "step", "loss": 0.5})
    assert len(data.metrics(analysed)) == len(before) + 1


def test_a_frame_tells_what_there_is(store: Path, analysed: Run) -> None:
    frame: LatentFrame = DataStore((store,)).frame(read_manifest(analysed).id)
    assert len(frame) == 60
    assert frame.axes == ("umap_x", "umap_y", "pc1", "pc2", "pc3", "pc4")
    assert frame.colours[0] == "cluster"
    assert (frame.kind("cluster"), frame.kind("defocus_um")) == ("category", "quantity")
    assert sum(frame.sizes("cluster").values()) == 60
    assert frame.title("pc2") == "PC 2 (30.0%)"
    assert np.array_equal(frame.column("pc1"), frame.space.pca[:, 0])
    with pytest.raises(RunError, match="no column 'nothing'"):
        frame.column("nothing")


def test_points_are_shuffled_alike_for_every_colour(store: Path, analysed: Run) -> None:
    frame = DataStore((store,)).frame(read_manifest(analysed).id)
    points = frame.points("umap_x", "umap_y", "cluster")
    assert sorted(frame.order) == list(range(60))
    assert np.array_equal(points["x"], frame.column("umap_x")[frame.order])
    assert np.array_equal(points["value"], frame.column("cluster")[frame.order])
