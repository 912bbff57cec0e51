"""Send to napari, from every kind of map in a real browser: how a viewer is connected, and what it then gets."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import psutil
import pytest
from websockets.sync.client import connect

from cryohype_app.views.path import COLOUR
from cryohype_app.wire import FOLLOW, STREAM_PATH, VolumeHead, decode, density
from cryohype_model.palette import category_colour

pytestmark = [pytest.mark.timeout(400), pytest.mark.own_server]  # a server tells a viewer of the maps that it has
PATIENCE_S = 120
MASKED = "?token=••••••••"


class Viewer:
    """What a desktop viewer hears; maps as small as those of these tests come in one part."""

    def __init__(self, socket: Any) -> None:
        self.socket, self.received = socket, 0
        self.tell("settings", follow=True, precision="full")

    def tell(self, kind: str, **values: Any) -> None:
        """Say something to the server."""
        self.socket.send(json.dumps({"kind": kind, **values}))

    def map(self, wanted: Callable[[VolumeHead], bool]) -> tuple[VolumeHead, Any]:
        """The next map of which this is true."""
        deadline = time.monotonic() + PATIENCE_S
        while time.monotonic() < deadline:
            message = self.socket.recv(timeout=PATIENCE_S)
            if isinstance(message, str):
                continue
            part, values = decode(message)
            self.received += len(values)
            self.tell("got", bytes=self.received)
            if part.volume is not None and wanted(part.volume):
                return part.volume, density(part.volume, np.frombuffer(values, np.uint8))
        raise AssertionError("the map never came")


@contextmanager
def viewer(server: Any) -> Iterator[Viewer]:
    address = f"ws://localhost:{server.port}{STREAM_PATH}"
    with connect(address, additional_headers={"Authorization": f"Bearer {server.token}"}, max_size=None) as socket:
        yield Viewer(socket)


def test_without_a_viewer_it_says_how_to_connect_one_and_then_sends(server: Any, session: Any) -> None:
    tab = session()
    tab.page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    tab.open(server.address("explore"))
    tab.page.get_by_role("button", name=re.compile(r"Select cluster 1: \d+ particles")).click()
    tab.says("16 px at 12.00 Å")
    tab.page.get_by_role("button", name="Send to napari").first.click()
    tab.says("No napari is connected to this dashboard")
    tab.says(rf"ssh -N -L {server.port}:localhost:{server.port} \S+@\S+ ")
    tab.says(re.escape(f"http://localhost:{server.port}/{MASKED}"))
    assert server.token not in tab.page.content() + tab.text()
    tab.page.get_by_role("button", name="Copy the link for napari beside this browser").click()
    tab.says("Copied")
    link = f"http://localhost:{server.port}/?token={server.token}"
    assert tab.page.evaluate("() => navigator.clipboard.readText()") == link
    assert link not in tab.text()
    tab.page.get_by_role("button", name="Show the link for napari beside this browser").click()
    tab.says(re.escape(link))
    with viewer(server) as napari:
        tab.says(r"Sent to napari \(1 viewer\)")
        head, array = napari.map(lambda head: head.pinned)
        assert (head.name, head.colour, head.shape) == ("cluster 1", category_colour(1), (16, 16, 16))
        assert array.std() > 0 and head.level is not None
        tab.says("Send to napari · 1")
        tab.page.get_by_role("dialog").wait_for(state="detached")  # until it has faded away it takes the mouse
        assert "No napari is connected" not in tab.text()
        assert server.token not in tab.text()
        tab.lasso()
        head, _ = napari.map(lambda head: head.slot == FOLLOW and head.name == "60 particles")
        assert head.how.startswith("mean of 60 particles") and 0 <= time.time() - head.ready < PATIENCE_S
    tab.says("Send to napari (?!·)")


def test_both_maps_their_difference_and_a_path_are_sent(server: Any, session: Any) -> None:
    tab = session()
    with viewer(server) as napari:
        tab.open(server.address("compare"))
        tab.says("FSC-AUC .* of 0")
        tab.page.get_by_role("button", name="Difference").click()
        tab.says("more in A")
        for number, name in enumerate(("A: cluster 0", "B: cluster 1", "cluster 0 − cluster 1")):
            tab.page.get_by_role("button", name="Send to napari · 1").nth(number).click()
            head, _ = napari.map(lambda head, name=name: head.name == name)  # type: ignore[misc]
            assert head.pinned and head.slot == f"sent-{head.volume_id}"
        tab.open(server.address("explore"))
        tab.page.get_by_role("tab", name="Path").click()
        tab.choose("Path", "component")
        tab.choose("Steps", "5")
        tab.page.get_by_role("button", name="Make").click()
        tab.says(r"\d of \d: mean of \d+ neighbours of particle")
        tab.page.get_by_role("button", name="Send to napari · 1").last.click()
        first, _ = napari.map(lambda head: head.series is not None)
        assert first.series is not None and (first.series.number, first.colour) == (0, COLOUR)
        last, _ = napari.map(lambda head: head.series is not None and head.series.number == head.series.count - 1)
        assert last.series is not None and last.series.id == first.series.id and last.level == first.level
        tab.says(rf"{last.series.count} maps sent to napari \(1 viewer\)")


@pytest.fixture
def desktop(display: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """A desktop, on which the server then runs."""
    for name in ("SSH_CONNECTION", "SSH_TTY"):
        monkeypatch.delenv(name, raising=False)


def test_napari_is_opened_where_the_server_runs(desktop: None, server: Any, session: Any) -> None:
    tab = session()
    tab.open(server.address("explore"))
    tab.page.get_by_role("button", name=re.compile(r"Select cluster 0: \d+ particles")).click()
    tab.says("16 px at 12.00 Å")
    tab.page.get_by_role("button", name="Send to napari").first.click()
    tab.page.get_by_role("button", name="Open napari here").click()
    tab.says(r"Sent to napari \(1 viewer\)")
    children = psutil.Process(server.process.pid).children()
    (napari,) = (child for child in children if "napari" in child.cmdline())
    assert napari.cmdline()[-1] == f"http://localhost:{server.port}/"
    napari.terminate()
    tab.says("Send to napari (?!·)")
