"""Three orthogonal slices through a point, and a plane through it in the three-dimensional view."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
from qtpy.QtCore import QSignalBlocker, Qt
from qtpy.QtWidgets import QCheckBox, QHBoxLayout, QLabel, QSlider, QWidget

from cryohype_app.napari_plugin.inspection.cuts import BELOW, FRONT, LEFT, Slant, Vector, View, moved_to, reach, seen
from cryohype_app.napari_plugin.inspection.panels import AXIS_COLOURS, AXIS_NAMES, SlicePanels
from cryohype_app.napari_plugin.inspection.plane import ScenePlane
from cryohype_app.napari_plugin.inspection.section import Section, button, combo, number_box, words
from cryohype_app.napari_plugin.inspection.subject import Subject

SIDES: dict[str, View] = {"z (front)": FRONT, "y": BELOW, "x": LEFT}
AS_SEEN = "as seen"
STEPS = 10  # of the plane's slider, a voxel


class SlicesSection(Section):
    """The slices of the subject, with the point where they meet; the plane in the scene goes through that point too.

    Parameters
    ----------
    subject : the map.
    """

    def __init__(self, subject: Subject) -> None:
        super().__init__("Slices", is_open=True)
        self._subject, self._box = subject, (0, 0, 0)
        self.panels = SlicePanels()
        self.here = words()
        self.sliders = [QSlider(Qt.Orientation.Horizontal) for _ in AXIS_NAMES]
        self.places = [number_box(-1e6, 1e6, 0, " Å", f"{name} of the slices") for name in AXIS_NAMES]
        self.rows.addWidget(self.panels)
        for axis in (2, 1, 0):
            self._add_axis(axis)
        self.rows.addWidget(self.here)
        self._add_plane()
        self.panels.moved.connect(self.go)
        subject.changed.connect(self._changed)
        subject.measured.connect(self._measured)
        subject.levelled.connect(self._levelled)
        self.opened.connect(self._changed)

    @property
    def normal(self) -> Vector:
        """(3,) (z, y, x) of the plane, towards the eye."""
        side = SIDES.get(self.direction.currentText())
        return side.towards_eye if side is not None else self._slant.towards_eye

    def go(self, point: Vector) -> None:
        """Move the point, (z, y, x) in voxels."""
        self.panels.point = np.asarray(point, np.float64)
        self._show_point()
        self.plane.place(self.panels.point, self.normal)

    def _add_axis(self, axis: int) -> None:
        slider, place, name = self.sliders[axis], self.places[axis], QLabel(AXIS_NAMES[axis])
        name.setStyleSheet(f"color: {AXIS_COLOURS[axis]}; font-weight: bold")
        slider.setAccessibleName(f"{AXIS_NAMES[axis]} of the slices, in voxels")
        slider.valueChanged.connect(partial(self._slid, axis))
        place.valueChanged.connect(partial(self._typed, axis))
        self.add_row(name, slider, place)

    def _add_plane(self) -> None:
        self.plane = ScenePlane(self, self._subject.viewer)
        self.in_scene = QCheckBox("Plane in 3-D")
        self.in_scene.setToolTip(
            "Show a plane through the point in the three-dimensional view; drag it there with Shift held down"
        )
        says = "what the plane is perpendicular to; the last one takes the direction in which you look now"
        self.direction = combo([*SIDES, AS_SEEN], says)
        self.face = button("Look at it", "Turn the three-dimensional view so that it shows the plane as the picture here does")
        self.depth = QSlider(Qt.Orientation.Horizontal)
        self.depth.setToolTip("Move the plane along its normal")
        self.depth.setAccessibleName("distance of the plane from the centre of the box")
        self.distance = QLabel()
        self.add_row(self.in_scene, self.direction, self.face)
        self.moving = QWidget()
        row = QHBoxLayout(self.moving)
        row.setContentsMargins(0, 0, 0, 0)
        for part in (QLabel("Depth"), self.depth, self.distance):
            row.addWidget(part)
        self.rows.addWidget(self.moving)
        self._slant = Slant(np.array([0.0, 0, 1]), np.array([0.0, 1, 0]))
        self.in_scene.toggled.connect(self._switch_plane)
        self.direction.activated.connect(self._turn)
        self.depth.valueChanged.connect(self._slid_plane)
        self.face.clicked.connect(self._look)
        self.plane.dragged.connect(self.go)
        self.plane.gone.connect(partial(self.in_scene.setChecked, False))

    def _changed(self, _open: Any = None) -> None:
        """Another map: the point goes to its middle where the box is another one."""
        found = self._subject.map
        self.body.setEnabled(found is not None)
        if found is not None and found.array.shape != self._box:
            self._box = found.array.shape
            self.panels.point = np.array(self._box, np.float64) // 2
            for slider, side in zip(self.sliders, self._box, strict=True):
                with QSignalBlocker(slider):
                    slider.setRange(0, side - 1)
        self.panels.show_map(None if found is None else found.array)
        if found is not None:
            self.panels.colour = found.colour
        self._measured()
        self._switch_plane(self.in_scene.isChecked())

    def _measured(self) -> None:
        if self._subject.densities is not None:
            self.panels.window_ = self._subject.densities.window()
            self.plane.limits = self.panels.window_
        self._levelled()
        self._show_point()

    def _levelled(self) -> None:
        self.panels.level = self._subject.level
        self.panels.update()

    def _show_point(self) -> None:
        """The point, everywhere where it is told."""
        found, point = self._subject.map, self.panels.point
        self.panels.update()
        if found is None:
            self.here.setText("")
            return
        voxel = tuple(round(float(side)) for side in point)
        for axis, (slider, place) in enumerate(zip(self.sliders, self.places, strict=True)):
            with QSignalBlocker(slider), QSignalBlocker(place):
                slider.setValue(voxel[axis])
                place.setSingleStep(found.pixel_size_angstrom)
                place.setValue(found.origin_angstrom[2 - axis] + float(point[axis]) * found.pixel_size_angstrom)
        density = float(found.array[voxel])
        known = self._subject.densities
        sigma = f" ({(density - known.mean) / known.deviation:.1f} σ)" if known is not None and known.deviation > 0 else ""
        self.here.setText(f"voxel {voxel[2]}, {voxel[1]}, {voxel[0]} · density {density:.4g}{sigma}")
        self._show_depth()

    def _show_depth(self) -> None:
        found = self._subject.map
        self.moving.setVisible(found is not None and self.direction.currentText() == AS_SEEN)
        if found is None:
            return
        most = round(STEPS * reach(found.array.shape, self.normal))
        depth = float((self.panels.point - np.array(found.array.shape) // 2) @ self.normal)
        with QSignalBlocker(self.depth):
            self.depth.setRange(-most, most)
            self.depth.setValue(round(STEPS * depth))
        self.distance.setText(f"{depth * found.pixel_size_angstrom:.1f} Å")

    def _slid(self, axis: int, voxel: int) -> None:
        point = self.panels.point.copy()
        point[axis] = voxel
        self.go(point)

    def _typed(self, axis: int, angstrom: float) -> None:
        if (found := self._subject.map) is not None:
            voxel = round((angstrom - found.origin_angstrom[2 - axis]) / found.pixel_size_angstrom)
            self._slid(axis, min(max(voxel, 0), found.array.shape[axis] - 1))

    def _slid_plane(self, steps: int) -> None:
        if (found := self._subject.map) is not None:
            self.go(moved_to(self.panels.point, found.array.shape, self.normal, steps / STEPS))

    def _turn(self, _place: int) -> None:
        """The plane takes another direction."""
        is_slanted = self.direction.currentText() == AS_SEEN
        if is_slanted:
            camera = self._subject.viewer.scene.camera
            self._slant = seen(np.array(camera.view_direction), np.array(camera.up_direction))
        self.panels.slant = self._slant if is_slanted else None
        self.go(self.panels.point)

    def _look(self) -> None:
        """The view turns to the plane, as its picture shows it."""
        side = SIDES.get(self.direction.currentText())
        up = self._slant.up if side is None else np.eye(3)[side.up]
        viewer = self._subject.viewer
        viewer.dims.ndisplay = 3
        viewer.scene.camera.set_view_direction(tuple(-self.normal), tuple(up))

    def _switch_plane(self, on: bool) -> None:
        layer = self._subject.layer if on and self._subject.map is not None else None
        self.plane.show_in(layer)
        self.plane.place(self.panels.point, self.normal)
