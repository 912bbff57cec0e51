"""Three slices of a map beside each other with a crosshair that the mouse and the arrow keys move, and the slanted plane."""

from __future__ import annotations

from typing import Any

import numpy as np
from qtpy.QtCore import QPointF, QRectF, Qt, Signal
from qtpy.QtGui import QColor, QImage, QPainter, QPen
from qtpy.QtWidgets import QSizePolicy, QWidget

from cryohype_app.napari_plugin.inspection.cuts import (
    BELOW,
    FRONT,
    LEFT,
    VIEWS,
    Map,
    Slant,
    Vector,
    View,
    cut,
    middle_of,
    shades,
    slanted,
)

GAP = 6
AXIS_COLOURS = ("#4c8dff", "#35b04a", "#f0524b")  # z, y, x: blue, green, red as in every viewer
AXIS_NAMES = ("z", "y", "x")
KEYS = {
    Qt.Key.Key_Left: (2, -1), Qt.Key.Key_Right: (2, 1), Qt.Key.Key_Down: (1, -1), Qt.Key.Key_Up: (1, 1),
    Qt.Key.Key_PageDown: (0, -1), Qt.Key.Key_PageUp: (0, 1),
}  # fmt: skip


class SlicePanels(QWidget):
    """The planes z, y and x through a point, to one scale: x runs through the left two pictures, y through the upper two.

    Attributes
    ----------
    point : (3,) (z, y, x) in voxels.
    """

    moved = Signal(object)

    def __init__(self) -> None:
        super().__init__()
        self.array: Map | None = None
        self.point: Vector = np.zeros(3)
        self.slant: Slant | None = None
        self.window_: tuple[float, float] = (0.0, 1.0)
        self.level, self.colour = 0.0, "#ffffff"
        self._held: View | None = None
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setAccessibleName("slices; arrow keys move the crosshair along x and y, page keys along z")
        self.setToolTip("Click or drag to move the crosshair; arrow keys: x and y, page keys: z. Tinted: above the level.")
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self._fit()

    def show_map(self, array: Map | None) -> None:
        """Another map, or none."""
        self.array = array
        self._fit()
        self.update()

    def resizeEvent(self, event: Any) -> None:  # noqa: N802  # Qt's name
        """As high as the pictures are at this width."""
        super().resizeEvent(event)
        self._fit()

    def rect_of(self, view: View) -> QRectF:
        """Where the picture of a view lies."""
        if self.array is None:
            return QRectF()
        depth, height, across = (side * self._scale() for side in self.array.shape)
        if view == FRONT:
            return QRectF(0, 0, across, height)
        return QRectF(0, height + GAP, across, depth) if view == BELOW else QRectF(across + GAP, 0, depth, height)

    def place_of(self, view: View, point: Vector) -> QPointF:
        """Where a point lies in the picture of a view."""
        assert self.array is not None  # no picture without a map
        rect, shape = self.rect_of(view), self.array.shape
        across = (point[view.right] + 0.5) / shape[view.right]
        return QPointF(
            rect.left() + across * rect.width(), rect.bottom() - (point[view.up] + 0.5) / shape[view.up] * rect.height()
        )

    def paintEvent(self, _event: Any) -> None:  # noqa: N802  # Qt's name
        """Draw the pictures, their crosshairs and their axes."""
        if self.array is None:
            return
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
        for view in VIEWS:
            voxel = int(np.clip(round(float(self.point[view.cut])), 0, self.array.shape[view.cut] - 1))
            self._draw(painter, self.rect_of(view), cut(self.array, view, voxel))
            self._cross(painter, view)
            self._name(painter, self.rect_of(view), view)
        if self.slant is not None:
            self._draw_slanted(painter, self.slant)
        painter.end()

    def mousePressEvent(self, event: Any) -> None:  # noqa: N802  # Qt's name
        """Take hold of the crosshair of a picture."""
        self._held = next((view for view in VIEWS if self.rect_of(view).contains(event.position())), None)
        self._drag(event.position())

    def mouseMoveEvent(self, event: Any) -> None:  # noqa: N802  # Qt's name
        """Move it."""
        self._drag(event.position())

    def mouseReleaseEvent(self, _event: Any) -> None:  # noqa: N802  # Qt's name
        """Let go."""
        self._held = None

    def keyPressEvent(self, event: Any) -> None:  # noqa: N802  # Qt's name
        """Move the crosshair by a voxel."""
        if self.array is None or event.key() not in KEYS:
            event.ignore()
            return
        axis, step = KEYS[event.key()]
        point = np.round(self.point)
        point[axis] = np.clip(point[axis] + step, 0, self.array.shape[axis] - 1)
        self.moved.emit(point)

    def _drag(self, place: QPointF) -> None:
        if self._held is None or self.array is None:
            return
        view, rect, point = self._held, self.rect_of(self._held), self.point.copy()
        for axis, share in (
            (view.right, (place.x() - rect.left()) / rect.width()), (view.up, (rect.bottom() - place.y()) / rect.height()),
        ):  # fmt: skip
            side = self.array.shape[axis]
            point[axis] = np.clip(np.floor(share * side), 0, side - 1)
        self.moved.emit(point)

    def _fit(self) -> None:
        height = 0 if self.array is None else round(self._scale() * (self.array.shape[1] + self.array.shape[0])) + GAP
        if height != self.height():
            self.setFixedHeight(height)

    def _scale(self) -> float:
        assert self.array is not None  # asked for pictures only
        return max(self.width() - GAP, 1) / (self.array.shape[2] + self.array.shape[0])

    def _draw(self, painter: QPainter, rect: QRectF, plane: Map) -> None:
        pixels = np.ascontiguousarray(shades(plane, self.window_, self.level, self.colour))
        rows, columns, _ = pixels.shape
        painter.drawImage(rect, QImage(pixels.data, columns, rows, 3 * columns, QImage.Format.Format_RGB888))

    def _cross(self, painter: QPainter, view: View) -> None:
        rect, place = self.rect_of(view), self.place_of(view, self.point)
        painter.setPen(QPen(QColor(AXIS_COLOURS[view.up]), 1))
        painter.drawLine(QPointF(rect.left(), place.y()), QPointF(rect.right(), place.y()))
        painter.setPen(QPen(QColor(AXIS_COLOURS[view.right]), 1))
        painter.drawLine(QPointF(place.x(), rect.top()), QPointF(place.x(), rect.bottom()))

    def _name(self, painter: QPainter, rect: QRectF, view: View) -> None:
        font = self.font()
        font.setPixelSize(10)
        painter.setFont(font)
        for text, flags, colour in (
            (f"{AXIS_NAMES[view.right]} →", Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignBottom, AXIS_COLOURS[view.right]),
            (f"{AXIS_NAMES[view.up]} ↑", Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignTop, AXIS_COLOURS[view.up]),
            (f"from {view.seen_from}", Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignTop, "#c8ccd2"),
        ):
            _outlined(painter, rect.adjusted(3, 2, -3, -2), int(flags), text, colour)

    def _draw_slanted(self, painter: QPainter, slant: Slant) -> None:
        """The slanted plane in the fourth corner."""
        assert self.array is not None  # asked for pictures only
        front, left = self.rect_of(FRONT), self.rect_of(LEFT)
        rect = QRectF(left.left(), front.bottom() + GAP, left.width(), left.width())
        side = self.array.shape[0]
        self._draw(painter, rect, slanted(self.array, slant, self.point, side))
        offset = self.point - middle_of(self.array.shape, slant, self.point)
        across, up = ((offset @ axis) / side * rect.width() for axis in (slant.right, slant.up))
        centre = rect.center() + QPointF(across, -up)
        painter.setPen(QPen(QColor("#c8ccd2"), 1))
        painter.setClipRect(rect)
        painter.drawLine(QPointF(rect.left(), centre.y()), QPointF(rect.right(), centre.y()))
        painter.drawLine(QPointF(centre.x(), rect.top()), QPointF(centre.x(), rect.bottom()))
        painter.setClipping(False)
        flags = int(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignTop)
        _outlined(painter, rect.adjusted(3, 2, -3, -2), flags, "slanted plane", "#c8ccd2")


def _outlined(painter: QPainter, rect: QRectF, flags: int, text: str, colour: str) -> None:
    """Words that can be read on black and on white."""
    painter.setPen(QColor("#000000"))
    for across, down in ((-1, 0), (1, 0), (0, -1), (0, 1)):
        painter.drawText(rect.translated(across, down), flags, text)
    painter.setPen(QColor(colour))
    painter.drawText(rect, flags, text)
