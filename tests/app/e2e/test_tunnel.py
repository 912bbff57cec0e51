"""Through a tunnel that begins at another port, as `ssh -L 9000:localhost:8050` makes it, the page lives."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

pytestmark = pytest.mark.timeout(400)
PATIENCE_S = 120


@pytest.fixture
def tunnel(server: Any) -> Iterator[int]:
    """The port at this end; what comes there goes to the server as it is."""
    listening = socket.create_server(("127.0.0.1", 0))

    def copy(source: socket.socket, into: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                into.sendall(data)
        for end in (source, into):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def carry(here: socket.socket) -> None:
        with here, socket.create_connection(("127.0.0.1", server.port)) as there:
            back = threading.Thread(target=copy, args=(there, here), daemon=True)
            back.start()
            copy(here, there)
            back.join()

    def listen() -> None:
        with contextlib.suppress(OSError):
            while True:
                threading.Thread(target=carry, args=(listening.accept()[0],), daemon=True).start()

    threading.Thread(target=listen, daemon=True).start()
    yield listening.getsockname()[1]
    listening.close()


def test_a_page_through_a_tunnel_from_another_port_is_alive(server: Any, tunnel: int, chromium: Any) -> None:
    page = chromium.new_page(viewport={"width": 1280, "height": 720})
    page.set_default_timeout(PATIENCE_S * 1000)
    ready, wrong = [], []
    page.on("console", lambda message: ready.append(message.text) if "document idle" in message.text else None)
    page.on("console", lambda message: wrong.append(message.text) if message.type == "error" else None)
    try:
        page.goto(f"http://localhost:{tunnel}/?token={server.token}")
        page.get_by_text("first", exact=True).first.wait_for()  # a run: what is on a page comes over the websocket
        deadline = time.monotonic() + PATIENCE_S
        while not ready and time.monotonic() < deadline:
            page.wait_for_timeout(100)
        assert ready and wrong == []
        assert f"cryohype-{tunnel}" in {cookie["name"] for cookie in page.context.cookies()}
    finally:
        page.close()
