"""Volumes by the API: made by the real worker of an untrained network."""

from __future__ import annotations

import asyncio
import tempfile
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import psutil
import pytest

from cryohype_app.server.api import volumes
from cryohype_app.server.api.problem import ConflictError
from cryohype_model.io.mrc import read_volume
from cryohype_model.runs.latents import read_latents
from cryohype_model.runs.layout import Run
from tests.app.server.conftest import Api


@pytest.fixture(scope="module")
def made(shared_api: Api) -> dict[str, Any]:
    """A volume of a cluster."""
    answer = shared_api.ask("POST", "/runs/{run}/volumes", json={"cluster": 1})
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


def test_a_volume_tells_what_it_is_of(shared_api: Api, made: dict[str, Any]) -> None:
    cluster = read_latents(shared_api.run).cluster
    assert cluster is not None
    assert (made["method"], made["checkpoint"], made["box_px"]) == ("mean", "step-00000007", 16)
    assert made["particles_used"] == made["particles_selected"] == (cluster == 1).sum()
    assert made in shared_api.get("/runs/{run}/volumes")


def test_it_is_downloaded_as_mrc_and_leaves_nothing_behind(
    shared_api: Api, made: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    (tmp_path / "temporary").mkdir()
    answer = shared_api.ask("GET", f"/runs/{{run}}/volumes/{made['id']}")
    assert f'filename="{made["id"]}.mrc"' in answer.headers["content-disposition"]
    path = tmp_path / "map.mrc"
    path.write_bytes(answer.content)
    array, pixel_size, origin = read_volume(path)
    assert array.shape == (16, 16, 16)
    assert pixel_size == pytest.approx(made["pixel_size_angstrom"])
    assert origin == (0.0, 0.0, 0.0)
    assert list((tmp_path / "temporary").iterdir()) == []


def test_its_surface_lies_where_the_map_is(shared_api: Api, made: dict[str, Any], tmp_path: Path) -> None:
    path = tmp_path / "map.mrc"
    path.write_bytes(shared_api.ask("GET", f"/runs/{{run}}/volumes/{made['id']}").content)
    array, pixel_size, _ = read_volume(path)
    level = float(np.quantile(array, 0.99))
    answer = shared_api.ask("GET", f"/runs/{{run}}/volumes/{made['id']}/mesh", params={"level": level})
    assert answer.headers["content-type"] == "model/stl"
    count = int.from_bytes(answer.content[80:84], "little")
    record = np.dtype([("normal", "<f4", 3), ("corners", "<f4", (3, 3)), ("attribute", "<u2")])
    triangles = np.frombuffer(answer.content[84:], record)
    assert len(triangles) == count > 0
    assert np.allclose(np.linalg.norm(triangles["normal"], axis=1), 1, atol=1e-4)
    above = np.argwhere(array > level)[:, ::-1] * pixel_size  # (x, y, z)
    corners = triangles["corners"].reshape(-1, 3)
    assert (corners.min(axis=0) <= above.min(axis=0) + 1e-3).all() and (
        corners.min(axis=0) > above.min(axis=0) - pixel_size
    ).all()
    assert (corners.max(axis=0) >= above.max(axis=0) - 1e-3).all() and (
        corners.max(axis=0) < above.max(axis=0) + pixel_size
    ).all()


def test_a_level_beyond_the_map_is_told(shared_api: Api, made: dict[str, Any]) -> None:
    assert "choose between" in shared_api.refused(400, "GET", f"/runs/{{run}}/volumes/{made['id']}/mesh", params={"level": 1e9})
    assert "finite" in shared_api.refused(422, "GET", f"/runs/{{run}}/volumes/{made['id']}/mesh", params={"level": "nan"})


def test_it_is_measured_alone_and_against_its_particles(shared_api: Api, made: dict[str, Any]) -> None:
    path = f"/runs/{{run}}/volumes/{made['id']}/metrics"
    alone = shared_api.get(path)
    assert alone["enclosed_volume_angstrom3"] > 0
    assert alone["fsc"] is None
    against = shared_api.get(path, backprojection=True)
    assert "back-projection" in against["reference"]
    assert len(against["fsc"]) == len(against["half_fsc"]) == 9
    truth = shared_api.get(path, truth="0")
    assert shared_api.get(path, truth=truth["reference"])["fsc"] == truth["fsc"], "by its label or by its name"
    assert truth["reference"] in shared_api.refused(400, "GET", path, params={"truth": "nothing"})


def test_it_is_measured_against_another_volume_and_a_file(shared_api: Api, made: dict[str, Any]) -> None:
    path = f"/runs/{{run}}/volumes/{made['id']}/metrics"
    other = shared_api.ask("POST", "/runs/{run}/volumes", json={"cluster": 1, "method": "backprojection"}).json()
    assert (other["method"], other["particles_used"]) == ("backprojection", made["particles_used"])
    assert shared_api.get(path, volume=other["id"])["fsc"] == shared_api.get(path, backprojection=True)["fsc"]
    file = shared_api.run.path / "mine.mrc"
    file.write_bytes(shared_api.ask("GET", f"/runs/{{run}}/volumes/{made['id']}").content)
    same = shared_api.get(path, map="run/mine.mrc")
    assert same["fsc"] == pytest.approx([1.0] * 9)
    file.unlink()


def test_a_stored_selection_a_box_and_a_method_are_heeded(shared_api: Api) -> None:
    shared_api.ask("PUT", "/runs/{run}/selections/few", json={"particles": [1, 2, 3]})
    wanted = {"selection": "few", "method": "neighbours", "box_px": 24, "checkpoint": "last"}
    told = shared_api.ask("POST", "/runs/{run}/volumes", json=wanted).json()
    assert (told["particles_selected"], told["box_px"]) == (3, 24)
    shared_api.ask("DELETE", "/runs/{run}/selections/few")


@pytest.mark.parametrize(
    ("status", "wanted", "told"),
    [
        (400, {"particles": []}, "no particle is selected"),
        (400, {"cluster": 99}, "no particle is selected"),
        (400, {"cluster": 1, "box_px": 7}, "even"),
        (400, {"cluster": 1, "box_px": 10**12}, "at most"),
        (400, {"cluster": 1, "box_px": 16, "method": "backprojection"}, "box_px"),
        (404, {"cluster": 1, "checkpoint": "../../last"}, "no checkpoint"),
        (404, {"selection": "absent"}, "no selection"),
        (404, {"polygon": [[0, 0], [1, 0], [1, 1]], "x_axis": "up"}, "no column 'up'"),
        (422, {"cluster": 1, "method": "guess"}, "method"),
    ],
)  # fmt: skip
def test_what_cannot_be_made_is_told(shared_api: Api, status: int, wanted: dict[str, Any], told: str) -> None:
    assert told in shared_api.refused(status, "POST", "/runs/{run}/volumes", json=wanted)


@pytest.mark.parametrize(
    ("query", "told"),
    [
        ({"map": "/etc/passwd"}, "outside of the folders"),
        ({"map": "run/manifest.json"}, "not an MRC file"),
        ({"truth": "0", "backprojection": True}, "one reference"),
    ],
)
def test_what_cannot_be_compared_is_told(shared_api: Api, made: dict[str, Any], query: dict[str, Any], told: str) -> None:
    assert told in shared_api.refused(400, "GET", f"/runs/{{run}}/volumes/{made['id']}/metrics", params=query)


@pytest.mark.parametrize("path", ["", "/mesh", "/metrics"])
def test_a_volume_that_was_never_made_is_told(shared_api: Api, path: str) -> None:
    assert "no volume" in shared_api.refused(404, "GET", f"/runs/{{run}}/volumes/absent-1{path}")
    assert "no run" in shared_api.refused(404, "GET", "/runs/absent/volumes")


def test_a_worker_that_dies_is_told_and_the_next_request_starts_another(api: Api) -> None:
    made = api.ask("POST", "/runs/{run}/volumes", json={"cluster": 1}).json()
    (worker,) = api.services._workers.values()
    process = psutil.Process(worker.pid)
    process.kill()
    process.wait(30)
    answer = api.ask("GET", f"/runs/{{run}}/volumes/{made['id']}")
    assert answer.status_code in {404, 503}
    assert "again" in answer.json()["detail"]
    again = api.ask("POST", "/runs/{run}/volumes", json={"cluster": 1})
    assert again.status_code == 201
    assert again.json()["id"] != made["id"]


def test_a_run_that_cannot_be_opened_is_told(api: Api, analysed: Run) -> None:
    for path in analysed.checkpoints.glob("*.ckpt"):
        path.write_bytes(b"no checkpoint")
    assert "ckpt" in api.refused(400, "POST", "/runs/{run}/volumes", json={"cluster": 1})
    for path in analysed.checkpoints.glob("*.ckpt"):
        path.unlink()
    assert "no checkpoint yet" in api.refused(400, "POST", "/runs/{run}/volumes", json={"cluster": 1})


def test_what_a_client_that_went_away_asked_for_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    ended: list[str] = []

    async def gone() -> bool:
        return True

    async def work() -> None:
        try:
            await asyncio.sleep(3600)
        finally:
            ended.append("given up")

    async def story() -> None:
        with pytest.raises(ConflictError, match="nobody waits"):
            await volumes._while_asked(SimpleNamespace(is_disconnected=gone), work())  # type: ignore[arg-type]
        await asyncio.sleep(0)

    monkeypatch.setattr(volumes, "LOOK_SECONDS", 0.01)
    asyncio.run(story())
    assert ended == ["given up"]
