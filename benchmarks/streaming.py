"""From a map in the worker to a layer in napari: seconds and bytes, on this machine and through slow tunnels.

    xvfb-run -a .venv/bin/python benchmarks/streaming.py -o /tmp/streaming [--lasso] [--sides 64 128 256] [--times 5]

A real dashboard on the shipped demo in a process of its own, napari with its widget in this one. A map's time begins when the
worker has it (the clock is the same) and ends when the layer has its values, scale and level; drawing it comes after that and
depends on the graphics card. A slow link is a proxy that lets so many bytes a second through and holds 64 kB; in the
middle of a transfer of the largest map another cluster is asked for. The gaps are the longest times in which
napari's window answered nobody. With --lasso a Chromium draws around particles, and the time from the button that is let go to
the first layer is taken.
"""

from __future__ import annotations

import argparse
import os
import re
import socket
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil

os.environ.setdefault("QT_QPA_PLATFORM", "xcb")
PORT, PATIENCE_S = 8431, 900
LINKS = {"loopback": 0.0, "8 MB/s": 8e6, "1 MB/s": 1e6}


class Proxy:
    """A link that carries so many bytes a second towards the viewer."""

    def __init__(self, bytes_per_s: float) -> None:
        self.rate, self.carried = bytes_per_s, 0
        self.listening = socket.create_server(("127.0.0.1", 0))
        self.port = self.listening.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            viewer, _ = self.listening.accept()
            server = socket.socket()
            server.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 15)
            viewer.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 15)
            server.connect(("127.0.0.1", PORT))
            threading.Thread(target=self._carry, args=(viewer, server, False), daemon=True).start()
            threading.Thread(target=self._carry, args=(server, viewer, True), daemon=True).start()

    def _carry(self, source: socket.socket, target: socket.socket, slowly: bool) -> None:
        free = time.monotonic()
        while content := source.recv(1 << 14):
            if slowly:
                self.carried += len(content)
                free = max(free, time.monotonic()) + len(content) / self.rate
                time.sleep(max(0.0, free - time.monotonic()))
            target.sendall(content)
        target.shutdown(socket.SHUT_WR)


class Desk:
    """napari with its widget, connected through a link."""

    def __init__(self, address: str, token: str, follow: bool) -> None:
        import napari
        from qtpy.QtCore import QTimer

        from cryohype_app.napari_plugin.live.widget import LiveWidget

        self.viewer = napari.Viewer(show=False)
        self.widget = LiveWidget(self.viewer)
        self.viewer.window.add_dock_widget(self.widget, name="CryoHype live")
        self.shown: list[tuple[Any, float]] = []
        show = self.widget._screen.show

        def timed(event: Any) -> str:
            told = show(event)
            self.shown.append((event.head, time.time()))
            return told

        self.widget._screen.show = timed
        self.gap, self._last = 0.0, time.monotonic()
        self.timer = QTimer()
        self.timer.timeout.connect(self._tick)
        self.timer.start(5)
        self.widget.follow.setChecked(follow)
        self.widget.pick.setChecked(not follow)
        self.widget.connect_to(address, token)
        self.until(lambda: "connected to" in self.widget.status.text(), "the connection")
        self.until(lambda: self.widget.tree.topLevelItemCount(), "the runs")

    def _tick(self) -> None:
        now = time.monotonic()
        self.gap, self._last = max(self.gap, now - self._last), now

    def until(self, condition: Callable[[], Any], what: str) -> Any:
        """Let Qt work until something is true."""
        from qtpy.QtWidgets import QApplication

        end = time.monotonic() + PATIENCE_S
        while not (found := condition()):
            QApplication.processEvents()
            time.sleep(0.001)
            if time.monotonic() > end:
                raise SystemExit(f"it never came: {what} ({self.widget.status.text()} {self.widget.problem.text()})")
        return found

    def ask(self, **wish: Any) -> None:
        """Ask for a map."""
        run = self.widget.tree.topLevelItem(0).data(0, 256)
        self.shown.clear()
        self.widget._client.ask("show", wish={"kind": "particles", "run": run, "method": "medoid", **wish})

    def whole(self, side: int) -> tuple[Any, float]:
        """The last stage, of so many px, when it is there."""
        return self.until(
            lambda: next((one for one in self.shown if one[0].last and one[0].shape[0] == side), None), f"{side} px"
        )

    def close(self) -> None:
        """End it."""
        self.timer.stop()
        self.widget.disconnect_from_server()
        self.viewer.close()


def serve(folder: Path) -> tuple[Any, str, str]:
    """The dashboard, its page and its token; any Host header is answered, for the proxies have ports of their own."""
    log = folder / "server.log"
    words = ["serve", str(folder / "store"), "--demo", "--no-open", "--port", str(PORT), "--host", "0.0.0.0", "--insecure"]
    environment = os.environ | {"XDG_STATE_HOME": str(folder), "OMP_NUM_THREADS": "1"}
    with log.open("wb") as said:
        command = [sys.executable, "-m", "cryohype_app.cli", *words, "--accelerator", "cpu"]
        process = subprocess.Popen(command, stdout=said, stderr=said, env=environment)
    while not (found := re.search(r"http://\S*:\d+/(\S*)[?&]token=(\S+)", log.read_text())):
        if process.poll() is not None:
            raise SystemExit(log.read_text())
        time.sleep(0.1)
    time.sleep(3)
    return process, found[1], found[2]


def measure(name: str, rate: float, token: str, sides: list[int], times: int) -> list[str]:
    """Rows of the table for a link."""
    proxy = Proxy(rate) if rate else None
    desk = Desk(f"http://127.0.0.1:{proxy.port if proxy else PORT}", token, follow=False)
    desk.ask(cluster=0, box_px=32)
    desk.whole(32)  # the worker is there
    rows = []
    for precision in ("float32", "float16"):
        desk.widget.half.setChecked(precision == "float16")
        for side in sides:
            took, carried, gaps = [], [], []
            for number in range(times if side < 200 else min(times, 2)):
                before, desk.gap = on_the_wire(proxy), 0.0
                desk.ask(cluster=number % 6, box_px=side)
                head, when = desk.whole(side)
                took.append(when - head.ready)
                carried.append(on_the_wire(proxy) - before)
                gaps.append(desk.gap)
            rows.append(
                f"| {name} | {precision} | {side} | {1000 * statistics.median(took):.0f} | {1000 * max(took):.0f} "
                f"| {statistics.median(carried) / 1e6:.2f} | {1000 * max(gaps):.0f} | {len(took)} |"
            )
            print(rows[-1], flush=True)
    if rate:
        rows.append(overtake(name, desk, sides[-1]))
    desk.close()
    return rows


def on_the_wire(proxy: Proxy | None) -> int:
    """Bytes so far towards the viewer; without a proxy, all that this machine said to itself."""
    return proxy.carried if proxy else int(psutil.net_io_counters(pernic=True)["lo"].bytes_sent)


def overtake(name: str, desk: Desk, side: int) -> str:
    """In the middle of a large map another one is asked for: how long its first stage takes."""
    desk.widget.half.setChecked(False)
    desk.ask(cluster=0, box_px=side)
    desk.until(lambda: desk.widget.progress.isVisibleTo(desk.widget) and desk.widget.progress.value() > 5, "the transfer")
    desk.gap = 0.0
    desk.ask(cluster=3)
    head, when = desk.until(lambda: next((one for one in desk.shown if one[0].name == "cluster 3"), None), "the newer map")
    took = 1000 * (when - head.ready)
    row = f"| {name} | in the middle of {side} px | {head.shape[0]} | {took:.0f} | | | {1000 * desk.gap:.0f} | 1 |"
    print(row, flush=True)
    return row


def lassos(page: str, token: str, times: int) -> str:
    """From the lasso in Chromium to the first layer."""
    from interaction import CORNERS, SHOWN, SOFTWARE_WEBGL
    from playwright.sync_api import sync_playwright

    desk = Desk(f"http://127.0.0.1:{PORT}", token, follow=True)
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path="/usr/bin/chromium", args=SOFTWARE_WEBGL)
        tab = browser.new_page(viewport={"width": 1440, "height": 900})
        tab.goto(f"http://127.0.0.1:{PORT}/{page}&token={token}", timeout=PATIENCE_S * 1000)
        tab.wait_for_function(SHOWN, timeout=PATIENCE_S * 1000)
        tab.wait_for_timeout(8000)
        left, top, right, bottom = tab.evaluate(CORNERS)
        took = []
        for number in range(times + 1):
            edge = 0.5 + 0.06 * number
            places = [(0.02, 0.02), (edge, 0.02), (edge, 0.98), (0.02, 0.98), (0.02, 0.04)]
            (x, y), *rest = [(left + (right - left) * x, top + (bottom - top) * y) for x, y in places]
            tab.mouse.move(x, y)
            tab.mouse.down()
            for place in rest:
                tab.mouse.move(*place, steps=4)
            desk.shown.clear()
            let_go = time.time()
            tab.mouse.up()
            _, when = desk.until(lambda: desk.shown[0] if desk.shown else None, "the first layer")
            took.append(when - let_go)
            desk.until(lambda: desk.shown[-1][0].last, "the whole map")
            tab.wait_for_timeout(1500)
        browser.close()
    desk.close()
    later = f"then median {statistics.median(took[1:]):.2f} s, longest {max(took[1:]):.2f} s"
    told = f"lasso in Chromium → first layer: the first time {took[0]:.2f} s, {later}"
    print(told, flush=True)
    return told


def main() -> None:
    """Run it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("-o", "--output", type=Path, required=True, help="folder of the store and of the table")
    parser.add_argument("--sides", type=int, nargs="+", default=[64, 128, 256], help="px of the maps")
    parser.add_argument("--times", type=int, default=5, help="maps of each, at most 2 of 256 px")
    parser.add_argument("--lasso", action="store_true", help="measure from a browser's lasso, too")
    args = parser.parse_args()
    args.output.mkdir(parents=True, exist_ok=True)
    process, page, token = serve(args.output)
    lines = [f"load at the beginning {os.getloadavg()[0]:.1f}, {os.cpu_count()} cores", ""]
    try:
        if args.lasso:
            lines += [lassos(page, token, args.times), ""]
        lines += [
            "| link | values | px | ms, median | ms, longest | MB | longest gap, ms | maps |",
            "|---|---|---|---|---|---|---|---|",
        ]
        for name, rate in LINKS.items():
            lines += measure(name, rate, token, args.sides, args.times)
    finally:
        process.terminate()
        process.wait(30)
    (args.output / "streaming.md").write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
