"""The latent space as a picture: a dot a particle, a ring a medoid; a click asks for its map."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from qtpy.QtCore import QEvent, QPointF, QRectF, Qt, QTimer, Signal
from qtpy.QtGui import QColor, QImage, QPainter, QPainterPath, QPen
from qtpy.QtWidgets import QComboBox, QHBoxLayout, QLabel, QSizePolicy, QToolTip, QVBoxLayout, QWidget

from cryohype_app.napari_plugin.browser.analysis import Analysis
from cryohype_app.napari_plugin.browser.pages import Failed
from cryohype_app.napari_plugin.browser.raster import Plane, rasterize
from cryohype_app.napari_plugin.browser.saved import SavedMaps, Wanted
from cryohype_app.napari_plugin.browser.work import Work
from cryohype_model.palette import category_colour

RING_PX = 7.0
REACH_PX = 9.0  # of a click, to a medoid
RESIZED_MS = 80


class Picture(QWidget):
    """Particles of a plane, and the medoids of its clusters. ``clicked`` is sent when one was marked."""

    clicked = Signal()

    def __init__(self, failed: Failed) -> None:
        super().__init__()
        self.setAccessibleName("Picture of the latent space; the tables tell the same")
        self.setMinimumSize(160, 160)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setMouseTracking(True)
        self.plane: Plane | None = None
        self.medoids: dict[int, int] = {}
        self.marked: int | None = None
        self._image: QImage | None = None
        self._work = Work(self, failed)
        self._resized = QTimer(self)
        self._resized.setSingleShot(True)
        self._resized.setInterval(RESIZED_MS)
        self._resized.timeout.connect(self.draw)

    def put(self, plane: Plane | None, medoids: dict[int, int]) -> None:
        """Show other particles; ``medoids`` are particles by cluster."""
        self.plane, self.medoids, self.marked = plane, medoids, None
        self.draw()

    def draw(self) -> None:
        """Make the picture anew, in its present size."""
        plane, share = self.plane, self.devicePixelRatioF()
        width, height = max(8, round(self.width() * share)), max(8, round(self.height() * share))
        dark = self._is_dark()
        if plane is None:
            self._work.stop()
            self._drawn(None)
        else:
            self._work.ask(lambda: [rasterize(plane, width, height, dark)], self._drawn)

    def place_of(self, row: int) -> QPointF:
        """Where a particle lies in the widget."""
        assert self.plane is not None  # else there is no particle
        return QPointF(float(self.plane.x[row]) * self.width(), float(self.plane.y[row]) * self.height())

    def paintEvent(self, _event: Any) -> None:  # noqa: N802  # Qt's names
        """The dots, stretched until they are drawn anew; rings above them."""
        if self._image is None or self.plane is None:
            return
        painter = QPainter(self)
        painter.drawImage(QRectF(self.rect()), self._image)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        text, ground = self.palette().windowText().color(), self.palette().window().color()
        for cluster, row in self._seen_medoids():
            painter.setPen(QPen(text, 1.5))
            painter.setBrush(QColor(category_colour(cluster, self._is_dark())))
            painter.drawEllipse(self.place_of(row), RING_PX, RING_PX)
            number = QPainterPath()
            number.addText(self.place_of(row) + QPointF(RING_PX + 2, 4), self.font(), str(cluster))
            painter.strokePath(number, QPen(ground, 3))  # readable on dots of any colour
            painter.fillPath(number, text)
        if self.marked is not None:
            painter.setPen(QPen(text, 2))
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.drawEllipse(self.place_of(self.marked), RING_PX + 3, RING_PX + 3)
        painter.end()

    def mouseMoveEvent(self, event: Any) -> None:  # noqa: N802
        """Tell of which cluster a medoid is."""
        cluster = self._cluster_at(event.position())
        QToolTip.showText(event.globalPosition().toPoint(), "" if cluster is None else f"cluster {cluster}: its medoid", self)

    def mousePressEvent(self, event: Any) -> None:  # noqa: N802
        """Mark what is nearest, and tell it."""
        if self.plane is None or event.button() != Qt.MouseButton.LeftButton:
            return
        cluster, at = self._cluster_at(event.position()), event.position()
        if cluster is None:
            row = self.plane.nearest(at.x() / max(1, self.width()), at.y() / max(1, self.height()))
        else:
            row = self.medoids[cluster]
        if row is not None:
            self.marked = row
            self.update()
            self.clicked.emit()

    def resizeEvent(self, event: Any) -> None:  # noqa: N802
        """Drawn anew once the size rests."""
        self._resized.start()
        super().resizeEvent(event)

    def changeEvent(self, event: Any) -> None:  # noqa: N802
        """Drawn anew on the ground of another theme."""
        if event.type() in (QEvent.Type.PaletteChange, QEvent.Type.StyleChange):
            self._resized.start()
        super().changeEvent(event)

    def _is_dark(self) -> bool:
        return bool(self.palette().window().color().lightness() < 128)

    def _drawn(self, pixels: npt.NDArray[np.uint8] | None) -> None:
        if pixels is None:
            self._image = None
        else:
            height, width, _ = pixels.shape
            self._image = QImage(pixels.tobytes(), width, height, 4 * width, QImage.Format.Format_RGBA8888).copy()
        self.update()

    def _seen_medoids(self) -> list[tuple[int, int]]:
        plane = self.plane
        if plane is None:
            return []
        return [(cluster, row) for cluster, row in self.medoids.items() if np.isfinite(plane.x[row] + plane.y[row])]

    def _cluster_at(self, place: QPointF) -> int | None:
        """The cluster whose medoid is nearest, within reach."""
        near = [((self.place_of(row) - place).manhattanLength(), cluster) for cluster, row in self._seen_medoids()]
        distance, cluster = min(near, default=(np.inf, None))
        return cluster if distance <= REACH_PX else None


class PicturePage(QWidget):
    """The picture and its axes. ``opened`` is sent when something was clicked, to be shown."""

    opened = Signal()

    def __init__(self, failed: Failed) -> None:
        super().__init__()
        self.analysis: Analysis | None = None
        self.saved: SavedMaps | None = None
        self._work = Work(self, failed)
        self.x, self.y = QComboBox(), QComboBox()
        for box, name in ((self.x, "Horizontal axis"), (self.y, "Vertical axis")):
            box.setAccessibleName(name)
            box.setToolTip(name.lower())
            box.activated.connect(lambda _: self._show())
        self.picture = Picture(failed)
        self.picture.clicked.connect(self._clicked)
        self.told = QLabel("click a ring or a dot for its map")
        self.told.setTextFormat(Qt.TextFormat.PlainText)
        self.told.setWordWrap(True)
        row = QHBoxLayout()
        row.addWidget(self.x, 1)
        row.addWidget(self.y, 1)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 4, 0, 0)
        column.addLayout(row)
        column.addWidget(self.picture, 1)
        column.addWidget(self.told)

    def put(self, analysis: Analysis | None, saved: SavedMaps) -> None:
        """Show an analysis."""
        self.saved = saved
        if analysis is self.analysis:
            return
        self.analysis = analysis
        self.told.setText("click a ring or a dot for its map" if analysis else "No latents: the run was not analysed yet.")
        titles = [column.title for column in analysis.axes] if analysis else []
        for place, box in enumerate((self.x, self.y)):
            before = box.currentText()
            box.clear()
            box.addItems(titles)
            box.setCurrentIndex(titles.index(before) if before in titles else min(place, len(titles) - 1))
            box.setEnabled(bool(titles))
        self._show()

    def wanted(self) -> list[Wanted]:
        """What was clicked last."""
        row = self.picture.marked
        if row is None or self.saved is None:
            return []
        cluster = next((number for number, medoid in self.picture.medoids.items() if medoid == row), None)
        return [self.saved.of_particle(row) if cluster is None else self.saved.of_cluster(cluster)]

    def _show(self) -> None:
        analysis = self.analysis
        if analysis is None:
            self.picture.put(None, {})
            return
        x, y = analysis.axes[self.x.currentIndex()].values, analysis.axes[self.y.currentIndex()].values
        medoids = {cluster.number: cluster.medoid for cluster in analysis.clusters if cluster.medoid is not None}
        self._work.ask(
            lambda: [Plane.of(np.asarray(x), np.asarray(y), analysis.space.cluster)],
            lambda plane: self.picture.put(plane, medoids),
        )

    def _clicked(self) -> None:
        row = self.picture.marked
        if self.analysis is not None and row is not None:
            self.told.setText(", ".join(f"{column.title} {column.text(column.values[row])}" for column in self.analysis.facts))
            self.opened.emit()
