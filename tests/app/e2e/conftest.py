"""The real server in a process of its own, a trained tiny run, and a real browser."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from playwright.sync_api import Error as BrowserError

from cryohype_app.store import FRESH_SECONDS
from cryohype_model.cli import main
from cryohype_model.config import dump_config

PATIENCE_S = 120
ALL_TEXT = """() => {
  const said = []
  const walk = node => {
    if (node.nodeType === Node.TEXT_NODE) said.push(node.textContent)
    if (node instanceof HTMLElement && getComputedStyle(node).display === "none") return
    if (node instanceof HTMLTextAreaElement || node instanceof HTMLInputElement) said.push(node.value)
    if (node.tagName === "STYLE" || node.tagName === "SCRIPT") return
    for (const child of node.shadowRoot?.childNodes ?? []) walk(child)
    for (const child of node.childNodes) walk(child)
  }
  if (document.body) walk(document.body)  // there is none while a page begins to load
  return said.join(" ").replace(/\\s+/g, " ")
}"""
LATENT_PICTURE = """() => {
  for (const view of Bokeh.index.query(v => v.model.type === "Figure")) {
    if (!view.model.toolbar.tools.some(tool => tool.type === "LassoSelectTool")) continue
    const box = view.el.getBoundingClientRect(), inner = view.frame.bbox
    return [box.x + inner.left, box.y + inner.top, box.x + inner.right, box.y + inner.bottom]
  }
}"""


@dataclass
class Server:
    """A running `cryohype-app serve`."""

    store: Path
    state: Path
    options: tuple[str, ...] = ()
    port: int = 0
    url: str = ""
    token: str = ""
    process: Any = None
    said: Path = field(default_factory=Path)
    environment: dict[str, str] = field(default_factory=dict)

    def start(self) -> None:
        """Start it, on the same port as before if there was one."""
        self.said = self.state / "server.log"
        words = [
            "-m",
            "cryohype_app.cli",
            "serve",
            str(self.store),
            "--port",
            str(self.port),
            "--no-open",
            "--accelerator",
            "cpu",
            *self.options,
        ]
        environment = os.environ | {"XDG_STATE_HOME": str(self.state), "OMP_NUM_THREADS": "1"} | self.environment
        with self.said.open("wb") as log:
            self.process = subprocess.Popen([sys.executable, *words], stdout=log, stderr=log, env=environment)
        deadline = time.monotonic() + PATIENCE_S
        while not (found := re.search(r"(http://localhost:(\d+)/)\S*\btoken=(\S+)", self.said.read_text())):
            assert self.process.poll() is None and time.monotonic() < deadline, self.said.read_text()
            time.sleep(0.1)
        self.url, self.port, self.token = found[1], int(found[2]), found[3]
        self._wait()

    def stop(self, number: int = signal.SIGTERM) -> None:
        """End it by a signal."""
        self.process.send_signal(number)
        self.process.wait(30)

    def address(self, page: str = "") -> str:
        """A page with its token."""
        return f"{self.url}{page}{'&' if '?' in page else '?'}token={self.token}"

    def _wait(self) -> None:
        import urllib.error
        import urllib.request

        deadline = time.monotonic() + PATIENCE_S
        while time.monotonic() < deadline:
            try:
                urllib.request.urlopen(self.url, timeout=2)
            except urllib.error.HTTPError:
                return  # refused for want of the token: it is there
            except OSError:
                time.sleep(0.1)
        raise AssertionError(self.said.read_text())


@pytest.fixture(scope="session")
def trained_store(mixture: Path, tiny_config: Callable[..., Any], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store with one run that was really trained and analysed, and its particles; components stand for the UMAP."""
    store = tmp_path_factory.mktemp("store")
    shutil.copytree(mixture.parent, store / "mixture")
    star = store / "mixture" / mixture.name
    (store / "tiny.toml").write_text(dump_config(tiny_config(star)))
    assert main(["train", str(star), "-c", str(store / "tiny.toml"), "-o", str(store / "first")]) == 0
    with pytest.MonkeyPatch.context() as patch:  # which takes long to compile; tests/analysis has the real one
        patch.setattr("cryohype_model.analysis.analyze.umap_coordinates", lambda pca, *_: np.asarray(pca[:, :2]))
        assert main(["analyze", str(store / "first"), "--clusters", "2"]) == 0
    return store


@pytest.fixture(scope="session")
def shared_server(trained_store: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server on a copy of that store, for all tests that leave the server itself as it is: to start one takes long."""
    folder = tmp_path_factory.mktemp("shared")
    shutil.copytree(trained_store, folder / "store")
    running = Server(folder / "store", folder)
    running.start()
    yield running
    running.stop()


@pytest.fixture
def server(request: pytest.FixtureRequest) -> Iterator[Server]:
    """A server on a store that is as it was trained: the shared one, or the test's own where it is marked ``own_server``."""
    own = request.node.get_closest_marker("own_server") is not None
    running: Server = request.getfixturevalue("own_server" if own else "shared_server")
    yield running
    if not own and restore(request.getfixturevalue("trained_store"), running.store):
        time.sleep(FRESH_SECONDS)  # so old may the server's list of runs be


@pytest.fixture
def own_server(trained_store: Path, tmp_path: Path) -> Iterator[Server]:
    """A server of the test's own, on a copy of that store: it may be killed, and no test before has left anything in it."""
    shutil.copytree(trained_store, tmp_path / "store")
    running = Server(tmp_path / "store", tmp_path)
    running.start()
    yield running
    if running.process.poll() is None:
        running.stop()


def restore(wanted: Path, folder: Path) -> bool:
    """Make the files of a folder those of another, but for the logs of workers, which go on; whether there was anything to do."""
    strange = [path for path in folder.rglob("*") if not (wanted / path.relative_to(folder)).exists()]
    strange = [path for path in strange if "workers" not in path.relative_to(folder).parts and path.name != ".cryohype"]
    for path in strange:
        if path.is_file():
            path.unlink()
    for path in reversed([path for path in strange if path.is_dir()]):
        path.rmdir()
    changed = [path for path in wanted.rglob("*") if path.is_file() and not _same(path, folder / path.relative_to(wanted))]
    for path in changed:
        shutil.copy2(path, folder / path.relative_to(wanted))
    return bool(strange or changed)


def _same(one: Path, other: Path) -> bool:
    return other.is_file() and one.stat().st_mtime_ns == other.stat().st_mtime_ns and one.stat().st_size == other.stat().st_size


@pytest.fixture(scope="module")
def shared_demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server on the demo that is shipped."""
    folder = tmp_path_factory.mktemp("demo")
    running = Server(folder / "store", folder, ("--demo",))
    running.start()
    yield running
    if running.process.poll() is None:
        running.stop()


@dataclass
class Session:
    """A page of the browser, and what went wrong in it."""

    page: Any
    problems: list[str] = field(default_factory=list)
    ready: list[str] = field(default_factory=list)

    def open(self, address: str) -> None:
        """Go there and wait until bokeh has drawn everything."""
        self.ready.clear()
        self.page.goto(address)
        deadline = time.monotonic() + PATIENCE_S
        while not self.ready and time.monotonic() < deadline:
            self.page.wait_for_timeout(100)
        assert self.ready, "the page was never ready"

    def text(self) -> str:
        """What the page says, also inside of components; nothing while it is being loaded."""
        try:
            return str(self.page.evaluate(ALL_TEXT))
        except BrowserError as error:
            if "navigation" not in str(error):
                raise
            return ""

    def until(self, condition: Callable[[], Any], what: str) -> Any:
        """Wait for something."""
        deadline = time.monotonic() + PATIENCE_S
        while time.monotonic() < deadline:
            if found := condition():
                return found
            self.page.wait_for_timeout(150)
        raise AssertionError(f"it never came: {what} {self.text()[-1500:]}")

    def says(self, words: str) -> Any:
        """Wait for words on the page, a regular expression; its match."""
        return self.until(lambda: re.search(words, self.text()), words)

    def choose(self, label: str, option: str) -> None:
        """Take an option of a select."""
        self.page.get_by_role("combobox", name=label, exact=True).click()
        self.page.get_by_role("menuitem", name=option, exact=True).click()

    def stroke(self, *places: tuple[float, float]) -> None:
        """Draw with the lasso through places in fractions of the latent picture from its left and top."""
        left, top, right, bottom = self.page.evaluate(LATENT_PICTURE)
        first, *rest = [(left + (right - left) * x, top + (bottom - top) * y) for x, y in places]
        self.page.mouse.move(*first)
        self.page.mouse.down()
        for place in rest:
            self.page.mouse.move(*place, steps=6)
        self.page.mouse.up()

    def lasso(self) -> None:
        """Draw around everything."""
        self.stroke((0.02, 0.02), (0.98, 0.02), (0.98, 0.98), (0.02, 0.98), (0.02, 0.03))


@pytest.fixture
def session(chromium: Any, server: Server) -> Iterator[Callable[[], Session]]:
    """A function that opens a further session; every console error and every request to another host is a failure."""
    opened: list[Session] = []

    def make() -> Session:
        page = chromium.new_page(viewport={"width": 1280, "height": 720})
        page.set_default_timeout(PATIENCE_S * 1000)
        made = Session(page)

        def heard(message: Any) -> None:
            if "document idle" in message.text:
                made.ready.append(message.text)
            if message.type == "error":
                made.problems.append(message.text)

        def asked(request: Any) -> None:
            if not request.url.startswith((server.url, f"ws://localhost:{server.port}", "data:", "blob:")):
                made.problems.append(f"a request to {request.url}")

        page.on("console", heard)
        page.on("pageerror", lambda error: made.problems.append(str(error)))
        page.on("request", asked)
        opened.append(made)
        return made

    yield make
    for made in opened:
        made.page.close()
        assert made.problems == []
