"""What holds for all of the API: its description, its size, its words, and that it needs no network."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time
from typing import Any

import pytest

from cryohype_app.server.api import limit
from tests.app.server.conftest import Api


def test_every_refusal_has_one_form(shared_api: Api) -> None:
    described = shared_api.client.get("/openapi.json").json()
    assert not any("ValidationError" in name for name in described["components"]["schemas"])
    for path, operations in described["paths"].items():
        assert path.startswith("/api/v1/"), "pages are no part of the API"
        for method, operation in operations.items():
            assert operation["description"], (method, path)
            for status, answer in operation["responses"].items():
                if status in {"400", "401", "403", "404", "409", "422", "503"}:
                    schema = answer["content"]["application/json"]["schema"]
                    assert schema == {"$ref": "#/components/schemas/Problem"}, (method, path, status)


def test_the_token_is_described_and_asked_for(shared_api: Api) -> None:
    described = shared_api.client.get("/openapi.json").json()
    assert described["components"]["securitySchemes"]["HTTPBearer"]["scheme"] == "bearer"
    answer = shared_api.client.get("/api/v1/runs", headers={"Authorization": "Bearer wrong"})
    assert (answer.status_code, list(answer.json())) == (401, ["detail"])


def test_what_is_not_there_is_told(shared_api: Api) -> None:
    assert "/docs" in shared_api.refused(404, "GET", "/nothing")
    answer = shared_api.ask("PATCH", "/jobs/0123456789ab")
    assert (answer.status_code, answer.headers["allow"]) == (405, "DELETE, GET")


@pytest.mark.parametrize("kind", ["application/json", "application/octet-stream"])
def test_a_request_has_an_end(shared_api: Api, monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    monkeypatch.setattr(limit, "LARGEST_BINARY", limit.LARGEST_JSON)
    given: dict[str, Any] = {"content": b"1" * (limit.LARGEST_JSON + 1), "headers": {"Content-Type": kind}}
    path = "/runs/{run}/selections/a" + ("/rows" if "octet" in kind else "")
    assert "octet-stream" in shared_api.refused(400, "PUT", path, **given)


@pytest.mark.parametrize(
    "body", [b"{", b'{"\\ud800": 1}', b'{"query": "\\ud800"}', b"[" * 100_000, b'{"cluster": ' + b"9" * 5000 + b"}"]
)
def test_a_body_that_is_none_is_told(shared_api: Api, body: bytes) -> None:
    answer = shared_api.ask(
        "PUT", "/runs/{run}/selections/a", content=body, headers={"Content-Type": "application/json"}
    )  # fmt: skip
    assert answer.status_code in {400, 422}
    assert list(answer.json()) == ["detail"]


def test_what_nobody_foresaw_is_told_and_logged(shared_api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise ZeroDivisionError("oh")

    monkeypatch.setattr("cryohype_app.server.api.runs.run_facts", fail)
    with pytest.raises(ZeroDivisionError):
        shared_api.ask("GET", "/runs")  # the test client raises what a server would log
    monkeypatch.setattr(shared_api.client._transport, "raise_server_exceptions", False)
    assert "ZeroDivisionError: oh" in shared_api.refused(500, "GET", "/runs")


def test_the_api_needs_no_network() -> None:
    code = """
import importlib, pkgutil, sys
package = importlib.import_module("cryohype_app.server.api")
for module in pkgutil.iter_modules(package.__path__, package.__name__ + "."):
    importlib.import_module(module.name)
print(*{name.partition(".")[0] for name in sys.modules})
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert set(done.stdout.split()) & {"torch", "lightning_fabric", "sklearn", "umap", "panel"} == set()


def test_the_docs_come_from_here(shared_api: Api) -> None:
    page = shared_api.client.get("/docs")
    assert page.headers["content-type"].startswith("text/html")
    assert "//" not in page.text.replace("<!DOCTYPE html>", ""), "no address of another host"
    for name in ("swagger-ui/swagger-ui.css", "swagger-ui/swagger-ui-bundle.js", "docs.js"):
        assert f'"/docs/{name}"' in page.text
        assert shared_api.client.get(f"/docs/{name}").status_code == 200
    assert shared_api.client.get("/docs/..%2fapp.py").status_code == 404


def test_the_vendored_files_are_named_with_their_version() -> None:
    from cryohype_app.server.docs import STATIC

    bundle = (STATIC / "swagger-ui" / "swagger-ui-bundle.js").read_text(encoding="utf-8")
    version = (STATIC / "README.md").read_text(encoding="utf-8").partition("Swagger UI ")[2].partition(" ")[0]
    assert version in bundle
    assert (STATIC / "swagger-ui" / "LICENSE").read_text(encoding="utf-8").lstrip().startswith("Apache License")


def test_a_turn_that_held_up_everybody_is_told_by_the_servers_health(shared_api: Api) -> None:
    async def hold_up() -> None:
        time.sleep(0.3)
        await asyncio.sleep(0.05)

    portal = shared_api.client.portal
    assert portal is not None  # it is there while the client is open
    portal.call(hold_up)
    after = shared_api.get("/healthz")
    assert after["longest_own_pause_seconds"] > 0.25 and after["longest_pause_seconds"] > 0.25
