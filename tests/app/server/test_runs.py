"""Runs and training curves by the API."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from cryohype_model.runs.layout import Run
from cryohype_model.runs.manifest import update_manifest
from cryohype_model.runs.metrics_log import append_metrics
from tests.app.server.conftest import Api


def test_a_run_tells_how_it_stands(api: Api) -> None:
    (told,) = api.get("/runs")
    assert (told["id"], told["name"], told["analysed"], told["has_checkpoint"]) == (api.id, "run", True, True)
    assert told["manifest"]["particles"] == 60
    assert told["job"] is None


def test_a_broken_run_hides_no_other(api: Api, store: Path) -> None:
    (store / "torn").mkdir()
    (store / "torn" / "manifest.json").write_text("{")
    api.services.data.forget()
    good, broken = api.get("/runs")
    assert good["manifest"]["id"] == api.id
    assert (broken["status"], broken["manifest"]) == ("broken", None)
    assert "not valid JSON" in broken["problem"]


def test_a_run_tells_what_it_holds(api: Api) -> None:
    told = api.get("/runs/{run}")
    assert told["config"]["training"]["epochs"] == 2
    assert told["checkpoints"] == ["best", "last", "step-00000007"]
    assert told["analyses"] == ["step-00000007"]
    assert told["selections"] == [] and told["series"] == []


@pytest.mark.parametrize("path", ["/runs/absent", "/runs/absent/metrics", "/runs/absent/latents", "/runs/absent/selections"])
def test_an_absent_run_is_told(shared_api: Api, path: str) -> None:
    assert "no run 'absent'" in shared_api.refused(404, "GET", path)


def test_a_run_that_is_a_link_to_outside_is_listed_and_not_opened(
    api: Api, store: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    outside = tmp_path_factory.mktemp("outside") / "run"
    (store / "run").rename(outside)
    (store / "run").symlink_to(outside)
    update_manifest(Run(outside), message="moved")
    api.services.data.forget()
    assert "outside of the folders" in api.refused(400, "GET", f"/runs/{api.get('/runs')[0]['id']}")


def test_the_curve_comes_in_columns(api: Api) -> None:
    whole = api.get("/runs/{run}/metrics")
    assert whole["count"] == 8
    assert whole["columns"]["step"] == [1, 2, 3, 4, 5, 6, 7, 7]
    assert whole["columns"]["split"].count("step") == 7
    late = api.get("/runs/{run}/metrics", split="step", since=5)
    assert late["columns"]["step"] == [6, 7]
    assert late["columns"]["loss"] == [1 + 1 / 6, 1 + 1 / 7]
    assert api.get("/runs/{run}/metrics", split="none", since=10**40)["count"] == 0


def test_what_is_not_a_number_is_null(api: Api, analysed: Run) -> None:
    append_metrics(analysed, {"step": 8, "epoch": 1, "split": "step", "loss": float("nan"), "words": "\ufffd"})
    with analysed.metrics_log.open("a") as file:
        file.write(json.dumps({"step": 9, "split": "step", "loss": float("inf"), "list": [1]}) + "\n")
    columns = api.get("/runs/{run}/metrics", since=7)["columns"]
    assert columns["loss"] == [None, None]
    assert columns["list"] == [None, None]
    assert columns["epoch"] == [1, None]


def test_a_log_that_is_no_log_gives_an_empty_curve(api: Api, analysed: Run) -> None:
    analysed.metrics_log.write_bytes(b"\xff\x00 nonsense\n")
    assert api.get("/runs/{run}/metrics", split="step", since=3)["count"] == 0


def test_a_name_that_is_no_unicode_breaks_no_listing(api: Api, store: Path) -> None:
    (store / "run").rename(store / b"r\xff".decode("utf-8", "surrogateescape"))
    api.services.data.forget()
    assert api.get("/runs")[0]["name"] == "r?"
