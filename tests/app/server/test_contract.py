"""The API answers as its description says, whatever it is asked: Schemathesis asks."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import httpx2
import pytest
import schemathesis
from fastapi import FastAPI
from hypothesis import HealthCheck, Phase, settings

from cryohype_app.server.api import api_router
from cryohype_app.server.api.choice import WAYS
from cryohype_app.server.api.feed import Feed
from tests.app.server.conftest import BEARER, make_services

PATIENCE_S = 60
AROUND = [[-100.0, -100.0], [100.0, -100.0], [100.0, 100.0], [-100.0, 100.0]]
HOW: dict[str, Any] = {
    "deadline": None, "derandomize": True, "database": None, "phases": [Phase.explicit, Phase.generate],
    "suppress_health_check": list(HealthCheck),
}  # fmt: skip
known: dict[str, list[Any]] = {}  # things that are there, so that not every answer is a 404
seen: dict[str, set[int]] = {}  # statuses of each operation
chance = random.Random(0)  # the same choices every time, whatever the identities of runs and volumes are


def _description() -> schemathesis.BaseSchema:
    app, services = FastAPI(), make_services(Path("nowhere"))
    app.include_router(api_router(services, Feed(services)))
    schema = schemathesis.openapi.from_dict(app.openapi())
    schema.config.generation.with_security_parameters = False  # the token is always sent
    # what has the right form may be impossible all the same: a particle that the run has not
    schema.config.checks.positive_data_acceptance.expected_statuses = ["2xx", "400", "404", "409"]
    return schema


schema, sensible = _description(), _description().include(method=["POST", "PUT"])
sensible.config.generation.modes = [schemathesis.GenerationMode.POSITIVE]


@schema.hook
@sensible.hook
def map_path_parameters(_: Any, path_parameters: dict[str, Any]) -> dict[str, Any]:
    """Real identities in most of the paths."""
    return _real(path_parameters or {})


@sensible.hook
def map_body(context: Any, body: Any) -> Any:
    """Of the ways to say which particles one. Half of the requests can be granted, the others have real values in places."""
    if not isinstance(body, dict):
        return body
    last = context.operation.path.rpartition("/")[2]
    if last in {"volumes", "{name}"}:
        way = chance.choice(WAYS)
        body = {name: value for name, value in body.items() if name not in WAYS} | {way: body.get(way)}
    if chance.random() < 0.5:
        return {name: chance.choice(known.get(f"{last}.{name}", [value])) for name, value in body.items()}
    return _real(body, f"{last}.")


def _real(given: dict[str, Any], place: str = "") -> dict[str, Any]:
    return {name: chance.choice([*3 * known.get(place + name, []), value]) for name, value in given.items()}


@pytest.fixture(scope="module")
def address(served: str, mixture: Path) -> str:
    """Where the API is, with a selection, a volume and a job in it."""

    def ask(method: str, path: str, **given: Any) -> Any:
        answer = httpx2.request(method, f"{served}/api/v1{path}", headers=BEARER, timeout=PATIENCE_S, **given)
        answer.raise_for_status()
        return answer.json()

    run = ask("GET", "/runs")[0]["id"]
    ask("PUT", f"/runs/{run}/selections/blob", json={"cluster": 1})
    volume = ask("POST", f"/runs/{run}/volumes", json={"cluster": 1})["id"]
    job = ask("POST", "/jobs/analyze", json={"run": run})["id"]
    known.update(run_id=[run], volume_id=[volume], job_id=[job], name=["blob", "umap_x", "other"])
    place = {"device": ["cpu", None], "lane": ["local"]}
    choice = {
        "particles": [[0, 5, 59]], "cluster": [0, 1], "query": ["loss < 0.5"], "polygon": [AROUND], "selection": ["blob"],
        "x_axis": ["umap_x", "pc1"], "y_axis": ["umap_y", "loss"], "box_px": [16, None], "checkpoint": ["last", None],
    }  # fmt: skip
    training = {
        "particles": [str(mixture)], "name": ["asked", "asked again"], "preset": ["demo"],
        "overrides": [["training.epochs=1"]], **place
    }  # fmt: skip
    bodies = {
        "volumes": choice,
        "{name}": choice,
        "train": training,
        "analyze": {"run": [run], **place},
        "resume": {"run": [run], **place},
    }
    known.update({f"{last}.{name}": values for last, body in bodies.items() for name, values in body.items()})
    return served


def _ask(case: schemathesis.Case, address: str) -> None:
    answer = case.call_and_validate(base_url=address, headers=BEARER, timeout=PATIENCE_S)
    seen.setdefault(case.operation.label, set()).add(answer.status_code)


@schema.parametrize()
@settings(max_examples=10, **HOW)
def test_every_answer_is_as_described(case: schemathesis.Case, address: str) -> None:
    _ask(case, address)


@sensible.parametrize()
@settings(max_examples=25, **HOW)
def test_sensible_requests_too(case: schemathesis.Case, address: str) -> None:
    _ask(case, address)


def test_what_was_asked_was_also_answered() -> None:
    if not seen:
        pytest.skip("it looks back at the tests above: run the whole file")
    done = {label for label, statuses in seen.items() if any(status < 300 for status in statuses)}
    changes = {"PUT /api/v1/runs/{run_id}/selections/{name}", "POST /api/v1/runs/{run_id}/volumes", "POST /api/v1/jobs/train"}
    assert changes - done == set(), "a contract that only ever saw refusals says little"
