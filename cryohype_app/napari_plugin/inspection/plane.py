"""The plane through a map in napari's scene, kept as a layer of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from qtpy.QtCore import QObject, Signal

from cryohype_app.napari_plugin import layers
from cryohype_app.napari_plugin.inspection.cuts import Vector

if TYPE_CHECKING:
    from napari.layers import Image
    from napari.viewer import Viewer


class ScenePlane(QObject):
    """At most one plane; it tells when the user drags it in the scene, or removes its layer.

    Attributes
    ----------
    limits : densities of black and white.
    """

    dragged = Signal(object)
    gone = Signal()

    def __init__(self, parent: QObject, viewer: Viewer) -> None:
        super().__init__(parent)
        self._viewer = viewer
        self._of: Image | None = None
        self.layer: Image | None = None
        self._limits, self._is_placing = (0.0, 1.0), False
        viewer.layers.events.removed.connect(self._removed)

    @property
    def limits(self) -> tuple[float, float]:
        """Densities of black and white."""
        return self._limits

    @limits.setter
    def limits(self, limits: tuple[float, float]) -> None:
        self._limits = limits
        if self.layer is not None:
            self.layer.contrast_limits = limits

    def show_in(self, layer: Image | None) -> None:
        """The plane of a map, or none."""
        if layer is not None and self.layer is not None and layer == self._of and layer.data is self.layer.data:
            self.layer.scale, self.layer.translate = layer.scale, layer.translate
            return
        self._take_away()
        if layer is None:
            return
        active = self._viewer.layers.selection.active
        self._of, self.layer = layer, layers.add_plane(self._viewer, layer, self._limits)
        self.layer.plane.events.position.connect(self._moved)
        self._viewer.layers.selection.active = active

    def place(self, point: Vector, normal: Vector) -> None:
        """The plane through a point, (z, y, x) in voxels, perpendicular to a vector."""
        if self.layer is None:
            return
        self._is_placing = True
        try:
            self.layer.plane.normal = tuple(float(part) for part in normal)
            self.layer.plane.position = tuple(float(part) for part in point)
        finally:
            self._is_placing = False

    def _take_away(self) -> None:
        layer, self.layer, self._of = self.layer, None, None
        if layer is not None:
            layer.plane.events.position.disconnect(self._moved)
            if layer in self._viewer.layers:
                self._viewer.layers.remove(layer)

    def _moved(self, _event: Any = None) -> None:
        if self.layer is not None and not self._is_placing:
            self.dragged.emit(np.array(self.layer.plane.position, np.float64))

    def _removed(self, event: Any) -> None:
        if self.layer is not None and event.value == self.layer:
            self.layer = self._of = None
            self.gone.emit()
