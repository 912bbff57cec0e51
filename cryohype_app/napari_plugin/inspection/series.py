"""A volume series as a time axis that plays, and maps stacked into a series."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from qtpy.QtCore import QSignalBlocker, Qt, QTimer
from qtpy.QtWidgets import QAbstractItemView, QLabel, QListWidget, QListWidgetItem, QSlider

from cryohype_app.napari_plugin import layers
from cryohype_app.napari_plugin.inspection.choices import Volumes
from cryohype_app.napari_plugin.inspection.section import Section, button, number_box
from cryohype_app.napari_plugin.inspection.subject import Subject
from cryohype_app.napari_plugin.inspection.work import afford
from cryohype_app.napari_plugin.layers import MapLayer
from cryohype_model.errors import CryoHypeError, MetricError
from cryohype_model.metrics.evaluation import SAME_PIXEL_SIZE

STACK_BYTES = 4  # a voxel


class SeriesSection(Section):
    """Steps through the frames of the subject, and makes series of single maps.

    Parameters
    ----------
    subject : the map. volumes : that can be stacked.
    """

    def __init__(self, subject: Subject, volumes: Volumes) -> None:
        super().__init__("Series")
        self._subject, self._volumes = subject, volumes
        self._failed = subject.work.failed.emit
        self._timer = QTimer(self)
        self._timer.timeout.connect(self.step)
        self.player = button("▶", "Play or pause")
        self.player.setCheckable(True)
        self.player.setMaximumWidth(36)
        self.player.setAccessibleName("play")
        self.slider = QSlider(Qt.Orientation.Horizontal)
        self.slider.setAccessibleName("frame")
        self.speed = number_box(0.2, 30, 5, " /s", "frames a second")
        self.frame = QLabel()
        self.frame.setTextFormat(Qt.TextFormat.PlainText)
        self.choices = QListWidget()
        self.choices.setSelectionMode(QAbstractItemView.SelectionMode.NoSelection)
        self.choices.setMaximumHeight(110)
        self.choices.setAccessibleName("maps to stack, in this order; drag to reorder")
        self.choices.setDragDropMode(QAbstractItemView.DragDropMode.InternalMove)
        self.stack = button("Stack into a series", "A new layer that plays through the ticked maps, from top to bottom")
        self.add_row(self.player, self.slider, self.speed)
        self.rows.addWidget(self.frame)
        self.rows.addWidget(self.choices)
        self.add_row(self.stack)
        self._connect()

    def play(self, on: bool) -> None:
        """Play from here on, round and round, or pause."""
        with QSignalBlocker(self.player):
            self.player.setChecked(on)
        self.player.setText("❚❚" if on else "▶")
        if on and self._count > 1:
            self._timer.start(round(1000 / float(self.speed.value())))
        else:
            self._timer.stop()

    def step(self) -> None:
        """The next frame, after the last one the first."""
        self.go(((self._subject.frame or 0) + 1) % max(self._count, 1))

    def go(self, frame: int) -> None:
        """Show a frame of the series."""
        layer, viewer = self._subject.layer, self._subject.viewer
        if layer is not None and layer.ndim == 4:
            viewer.dims.set_point(viewer.dims.ndim - 4, float(layer.translate[0]) + frame * float(layer.scale[0]))

    def ticked(self) -> list[Any]:
        """The layers to stack, in their order."""
        items = [self.choices.item(place) for place in range(self.choices.count())]
        return [item.data(Qt.ItemDataRole.UserRole) for item in items if item.checkState() == Qt.CheckState.Checked]

    def make_series(self) -> None:
        """A layer with a first axis of the ticked maps."""
        chosen = self.ticked()
        try:
            maps = [layers.map_of(layer) for layer in chosen]
            if len(maps) < 2:
                raise MetricError("a series needs two maps or more; tick them in the list")
        except CryoHypeError as error:
            self._failed(str(error))
            return

        def done(made: MapLayer) -> None:
            gone = [one.name for one, layer in zip(maps, chosen, strict=True) if not self._volumes.holds(layer)]
            if gone:
                self._failed(f"{gone[0]} was removed while the maps were stacked, so no series was made")
                return
            for layer in chosen:
                layer.visible = False
            layers.add(self._subject.viewer, made)

        self._subject.work.ask("stack", "stacking the maps", lambda: stacked(maps), done)

    @property
    def _count(self) -> int:
        layer = self._subject.layer
        return int(layer.data.shape[0]) if layer is not None and layer.ndim == 4 else 0

    def _connect(self) -> None:
        self.player.toggled.connect(self.play)
        self.slider.valueChanged.connect(self.go)
        self.speed.valueChanged.connect(self._speed_changed)
        self.stack.clicked.connect(self.make_series)
        self._volumes.changed.connect(self._offer)
        self._subject.changed.connect(self._show)
        self._subject.viewer.dims.events.current_step.connect(self._show)
        self._offer()
        self._show()

    def _speed_changed(self, _speed: float) -> None:
        if self._timer.isActive():
            self.play(True)

    def _offer(self) -> None:
        ticked = self.ticked()
        self.choices.clear()
        for layer in reversed([layer for layer in self._volumes.list() if layer.ndim == 3]):
            item = QListWidgetItem(str(layer.name))
            item.setFlags(item.flags() | Qt.ItemFlag.ItemIsUserCheckable)
            item.setCheckState(Qt.CheckState.Checked if layer in ticked else Qt.CheckState.Unchecked)
            item.setData(Qt.ItemDataRole.UserRole, layer)
            self.choices.addItem(item)
        self.stack.setEnabled(self.choices.count() > 1)

    def _show(self, _event: Any = None) -> None:
        """Which frame of how many, and of what."""
        count, frame = self._count, self._subject.frame
        for part in (self.player, self.slider, self.speed):
            part.setEnabled(count > 1)
        if count < 2:
            self.play(False)
        with QSignalBlocker(self.slider):
            self.slider.setRange(0, max(count - 1, 0))
            self.slider.setValue(frame or 0)
        if frame is None or self._subject.layer is None:
            self.frame.setText("the map is no series")
            return
        names = self._subject.layer.metadata.get(layers.KEY, {}).get("frames") or []
        named = f" · {names[frame]}" if frame < len(names) else ""
        self.frame.setText(f"frame {frame + 1} of {count}{named}")


def stacked(maps: list[MapLayer]) -> MapLayer:
    """(t, z, y, x) of maps of one box and pixel size.

    Raises
    ------
    MetricError : they differ, or the memory is not enough.
    """
    first = maps[0]
    for other in maps[1:]:
        ratio = other.pixel_size_angstrom / first.pixel_size_angstrom
        if other.array.shape != first.array.shape or abs(ratio - 1) > SAME_PIXEL_SIZE:
            raise MetricError(
                f"{other.name} has {_grid(other)} and {first.name} has {_grid(first)}; only maps of one grid are stacked"
            )
    afford("the series", len(maps) * first.array.size, STACK_BYTES)
    name, facts = f"{first.name} … {maps[-1].name}", {"frames": [one.name for one in maps]}
    return replace(first, array=np.stack([one.array for one in maps]), name=name, facts=facts)


def _grid(one: MapLayer) -> str:
    return f"{' × '.join(str(side) for side in reversed(one.array.shape))} px of {one.pixel_size_angstrom:.4g} Å"
