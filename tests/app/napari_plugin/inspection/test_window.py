"""Volume inspection in a napari window."""

from __future__ import annotations

import gc
import threading
import weakref
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from qtpy.QtWidgets import QApplication

from cryohype_app.napari_plugin import layers
from cryohype_app.napari_plugin.inspection.cuts import BELOW, FRONT, LEFT, VIEWS
from cryohype_app.napari_plugin.inspection.widget import VolumeInspection
from cryohype_app.napari_plugin.layers import MapLayer

Map = npt.NDArray[np.float32]
Rest = Callable[[Any], None]


@pytest.fixture
def docked(viewer: Any) -> VolumeInspection:
    """The widget in the viewer's dock."""
    widget = VolumeInspection(viewer)
    viewer.window.add_dock_widget(widget, area="right", name="Volume inspection")
    return widget


def test_slices_agree_with_the_view_from_the_front(viewer: Any, docked: VolumeInspection, chiral: Map, rest: Rest) -> None:
    """What the panels draw, and what the 3-D view shows after *Look at it*, have their weight on the same sides."""
    layer = layers.add(viewer, MapLayer(chiral, 1.0, "bars", level=0.5))
    rest(docked)
    panels, section = docked.slices.panels, docked.slices
    section.go(np.array([12.0, 12.0, 12.0]))
    drawn = _pixels(panels.grab().toImage())
    section.in_scene.setChecked(True)
    layer.visible = False
    viewer.canvas.overlays.scale_bar.visible = False
    for view in VIEWS:
        rect, ratio = panels.rect_of(view), panels.devicePixelRatioF()
        rows = slice(int(rect.top() * ratio) + 16, int(rect.bottom() * ratio) - 16)  # without the words in the corners
        columns = slice(int(rect.left() * ratio) + 4, int(rect.right() * ratio) - 4)
        section.direction.setCurrentIndex([FRONT, BELOW, LEFT].index(view))
        section.direction.activated.emit(section.direction.currentIndex())
        section.face.click()
        assert _weight(drawn[rows, columns]) == _weight(viewer.screenshot(canvas_only=True, flash=False)), view.name


def test_closing_the_viewer_in_a_computation_leaks_nothing(viewer: Any, chiral: Map, qtbot: Any) -> None:
    """Opened from the menu, as napari opens a plugin."""
    gate, answered = threading.Event(), []  # type: ignore[var-annotated]  # of anything
    _, widget = viewer.window.add_plugin_dock_widget("cryohype", "Volume inspection")
    QApplication.processEvents()
    layers.add(viewer, MapLayer(chiral, 1.0, "bars"))
    assert widget.subject.layer == viewer.layers[0] and widget.subject.map is not None
    widget.work.ask("slow", "waiting", lambda: gate.wait(10), answered.append)
    viewer.close()
    gate.set()
    qtbot.wait(100)
    assert answered == []


def test_a_dock_that_is_closed_is_forgotten(make_napari_viewer: Callable[..., Any], chiral: Map) -> None:
    viewer = make_napari_viewer()
    widget = VolumeInspection(viewer)
    seen = weakref.ref(widget)
    dock = viewer.window.add_dock_widget(widget, area="right")
    layers.add(viewer, MapLayer(chiral, 1.0, "bars"))
    dock.destroyOnClose()
    del widget, dock
    QApplication.processEvents()
    gc.collect()
    assert seen() is None
    layers.add(viewer, MapLayer(chiral, 1.0, "more"))


def _pixels(image: Any) -> npt.NDArray[np.uint8]:
    image = image.convertToFormat(image.Format.Format_RGBA8888)
    return np.frombuffer(image.constBits(), np.uint8).reshape(image.height(), image.bytesPerLine() // 4, 4).copy()


def _weight(picture: npt.NDArray[np.uint8]) -> tuple[bool, bool]:
    """Whether most of what is bright lies to the right of, and above, the middle of its bounding box."""
    rows, columns = np.nonzero(picture[..., :3].min(-1) > 90)  # not the crosshair
    return bool(columns.mean() > (columns.min() + columns.max()) / 2), bool(rows.mean() < (rows.min() + rows.max()) / 2)
