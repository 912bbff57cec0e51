"""The level of the surface: a histogram with a line, a number in density or σ, and Otsu's suggestion."""

from __future__ import annotations

from math import floor, log10

from qtpy.QtCore import QSignalBlocker

from cryohype_app.napari_plugin.inspection.plots import HistogramCanvas
from cryohype_app.napari_plugin.inspection.section import Section, button, combo, number_box
from cryohype_app.napari_plugin.inspection.subject import Subject
from cryohype_app.napari_plugin.inspection.theme import Colours
from cryohype_app.napari_plugin.layers import surface_level

DENSITY, DEVIATIONS = "density", "σ"
SIGNIFICANT = 3


class LevelSection(Section):
    """Follows the level of the subject's layer, and sets it.

    Parameters
    ----------
    subject : the map.
    """

    def __init__(self, subject: Subject) -> None:
        super().__init__("Level", is_open=True)
        self._subject = subject
        self.histogram = HistogramCanvas()
        self.number = number_box(-1e9, 1e9, 0, "", "level of the surface")
        self.units = combo([DENSITY, DEVIATIONS], "units of the level; σ are counted from the mean, as in the dashboard")
        self.otsu = button("Otsu", "The level between the two populations of densities (Otsu's method)")
        self.rows.addWidget(self.histogram)
        self.add_row("Level", self.number, self.units, self.otsu)
        self.histogram.moved.connect(subject.set_level)
        self.number.valueChanged.connect(self._typed)
        self.units.currentTextChanged.connect(self._show)
        self.otsu.clicked.connect(self._suggest)
        subject.changed.connect(self._changed)
        subject.measured.connect(self._measured)
        subject.levelled.connect(self._show)
        self._changed()

    def paint(self, colours: Colours) -> None:
        """Take the colours of a theme."""
        self.histogram.paint(colours)

    def _changed(self) -> None:
        self.body.setEnabled(self._subject.map is not None)
        if self._subject.map is None or self._subject.densities is None:
            self.histogram.show_densities(None)
        self._show()

    def _measured(self) -> None:
        self.histogram.level = self._subject.level
        self.histogram.show_densities(self._subject.densities)
        self._show()

    def _show(self) -> None:
        """The level of the layer, in the units that were chosen."""
        level, found = self._subject.level, self._subject.densities
        self.histogram.show_level(level)
        in_deviations = self.units.currentText() == DEVIATIONS and found is not None and found.deviation > 0
        with QSignalBlocker(self.number):
            size = 1.0 if found is None or in_deviations else found.deviation or abs(level) or 1.0
            self.number.setDecimals(min(max(SIGNIFICANT - floor(log10(size)) - 1, 2), 9))
            self.number.setValue((level - found.mean) / found.deviation if in_deviations and found is not None else level)

    def _typed(self, number: float) -> None:
        found = self._subject.densities
        in_deviations = self.units.currentText() == DEVIATIONS and found is not None and found.deviation > 0
        self._subject.set_level(found.mean + number * found.deviation if in_deviations and found is not None else number)

    def _suggest(self) -> None:
        if (found := self._subject.map) is not None:
            self._subject.work.ask("otsu", "finding Otsu's level", lambda: surface_level(found.array), self._subject.set_level)
