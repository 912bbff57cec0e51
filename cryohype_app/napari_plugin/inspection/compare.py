"""Two volumes beside each other: FSC with its plot, vIoU, Chamfer distance, correlation, and their difference."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from qtpy.QtWidgets import QApplication, QCheckBox, QFileDialog

from cryohype_app.napari_plugin import layers
from cryohype_app.napari_plugin.inspection.agreement import Agreement, agreement, subtracted
from cryohype_app.napari_plugin.inspection.choices import VolumeChoice, Volumes
from cryohype_app.napari_plugin.inspection.plots import FscCanvas
from cryohype_app.napari_plugin.inspection.section import Section, button, combo, number_box, words
from cryohype_app.napari_plugin.inspection.subject import frame_of
from cryohype_app.napari_plugin.inspection.theme import Colours
from cryohype_app.napari_plugin.inspection.work import Work
from cryohype_app.napari_plugin.layers import MapLayer
from cryohype_model.errors import CryoHypeError, MetricError
from cryohype_model.metrics.difference import Scaling
from cryohype_model.metrics.threshold import ThresholdPolicy

if TYPE_CHECKING:
    from napari.layers import Image
    from napari.viewer import Viewer

AS_SHOWN, BEST, MASS = "as both surfaces are drawn", "B by Otsu, A by largest vIoU (dashboard)", "both enclose a mass"
SCALINGS: dict[str, Scaling] = {"by least squares": "least_squares", "to the same σ": "deviation", "not": "none"}
PNG_DPI = 200


class CompareSection(Section):
    """Compares the volumes A and B when it is asked to.

    Parameters
    ----------
    viewer : that holds the layers. volumes : to choose from. work : computes.
    """

    def __init__(self, viewer: Viewer, volumes: Volumes, work: Work) -> None:
        super().__init__("Compare two maps")
        self._viewer, self._volumes, self._work = viewer, volumes, work
        self._failed = work.failed.emit
        self.found: Agreement | None = None
        self.first = VolumeChoice(volumes, "map A")
        self.second = VolumeChoice(volumes, "map B: the reference")
        self.mask = VolumeChoice(volumes, "mask that both are multiplied with before the FSC", none="none")
        self.levels = combo([AS_SHOWN, BEST, MASS], "where each map counts as occupied for vIoU and Chamfer distance")
        self.mass = number_box(0.1, 1e6, 450, " kDa", "mass of protein that both maps enclose", 0)
        self.compare = button("Compare", "FSC, vIoU, Chamfer distance and correlation of A and B")
        self.plot = FscCanvas()
        self.table = words()
        self._add_rows()
        self._add_difference()
        self._connect()
        self.show_agreement(None)

    def paint(self, colours: Colours) -> None:
        """Take the colours of a theme."""
        self.plot.paint(colours)

    def run(self) -> None:
        """Compare A with B."""
        chosen = self._pair()
        if chosen is None:
            return
        first, second, pair = chosen
        try:
            mask = None if self.mask.layer is None else self._read(self.mask.layer)
        except CryoHypeError as error:
            self._failed(str(error))
            return
        policy = self._policy(first, second)
        says = f"comparing {first.name} with {second.name}"

        def done(found: Agreement) -> None:
            if self._still_there(pair, says):
                self.show_agreement(found)

        self._work.ask("compare", says, lambda: agreement(first, second, policy, mask), done)

    def subtract(self) -> None:
        """A new layer, A minus B; where wanted also B minus A."""
        chosen = self._pair()
        if chosen is None:
            return
        first, second, pair = chosen
        scaling, both = SCALINGS[self.scaling.currentText()], self.both.isChecked()
        says = f"subtracting {second.name} from {first.name}"

        def compute() -> list[MapLayer]:
            made = subtracted(first, second, scaling)
            return [made, _turned(made, second)] if both else [made]

        def done(made: list[MapLayer]) -> None:
            if self._still_there(pair, says):
                for layer in pair:
                    layer.visible = False
                for one in made:
                    layers.add(self._viewer, one)

        self._work.ask("subtract", says, compute, done)

    def show_agreement(self, found: Agreement | None) -> None:
        """What was found, or nothing."""
        self.found = found
        if found is None:
            self.plot.show_curve(None, None)
        else:
            self.plot.show_curve(found.frequency_per_angstrom, found.fsc)
        self.plot.setVisible(found is not None)
        self.table.setText("" if found is None else f"A {found.first}\nB {found.second}\n{str(found).replace(chr(9), ': ')}")
        for part in (self.copy, self.save_csv, self.save_png):
            part.setEnabled(found is not None)

    def copy_numbers(self) -> None:
        """The numbers as text into the clipboard."""
        if self.found is not None:
            QApplication.clipboard().setText(f"A\t{self.found.first}\nB\t{self.found.second}\n{self.found}\n")

    def save_curve(self, path: Path) -> None:
        """The FSC as a .csv file."""
        if self.found is not None:
            try:
                self.found.write_csv(path)
            except CryoHypeError as error:
                self._failed(str(error))

    def save_plot(self, path: Path) -> None:
        """The plot as a .png file."""
        try:
            self.plot.figure.savefig(path, dpi=PNG_DPI)
        except OSError as error:
            self._failed(f"{path} cannot be written ({error.strerror}); choose another folder")

    def _add_rows(self) -> None:
        self.swap = button("⇅", "Exchange A and B")
        self.swap.setMaximumWidth(32)
        self.swap.setAccessibleName("exchange A and B")
        self.copy = button("Copy", "Copy the numbers as text")
        self.save_csv = button("Save .csv", "Save the FSC as a table")
        self.save_png = button("Save .png", "Save the plot")
        self.add_row("A", self.first, self.swap)
        self.add_row("B", self.second)
        self.add_row("Levels", self.levels)
        self.add_row("Mass", self.mass)
        self.mass_row = self.rows.itemAt(self.rows.count() - 1).layout()
        self.add_row("Mask of the FSC", self.mask)
        self.add_row(self.compare)
        self.rows.addWidget(self.plot)
        self.rows.addWidget(self.table)
        self.add_row(self.copy, self.save_csv, self.save_png)

    def _add_difference(self) -> None:
        self.scaling = combo(SCALINGS, "how B is scaled before it is subtracted from A")
        self.both = QCheckBox("and B − A")
        self.both.setToolTip("Also what B has more of, as a second layer in B's colour")
        self.difference = button("A − B", "The difference as a new layer, drawn at three standard deviations; A and B are hidden")
        self.add_row("Scale B", self.scaling)
        self.add_row(self.difference, self.both)

    def _connect(self) -> None:
        self.first.chosen.connect(self._chosen_first)
        self.swap.clicked.connect(self._exchange)
        self.levels.currentTextChanged.connect(self._show_mass)
        self.compare.clicked.connect(self.run)
        self.difference.clicked.connect(self.subtract)
        self.copy.clicked.connect(self.copy_numbers)
        self.save_csv.clicked.connect(self._ask_csv)
        self.save_png.clicked.connect(self._ask_png)
        self._volumes.changed.connect(self._changed)
        self._show_mass()
        self._changed()

    def _pair(self) -> tuple[MapLayer, MapLayer, tuple[Image, Image]] | None:
        """The maps of A and B as they are now; None, with a sentence, where there are none."""
        pair = self.first.layer, self.second.layer
        if pair[0] is None or pair[1] is None:
            self._failed("two maps are needed; open another one")
            return None
        try:
            return self._read(pair[0]), self._read(pair[1]), (pair[0], pair[1])
        except CryoHypeError as error:
            self._failed(str(error))
            return None

    def _read(self, layer: Image) -> MapLayer:
        return layers.map_of(layer, frame_of(self._viewer, layer))

    def _still_there(self, pair: tuple[Image, Image], says: str) -> bool:
        gone = [layer for layer in pair if not self._volumes.holds(layer)]
        if gone:
            self._failed(f"{gone[0].name} was removed during {says}, so nothing is shown")
        return not gone

    def _policy(self, first: MapLayer, second: MapLayer) -> ThresholdPolicy:
        wanted = self.levels.currentText()
        if wanted == MASS:
            return ThresholdPolicy("mass", float(self.mass.value()))
        if wanted == BEST:
            return ThresholdPolicy()
        if first.level is None or second.level is None:
            raise MetricError("a layer without a surface has no level; choose other levels")
        return ThresholdPolicy("each", first.level, second.level)

    def _show_mass(self, _text: str = "") -> None:
        is_mass = self.levels.currentText() == MASS
        for place in range(self.mass_row.count()):
            self.mass_row.itemAt(place).widget().setVisible(is_mass)

    def _chosen_first(self, layer: Image | None) -> None:
        self.second.choose_other_than(layer)

    def _exchange(self) -> None:
        first, second = self.first.layer, self.second.layer
        self.second.choose(first)
        self.first.choose(second)

    def _changed(self) -> None:
        self.second.choose_other_than(self.first.layer)
        for part in (self.compare, self.difference):
            part.setEnabled(len(self._volumes.list()) > 1)

    def _ask_csv(self) -> None:
        path, _ = QFileDialog.getSaveFileName(self, "Save the FSC", "fsc.csv", "Table (*.csv)")
        if path:
            self.save_curve(Path(path))

    def _ask_png(self) -> None:
        path, _ = QFileDialog.getSaveFileName(self, "Save the plot", "fsc.png", "Picture (*.png)")
        if path:
            self.save_plot(Path(path))


def _turned(made: MapLayer, second: MapLayer) -> MapLayer:
    """The difference the other way round, in the colour of what it has more of."""
    first_name, second_name = (made.facts or {})["first"], (made.facts or {})["second"]
    return replace(made, array=-made.array, name=f"{second_name} minus {first_name}", colour=second.colour)
