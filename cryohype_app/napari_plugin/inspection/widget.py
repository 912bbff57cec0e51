"""Volume inspection: everything that can be asked of a map that is a layer of napari."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QSize, Qt
from qtpy.QtWidgets import QFrame, QLabel, QProgressBar, QScrollArea, QVBoxLayout, QWidget

from cryohype_app.napari_plugin.inspection.choices import VolumeChoice, Volumes
from cryohype_app.napari_plugin.inspection.compare import CompareSection
from cryohype_app.napari_plugin.inspection.filters import FiltersSection
from cryohype_app.napari_plugin.inspection.level import LevelSection
from cryohype_app.napari_plugin.inspection.measure import MeasureSection
from cryohype_app.napari_plugin.inspection.section import words
from cryohype_app.napari_plugin.inspection.series import SeriesSection
from cryohype_app.napari_plugin.inspection.slices import SlicesSection
from cryohype_app.napari_plugin.inspection.subject import Subject, is_volume
from cryohype_app.napari_plugin.inspection.theme import colours_of
from cryohype_app.napari_plugin.inspection.work import Work

if TYPE_CHECKING:
    import napari.viewer
    from napari.layers import Image

NARROWEST_PX, DOCK_PX = 330, (390, 640)
EMPTY = "Open a map (File ▸ Open, or drop an .mrc file into the window): it can be inspected here."


class VolumeInspection(QWidget):
    """One map in sections, what is being computed, and what went wrong.

    Parameters
    ----------
    viewer : whose layers are inspected.
    """

    def __init__(self, viewer: napari.viewer.Viewer) -> None:
        super().__init__()
        self._viewer = viewer
        self.setMinimumWidth(NARROWEST_PX)
        self.work = Work(self)
        self.volumes = Volumes(self, viewer)
        self.subject = Subject(self, viewer, self.work)
        self.choice = VolumeChoice(self.volumes, "the map that is inspected")
        self.facts = words()
        self.level, self.slices = LevelSection(self.subject), SlicesSection(self.subject)
        self.measure = MeasureSection(self.subject)
        self.filters = FiltersSection(self.subject, self.volumes)
        self.compare = CompareSection(viewer, self.volumes, self.work)
        self.series = SeriesSection(self.subject, self.volumes)
        self.busy, self.doing, self.problem = QProgressBar(), QLabel(), words()
        self._lay_out()
        self._connect()
        self._painted()
        self._show_facts()
        self._show_work()

    def tell(self, problem: str) -> None:
        """One sentence at the foot; nothing takes it away."""
        self.problem.setText(problem[:1].upper() + problem[1:])
        self.problem.setVisible(bool(problem))

    def sizeHint(self) -> QSize:  # noqa: N802  # Qt's name
        """A dock beside the view."""
        return QSize(*DOCK_PX)

    def showEvent(self, event: Any) -> None:  # noqa: N802  # Qt's name
        """Somebody looks: the map is read."""
        self.subject.follow(True)
        super().showEvent(event)

    def hideEvent(self, event: Any) -> None:  # noqa: N802  # Qt's name
        """Nobody looks: nothing plays and nothing is read."""
        self.series.play(False)
        self.subject.follow(False)
        super().hideEvent(event)

    def _lay_out(self) -> None:
        self.choice.setAccessibleName("map")
        inside = QWidget()
        rows = QVBoxLayout(inside)
        rows.setContentsMargins(4, 2, 4, 2)
        rows.setSpacing(4)
        for part in (self.facts, self.level, self.slices, self.measure, self.filters, self.compare, self.series):
            rows.addWidget(part)
        rows.addStretch(1)
        scroll = QScrollArea()
        scroll.setWidgetResizable(True)
        scroll.setFrameShape(QFrame.Shape.NoFrame)
        scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        scroll.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOn)  # the width of the slices decides their height
        scroll.setWidget(inside)
        self.busy.setRange(0, 0)
        self.busy.setTextVisible(False)
        self.busy.setFixedHeight(4)
        self.problem.setAccessibleName("problem")
        whole = QVBoxLayout(self)
        whole.setContentsMargins(4, 4, 4, 4)
        whole.setSpacing(4)
        whole.addWidget(self.choice)
        whole.addWidget(scroll, 1)
        for part in (self.busy, self.doing, self.problem):
            whole.addWidget(part)
        self.problem.hide()

    def _connect(self) -> None:
        self.choice.chosen.connect(self._choose)
        self.subject.changed.connect(self._show_facts)
        self.subject.measured.connect(self._show_facts)
        self.work.changed.connect(self._show_work)
        self.work.failed.connect(self.tell)
        self._viewer.layers.selection.events.active.connect(self._activated)
        self._viewer.events.theme.connect(self._painted)
        active = self._viewer.layers.selection.active
        self.choice.choose(active if active is not None and is_volume(active) else self.choice.layer)
        self._choose(self.choice.layer)

    def _choose(self, layer: Image | None) -> None:
        self.tell("")
        self.subject.choose(layer)

    def _activated(self, _event: Any = None) -> None:
        active = self._viewer.layers.selection.active
        if active is not None and is_volume(active):
            self.choice.choose(active)

    def _painted(self, _event: Any = None) -> None:
        colours = colours_of(self._viewer)
        self.level.paint(colours)
        self.compare.paint(colours)
        self.problem.setStyleSheet(f"color: {colours.problem}")

    def _show_facts(self) -> None:
        found, known = self.subject.map, self.subject.densities
        if found is None:
            self.facts.setText(EMPTY if self.subject.layer is None else "")
            return
        pixel = found.pixel_size_angstrom
        box = " × ".join(str(side) for side in reversed(found.array.shape))
        lengths = " × ".join(f"{side * pixel:.0f}" for side in reversed(found.array.shape))
        origin = ", ".join(f"{place:.4g}" for place in found.origin_angstrom)
        lines = [f"{box} px of {pixel:.4g} Å", f"{lengths} Å from {origin} Å"]
        if known is not None:
            lines += [f"min {known.low:.4g} · max {known.high:.4g}", f"mean {known.mean:.4g} · σ {known.deviation:.4g}"]
        self.facts.setText("\n".join(lines))

    def _show_work(self) -> None:
        doing = self.work.under_way
        self.busy.setVisible(bool(doing))
        self.doing.setVisible(bool(doing))
        self.doing.setText("; ".join(doing)[:90] + " …" if doing else "")
