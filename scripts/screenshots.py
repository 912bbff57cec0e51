"""Pictures of every page of the dashboard, dark and light, for the documentation.

.venv/bin/python scripts/screenshots.py -o docs/images

It starts `cryohype-app serve --demo` on a folder of its own, drives it with Chromium as a user would, and keeps what it sees.
"""

from __future__ import annotations

import argparse
import io
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from PIL import Image
from playwright.sync_api import sync_playwright

CHROMIUM = "/usr/bin/chromium"
SOFTWARE_WEBGL = ["--no-sandbox", "--use-gl=angle", "--use-angle=swiftshader", "--enable-unsafe-swiftshader"]
PATIENCE_S = 120
PORT = 8399
COLOURS = 128  # of a picture in the documentation: a third of the bytes
PICTURE = """() => { for (const view of Bokeh.index.query((v) => v.model.type === "Figure")) {
  if (!view.model.toolbar.tools.some((tool) => tool.type === "LassoSelectTool")) continue
  const box = view.el.getBoundingClientRect(), inner = view.frame.bbox
  return [box.x + inner.left, box.y + inner.top, box.x + inner.right, box.y + inner.bottom] } }"""


def main() -> None:
    """Take them all."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("-o", "--output", type=Path, required=True, help="folder of the pictures")
    parser.add_argument("--size", default="1440x900", help="of the window, px")
    args = parser.parse_args()
    args.output.mkdir(parents=True, exist_ok=True)
    width, height = map(int, args.size.split("x"))
    with tempfile.TemporaryDirectory(prefix="cryohype-screenshots-") as folder, sync_playwright() as driver:
        server, address = start(Path(folder))
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=SOFTWARE_WEBGL)
        try:
            for theme in ("dark", "light"):
                for name, (path, act) in PAGES.items():
                    page = browser.new_page(viewport={"width": width, "height": height})
                    open_page(page, address, path, theme)
                    act(page)
                    page.wait_for_timeout(1500)
                    keep(page, args.output / f"{name}-{theme}.png")
                    page.close()
        finally:
            browser.close()
            server.terminate()
            server.wait(30)


def start(folder: Path) -> tuple[subprocess.Popen[bytes], str]:
    """The server and its address with the token."""
    words = ["-m", "cryohype_app.cli", "serve", str(folder / "runs"), "--demo", "--no-open", "--port", str(PORT)]
    log = folder / "server.log"
    with log.open("wb") as said:
        server = subprocess.Popen(
            [sys.executable, *words], stdout=said, stderr=said, env=os.environ | {"XDG_STATE_HOME": str(folder)}
        )
    until(lambda: re.search(r"token=\S+", log.read_text()), "the server's address")
    found = re.search(r"(http://localhost:\d+/)\S*?(token=\S+)", log.read_text())
    if found is None:
        raise SystemExit(f"the server did not start: {log.read_text()}")
    return server, f"{found[1]}{{path}}{{and}}{found[2]}"


def open_page(page: Any, address: str, path: str, theme: str) -> None:
    """Wait until it is all there."""
    idle: list[str] = []
    page.on("console", lambda message: idle.append(message.text) if "document idle" in message.text else None)
    page.goto(address.format(path=f"{path}{'&' if '?' in path else '?'}theme={theme}", **{"and": "&"}), timeout=PATIENCE_S * 1000)
    until(lambda: idle, f"the page {path!r}", page)
    page.wait_for_timeout(1500)


def until(condition: Callable[[], Any], what: str, page: Any = None) -> None:
    """Wait for something."""
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        if time.monotonic() > deadline:
            raise SystemExit(f"it never came: {what}")
        page.wait_for_timeout(200) if page is not None else time.sleep(0.2)


def keep(page: Any, path: Path) -> None:
    """The picture in few colours."""
    with Image.open(io.BytesIO(page.screenshot())) as picture:
        picture.convert("RGB").quantize(COLOURS, dither=Image.Dither.NONE).save(path, optimize=True)
    sys.stderr.write(f"{path} {path.stat().st_size / 1000:.0f} kB\n")


def rest(page: Any) -> None:
    """Nothing is done on the page; it fills itself."""
    page.wait_for_timeout(4000)


def explore(page: Any) -> None:
    """Draw around a cluster, and compare its molecule with a true structure."""
    left, top, right, bottom = page.evaluate(PICTURE)
    corners = [(0.55, 0.03), (0.97, 0.03), (0.97, 0.6), (0.55, 0.6), (0.55, 0.05)]
    places = [(left + (right - left) * x, top + (bottom - top) * y) for x, y in corners]
    page.mouse.move(*places[0])
    page.mouse.down()
    for place in places[1:]:
        page.mouse.move(*place, steps=5)
    page.mouse.up()
    page.get_by_role("button", name="Map (.mrc)").wait_for(timeout=PATIENCE_S * 1000)
    page.get_by_role("combobox", name="Compare with", exact=True).click()
    page.get_by_role("menuitem", name="back-projection").click()
    page.wait_for_timeout(6000)


def train(page: Any) -> None:
    """Choose the demo's particles."""
    field = page.get_by_role("textbox", name="Particles", exact=True)
    page.get_by_text("demo-particles/").click()
    page.get_by_text("particles.star").click()
    page.wait_for_timeout(4000)
    field.blur()


PAGES: dict[str, tuple[str, Callable[[Any], None]]] = {
    "runs": ("", rest), "train": ("train", train), "monitor": ("monitor", rest), "explore": ("explore", explore),
    "compare": ("compare", rest), "export": ("export", rest),
}  # fmt: skip


if __name__ == "__main__":
    main()
