"""The saved volume series of a run, and their maps."""

from __future__ import annotations

from typing import Any

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import QAbstractItemView, QHeaderView, QLabel, QTreeWidget, QTreeWidgetItem, QVBoxLayout, QWidget

from cryohype_app.napari_plugin.browser.contents import Contents
from cryohype_app.napari_plugin.browser.table import dot
from cryohype_app.napari_plugin.folders import Group, groups_of_series
from cryohype_app.napari_plugin.maps import MapFile
from cryohype_app.napari_plugin.notices import plain
from cryohype_app.napari_plugin.series import file_of_entry, files_of
from cryohype_model.runs.volumes import VolumeSeries

PLACE = Qt.ItemDataRole.UserRole  # (series, map) of an entry; of a series (series, -1)


class SeriesPage(QWidget):
    """A tree of series and maps. ``opened`` is sent when the chosen ones are to be shown."""

    opened = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.series: tuple[VolumeSeries, ...] = ()
        self.tree = QTreeWidget()
        self.tree.setAccessibleName("Saved maps")
        self.tree.setHeaderLabels(["saved maps", "of", "level"])
        self.tree.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        self.tree.setUniformRowHeights(True)
        self.tree.setExpandsOnDoubleClick(False)
        self.tree.header().setStretchLastSection(False)
        self.tree.header().setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)
        self.tree.header().setSectionResizeMode(1, QHeaderView.ResizeMode.ResizeToContents)
        self.tree.header().setSectionResizeMode(2, QHeaderView.ResizeMode.ResizeToContents)
        self.tree.itemActivated.connect(lambda *_: self.opened.emit())
        self.empty = QLabel("No maps are saved in this run yet.")
        self.empty.setWordWrap(True)
        self.empty.hide()
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 4, 0, 0)
        column.addWidget(self.empty)
        column.addWidget(self.tree, 1)

    def put(self, contents: Contents) -> None:
        """Show the series of a run; what was folded out stays so."""
        items = [self.tree.topLevelItem(number) for number in range(self.tree.topLevelItemCount())]
        opened = {item.text(0) for item in items if item.isExpanded()}
        self.series = contents.series
        self.tree.clear()
        for number, series in enumerate(self.series):
            item = self._add_series(number, series)
            item.setExpanded(series.name in opened or (not items and number == 0))
        self.empty.setVisible(not self.series)
        self.tree.setVisible(bool(self.series))

    def groups(self) -> list[Group]:
        """What is chosen: single maps, series as they are."""
        found: list[Group] = []
        for number, place in self._places():
            series = self.series[number]
            if place < 0:
                found += groups_of_series(series)
            else:
                file = file_of_entry(series, series.entries[place])
                found.append(Group(file.name, (file,)))
        return found

    def groups_of_chosen_series(self) -> list[Group]:
        """Every map of the series of what is chosen; of the first series, where nothing is."""
        places = self._places()
        numbers = dict.fromkeys(number for number, _ in places) if places else range(min(1, len(self.series)))
        return [group for number in numbers for group in groups_of_series(self.series[number])]

    def files_that_follow(self) -> tuple[str, list[MapFile]]:
        """Name and maps of one layer: of several maps that are chosen, else of the whole series."""
        places = self._places()
        single = [(number, place) for number, place in places if place >= 0]
        if len(single) > 1:
            files = [file_of_entry(self.series[number], self.series[number].entries[place]) for number, place in single]
            return self.series[single[0][0]].name, files
        chosen = self.series[places[0][0] if places else 0] if self.series else None
        return (chosen.name, files_of(chosen)) if chosen is not None else ("", [])

    def _places(self) -> list[tuple[int, int]]:
        """Chosen entries in their order; maps of a series that is chosen itself count once."""
        places = sorted(tuple(item.data(0, PLACE)) for item in self.tree.selectedItems())
        whole = {number for number, place in places if place < 0}
        return [(number, place) for number, place in places if place < 0 or number not in whole]

    def _add_series(self, number: int, series: VolumeSeries) -> QTreeWidgetItem:
        kind = "path" if series.is_path else str(series.entries[0].method) if series.entries else ""
        item = _item(self.tree, [series.name, f"{kind}, {len(series)}", ""], (number, -1))
        item.setToolTip(0, plain(str(series.path)))
        for place, entry in enumerate(series.entries):
            file = file_of_entry(series, entry)
            level = "" if entry.level is None else f"{entry.level:.3g}"
            child = _item(item, [file.name, f"{entry.pixel_size_angstrom:.4g} Å/px", level], (number, place))
            child.setIcon(0, dot(file.colour))
            child.setToolTip(0, plain(str(file.path)))
        return item


def _item(parent: Any, words: list[str], place: tuple[int, int]) -> QTreeWidgetItem:
    item = QTreeWidgetItem(parent, words)
    item.setData(0, PLACE, place)
    return item
