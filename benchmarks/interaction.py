"""What a user of the dashboard waits for, and how many bytes it takes: a real server and Chromium.

    .venv/bin/python benchmarks/interaction.py -o /tmp/interaction [--count 1000000]

On the shipped demo: opening Explore, lasso → count → coarse → whole map, contour, zoom, colour, with the bytes that went over
the wire. On a fabricated run of a million particles: opening Explore to the server's answer and to the first picture, zoom to
the new picture, lasso to the count, and the server's memory. Times are those of the browser, at the next frame that it drew; the
first of each is told apart, of the others the median.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
from million import fabricate
from playwright.sync_api import sync_playwright

# what Chromium does by itself without a graphics card; Playwright would have an emulated one draw the whole page
SOFTWARE: dict[str, Any] = {
    "args": [
        "--no-sandbox",
        "--use-gl=angle",
        "--use-angle=swiftshader",
        "--enable-unsafe-swiftshader",
        "--disable-gpu-compositing",
    ],
    "ignore_default_args": ["--enable-gpu-rasterization"],
}
PORT, PATIENCE_S, TIMES = 8401, 180, 5
FIGURE = """const figure = () => { for (const view of Bokeh.index.query((v) => v.model.type === "Figure"))
  if (view.model.toolbar.tools.some((tool) => tool.type === "LassoSelectTool")) return view }"""
CORNERS = f"""() => {{ {FIGURE}; const view = figure(); if (!view) return null
  const box = view.el.getBoundingClientRect(), inner = view.frame.bbox
  return [box.x + inner.left, box.y + inner.top, box.x + inner.right, box.y + inner.bottom] }}"""
PICTURES = f"""() => {{ {FIGURE}; const seen = window.seen = []; const view = figure()
  const sources = view.model.renderers.filter((r) => r.glyph.type === "Image").map((r) => r.data_source)
  for (const [number, source] of sources.entries())
    source.on_change(source.properties.data, () => seen.push([number, performance.now()]))
  return sources[0].data.image[0].length ?? sources[0].data.image[0].shape }}"""
SHOWN = f"""() => {{ if (typeof Bokeh === "undefined" || !Bokeh.index) return false; {FIGURE}; const view = figure()
  return Boolean(view) && view.model.renderers[0].data_source.data.image[0].shape?.[0] > 1 }}"""
VIEWERS = """() => { const found = []; const walk = (root) => { for (const element of root.querySelectorAll("*")) {
  if (element.__viewer) found.push(element.__viewer); if (element.shadowRoot) walk(element.shadowRoot) } }; walk(document)
  const viewer = found[0], drawn = window.drawn = []; let uploads = viewer.surfaces.uploads
  const draw = viewer.draw.bind(viewer); viewer.draw = (share) => { draw(share)
    if (viewer.surfaces.uploads > uploads) { uploads = viewer.surfaces.uploads; drawn.push(performance.now()) } } }"""


class Tab:
    """A page; what goes over the machine's own network, which nothing else uses meanwhile, is counted."""

    def __init__(self, browser: Any, address: str) -> None:
        self.page = browser.new_page(viewport={"width": 1440, "height": 900})
        self.idle: list[float] = []
        self.page.on("console", lambda message: self.idle.append(time.monotonic()) if "document idle" in message.text else None)
        self.begun = self.answered = 0.0
        self.visit(address)

    def visit(self, address: str) -> None:
        """Go there, again."""
        self.idle.clear()
        self.begun = time.monotonic()
        self.page.goto(address, timeout=PATIENCE_S * 1000, wait_until="commit")
        self.answered = time.monotonic()

    @property
    def got(self) -> int:
        """Bytes over the wire so far, both ways, compressed as they were, with the headers of TCP."""
        return int(psutil.net_io_counters(pernic=True)["lo"].bytes_sent)

    def until(self, condition: Callable[[], Any], what: str) -> Any:
        """Wait, with a look each 10 ms."""
        deadline = time.monotonic() + PATIENCE_S
        while not (found := condition()):
            if time.monotonic() > deadline:
                raise SystemExit(f"it never came: {what}")
            self.page.wait_for_timeout(10)
        return found

    def stroke(self, places: list[tuple[float, float]]) -> float:
        """Draw with the lasso; the browser's time when the button was let go."""
        left, top, right, bottom = self.page.evaluate(CORNERS)
        first, *rest = [(left + (right - left) * x, top + (bottom - top) * y) for x, y in places]
        self.page.mouse.move(*first)
        self.page.mouse.down()
        for place in rest:
            self.page.mouse.move(*place, steps=4)
        self.page.evaluate(
            "() => { window.seen.length = 0; if (window.drawn) window.drawn.length = 0;"
            " addEventListener('pointerup', () => { window.letGo = performance.now() }, {once: true, capture: true}) }"
        )
        self.page.mouse.up()
        return float(self.page.evaluate("window.letGo"))

    def counted(self, act: Callable[[], Any], seconds: float = 2.5) -> tuple[Any, int]:
        """What an act gave, and the bytes that went over the wire from its beginning until some seconds after it."""
        got = self.got
        result = act()
        self.page.wait_for_timeout(1000 * seconds)
        return result, self.got - got


def start(words: list[str], folder: Path) -> tuple[Any, str]:
    """The server and what an address of it needs."""
    log = folder / "server.log"
    environment = os.environ | {"XDG_STATE_HOME": str(folder)}
    with log.open("wb") as said:
        command = [
            sys.executable,
            "-m",
            "cryohype_app.cli",
            "serve",
            *words,
            "--no-open",
            "--port",
            str(PORT),
            "--accelerator",
            "cpu",
        ]
        server = subprocess.Popen(command, stdout=said, stderr=said, env=environment)
    while not (found := re.search(r"(http://localhost:\d+/)\S*?(token=\S+)", log.read_text())):
        if server.poll() is not None:
            raise SystemExit(log.read_text())
        time.sleep(0.1)
    time.sleep(5)  # its kernels are compiled
    return server, f"{found[1]}explore?{found[2]}"


def told(values: list[float]) -> dict[str, float]:
    """The first, and the median of the others."""
    return {"first_s": round(values[0], 2), "median_s": round(statistics.median(values[1:]), 2)}


def demo(browser: Any, folder: Path) -> dict[str, Any]:
    """The shipped demo."""
    server, address = start([str(folder / "store"), "--demo"], folder)
    try:
        tab = Tab(browser, address)
        _, got = tab.counted(lambda: tab.until(lambda: tab.idle and tab.page.evaluate(CORNERS), "the page"), 4.0)
        facts: dict[str, Any] = {"open_s": round(tab.idle[0] - tab.begun, 2), "open_bytes": got}
        tab.page.evaluate(PICTURES)
        tab.page.evaluate(VIEWERS)
        coarse, whole, came = [], [], []
        for number in range(TIMES + 1):
            right = 0.45 + 0.08 * number
            corners = [(0.03, 0.05), (right, 0.05), (right, 0.95), (0.03, 0.95), (0.03, 0.07)]
            let_go, got = tab.counted(lambda corners=corners: tab.stroke(corners))
            drawn = tab.page.evaluate("window.drawn")
            coarse.append((drawn[0] - let_go) / 1000)
            whole.append((drawn[1 if len(drawn) > 1 else 0] - let_go) / 1000)
            came.append(got)
        facts |= {"lasso_to_coarse": told(coarse), "lasso_to_whole": told(whole)}
        facts["lasso_bytes"] = statistics.median(came)
        slider = tab.page.get_by_role("slider").first
        slider.focus()
        _, facts["contour_bytes"] = tab.counted(lambda: slider.press("ArrowRight"))
        left, top, right, bottom = tab.page.evaluate(CORNERS)
        tab.page.mouse.move((left + right) / 2, (top + bottom) / 2)
        _, facts["zoom_bytes"] = tab.counted(lambda: tab.page.mouse.wheel(0, -100))
        tab.page.close()
        return facts
    finally:
        stop(server)


def million(browser: Any, folder: Path, count: int) -> dict[str, Any]:
    """The fabricated run."""
    fabricate(folder / "many" / "run", count)
    server, address = start([str(folder / "many")], folder)
    try:
        tab = Tab(browser, address)
        answers, firsts = [], []
        for visit in range(TIMES + 1):
            if visit:
                tab.visit(address)
            tab.until(lambda: tab.page.evaluate(SHOWN), "the first picture")
            answers.append(tab.answered - tab.begun)
            firsts.append(time.monotonic() - tab.begun)
            tab.until(lambda: tab.idle, "the page")
            tab.page.wait_for_timeout(2000)
        facts: dict[str, Any] = {"particles": count, "open_to_answer": told(answers), "open_to_first_picture": told(firsts)}
        tab.page.evaluate(PICTURES)
        zooms, lassos = [], []
        left, top, right, bottom = tab.page.evaluate(CORNERS)
        for _ in range(TIMES + 1):
            tab.page.mouse.move((left + right) / 2, (top + bottom) / 2)
            begun = tab.page.evaluate("() => { window.seen.length = 0; return performance.now() }")
            tab.page.mouse.wheel(0, -60)
            seen = tab.until(lambda: tab.page.evaluate("window.seen"), "the zoomed picture")
            zooms.append((seen[0][1] - begun) / 1000)
            tab.page.wait_for_timeout(1500)
        for number in range(TIMES + 1):
            right = 0.4 + 0.09 * number
            begun = tab.stroke([(0.1, 0.1), (right, 0.1), (right, 0.8), (0.1, 0.8), (0.1, 0.12)])
            seen = tab.until(
                lambda: [place for place in tab.page.evaluate("window.seen") if place[0] == 1], "the selection's picture"
            )
            lassos.append((seen[0][1] - begun) / 1000)
            tab.page.wait_for_timeout(1500)
        facts |= {"zoom_to_picture": told(zooms), "lasso_to_count_and_picture": told(lassos)}
        facts["server_memory_gb"] = round(psutil.Process(server.pid).memory_info().rss / 1e9, 2)
        tab.page.close()
        return facts
    finally:
        stop(server)


def stop(server: Any) -> None:
    """End it."""
    server.terminate()
    server.wait(30)


def main() -> None:
    """Measure both, print one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("-o", "--output", type=Path, required=True, help="folder for stores and logs")
    parser.add_argument("--count", type=int, default=1_000_000, help="particles of the fabricated run")
    args = parser.parse_args()
    args.output.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path="/usr/bin/chromium", **SOFTWARE)
        load = os.getloadavg()[0]
        print(
            json.dumps({"load": load, "demo": demo(browser, args.output), "million": million(browser, args.output, args.count)})
        )
        browser.close()


if __name__ == "__main__":
    main()
