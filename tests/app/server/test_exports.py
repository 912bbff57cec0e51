"""Exports by a script: begun, watched, fetched, removed."""

from __future__ import annotations

import io
import time
import zipfile
from typing import Any

import pytest

from cryohype_model.runs.selections import write_selection

SECONDS = 60


def _ended(api: Any) -> dict[str, Any]:
    """The status when nothing is being made any more."""
    deadline = time.monotonic() + SECONDS
    while (status := api.get("/runs/{run}/exports/current"))["status"] == "making":
        assert time.monotonic() < deadline
        assert 0 <= status["fraction"] <= 1
        time.sleep(0.05)
    return status


def _made(api: Any, **wish: Any) -> str:
    answer = api.ask("POST", "/runs/{run}/exports", json={"name": "mine", **wish})
    assert answer.status_code == 202, answer.text
    status = _ended(api)
    assert status["status"] == "finished", status["message"]
    return str(status["name"])


def test_from_the_wish_to_the_file(api: Any) -> None:
    write_selection(api.run, "some", [1, 2, 3], {"kind": "list"})
    name = _made(api, selections=["some"], clusters=[0], forms=["maps", "star", "script", "report"])
    (facts,) = api.get("/runs/{run}/exports")
    answer = api.ask("GET", f"/runs/{{run}}/exports/{name}")
    assert (facts["name"], facts["form"], facts["bytes"], facts["report"]) == (name, "zip", len(answer.content), True)
    assert answer.headers["content-type"] == "application/zip"
    assert f'attachment; filename="{name}"' in answer.headers["content-disposition"]
    with zipfile.ZipFile(io.BytesIO(answer.content)) as file:
        inside = {path.partition("/")[2] for path in file.namelist()}
        page = file.read(f"{name.removesuffix('.zip')}/report.html")
    assert {"maps/some.mrc", "maps/cluster_0000.mrc", "particles/some.star", "open.cxc", "report.html"} <= inside
    report = api.ask("GET", f"/runs/{{run}}/exports/{name}/report")
    assert report.content == page
    assert "default-src 'none'" in report.headers["content-security-policy"]
    assert "sandbox" in report.headers["content-security-policy"]
    part = api.ask("GET", f"/runs/{{run}}/exports/{name}", headers={"Range": "bytes=0-9"})
    assert (part.status_code, part.content) == (206, answer.content[:10]), "a broken download can go on"
    assert api.ask("DELETE", f"/runs/{{run}}/exports/{name}").status_code == 204
    assert api.get("/runs/{run}/exports") == []


def test_a_folder_stays_on_the_server(api: Any) -> None:
    name = _made(api, clusters=[1], forms=["pkl", "report"], place="folder")
    assert (api.run.exports / name / "particles" / "cluster_0001.pkl").is_file()
    assert "is the folder" in api.refused(400, "GET", f"/runs/{{run}}/exports/{name}")
    assert b"<!doctype html>" in api.ask("GET", f"/runs/{{run}}/exports/{name}/report").content


def test_a_second_one_waits_and_the_first_can_be_cancelled(api: Any) -> None:
    wish = {"clusters": [0, 1, 2], "forms": ["maps", "halves", "report"]}
    assert api.ask("POST", "/runs/{run}/exports", json=wish).status_code == 202
    assert "is being made already" in api.refused(409, "POST", "/runs/{run}/exports", json=wish)
    assert api.ask("DELETE", "/runs/{run}/exports/current").status_code == 204
    assert _ended(api)["status"] == "cancelled"
    assert api.get("/runs/{run}/exports") == []
    assert list(api.run.exports.glob(".*")) == []


@pytest.mark.parametrize(
    ("status", "method", "path", "body", "sentence"),
    [
        (400, "POST", "", {}, "nothing is chosen to export"),
        (400, "POST", "", {"clusters": [99]}, "the analysis has no cluster 99"),
        (400, "POST", "", {"selections": ["../../etc"]}, "cannot name a selection"),
        (400, "POST", "", {"clusters": [0], "name": "../out"}, "cannot name a"),
        (422, "POST", "", {"clusters": [0], "forms": ["exe"]}, "forms"),
        (422, "POST", "", {"clusters": [0], "path": "/tmp"}, "path"),
        (404, "GET", "/current", None, "no export of the run"),
        (404, "DELETE", "/current", None, "no export of the run"),
        (404, "GET", "/none.zip", None, "there is no export 'none.zip'"),
        (404, "GET", "/none.zip/report", None, "there is no export 'none.zip'"),
        (404, "DELETE", "/..%2Fvolumes", None, ""),
        (404, "GET", "/manifest.json", None, "there is no export 'manifest.json'"),
    ],
)
def test_what_cannot_be_is_one_sentence(
    shared_api: Any, status: int, method: str, path: str, body: dict[str, Any] | None, sentence: str
) -> None:
    given = {} if body is None else {"json": body}
    assert sentence in shared_api.refused(status, method, f"/runs/{{run}}/exports{path}", **given)


def test_a_run_that_is_not_there(shared_api: Any) -> None:
    assert "there is no run 'x'" in shared_api.refused(404, "POST", "/runs/x/exports", json={"clusters": [0]})


def test_exports_that_lead_out_of_the_store_are_refused(api: Any, tmp_path_factory: pytest.TempPathFactory) -> None:
    outside = tmp_path_factory.mktemp("outside")
    api.run.exports.symlink_to(outside)
    sentence = api.refused(400, "POST", "/runs/{run}/exports", json={"clusters": [0], "forms": ["pkl"]})
    assert "outside of the folders that this server may" in sentence
    assert list(outside.iterdir()) == []
