"""The websocket: guarded, everything first, then what changed; and who is slow holds up nobody."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import aclosing, contextmanager
from pathlib import Path
from typing import Any

import pytest
from starlette.websockets import WebSocketDisconnect

from cryohype_app.server.api import feed
from cryohype_app.server.api.feed import Feed
from cryohype_model.runs.layout import Run
from cryohype_model.runs.manifest import read_manifest, update_manifest
from cryohype_model.runs.metrics_log import append_metrics
from cryohype_model.runs.selections import delete_selection, write_selection
from tests.app.server.conftest import HOST, TOKEN, Api, make_services

ADDRESS = f"ws://{HOST}/api/v1/events"


@contextmanager
def _listening(api: Api) -> Iterator[Any]:
    with api.client.websocket_connect(ADDRESS) as socket:
        yield socket


@pytest.mark.parametrize(
    ("query", "headers"),
    [
        ("", {"Authorization": ""}),
        ("?token=wrong", {"Authorization": ""}),
        ("", {"Origin": "http://evil.example"}),
        ("", {"Host": "evil.example"}),
    ],
)
def test_without_the_token_or_from_another_site_nothing_is_told(api: Api, query: str, headers: dict[str, str]) -> None:
    with pytest.raises(WebSocketDisconnect), api.client.websocket_connect(ADDRESS + query, headers=headers):
        pass


@pytest.mark.parametrize(
    ("query", "headers"),
    [
        (f"?token={TOKEN}", {"Authorization": ""}),
        ("", {"Authorization": "", "Cookie": f"cryohype-8050={TOKEN}", "Origin": f"http://{HOST}"}),
    ],
)
def test_the_token_opens_it_in_every_way(api: Api, query: str, headers: dict[str, str]) -> None:
    with api.client.websocket_connect(ADDRESS + query, headers=headers) as socket:
        assert socket.receive_json()["kind"] == "all"


def test_everything_comes_first_then_what_changed(api: Api, analysed: Run) -> None:
    with _listening(api) as socket:
        first = socket.receive_json()
        (run,) = first["runs"]
        assert (first["kind"], first["jobs"], first["gone"]) == ("all", [], {"runs": [], "jobs": []})
        assert (run["id"], run["last_step"], run["selections"]) == (api.id, 7, {})
        assert run | api.get("/runs")[0] == run, "as GET /runs tells it, and more"

        api.ask("PUT", "/runs/{run}/selections/blob", json={"cluster": 1})
        change = socket.receive_json()
        assert change["kind"] == "change"
        assert list(change["runs"][0]["selections"]) == ["blob"]
        append_metrics(analysed, {"step": 8, "epoch": 1, "split": "step", "loss": 1.0})
        assert socket.receive_json()["runs"][0]["last_step"] == 8
        update_manifest(analysed, status="finished")
        assert socket.receive_json()["runs"][0]["status"] == "finished"


def test_a_job_and_its_end_are_told(api: Api) -> None:
    with _listening(api) as socket:
        socket.receive_json()
        job = api.ask("POST", "/jobs/analyze", json={"run": api.id}).json()
        api.ask("POST", f"/jobs/{job['id']}/stop")
        told = [socket.receive_json()]
        while not any(item["status"] in {"stopped", "failed"} for message in told for item in message["jobs"]):
            told.append(socket.receive_json())
        assert {item["id"] for message in told for item in message["jobs"]} == {job["id"]}
        api.ask("DELETE", f"/jobs/{job['id']}")
        while not (message := socket.receive_json())["gone"]["jobs"]:
            pass
        assert message["gone"]["jobs"] == [job["id"]]


def test_what_a_client_says_is_not_heeded(api: Api) -> None:
    with _listening(api) as socket:
        socket.receive_json()
        socket.send_text("nonsense")
        socket.send_bytes(b"\x00")
        api.ask("PUT", "/runs/{run}/selections/blob", json={"cluster": 1})
        assert socket.receive_json()["kind"] == "change"


@pytest.fixture
def looks(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Grows by one with every look at the disk; a look is never too young to be repeated."""
    counted: list[int] = []
    seen: Callable[..., Any] = feed._seen
    monkeypatch.setattr(feed, "_seen", lambda services: (counted.append(1), seen(services))[1])
    monkeypatch.setattr(feed, "FRESH_SECONDS", 0.0)
    monkeypatch.setattr(feed, "REST", 0.0)
    return counted


def test_who_is_slow_holds_up_nobody_and_misses_no_change(store: Path, analysed: Run, looks: list[int]) -> None:
    async def story() -> None:
        told = Feed(make_services(store))
        async with aclosing(told.messages()) as quick, aclosing(told.messages()) as slow:
            assert (await anext(quick))["kind"] == (await anext(slow))["kind"] == "all"
            for name in ("a", "b"):
                write_selection(analysed, name, [1], {"kind": "list"})
                await told.look()
                assert name in (await anext(quick))["runs"][0]["selections"]
            delete_selection(analysed, "a")
            await told.look()
            assert list((await anext(slow))["runs"][0]["selections"]) == ["b"], "the latest, in one message"
            assert list((await anext(quick))["runs"][0]["selections"]) == ["b"]

    asyncio.run(story())


def test_one_look_serves_all_and_nobody_is_none(store: Path, looks: list[int], monkeypatch: pytest.MonkeyPatch) -> None:
    async def story() -> None:
        told = Feed(make_services(store))
        await told.look()
        assert looks == [], "nobody listens"
        monkeypatch.setattr(feed, "FRESH_SECONDS", 60.0)
        listeners = [told.messages() for _ in range(20)]
        assert {(await anext(listener))["kind"] for listener in listeners} == {"all"}
        assert looks == [1]
        for listener in listeners:
            await listener.aclose()
        monkeypatch.setattr(feed, "FRESH_SECONDS", 0.0)
        await told.look()
        assert looks == [1], "they have all gone"

    asyncio.run(story())


def test_a_run_that_goes_is_told(store: Path, analysed: Run, looks: list[int]) -> None:
    async def story() -> None:
        services = make_services(store)
        told, run_id = Feed(services), read_manifest(analysed).id
        async with aclosing(told.messages()) as messages:
            await anext(messages)
            analysed.path.rename(store.parent / f"{store.name}-moved")
            services.data.forget()
            await told.look()
            assert (await anext(messages))["gone"] == {"runs": [run_id], "jobs": []}

    asyncio.run(story())
