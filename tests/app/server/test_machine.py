"""Devices and particle files by the API."""

from __future__ import annotations

from pathlib import Path

import pytest

from cryohype_app.server.api import machine
from tests.app.server.conftest import Api


def test_the_machine_tells_what_computes(shared_api: Api) -> None:
    told = shared_api.get("/devices")
    assert told["devices"][0]["id"] == "cpu"
    assert told["devices"][0]["cores"] >= 1
    assert 0 < told["memory_used_bytes"] < told["memory_total_bytes"]
    assert told["lanes"] == ["local"]


def test_without_a_path_the_folders_that_may_be_read(shared_api: Api, mixture: Path) -> None:
    told = shared_api.get("/files")
    assert told["folder"] is None
    assert [entry["path"] for entry in told["entries"]] == [str(shared_api.services.data.home), str(mixture.parent)]


def test_a_folder_tells_its_particle_files(shared_api: Api, mixture: Path) -> None:
    told = shared_api.get("/files", path=str(mixture.parent))
    files = {entry["name"]: entry for entry in told["entries"]}
    assert files[mixture.name]["bytes"] == mixture.stat().st_size
    assert files[mixture.name]["kind"] == "file"
    assert "truth.json" not in files


def test_a_large_folder_is_told_in_part(shared_api: Api, mixture: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "MOST_ENTRIES", 1)
    told = shared_api.get("/files", path=str(mixture.parent))
    assert len(told["entries"]) == 1 < told["count"]


@pytest.mark.parametrize(
    ("status", "path", "told"),
    [
        (400, "/etc", "outside of the folders"),
        (400, "", "outside of the folders"),
        (400, "{store}/../..", "outside of the folders"),
        (400, "{store}/a\0b", "no path"),
        (400, "{store}/run/manifest.json", "cannot be listed"),
        (404, "{store}/absent", "does not exist"),
        (404, "{store}/" + "a" * 5000, "does not exist"),
    ],
)
def test_what_cannot_be_listed_is_told(shared_api: Api, status: int, path: str, told: str) -> None:
    place = path.replace("{store}", str(shared_api.services.data.home))
    assert told in shared_api.refused(status, "GET", "/files", params={"path": place})


def test_a_name_that_is_no_unicode_breaks_no_listing(api: Api, store: Path) -> None:
    (store / b"r\xff.star".decode("utf-8", "surrogateescape")).write_text("")
    names = [entry["name"] for entry in api.get("/files", path=str(store))["entries"]]
    assert "r?.star" in names
