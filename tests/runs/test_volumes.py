"""A series of maps appears when complete; a user's own files are never replaced."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from cryohype_model.errors import RunError
from cryohype_model.runs.layout import Run
from cryohype_model.runs.volumes import list_volume_series, read_volume_series, start_volume_series, write_volume_series


def _entry(file: str = "a.mrc", **changes: Any) -> dict[str, Any]:
    return {"file": file, "cluster": 4, "method": "medoid", "pixel_size_angstrom": 3.0, "checkpoint": "last"} | changes


def _write(where: Run | Path, name: str = "medoids", file: str = "a.mrc") -> None:
    folder = start_volume_series(where, name)
    (folder / file).write_bytes(b"map")
    write_volume_series(where, name, [_entry(file)], {"box_px": 32})


@pytest.mark.parametrize("into_run", [True, False])
def test_round_trip(run: Run, tmp_path: Path, into_run: bool) -> None:
    where = run if into_run else tmp_path
    _write(where)
    series = read_volume_series(where, "medoids")
    assert (series.name, len(series), series.meta["box_px"]) == ("medoids", 1, 32)
    assert series.entries[0].cluster == 4
    assert series.map_path(series.entries[0]).read_bytes() == b"map"
    assert list_volume_series(where) == ["medoids"]


def test_a_later_series_replaces_the_older_whole(run: Run) -> None:
    _write(run, file="a.mrc")
    _write(run, file="b.mrc")
    assert {path.name for path in (run.volumes / "medoids").iterdir()} == {"b.mrc", "volumes.json", "meta.json"}


def test_an_unfinished_series_does_not_count(run: Run) -> None:
    (start_volume_series(run, "medoids") / "a.mrc").write_bytes(b"map")
    assert list_volume_series(run) == []
    with pytest.raises(RunError, match="not a finished"):
        read_volume_series(run, "medoids")


def test_a_users_files_are_never_replaced(tmp_path: Path) -> None:
    _write(tmp_path, "out")
    (tmp_path / "out" / "figure.cxs").write_text("mine")
    with pytest.raises(RunError, match=r"figure\.cxs"):
        start_volume_series(tmp_path, "out")
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "meta.json").write_text("{}")
    with pytest.raises(RunError, match=r"meta\.json"):
        start_volume_series(tmp_path, "home")
    (tmp_path / "file").write_text("")
    with pytest.raises(RunError, match="is a file"):
        start_volume_series(tmp_path, "file")


def test_an_entry_needs_its_map(run: Run) -> None:
    start_volume_series(run, "medoids")
    with pytest.raises(RunError, match=r"lacks the map a\.mrc"):
        write_volume_series(run, "medoids", [_entry()], {})


@pytest.mark.parametrize("change", [{"method": "guess"}, {"pixel_size_angstrom": 0.0}, {"colour": "red"}])
def test_a_wrong_entry_is_refused(run: Run, change: dict[str, Any]) -> None:
    (start_volume_series(run, "medoids") / "a.mrc").write_bytes(b"map")
    with pytest.raises(ValidationError):
        write_volume_series(run, "medoids", [_entry(**change)], {})


def test_an_entry_cannot_reach_out_of_its_folder(run: Run) -> None:
    start_volume_series(run, "medoids")
    with pytest.raises(RunError, match="cannot name a map"):
        write_volume_series(run, "medoids", [_entry("../../manifest.json")], {})


@pytest.mark.parametrize("name", ["", "..", "a/b", "a\\b", ".hidden", "a.partial", "x\n", " a", "a" * 200])
def test_bad_names(run: Run, name: str) -> None:
    with pytest.raises(RunError, match="cannot name a volume series"):
        start_volume_series(run, name)


def test_damage_and_other_versions_get_a_sentence(run: Run) -> None:
    _write(run)
    meta = run.volumes / "medoids" / "meta.json"
    meta.write_text(json.dumps({"format_version": 99}))
    with pytest.raises(RunError, match="version 99"):
        read_volume_series(run, "medoids")
    meta.write_text("{")
    with pytest.raises(RunError, match="damaged"):
        read_volume_series(run, "medoids")
