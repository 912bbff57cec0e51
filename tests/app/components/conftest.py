"""A real page: a Panel server of this process on a free port, and Chromium with software WebGL."""

from __future__ import annotations

import asyncio
import os
import socket
import time
import urllib.request
from collections.abc import Callable, Coroutine, Generator, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from cryohype_app.components.mesh import Geometry, Mesh

os.environ["BOKEH_RESOURCES"] = "server"  # before bokeh is imported: no file from a CDN

if TYPE_CHECKING:
    from panel.viewable import Viewable
    from playwright.sync_api import Browser, Locator, Page

PATIENCE_S = 60.0
READ_BACK = "GPU stall due to ReadPixels"  # a page composed without a GPU reads every WebGL picture back
DRAWN = """root => new Promise((done) => {
  const look = () => root.__viewer.draws > 0 ? done() : setTimeout(look, 20); look() })"""


@dataclass
class Site:
    """A server whose one page shows what it is told to."""

    url: str
    content: Viewable | None = None
    loop: asyncio.AbstractEventLoop | None = None

    def run(self, work: Coroutine[Any, Any, Any]) -> Any:
        """The result of a coroutine that runs in the server's event loop."""
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(timeout=60)


@dataclass
class Shown:
    """A page that is open, and what went over its wires."""

    page: Page
    site: Site
    complaints: list[str] = field(default_factory=list)
    received: list[str | bytes] = field(default_factory=list)

    @property
    def roots(self) -> Locator:
        """The viewers on the page."""
        return self.page.locator(".viewer")

    def ask(self, expression: str, number: int = 0) -> Any:
        """What an expression of ``viewer``, the object behind the picture, is worth in the browser."""
        return self.roots.nth(number).evaluate(f"root => {{ const viewer = root.__viewer; return {expression} }}")

    def until(self, expression: str, number: int = 0) -> None:
        """Wait until it is true."""
        handle = self.roots.nth(number).element_handle()
        self.page.wait_for_function(f"root => {{ const viewer = root.__viewer; return {expression} }}", arg=handle)

    def told(self, condition: Callable[[], bool]) -> None:
        """Wait until it is true, such as until Python has heard from the browser, which works meanwhile."""
        deadline = time.monotonic() + PATIENCE_S
        while not condition():
            assert time.monotonic() < deadline, "it never came"
            self.page.wait_for_timeout(50)

    def pixels(self, number: int = 0) -> np.ndarray:
        """(h, w, 3) of what the page shows of a viewer."""
        import io

        from PIL import Image

        self.page.evaluate("() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
        with Image.open(io.BytesIO(self.roots.nth(number).screenshot())) as picture:
            return np.asarray(picture.convert("RGB"), dtype=int)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(scope="session")
def site() -> Iterator[Site]:
    """One server for all tests; each says what it shows."""
    import panel as pn

    port = _free_port()
    site = Site(f"http://127.0.0.1:{port}/")

    def content() -> Viewable:
        site.loop = asyncio.get_running_loop()
        return site.content or pn.pane.Str("ready")

    server = pn.serve({"/": content}, port=port, address="127.0.0.1", show=False, threaded=True, verbose=False)
    deadline = time.monotonic() + PATIENCE_S
    while True:
        try:
            with urllib.request.urlopen(site.url, timeout=5):
                break
        except OSError:
            assert time.monotonic() < deadline, "the server did not start"
            time.sleep(0.05)
    yield site
    server.stop()


@pytest.fixture
def show(chromium: Browser, site: Site) -> Generator[Callable[..., Shown]]:
    """A function that opens a page with a Panel object; nothing on it may complain or ask another host."""
    opened: list[Shown] = []

    def open_page(content: Viewable, script: str = "", drawn: bool = True, **options: Any) -> Shown:
        site.content = content
        page = chromium.new_page(viewport={"width": 480, "height": 360}, **options)
        shown = Shown(page, site)
        opened.append(shown)
        _listen(shown)
        if script:
            page.add_init_script(script)
        page.goto(site.url)
        shown.roots.first.wait_for()
        for number in range(shown.roots.count() if drawn else 0):
            shown.roots.nth(number).evaluate(DRAWN)
        return shown

    yield open_page
    for shown in opened:
        shown.page.close()
    assert [complaint for shown in opened for complaint in shown.complaints] == []


def _listen(shown: Shown) -> None:
    def request(url: str) -> None:
        if not url.startswith((shown.site.url, "blob:" + shown.site.url, "data:")):
            shown.complaints.append(f"asked {url}")

    def said(kind: str, text: str) -> None:
        if kind in {"error", "warning"} and READ_BACK not in text:
            shown.complaints.append(f"{kind}: {text}")

    shown.page.on("request", lambda event: request(event.url))
    shown.page.on("requestfailed", lambda event: shown.complaints.append(f"failed {event.url}"))
    shown.page.on("pageerror", lambda error: shown.complaints.append(str(error)))
    shown.page.on("console", lambda message: said(message.type, message.text))
    shown.page.on("websocket", lambda socket: socket.on("framereceived", lambda frame: shown.received.append(frame)))


def _box(low: tuple[float, float, float], high: tuple[float, float, float]) -> Geometry:
    """A box with flat faces; corners in Å."""
    corners, normals, faces = [], [], []
    for axis in range(3):
        for side, bound in enumerate((low, high)):
            u, v = np.eye(3)[(axis + 1) % 3], np.eye(3)[(axis + 2) % 3]
            start = np.where(np.arange(3) == axis, bound, low)
            spans = u * (np.array(high) - low), v * (np.array(high) - low)
            first = len(corners)
            corners += [start, start + spans[0], start + spans[0] + spans[1], start + spans[1]]
            normals += [np.eye(3)[axis] * (2 * side - 1)] * 4
            quad = np.array([[0, 1, 2], [0, 2, 3]]) + first
            faces += list(quad if side else quad[:, ::-1])
    return Geometry.from_arrays(np.array(corners), np.array(normals), np.array(faces))


@pytest.fixture(scope="session")
def box() -> Callable[..., Mesh]:
    """A function that makes a box between two corners in Å, ``box("a", (0, 0, 0), (10, 20, 30), colour="#ff0000")``."""
    return lambda id_, low, high, **look: Mesh(id_, _box(low, high), name=f"box {id_}", **look)


@pytest.fixture(scope="session")
def cube(box: Callable[..., Mesh]) -> Mesh:
    """40 Å about the centre."""
    return box("cube", (-20, -20, -20), (20, 20, 20))
