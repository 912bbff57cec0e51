"""The shape of what lies above the level: volume, mass, radius of gyration, extent, connected parts."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from qtpy.QtWidgets import QApplication

from cryohype_app.napari_plugin.inspection.section import Section, button, words
from cryohype_app.napari_plugin.inspection.subject import Subject
from cryohype_app.napari_plugin.inspection.work import afford
from cryohype_app.napari_plugin.layers import MapLayer
from cryohype_model.errors import MetricError
from cryohype_model.metrics.parts import largest_extent_angstrom, part_volumes_angstrom3
from cryohype_model.metrics.shape import enclosed_volume_angstrom3, radius_of_gyration_angstrom
from cryohype_model.metrics.threshold import ANGSTROM3_PER_KDA

MEASURE_BYTES = 48  # a voxel, where all of them are above the level


@dataclass(frozen=True, eq=False)
class Shape:
    """What lies above a level; None, with a note, what is not defined. ``parts_angstrom3`` : (n,), the largest first."""

    name: str
    level: float
    volume_angstrom3: float
    radius_of_gyration_angstrom: float | None
    extent_angstrom: float | None
    parts_angstrom3: npt.NDArray[np.float64]
    notes: tuple[str, ...] = ()

    @property
    def mass_kda(self) -> float:
        """Of protein that fills the volume."""
        return self.volume_angstrom3 / ANGSTROM3_PER_KDA

    def __str__(self) -> str:
        """One line a number."""
        lines = [
            f"enclosed volume\t{self.volume_angstrom3:,.0f} Å³",
            f"mass of protein\t{self.mass_kda:,.1f} kDa (1.21 Å³/Da)",
            f"radius of gyration\t{_angstrom(self.radius_of_gyration_angstrom)}",
            f"largest extent\t{_angstrom(self.extent_angstrom)}",
            f"connected parts\t{len(self.parts_angstrom3):,}",
        ]
        if len(self.parts_angstrom3) > 1:
            lines.append(f"in the largest part\t{self.parts_angstrom3[0] / self.volume_angstrom3:.1%}")
        return "\n".join([*lines, *self.notes])


def shape_of(found: MapLayer, level: float) -> Shape:
    """Measure a map at a level.

    Raises
    ------
    MetricError : the memory is not enough.
    """
    afford("measuring the map", found.array.size, MEASURE_BYTES)
    array, pixel = found.array, found.pixel_size_angstrom
    notes: list[str] = []
    radius = extent = None
    try:
        extent = largest_extent_angstrom(array, level, pixel)
        radius = radius_of_gyration_angstrom(array, level, pixel)
    except MetricError as error:
        notes.append(str(error))
    parts = part_volumes_angstrom3(array, level, pixel)
    volume = enclosed_volume_angstrom3(array, level, pixel)
    return Shape(found.name, level, volume, radius, extent, parts, tuple(notes))


class MeasureSection(Section):
    """Measures anew whenever the map or its level changes, while the section is open.

    Parameters
    ----------
    subject : the map.
    """

    def __init__(self, subject: Subject) -> None:
        super().__init__("Measure")
        self._subject = subject
        self.shape: Shape | None = None
        self.table = words()
        self.copy = button("Copy numbers", "Copy them as text, with the map and its level")
        self.rows.addWidget(self.table)
        self.add_row(self.copy)
        self.copy.clicked.connect(self.copy_numbers)
        subject.measured.connect(self.measure)  # not before: a map with values that are no numbers is not measured
        subject.levelled.connect(self.measure)
        subject.changed.connect(self._changed)
        self.opened.connect(self.measure)

    def measure(self) -> None:
        """Ask for the numbers at the level of now."""
        found, level = self._subject.map, self._subject.level
        if self.is_open and found is not None and self._subject.densities is not None:
            self._subject.work.ask("measure", "measuring", lambda: shape_of(found, level), self._show)

    def copy_numbers(self) -> None:
        """The numbers as text into the clipboard."""
        if self.shape is not None:
            QApplication.clipboard().setText(f"{self.shape.name}\nlevel\t{self.shape.level:.6g}\n{self.shape}\n")

    def _changed(self) -> None:
        self.body.setEnabled(self._subject.map is not None)
        if self._subject.map is None:
            self._subject.work.forget("measure")
            self._show(None)

    def _show(self, shape: Shape | None) -> None:
        self.shape = shape
        self.table.setText("" if shape is None else str(shape).replace("\t", ": "))


def _angstrom(length: float | None) -> str:
    return "not defined" if length is None else f"{length:,.1f} Å"
