"""The connection: it comes back by itself, says why it cannot, and ends when it is told to."""

from __future__ import annotations

import asyncio
import json
import queue
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import numpy as np
import psutil
import pytest
from fastapi import FastAPI
from starlette.types import ASGIApp
from starlette.websockets import WebSocket

from cryohype_app.napari_plugin.live.client import StreamClient
from cryohype_app.napari_plugin.live.events import Arrived, Event, Problem, Progress, Standing
from cryohype_app.napari_plugin.live.link import Link
from cryohype_app.server.guard import Guard
from cryohype_app.wire import PROTOCOL, STREAM_PATH, Part, VolumeHead, encode, text

E = TypeVar("E", bound=Event)
PATIENCE_S = 30
SIDE = 72
MAP = np.random.default_rng(0).random((SIDE, SIDE, SIDE), dtype=np.float32)
HEAD = VolumeHead(slot="follow", volume_id="v", name="cluster 3", shape=MAP.shape, pixel_size_angstrom=2.0)
Talk = Callable[[WebSocket], Any]


class Ear:
    """What a client told."""

    def __init__(self) -> None:
        self.events: queue.SimpleQueue[Event] = queue.SimpleQueue()

    def next(self, kind: type[E], suits: Callable[[E], bool] = lambda _: True) -> E:
        """The next event of a kind that suits."""
        end = time.monotonic() + PATIENCE_S
        while True:
            event = self.events.get(timeout=max(0.01, end - time.monotonic()))
            if isinstance(event, kind) and suits(event):
                return event

    def stands(self, state: str) -> str:
        """The sentence when it stands so."""
        return self.next(Standing, lambda event: event.state == state).sentence


@contextmanager
def client(address: str, token: str = "right") -> Iterator[tuple[StreamClient, Ear]]:
    ear = Ear()
    made = StreamClient(Link(address, token), ear.events.put)
    made.start()
    yield made, ear
    made.stop()
    assert not made._thread.is_alive()


def dashboard(talk: Talk | None, version: str = "0.1.0") -> ASGIApp:
    """A server that answers as ours does, except for what the test is about."""
    app = FastAPI()

    @app.get("/api/v1/healthz")
    async def healthz() -> dict[str, str]:
        return {"version": version}

    if talk is not None:

        @app.websocket(STREAM_PATH)
        async def stream(socket: WebSocket) -> None:
            await socket.accept()
            await talk(socket)

    return app


@contextmanager
def serving(app: ASGIApp, port: int = 0) -> Iterator[int]:
    """A real server in a thread."""
    import uvicorn

    with socket.socket() as free:
        free.bind(("127.0.0.1", port))
        port = free.getsockname()[1]
    server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=port, log_level="critical", timeout_graceful_shutdown=1))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        assert thread.is_alive()
        time.sleep(0.01)
    yield port
    server.should_exit = True
    thread.join(PATIENCE_S)


async def greet(socket: WebSocket) -> None:
    await socket.send_text(text("hello", protocol=PROTOCOL, version="0.1.0"))


async def send(socket: WebSocket, share: float = 1.0) -> None:
    """The map in parts, or the first of them."""
    values, size = MAP.tobytes(), 1 << 17
    for offset in range(0, int(share * len(values)), size):
        part = Part(serial=1, offset=offset, volume=None if offset else HEAD)
        await socket.send_bytes(encode(part, values[offset : offset + size]))


async def wait(socket: WebSocket) -> None:
    while (await socket.receive())["type"] != "websocket.disconnect":
        pass


def test_a_map_arrives_in_parts_and_tells_how_far_it_is() -> None:
    async def talk(socket: WebSocket) -> None:
        await greet(socket)
        await send(socket)
        await wait(socket)

    with serving(dashboard(talk)) as port, client(f"http://127.0.0.1:{port}") as (_, ear):
        assert "0.1.0" in ear.stands("connected")
        assert 0 < ear.next(Progress).share < 1
        np.testing.assert_array_equal(ear.next(Arrived).array, MAP)


def test_nobody_there_is_told_and_tried_again_until_there_is() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with client(f"http://127.0.0.1:{port}") as (_, ear):
        assert "nobody answers" in ear.stands("lost")

        async def talk(socket: WebSocket) -> None:
            await greet(socket)
            await wait(socket)

        with serving(dashboard(talk), port):
            ear.stands("connected")


def test_a_server_that_dies_in_the_middle_of_a_map_loses_nothing() -> None:
    """It breaks off, the client comes back, and what it wanted is said again."""
    wanted: list[str] = []

    async def talk(socket: WebSocket) -> None:
        await greet(socket)
        wanted.append((await socket.receive_json())["precision"])
        await send(socket, 0.5 if len(wanted) == 1 else 1.0)
        if len(wanted) == 1:
            await socket.close(1011)
        await wait(socket)

    with serving(dashboard(talk)) as port, client(f"http://127.0.0.1:{port}") as (made, ear):
        made.settle(follow=True, precision="half")
        assert "broke" in ear.stands("lost")
        np.testing.assert_array_equal(ear.next(Arrived).array, MAP)
    assert len(wanted) == 2 and wanted[-1] == "half"


def test_a_wrong_token_is_told_and_not_tried_again() -> None:
    guarded = Guard(dashboard(None), "right", frozenset())
    with serving(guarded) as port, client(f"http://127.0.0.1:{port}", "wrong") as (made, ear):
        assert "does not know this token" in ear.stands("refused")
        made._thread.join(PATIENCE_S)
        assert not made._thread.is_alive()


def test_what_is_no_dashboard_is_told() -> None:
    with serving(FastAPI()) as port, client(f"http://127.0.0.1:{port}") as (_, ear):
        assert "no CryoHype dashboard" in ear.stands("refused")


def test_an_older_dashboard_without_a_stream_is_told() -> None:
    with serving(dashboard(None, "0.0.9")) as port, client(f"http://127.0.0.1:{port}") as (_, ear):
        assert "CryoHype 0.0.9, which streams no volumes; update it" in ear.stands("refused")


@pytest.mark.parametrize(("protocol", "who"), [(PROTOCOL + 1, "the viewer"), (PROTOCOL - 1, "127.0.0.1")])
def test_another_language_is_told_with_who_is_to_be_updated(protocol: int, who: str) -> None:
    async def talk(socket: WebSocket) -> None:
        await socket.send_text(text("hello", protocol=protocol, version="9.9"))
        await wait(socket)

    with serving(dashboard(talk)) as port, client(f"http://127.0.0.1:{port}") as (_, ear):
        sentence = ear.stands("refused")
        assert "another language" in sentence and who in sentence.rpartition(";")[2]


def test_nonsense_is_told_and_the_connection_goes_on() -> None:
    async def talk(socket: WebSocket) -> None:
        await greet(socket)
        await socket.send_bytes(b"\x05\x00\x00\x00what?")
        await socket.send_text("{")
        await socket.send_text(json.dumps({"kind": "a word of tomorrow"}))
        await send(socket)
        await wait(socket)

    with serving(dashboard(talk)) as port, client(f"http://127.0.0.1:{port}") as (_, ear):
        assert "cannot be read" in ear.next(Problem).sentence
        assert "cannot be read" in ear.next(Problem).sentence
        np.testing.assert_array_equal(ear.next(Arrived).array, MAP)


def test_a_map_larger_than_memory_is_told_and_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    async def talk(socket: WebSocket) -> None:
        await greet(socket)
        await send(socket)
        await socket.send_text(text("problem", sentence="after it"))
        await wait(socket)

    class Little:
        available = MAP.nbytes

    monkeypatch.setattr(psutil, "virtual_memory", Little)
    with serving(dashboard(talk)) as port, client(f"http://127.0.0.1:{port}") as (_, ear):
        assert "of memory" in ear.next(Problem).sentence
        assert ear.next(Problem).sentence == "after it"
        assert ear.events.empty()


def test_it_ends_in_the_middle_of_a_transfer() -> None:
    going = threading.Event()

    async def talk(socket: WebSocket) -> None:
        await greet(socket)
        values = bytes(1 << 16)
        head = HEAD.model_copy(update={"shape": (512, 512, 512)})
        for offset in range(0, 1 << 28, len(values)):
            await socket.send_bytes(encode(Part(serial=1, offset=offset, volume=None if offset else head), values))
            await asyncio.sleep(0.005)
            going.set()

    with serving(dashboard(talk)) as port, client(f"http://127.0.0.1:{port}") as (made, _):
        assert going.wait(PATIENCE_S)
        made.stop()
        assert not made._thread.is_alive()
