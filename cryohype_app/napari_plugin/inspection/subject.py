"""The map that is inspected: a layer, of a series its current frame, and what is known of its densities."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QObject, QTimer, Signal

from cryohype_app.napari_plugin import layers
from cryohype_app.napari_plugin.inspection.densities import Densities, densities_of
from cryohype_app.napari_plugin.inspection.work import Work
from cryohype_app.napari_plugin.layers import MapLayer
from cryohype_model.errors import CryoHypeError

if TYPE_CHECKING:
    from napari.layers import Image
    from napari.viewer import Viewer

WATCHED = ("data", "set_data", "scale", "translate", "units", "name")


class Subject(QObject):
    """One map, and signals when it is another one, has other values, or another level.

    Parameters
    ----------
    parent : the widget. viewer : that holds the layers. work : computes.
    """

    changed = Signal()  # another layer, frame or grid, or other values; or none
    levelled = Signal()
    measured = Signal()  # the densities are known

    def __init__(self, parent: QObject, viewer: Viewer, work: Work) -> None:
        super().__init__(parent)
        self.viewer, self.work = viewer, work
        self.layer: Image | None = None
        self.map: MapLayer | None = None
        self.densities: Densities | None = None
        self.is_followed = False
        self._soon = QTimer(self)  # a layer that is updated tells of its values and its scale one after the other
        self._soon.setSingleShot(True)
        self._soon.timeout.connect(self._read)
        viewer.dims.events.current_step.connect(self._stepped)

    def choose(self, layer: Image | None) -> None:
        """Inspect another layer, or none."""
        if self.layer is not None and layer is not None and self.layer == layer:
            return
        self._let_go()
        self.layer, self.densities = layer, None
        if layer is not None:
            for name in WATCHED:
                getattr(layer.events, name).connect(self._later)
            layer.events.iso_threshold.connect(self._level_moved)
        self._read()

    def follow(self, on: bool) -> None:
        """Read the layer again whenever it changes, or not while nobody looks."""
        was, self.is_followed = self.is_followed, on
        if on and not was:
            self._read()

    @property
    def frame(self) -> int | None:
        """Number of the frame that a series shows; None of a single map."""
        return None if self.layer is None else frame_of(self.viewer, self.layer)

    @property
    def level(self) -> float:
        """The density at which the surface is drawn."""
        return 0.0 if self.layer is None else float(self.layer.iso_threshold)

    def set_level(self, level: float) -> None:
        """Draw the surface at a density."""
        if self.layer is not None and level != self.level:
            layers.set_level(self.layer, level)

    def _let_go(self) -> None:
        if self.layer is not None:
            for name in WATCHED:
                getattr(self.layer.events, name).disconnect(self._later)
            self.layer.events.iso_threshold.disconnect(self._level_moved)

    def _later(self, _event: Any = None) -> None:
        if self.is_followed:
            self._soon.start(0)

    def _stepped(self, _event: Any = None) -> None:
        if self.layer is not None and self.layer.ndim == 4:
            self._later()

    def _level_moved(self, _event: Any = None) -> None:
        self.levelled.emit()

    def _read(self) -> None:
        """The map as it is now, its densities in a thread."""
        if not self.is_followed:
            return
        self.map = None
        if self.layer is not None:
            try:
                self.map = layers.map_of(self.layer, self.frame)
            except CryoHypeError as error:
                self.work.failed.emit(str(error))
        self.changed.emit()
        if (found := self.map) is None:
            self.work.forget("densities")
        else:
            self.work.ask("densities", "reading the densities", lambda: densities_of(found.array, found.name), self._know)

    def _know(self, densities: Densities) -> None:
        self.densities = densities
        self.measured.emit()


def frame_of(viewer: Viewer, layer: Image) -> int | None:
    """Number of the frame that a series shows; None of a single map."""
    if layer.ndim != 4:
        return None
    step = round((float(viewer.dims.point[-4]) - float(layer.translate[0])) / float(layer.scale[0]))
    return min(max(step, 0), int(layer.data.shape[0]) - 1)


def is_volume(layer: Any) -> bool:
    """Whether a layer can be inspected: an image of three dimensions, or a series of those."""
    is_image = hasattr(layer, "iso_threshold") and not getattr(layer, "rgb", False)
    return is_image and layer.ndim in (3, 4) and not layers.is_plane(layer)
