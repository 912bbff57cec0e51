"""Clusters, selections and particles of a run as tables; each page tells which structures are chosen in it."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import QComboBox, QHeaderView, QLabel, QVBoxLayout, QWidget

from cryohype_app.napari_plugin.browser.analysis import Analysis, Rows
from cryohype_app.napari_plugin.browser.contents import Contents
from cryohype_app.napari_plugin.browser.saved import SavedMaps, Wanted
from cryohype_app.napari_plugin.browser.table import Listing, as_column
from cryohype_app.napari_plugin.browser.work import Work
from cryohype_app.napari_plugin.folders import MOST_LAYERS
from cryohype_model.palette import category_colour

Failed = Callable[[Exception], None]  # tells what the user can mend


class TablePage(QWidget):
    """A table, and a sentence where it is empty. ``opened`` is sent when a row is to be shown."""

    opened = Signal()

    def __init__(self, name: str, empty: str, failed: Failed) -> None:
        super().__init__()
        self.saved: SavedMaps | None = None
        self.work = Work(self, failed)
        self.listing = Listing(name, self.work)
        self.listing.opened.connect(self.opened)
        self.empty = QLabel(empty)
        self.empty.setWordWrap(True)
        self.empty.setTextFormat(Qt.TextFormat.PlainText)
        self.empty.hide()
        self.column = QVBoxLayout(self)
        self.column.setContentsMargins(0, 4, 0, 0)
        self.column.addWidget(self.empty)
        self.column.addWidget(self.listing, 1)

    def wanted(self) -> list[Wanted]:
        """What is chosen."""
        return [self.wanted_of(row) for row in self.listing.chosen(MOST_LAYERS)]

    def all_wanted(self) -> list[Wanted]:
        """Every row's, in their order by number."""
        return [self.wanted_of(row) for row in range(self.listing.table.rowCount())]

    def wanted_of(self, row: int) -> Wanted:
        """The structure of a row."""
        raise NotImplementedError

    def set_empty(self, is_empty: bool) -> None:
        """Show the sentence in the table's place, or the table."""
        self.empty.setVisible(is_empty)
        self.listing.setVisible(not is_empty)


class ClusterPage(TablePage):
    """Clusters of an analysis: size, medoid, and whether there is a map."""

    def __init__(self, failed: Failed) -> None:
        super().__init__("Clusters", "No clusters: the run was not analysed yet.", failed)
        self.listing.horizontalHeader().setSectionResizeMode(QHeaderView.ResizeMode.Stretch)
        self.numbers: list[int] = []

    def put(self, analysis: Analysis | None, saved: SavedMaps) -> None:
        """Show the clusters of an analysis."""
        self.saved = saved
        clusters = analysis.clusters if analysis else ()
        self.numbers = [cluster.number for cluster in clusters]
        total = max(1, len(analysis)) if analysis else 1
        has_map = [saved.of_cluster(cluster.number).file is not None for cluster in clusters]
        self.listing.put([
            as_column("cluster", self.numbers, np.int64, colour=category_colour),
            as_column("particles", (cluster.count for cluster in clusters), np.int64, text=lambda count: f"{count:,}"),
            as_column("share", (cluster.count / total for cluster in clusters), float, text=lambda share: f"{share:.1%}"),
            as_column("medoid", (-1 if one.medoid is None else one.medoid for one in clusters), np.int64, text=_known),
            as_column("map", ("saved" if there else "–" for there in has_map)),
        ])  # fmt: skip
        self.set_empty(not clusters)

    def wanted_of(self, row: int) -> Wanted:
        """The cluster of a row."""
        assert self.saved is not None  # a table with rows was put
        return self.saved.of_cluster(self.numbers[row])


class SelectionPage(TablePage):
    """Selections that are stored in the run."""

    def __init__(self, failed: Failed) -> None:
        super().__init__("Selections", "No selections are stored in this run; the dashboard makes them.", failed)
        self.listing.horizontalHeader().setSectionResizeMode(QHeaderView.ResizeMode.Stretch)
        self.names: list[str] = []

    def put(self, contents: Contents, saved: SavedMaps) -> None:
        """Show the selections of a run."""
        self.saved = saved
        found = contents.selections
        self.names = [one.name for one in found]
        colours = {one.name: one.colour for one in found}
        self.listing.put([
            as_column("selection", self.names, colour=lambda name: colours[name]),
            as_column("particles", (one.count for one in found), np.int64, text=lambda count: f"{count:,}"),
            as_column("made by", (one.made for one in found)),
            as_column("map", ("saved" if saved.of_selection(name).file else "–" for name in self.names)),
            as_column("on", (one.created[:10] for one in found)),
        ])  # fmt: skip
        self.set_empty(not found)

    def wanted_of(self, row: int) -> Wanted:
        """The selection of a row."""
        assert self.saved is not None  # a table with rows was put
        return self.saved.of_selection(self.names[row])


class ParticlePage(TablePage):
    """Every particle of an analysis, of a cluster or of a selection."""

    def __init__(self, failed: Failed) -> None:
        super().__init__("Particles", "No latents: the run was not analysed yet.", failed)
        self.analysis: Analysis | None = None
        self._filtering = Work(self, failed)
        self.of = QComboBox()
        self.of.setAccessibleName("Particles of")
        self.of.setToolTip("which particles are listed")
        self.of.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.of.activated.connect(lambda _: self._filter())
        self.column.insertWidget(0, self.of)

    def put(self, analysis: Analysis | None, contents: Contents, saved: SavedMaps) -> None:
        """Show an analysis; what is listed of it stays, if it is still there."""
        self.saved = saved
        is_other = analysis is not self.analysis
        self.analysis = analysis
        before = self.of.currentData()
        self._fill_choices(analysis, contents)
        self.of.setCurrentIndex(max(0, self.of.findData(before)))
        self.of.setVisible(analysis is not None)
        self.set_empty(analysis is None)
        if is_other or before != self.of.currentData() or str(before).startswith("selection/"):
            self._filter()

    def _fill_choices(self, analysis: Analysis | None, contents: Contents) -> None:
        self.of.clear()
        self.of.addItem(f"all {len(analysis) if analysis else 0:,} particles", "")
        for cluster in analysis.clusters if analysis else ():
            self.of.addItem(f"cluster {cluster.number} ({cluster.count:,})", f"cluster/{cluster.number}")
        for found in contents.selections:
            self.of.addItem(f"selection {found.name} ({found.count:,})", f"selection/{found.name}")

    def wanted_of(self, row: int) -> Wanted:
        """The particle of a row."""
        assert self.saved is not None  # a table with rows was put
        return self.saved.of_particle(row)

    def _filter(self) -> None:
        analysis, chosen = self.analysis, str(self.of.currentData() or "")
        if analysis is None:
            self.listing.put([])
            return
        kind, _, which = chosen.partition("/")

        def find() -> list[Rows | None]:
            if not kind:
                return [None]
            return [analysis.rows_of_cluster(int(which)) if kind == "cluster" else analysis.rows_of_selection(which)]

        self._filtering.ask(find, lambda rows: self.listing.put(analysis.columns, rows))


def _known(row: int) -> str:
    return "–" if row < 0 else str(row)
