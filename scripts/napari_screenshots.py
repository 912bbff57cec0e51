"""Pictures of the napari widgets, for the documentation.

xvfb-run -a -s "-screen 0 1600x1000x24" .venv/bin/python scripts/napari_screenshots.py -o docs/images

It starts `cryohype-app serve --demo` on a folder of its own, streams a cluster into napari, opens the run without the server, and
compares two of its maps.
"""

from __future__ import annotations

import argparse
import io
import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

os.environ.setdefault("QT_QPA_PLATFORM", "xcb")

import napari
from PIL import Image
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QApplication
from screenshots import COLOURS, PATIENCE_S, start

from cryohype_app.napari_plugin.browser.widget import RunBrowser
from cryohype_app.napari_plugin.inspection.widget import VolumeInspection
from cryohype_app.napari_plugin.live.widget import LiveWidget


def main() -> None:
    """Take them all."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("-o", "--output", type=Path, required=True, help="folder of the pictures")
    args = parser.parse_args()
    args.output.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="cryohype-screenshots-") as folder:
        server, address = start(Path(folder))
        try:
            live(address.format(path="", **{"and": "?"}), args.output / "napari-live.png")
            run = next(path.parent for path in Path(folder).rglob("manifest.json") if "latents" in os.listdir(path.parent))
        finally:
            server.terminate()
            server.wait(30)
        browser(run, args.output / "napari-browser.png")
        inspection(run, args.output / "napari-inspection.png")


def live(address: str, path: Path) -> None:
    """A cluster, chosen in the list of the dashboard's runs."""
    viewer, widget = window(LiveWidget, "CryoHype live")
    widget.connect_to(address)
    until(lambda: widget.tree.topLevelItemCount(), "the runs")
    widget.tree.topLevelItem(0).setExpanded(True)
    found = until(
        lambda: widget.tree.findItems("cluster 2", Qt.MatchFlag.MatchExactly | Qt.MatchFlag.MatchRecursive), "a cluster"
    )
    widget.tree.setCurrentItem(found[0])
    widget.show_button.click()
    until(lambda: len(viewer.layers) and viewer.layers[0].metadata["cryohype"]["whole"], "its map")
    viewer.reset_view()
    viewer.scene.camera.angles = (20, -30, 10)
    keep(viewer, path)
    widget.disconnect_from_server()
    viewer.close()


def browser(run: Path, path: Path) -> None:
    """All medoids of a run beside each other."""
    viewer, widget = window(RunBrowser, "CryoHype run browser")
    widget.open_run(str(run))
    rest(2)
    widget.beside.setChecked(True)
    widget.show_all.click()
    until(lambda: len(viewer.layers) >= 6, "the medoids")
    rest(3)
    viewer.reset_view()
    keep(viewer, path)
    viewer.close()


def inspection(run: Path, path: Path) -> None:
    """The medoid of a cluster, with its level, slices and numbers."""
    viewer, widget = window(VolumeInspection, "Volume inspection")
    maps = sorted((run / "volumes").rglob("*.mrc"))
    viewer.open([str(maps[2])], plugin="cryohype")
    rest(3)
    widget.measure.open(True)
    rest(5)
    viewer.reset_view()
    viewer.scene.camera.angles = (20, -30, 10)
    keep(viewer, path)
    viewer.close()


def window(kind: Callable[[Any], Any], name: str) -> tuple[Any, Any]:
    """A napari window with a widget in it."""
    viewer = napari.Viewer(title="CryoHype", show=True, show_welcome_screen=False)
    viewer.window.resize(1440, 900)
    widget = kind(viewer)
    viewer.window.add_dock_widget(widget, name=name, area="right")
    rest(1)
    return viewer, widget


def until(condition: Callable[[], Any], what: str) -> Any:
    """Let Qt work until something is true."""
    end = time.monotonic() + PATIENCE_S
    while not (found := condition()):
        QApplication.processEvents()
        time.sleep(0.01)
        if time.monotonic() > end:
            raise SystemExit(f"it never came: {what}")
    return found


def rest(seconds: float) -> None:
    """Let Qt work for a while."""
    end = time.monotonic() + seconds
    until(lambda: time.monotonic() > end, "the end of a rest")


def keep(viewer: Any, path: Path) -> None:
    """The picture in few colours."""
    rest(3)
    content = io.BytesIO()
    Image.fromarray(viewer.screenshot(canvas_only=False, flash=False)).save(content, "png")
    with Image.open(content) as picture:
        picture.convert("RGB").quantize(2 * COLOURS, dither=Image.Dither.NONE).save(path, optimize=True)
    sys.stderr.write(f"{path} {path.stat().st_size / 1000:.0f} kB\n")


if __name__ == "__main__":
    main()
