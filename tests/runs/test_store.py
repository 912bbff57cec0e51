"""Runs are found by their manifests, broken ones with a reason, and checks tell what is wrong."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from cryohype_model.errors import RunError
from cryohype_model.runs.latents import LatentWriter
from cryohype_model.runs.layout import Run
from cryohype_model.runs.manifest import read_manifest, update_manifest
from cryohype_model.runs.selections import write_selection
from cryohype_model.runs.store import RunStore, check_run
from cryohype_model.runs.volumes import start_volume_series, write_volume_series


def test_runs_are_found_one_and_two_levels_down(tmp_path: Path, make_run: Callable[[str], Run]) -> None:
    labels = {"a", "group/b"}
    for label in labels:
        make_run(label)
    make_run("too/deep/down")
    make_run("a/volumes/inner")
    (tmp_path / "empty").mkdir()
    found = RunStore(tmp_path).list_runs()
    assert {item.run.path.relative_to(tmp_path).as_posix() for item in found} == labels


def test_identity_is_the_manifests_not_the_folders(tmp_path: Path, run: Run) -> None:
    identity = read_manifest(run).id
    run.path.rename(tmp_path / "renamed by a colleague")
    manifest = RunStore(tmp_path).list_runs()[0].manifest
    assert manifest is not None
    assert manifest.id == identity


def test_newest_first_and_broken_last_with_the_reason(tmp_path: Path, make_run: Callable[[str], Run]) -> None:
    for day, label in enumerate(["b", "c", "a"], start=1):
        run = make_run(label)
        tree = json.loads(run.manifest.read_text()) | {"created": f"2026-01-0{day}T00:00:00Z"}
        run.manifest.write_text(json.dumps(tree))
    (tmp_path / "c" / "manifest.json").write_text("{")
    found = RunStore(tmp_path).list_runs()
    assert [item.run.path.name for item in found] == ["a", "b", "c"]
    assert "not valid JSON" in found[-1].problem
    assert found[-1].manifest is None


def test_a_run_being_made_is_not_listed(tmp_path: Path, run: Run) -> None:
    run.path.rename(tmp_path / "run.partial-123")
    assert RunStore(tmp_path).list_runs() == []


def test_a_store_that_is_no_folder(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="is not a folder"):
        RunStore(tmp_path / "nowhere").list_runs()


def _fill(run: Run) -> None:
    """Every kind of artefact, whole."""
    update_manifest(run, epochs_done=1)
    (run.checkpoints / "last.ckpt").write_bytes(b"")
    writer = LatentWriter(run, "last", 6, 2)
    writer.write(np.arange(6), np.zeros((6, 2)), np.zeros(6))
    writer.finish(pd.DataFrame({"cluster": np.zeros(6, int)}), {}, {})
    (start_volume_series(run, "m") / "a.mrc").write_bytes(b"")
    entry = {"file": "a.mrc", "particle": 0, "method": "particle", "pixel_size_angstrom": 1.0, "checkpoint": "last"}
    write_volume_series(run, "m", [entry], {})
    write_selection(run, "s", [0], {})


def test_a_whole_run_has_no_problem(run: Run) -> None:
    _fill(run)
    assert check_run(run) == []


_DAMAGE: dict[str, Callable[[Run], object]] = {
    "is missing; the run cannot be resumed": lambda run: run.particles_star.unlink(),
    "no data_particles block": lambda run: run.particles_star.write_text("nonsense"),
    "the manifest tells of 9": lambda run: update_manifest(run, particles=9),
    "holds no checkpoint": lambda run: (run.checkpoints / "last.ckpt").unlink(),
    "torn line": lambda run: run.metrics_log.write_text('{"step": 1}\n{"st'),
    "unknown configuration key": lambda run: run.config.write_text("[training]\nepoch = 3\n"),
    "pca.npy": lambda run: (run.latents / "last" / "pca.npy").unlink(),
    "latents/last/table.parquet is missing or damaged": lambda run: (run.latents / "last" / "table.parquet").write_bytes(b"x"),
    "latents/half.partial was never finished": lambda run: LatentWriter(run, "half", 6, 2),
    "lacks the map a.mrc": lambda run: (run.volumes / "m" / "a.mrc").unlink(),
    "volumes/m was never finished": lambda run: (run.volumes / "m" / "meta.json").unlink(),
    "damaged volume series": lambda run: (run.volumes / "m" / "volumes.json").write_text("{"),
    "s.npy cannot be read": lambda run: (run.selections / "s.npy").unlink(),
    "is not a run": lambda run: run.manifest.unlink(),
}


@pytest.mark.parametrize("words", _DAMAGE)
def test_every_damage_is_told(run: Run, words: str) -> None:
    _fill(run)
    _DAMAGE[words](run)
    problems = check_run(run)
    assert any(words in problem for problem in problems), problems


def test_every_folder_may_be_missing(run: Run) -> None:
    for folder in (run.checkpoints, run.latents, run.volumes, run.selections, run.evaluation):
        shutil.rmtree(folder)
    assert check_run(run) == []
