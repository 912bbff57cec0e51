"""Stored series of maps by the API."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from cryohype_model.io.mrc import read_volume, write_volume
from cryohype_model.runs.volumes import start_volume_series, write_volume_series
from tests.app.server.conftest import Api


@pytest.fixture
def volume(api: Api) -> np.ndarray:
    """The map of a stored series."""
    volume = np.random.default_rng(0).normal(size=(8, 8, 8)).astype(np.float32)
    folder = start_volume_series(api.run, "medoids")
    write_volume(folder / "a.mrc", volume, 4.0, (1.0, 2.0, 3.0))
    entry = {"file": "a.mrc", "method": "medoid", "pixel_size_angstrom": 4.0, "checkpoint": "last", "cluster": 1}
    write_volume_series(api.run, "medoids", [entry], {})
    return volume


def test_a_series_is_listed_and_its_maps_are_files(api: Api, volume: np.ndarray, tmp_path: Path) -> None:
    (told,) = api.get("/runs/{run}/series")
    assert told["name"] == "medoids"
    assert told["maps"][0]["cluster"] == 1
    path = tmp_path / "a.mrc"
    path.write_bytes(api.ask("GET", "/runs/{run}/series/medoids/a.mrc").content)
    array, pixel_size, origin = read_volume(path)
    assert np.array_equal(array, volume)
    assert (pixel_size, origin) == (4.0, (1.0, 2.0, 3.0))
    assert api.get("/runs/{run}")["series"] == ["medoids"]


def test_a_part_of_a_map_can_be_asked_for(api: Api, volume: np.ndarray) -> None:
    answer = api.ask("GET", "/runs/{run}/series/medoids/a.mrc", headers={"Range": "bytes=1024-"})
    assert answer.status_code == 206
    assert answer.content == volume.tobytes()


@pytest.mark.parametrize("path", ["medoids/b.mrc", "medoids/meta.json", "medoids/..%5Cmanifest.json", "others/a.mrc"])
def test_what_is_not_a_map_of_the_series_is_not_given(api: Api, volume: np.ndarray, path: str) -> None:
    api.refused(404, "GET", f"/runs/{{run}}/series/{path}")


def test_a_name_that_is_none_is_told(api: Api) -> None:
    assert "cannot name a volume series" in api.refused(400, "GET", "/runs/{run}/series/.x/a.mrc")


def test_a_link_to_outside_is_not_followed(api: Api, volume: np.ndarray, tmp_path_factory: pytest.TempPathFactory) -> None:
    secret = tmp_path_factory.mktemp("outside") / "secret"
    secret.write_text("x")
    path = api.run.volumes / "medoids" / "a.mrc"
    path.unlink()
    path.symlink_to(secret)
    assert "outside of the folders" in api.refused(400, "GET", "/runs/{run}/series/medoids/a.mrc")


def test_a_damaged_series_is_listed_with_its_problem(api: Api, volume: np.ndarray) -> None:
    (api.run.volumes / "medoids" / "volumes.json").write_text("{")
    (told,) = api.get("/runs/{run}/series")
    assert "damaged" in told["problem"]
