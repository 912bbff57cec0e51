"""Jobs by the API: a real training from the request to its end, and what is refused."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from cryohype_model.config import dump_config
from cryohype_model.runs.layout import Run
from cryohype_model.runs.manifest import update_manifest
from tests.app.server.conftest import Api, end_jobs

PATIENCE_S = 120
SMALL = (
    "training.epochs=1", "training.batch_size=8", "model.patch_px=4", "model.dim=32", "model.depth=1", "model.heads=2",
    "model.head_dim=16", "model.mlp_dim=32", "model.inr.hidden=32", "model.inr.frequencies=16", "data.box_px=16",
)  # fmt: skip


@pytest.fixture
def jobs(api: Api) -> Iterator[Api]:
    """The API; no job outlives the test."""
    before = set(psutil.Process().children())
    yield api
    end_jobs(api.services.jobs, before)


def _end(jobs: Api, job_id: str) -> dict[str, Any]:
    """A job when it is over."""
    end = time.monotonic() + PATIENCE_S
    while (told := jobs.get(f"/jobs/{job_id}"))["ended"] is None:
        assert time.monotonic() < end, jobs.ask("GET", f"/jobs/{job_id}/log").text
        time.sleep(0.2)
    return dict(told)


def test_a_training_and_its_analysis_from_the_request_to_the_end(jobs: Api, mixture: Path) -> None:
    wish = {"particles": str(mixture), "name": "asked", "preset": "demo", "overrides": SMALL, "device": "cpu", "analyze": True}
    answer = jobs.ask("POST", "/jobs/train", json=wish)
    assert answer.status_code == 202, answer.text
    told = _end(jobs, answer.json()["id"])
    log = jobs.ask("GET", f"/jobs/{told['id']}/log").text
    assert (told["status"], told["exit_code"]) == ("finished", 0), log
    assert told["command"].startswith("cryohype train ")
    assert "latents/step-" in log
    jobs.services.data.forget()
    run = next(run for run in jobs.get("/runs") if run["name"] == "asked")
    assert run["status"] == "finished"
    assert jobs.get(f"/jobs/{told['id']}")["run"] == run["id"]
    assert jobs.get(f"/runs/{run['id']}")["config"]["model"]["dim"] == 32
    assert jobs.get(f"/runs/{run['id']}/latents")["count"] == 60


def test_a_job_is_stopped_and_forgotten(jobs: Api) -> None:
    job = jobs.ask("POST", "/jobs/analyze", json={"run": jobs.id}).json()
    assert job["run"] == jobs.id
    assert job["id"] in [item["id"] for item in jobs.get("/jobs")]
    assert "stop it first" in jobs.refused(409, "DELETE", f"/jobs/{job['id']}")
    assert jobs.ask("POST", f"/jobs/{job['id']}/stop").json()["status"] in {"stopped", "stopping"}
    _end(jobs, job["id"])
    assert jobs.ask("DELETE", f"/jobs/{job['id']}").status_code == 204
    assert jobs.get("/jobs") == []


def test_a_selection_is_embedded(jobs: Api) -> None:
    jobs.ask("PUT", "/runs/{run}/selections/blob", json={"cluster": 1})
    wish = {"run": jobs.id, "selection": "blob"}
    job = jobs.ask("POST", "/jobs/embed", json=wish).json()
    assert job["command"].startswith("cryohype embed ") and "step-00000007" in job["command"]
    assert "already" in jobs.refused(409, "POST", "/jobs/embed", json=wish)
    jobs.ask("POST", f"/jobs/{job['id']}/stop")
    jobs.ask("PUT", "/runs/{run}/selections/few", json={"particles": [1]})
    assert "at least 10" in jobs.refused(400, "POST", "/jobs/embed", json=wish | {"selection": "few"})
    assert "no selection" in jobs.refused(404, "POST", "/jobs/embed", json=wish | {"selection": "absent"})
    assert "no analysis" in jobs.refused(404, "POST", "/jobs/embed", json=wish | {"checkpoint": "last"})


def test_a_stopped_run_goes_on_and_nothing_else_works_on_it_meanwhile(jobs: Api, analysed: Run) -> None:
    update_manifest(analysed, status="stopped", epochs_done=1)
    jobs.services.data.forget()
    answer = jobs.ask("POST", "/jobs/resume", json={"run": jobs.id})
    assert "--resume" in answer.json()["command"]
    assert "wait for its end" in jobs.refused(409, "POST", "/jobs/analyze", json={"run": jobs.id})
    jobs.ask("POST", f"/jobs/{answer.json()['id']}/stop")


@pytest.mark.parametrize(
    ("status", "changes", "told"),
    [
        (400, {"name": "../asked"}, "cannot name a run"),
        (400, {"name": ""}, "cannot name a run"),
        (409, {"name": "run"}, "already holds a run"),
        (400, {"particles": "/etc/passwd"}, "outside of the folders"),
        (400, {"particles": "../absent.star"}, "outside of the folders"),
        (400, {"particles": "absent.star"}, "does not exist"),
        (400, {"particles": "a\0b"}, "no path"),
        (400, {"particles": "a" * 5000}, "does not exist"),
        (400, {"overrides": ["data.labels=/etc/passwd"]}, "outside of the folders"),
        (400, {"overrides": ["training.epochs"]}, "section.key=value"),
        (400, {"overrides": ["training.epochs=0"]}, "training.epochs"),
        (400, {"device": "cuda:7"}, "no device"),
        (400, {"lane": "../x"}, "no lane"),
        (422, {"device": "tpu"}, "device"),
        (422, {"command": "rm"}, "command"),
    ],
)  # fmt: skip
def test_what_cannot_be_trained_is_told(shared_api: Api, mixture: Path, status: int, changes: dict[str, Any], told: str) -> None:
    wish = {"particles": str(mixture), "name": "asked", "preset": "demo"} | changes
    assert told in shared_api.refused(status, "POST", "/jobs/train", json=wish)
    assert shared_api.get("/jobs") == []


@pytest.mark.parametrize("kind", ["resume", "analyze"])
def test_an_absent_run_is_told(shared_api: Api, kind: str) -> None:
    assert "no run" in shared_api.refused(404, "POST", f"/jobs/{kind}", json={"run": "absent"})


@pytest.mark.parametrize("name", ["0123456789ab", "absent", "..%5C.."])
def test_an_absent_job_is_told(shared_api: Api, name: str) -> None:
    for method, path in (("GET", ""), ("GET", "/log"), ("POST", "/stop"), ("DELETE", "")):
        shared_api.refused(404, method, f"/jobs/{name}{path}")


def test_a_log_that_is_long_is_told_by_its_end(jobs: Api) -> None:
    job = jobs.ask("POST", "/jobs/analyze", json={"run": jobs.id}).json()
    jobs.ask("POST", f"/jobs/{job['id']}/stop")
    _end(jobs, job["id"])
    log = jobs.services.data.home / ".cryohype" / "jobs" / job["id"] / "log.txt"
    log.write_bytes(b"first\n" + b"\xff more\n" * 1000 + b"last\n")
    assert jobs.ask("GET", f"/jobs/{job['id']}/log?most=5").text == "last\n"
    assert "422" in str(jobs.ask("GET", f"/jobs/{job['id']}/log?most=0").status_code)


def test_the_settings_of_a_run_can_be_read_back(shared_api: Api) -> None:
    from cryohype_model.config import validate_config
    from cryohype_model.runs.run import read_config

    told = shared_api.get("/runs/{run}")["config"]
    assert dump_config(validate_config(told)) == dump_config(read_config(shared_api.run))
