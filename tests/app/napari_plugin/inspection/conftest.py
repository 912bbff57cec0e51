"""The widget beside a viewer that has no window: nothing is rendered, so that the tests are quick."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from qtpy.QtWidgets import QApplication

Rest = Callable[[Any], None]


@pytest.fixture
def model(qapp: Any) -> Any:
    """A viewer without a window, with napari's resources."""
    from napari.components import ViewerModel
    from napari.qt import get_qapp

    get_qapp()
    return ViewerModel()


@pytest.fixture
def inspection(model: Any, qtbot: Any) -> Any:
    """The widget on that viewer."""
    from cryohype_app.napari_plugin.inspection.widget import VolumeInspection

    widget = VolumeInspection(model)
    qtbot.addWidget(widget)
    widget.resize(390, 800)
    widget.show()
    qtbot.waitExposed(widget)
    return widget


@pytest.fixture
def rest(qtbot: Any) -> Rest:
    """Wait until a widget computes nothing."""

    def waiting(widget: Any) -> None:
        QApplication.processEvents()
        qtbot.waitUntil(lambda: not widget.work.under_way, timeout=20_000)

    return waiting
