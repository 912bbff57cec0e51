"""From the lasso in the browser to the layer in napari, through the real server."""

from __future__ import annotations

import colorsys
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any

import mrcfile
import numpy as np
import pytest
from PIL import Image

from cryohype_model.io.mrc import read_volume
from cryohype_model.runs.layout import Run
from cryohype_model.runs.selections import write_selection
from tests.app.e2e.conftest import PATIENCE_S, Server, Session

pytestmark = pytest.mark.own_server  # a server tells a viewer of the maps that it has


@pytest.fixture
def live(viewer: Any) -> Callable[[], Any]:
    """A further CryoHype live widget."""
    from cryohype_app.napari_plugin.live.widget import LiveWidget

    def make() -> Any:
        made = LiveWidget(viewer)
        viewer.window.add_dock_widget(made, name="CryoHype live", area="right")
        return made

    return make


def until(condition: Callable[[], Any], what: str) -> Any:
    """Let Qt work until something is true."""
    from qtpy.QtWidgets import QApplication

    end = time.monotonic() + PATIENCE_S
    while time.monotonic() < end:
        QApplication.processEvents()
        if found := condition():
            return found
        time.sleep(0.01)
    raise AssertionError(f"it never came: {what}")


def is_whole(viewer: Any) -> bool:
    return len(viewer.layers) > 0 and bool(viewer.layers[-1].metadata["cryohype"]["whole"])


def test_a_lasso_becomes_a_layer_and_its_file_is_the_same_from_everywhere(
    server: Server, session: Callable[[], Session], viewer: Any, live: Callable[[], Any], tmp_path: Path
) -> None:
    widget = live()
    widget.connect_to(server.address())
    until(lambda: "connected to" in widget.status.text(), "the connection")
    browser = session()
    browser.open(server.address("explore"))
    browser.lasso()
    browser.says(r"16 px at")
    until(lambda: is_whole(viewer), "the layer")
    (layer,) = viewer.layers
    facts = layer.metadata["cryohype"]
    assert layer.data.shape == (16, 16, 16) and layer.name == "60 particles"
    assert re.search(rf"{layer.name}", browser.text())
    assert surface_hue(browser) == pytest.approx(hue(facts["colour"]), abs=0.03)
    pixel = float(layer.scale[0])
    assert layer.scale.tolist() == [pixel] * 3 and [str(unit) for unit in layer.units] == ["angstrom"] * 3

    run_id = re.search(r"run=(\w+)", browser.page.url)
    files = {name: tmp_path / f"{name}.mrc" for name in ("plugin", "app")}
    viewer.layers.save(str(files["plugin"]), plugin="cryohype")
    address = f"{server.url}api/v1/runs/{run_id[1] if run_id else server_run(server)}/volumes/{facts['volume_id']}"
    files["app"].write_bytes(download(address, server.token))
    write_selection(Run(server.store / "first"), "all", np.arange(60), {"kind": "list"})
    words = ["volumes", str(server.store / "first"), "--selection", "all", "--method", "mean", "-o", str(tmp_path / "maps")]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}  # as the server: sums in another order differ in the last bit
    subprocess.run([sys.executable, "-m", "cryohype_model.cli", *words], env=environment, check=True, timeout=PATIENCE_S)
    (files["command"],) = (tmp_path / "maps").glob("*.mrc")
    assert content(files["plugin"]) == content(files["app"])
    assert content(files["app"]) == content(files["command"])
    np.testing.assert_array_equal(read_volume(files["plugin"])[0], layer.data)
    widget.disconnect_from_server()


def test_a_server_that_is_killed_and_started_again_is_found_again_without_a_click(
    server: Server, viewer: Any, live: Callable[[], Any]
) -> None:
    """Two viewers; the map that was there stays, and the next one comes."""
    import signal

    widgets = [live(), live()]
    for widget in widgets:
        widget.connect_to(server.address())
        until(lambda widget=widget: "connected to" in widget.status.text(), "the connection")  # type: ignore[misc]
    choose(widgets[0], "cluster 1")
    until(lambda: is_whole(viewer), "the map")
    server.stop(signal.SIGKILL)
    until(lambda: all("trying again" in widget.status.text() for widget in widgets), "the loss")
    assert len(viewer.layers) == 1
    server.start()
    until(lambda: all("connected to" in widget.status.text() for widget in widgets), "the return")
    before = viewer.layers[0].metadata["cryohype"]["volume_id"]
    choose(widgets[1], "cluster 0")
    until(lambda: viewer.layers[0].metadata["cryohype"]["volume_id"] != before and is_whole(viewer), "another map")
    assert viewer.layers[0].name == "cluster 0"
    for widget in widgets:
        widget.disconnect_from_server()


def choose(widget: Any, name: str) -> None:
    """Show an entry of the first run."""
    from qtpy.QtCore import Qt

    def entry() -> Any:
        found = widget.tree.findItems(name, Qt.MatchFlag.MatchExactly | Qt.MatchFlag.MatchRecursive)
        return found[0] if found else None

    until(lambda: widget.tree.topLevelItemCount(), "the runs")
    widget.tree.topLevelItem(0).setExpanded(True)
    widget.tree.setCurrentItem(until(entry, name))
    widget.show_button.click()


def surface_hue(browser: Session) -> float:
    """Hue of the surface in the browser, from 0 to 1: the median of what is lit."""
    picture = browser.page.get_by_role("img", name=re.compile("triangles")).screenshot()
    colours = np.asarray(Image.open(BytesIO(picture)).convert("HSV"), float).reshape(-1, 3) / 255
    return float(np.median(colours[(colours[:, 1] > 0.3) & (colours[:, 2] > 0.35), 0]))


def hue(colour: str) -> float:
    """Of ``#rrggbb``, from 0 to 1."""
    return colorsys.rgb_to_hsv(*(int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)))[0]


def download(address: str, token: str) -> bytes:
    import urllib.request

    request = urllib.request.Request(address, headers={"Authorization": f"Bearer {token}"})
    with urllib.request.urlopen(request, timeout=PATIENCE_S) as answer:
        return bytes(answer.read())


def server_run(server: Server) -> str:
    import json

    return str(json.loads(download(f"{server.url}api/v1/runs", server.token))[0]["id"])


def content(path: Path) -> tuple[bytes, bytes]:
    """The data of a map, and the header without its labels, which tell when and with what it was written."""
    assert mrcfile.validate(path)
    raw = path.read_bytes()
    return raw[:220], raw[1024:]
