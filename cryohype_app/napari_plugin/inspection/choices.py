"""Lists of the volumes among a viewer's layers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QObject, QSignalBlocker, Signal
from qtpy.QtWidgets import QComboBox

from cryohype_app.napari_plugin.inspection.subject import is_volume

if TYPE_CHECKING:
    from napari.layers import Image
    from napari.viewer import Viewer


class Volumes(QObject):
    """The volumes of a viewer, the uppermost layer first."""

    changed = Signal()

    def __init__(self, parent: QObject, viewer: Viewer) -> None:
        super().__init__(parent)
        self._viewer = viewer
        for event in (viewer.layers.events.inserted, viewer.layers.events.removed, viewer.layers.events.reordered):
            event.connect(self._tell)
        for layer in viewer.layers:
            layer.events.name.connect(self._tell)
        viewer.layers.events.inserted.connect(self._watch)

    def list(self) -> list[Image]:
        """All of them."""
        return [layer for layer in reversed(list(self._viewer.layers)) if is_volume(layer)]

    def holds(self, layer: Image) -> bool:
        """Whether a layer is still there."""
        return layer in list(self._viewer.layers)

    def _watch(self, event: Any) -> None:
        event.value.events.name.connect(self._tell)

    def _tell(self, _event: Any = None) -> None:
        self.changed.emit()


class VolumeChoice(QComboBox):
    """One volume of those that are there; it stays the chosen one while others come and go.

    Parameters
    ----------
    volumes : to choose from. says : what for. none : words for no volume, where that may be chosen.
    """

    chosen = Signal(object)

    def __init__(self, volumes: Volumes, says: str, none: str = "") -> None:
        super().__init__()
        self.setToolTip(says)
        self.setAccessibleName(says)
        self.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.setMinimumContentsLength(6)
        self._volumes, self._none = volumes, none
        self._offered: list[Image | None] = []
        self.layer: Image | None = None
        volumes.changed.connect(self.fill)
        self.currentIndexChanged.connect(self._select)
        self.fill()

    def fill(self) -> None:
        """Offer what is there now."""
        found = self._volumes.list()
        self._offered = [None, *found] if self._none else [*found]
        kept = self.layer if self.layer is not None and self.layer in found else None
        with QSignalBlocker(self):
            self.clear()
            self.addItems([self._none if layer is None else str(layer.name) for layer in self._offered])
        self._show(kept if kept is not None or self._none else next(iter(found), None))

    def choose(self, layer: Image | None) -> None:
        """Take a layer that is offered."""
        if layer in self._offered:
            self._show(layer)

    def choose_other_than(self, layer: Image | None) -> None:
        """Where the same is chosen already, take another one."""
        if self.layer is not None and layer is not None and self.layer == layer:
            self._show(next((other for other in self._offered if other is not None and other != layer), self.layer))

    def _show(self, layer: Image | None) -> None:
        with QSignalBlocker(self):
            self.setCurrentIndex(self._offered.index(layer) if layer in self._offered else -1)
        self._take(layer)

    def _select(self, place: int) -> None:
        self._take(self._offered[place] if 0 <= place < len(self._offered) else None)

    def _take(self, layer: Image | None) -> None:
        if layer != self.layer:
            self.layer = layer
            self.chosen.emit(layer)
