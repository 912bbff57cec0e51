"""Runs are made whole or not at all, never over something else, and open by their manifest."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from cryohype_model.config import RunConfig
from cryohype_model.errors import RunError
from cryohype_model.runs.layout import RUN_FORMAT_VERSION, Run
from cryohype_model.runs.manifest import read_manifest, update_manifest
from cryohype_model.runs.run import create_run, open_run, read_config


def test_a_new_run_reads_back(run: Run) -> None:
    manifest = read_manifest(open_run(run.path))
    assert (manifest.status, manifest.seed, manifest.particles, manifest.box_px) == ("created", 7, 6, 32)
    assert manifest.command == ("cryohype", "train")
    assert manifest.data_fingerprint == "abc"
    assert len(manifest.id) == 32
    assert {"python", "cryohype", "numpy"} <= set(manifest.versions)
    assert read_config(run).training.seed == 7
    assert run.particles_star.is_file()


def test_opening_reads_the_manifest_only(run: Run) -> None:
    for path in (run.particles_star, run.config):
        path.unlink()
    assert open_run(run.path) == run


def test_identities_differ(make_run: Callable[[str], Run]) -> None:
    assert read_manifest(make_run("a")).id != read_manifest(make_run("b")).id


def test_another_run_is_not_overwritten(run: Run, make_run: Callable[[str], Run]) -> None:
    before = run.manifest.read_bytes()
    with pytest.raises(RunError, match=r"already holds a run.*--resume.*-o"):
        make_run("run")
    assert run.manifest.read_bytes() == before


def test_other_files_are_not_overwritten(tmp_path: Path, make_run: Callable[[str], Run]) -> None:
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis" / "chapter.tex").write_text("x")
    with pytest.raises(RunError, match="is not empty"):
        make_run("thesis")
    (tmp_path / "file").write_text("x")
    with pytest.raises(RunError, match="is a file"):
        make_run("file")


def test_an_empty_folder_may_be_there(tmp_path: Path, make_run: Callable[[str], Run]) -> None:
    (tmp_path / "empty").mkdir()
    assert open_run(make_run("empty").path)


def test_a_failing_writer_leaves_nothing(tmp_path: Path) -> None:
    def fail(_: Path) -> None:
        raise RunError("no particles")

    with pytest.raises(RunError, match="no particles"):
        create_run(tmp_path / "run", RunConfig(), [], "", fail)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_without_manifest_is_no_run(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="is not a run"):
        open_run(tmp_path)


@pytest.mark.parametrize("version", [0, RUN_FORMAT_VERSION + 1, None])
def test_another_version_is_refused_by_its_name(run: Run, version: int | None) -> None:
    tree = json.loads(run.manifest.read_text()) | {"format_version": version, "new_field": 1}
    run.manifest.write_text(json.dumps(tree))
    with pytest.raises(RunError, match=f"format version {version}"):
        open_run(run.path)


@pytest.mark.parametrize("content", ["", "{", "[]", "null"])
def test_a_damaged_manifest_gets_a_sentence(run: Run, content: str) -> None:
    run.manifest.write_text(content)
    with pytest.raises(RunError):
        open_run(run.path)


def test_update_changes_only_what_is_named(run: Run) -> None:
    before = read_manifest(run)
    update_manifest(run, status="running", pid=12, process_created=1.5, epochs_done=3)
    after = read_manifest(run)
    assert (after.status, after.pid, after.process_created, after.epochs_done) == ("running", 12, 1.5, 3)
    assert (after.id, after.created) == (before.id, before.created)
    assert after.updated >= before.updated


@pytest.mark.parametrize("change", [{"status": "bored"}, {"colour": "red"}])
def test_a_wrong_update_changes_nothing(run: Run, change: dict[str, str]) -> None:
    before = run.manifest.read_bytes()
    with pytest.raises(RunError, match="is wrong"):
        update_manifest(run, **change)
    assert run.manifest.read_bytes() == before
