"""Stored selections by the API."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cryohype_model.io.particles import read_particles
from cryohype_model.runs.latents import read_latents
from cryohype_model.runs.selections import read_selection
from tests.app.server.conftest import Api

AROUND = [[-100.0, -100.0], [100.0, -100.0], [100.0, 100.0], [-100.0, 100.0]]


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        ({"particles": [3, 1, 3]}, lambda _: [1, 3]),
        ({"cluster": 1}, lambda table: np.flatnonzero(table["cluster"] == 1)),
        ({"query": "loss < 0.5 and cluster != 0"}, lambda table: np.flatnonzero((table["loss"] < 0.5) & (table["cluster"] != 0))),
        ({"polygon": AROUND}, lambda _: range(60)),
        ({"polygon": AROUND, "x_axis": "pc1", "y_axis": "loss"}, lambda _: range(60)),
        ({"polygon": [[0.2, 0.0], [0.8, 0.0], [0.8, 9.0], [0.2, 9.0]], "x_axis": "loss", "y_axis": "defocus_um"},
         lambda table: np.flatnonzero((table["loss"] > 0.2) & (table["loss"] < 0.8))),
    ],
)  # fmt: skip
def test_particles_are_stored_under_a_name(api: Api, wanted: dict[str, Any], expected: Any) -> None:
    answer = api.ask("PUT", "/runs/{run}/selections/two rods", json=wanted)
    assert answer.status_code == 200, answer.text
    rows = list(expected(read_latents(api.run).table))
    assert read_selection(api.run, "two rods").tolist() == rows
    assert api.get("/runs/{run}/selections")[0]["count"] == len(rows)


def test_a_stored_selection_can_be_copied_and_forgotten(api: Api) -> None:
    api.ask("PUT", "/runs/{run}/selections/a", json={"cluster": 2})
    api.ask("PUT", "/runs/{run}/selections/b", json={"selection": "a"})
    assert np.array_equal(read_selection(api.run, "a"), read_selection(api.run, "b"))
    assert api.ask("DELETE", "/runs/{run}/selections/a").status_code == 204
    assert [item["name"] for item in api.get("/runs/{run}/selections")] == ["b"]
    assert "there are: b" in api.refused(404, "DELETE", "/runs/{run}/selections/a")


def test_numbers_go_in_and_out_as_bytes(api: Api) -> None:
    rows = np.arange(0, 60, 7)
    headers = {"Content-Type": "application/octet-stream"}
    answer = api.ask("PUT", "/runs/{run}/selections/sevens/rows", content=rows.astype("<i8").tobytes(), headers=headers)
    assert answer.json()["count"] == len(rows)
    answer = api.ask("GET", "/runs/{run}/selections/sevens/rows")
    assert np.array_equal(np.frombuffer(answer.content, answer.headers["x-dtype"]), rows)
    torn = api.refused(400, "PUT", "/runs/{run}/selections/sevens/rows", content=b"12345", headers=headers)
    assert "int64" in torn
    assert "particle -1" in api.refused(
        400, "PUT", "/runs/{run}/selections/sevens/rows", content=b"\xff" * 8, headers=headers
    )  # fmt: skip


@pytest.mark.parametrize("form", ["star", "pkl"])
def test_particles_come_back_as_a_file(api: Api, form: str, tmp_path: Path) -> None:
    api.ask("PUT", "/runs/{run}/selections/blob", json={"cluster": 1})
    answer = api.ask("GET", f"/runs/{{run}}/selections/blob/particles?form={form}")
    assert f'filename="blob.{form}"' in answer.headers["content-disposition"]
    path = tmp_path / f"blob.{form}"
    path.write_bytes(answer.content)
    if form == "star":
        assert len(read_particles(path, need_images=False)) == len(read_selection(api.run, "blob"))
    assert "ends in .star or .pkl" in api.refused(400, "GET", "/runs/{run}/selections/blob/particles?form=cs")


@pytest.mark.parametrize(
    ("wanted", "told"),
    [
        ({"particles": [-1]}, "no particle -1"),
        ({"particles": [0, 60]}, "no particle 60"),
        ({"particles": [10**30]}, "particles 0 to 59"),
        ({"polygon": [[0, 0], [1, 1]]}, "at least three corners"),
        ({"polygon": [[0, 0]] * 2001}, "at most 2000 corners"),
        ({"query": "loss"}, "no condition"),
        ({"query": "loss < 1 and " * 100 + "loss < 1"}, "at most 1000 characters"),
        ({}, "exactly one"),
        ({"cluster": 1, "query": "loss < 1"}, "cluster and query"),
    ],
)  # fmt: skip
def test_what_is_impossible_is_told_and_stores_nothing(shared_api: Api, wanted: dict[str, Any], told: str) -> None:
    assert told in shared_api.refused(400, "PUT", "/runs/{run}/selections/wrong", json=wanted)
    assert shared_api.get("/runs/{run}/selections") == []


@pytest.mark.parametrize("body", ['{"polygon": [[0, 0], [NaN, 1], [1, 1]]}', '{"polygon": [[0, 0], [1, Infinity], [1, 1]]}'])
def test_a_corner_is_a_finite_number(shared_api: Api, body: str) -> None:
    headers = {"Content-Type": "application/json"}
    assert "finite" in shared_api.refused(400, "PUT", "/runs/{run}/selections/wrong", content=body, headers=headers)


def test_corners_beyond_float32_select_nothing(shared_api: Api) -> None:
    wanted = {"polygon": [[0, 1e308], [1e308, -1e308], [1e300, 1e308]]}
    answer = shared_api.ask("POST", "/runs/{run}/volumes", json=wanted)
    assert answer.status_code == 400


@pytest.mark.parametrize("wanted", [{"cluster": 1, "claster": 2}, {"particles": "all"}, {"particles": [0.5]}, [], "x"])
def test_what_is_not_of_the_form_is_told(shared_api: Api, wanted: Any) -> None:
    assert "/docs tells" in shared_api.refused(422, "PUT", "/runs/{run}/selections/wrong", json=wanted)


@pytest.mark.parametrize("name", [".hidden", "a.partial", "a\\b", "a:b", " a", "a" * 121, "a%00b"])
def test_a_name_that_is_none_is_told(shared_api: Api, name: str) -> None:
    assert "cannot name a selection" in shared_api.refused(400, "PUT", f"/runs/{{run}}/selections/{name}", json={"cluster": 1})
    assert "cannot name a selection" in shared_api.refused(400, "DELETE", f"/runs/{{run}}/selections/{name}")


@pytest.mark.parametrize("name", ["..%2Fmanifest", "%2Fetc%2Fpasswd", "..%2F..%2Fx"])
def test_a_path_is_no_name(shared_api: Api, name: str) -> None:
    assert "nothing at" in shared_api.refused(404, "PUT", f"/runs/{{run}}/selections/{name}", json={"cluster": 1})


def test_nothing_is_written_through_a_link_to_outside(api: Api, tmp_path_factory: pytest.TempPathFactory) -> None:
    outside = tmp_path_factory.mktemp("outside")
    api.run.selections.rmdir()
    api.run.selections.symlink_to(outside)
    for method, given in (("PUT", {"json": {"cluster": 1}}), ("DELETE", {})):
        assert "outside of the folders" in api.refused(400, method, "/runs/{run}/selections/a", **given)
    assert list(outside.iterdir()) == []


def test_a_damaged_selection_hides_no_other(api: Api) -> None:
    api.ask("PUT", "/runs/{run}/selections/good", json={"cluster": 1})
    (api.run.selections / "bad.json").write_text("{")
    bad, good = api.get("/runs/{run}/selections")
    assert "damaged" in bad["problem"]
    assert (good["name"], good["problem"]) == ("good", "")
