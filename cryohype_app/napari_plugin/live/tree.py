"""Runs of a dashboard with their clusters, selections and series, to choose from."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from qtpy.QtCore import Qt
from qtpy.QtGui import QColor, QIcon, QPixmap
from qtpy.QtWidgets import QHeaderView, QTreeWidget, QTreeWidgetItem

from cryohype_app.napari_plugin.live.events import Contents, Runs

WISH = Qt.ItemDataRole.UserRole


class RunTree(QTreeWidget):
    """The dashboard's runs; what is in one is asked for when it is opened.

    Parameters
    ----------
    look : called with the identity of a run that was opened. show : called with the wish of an entry that was chosen.
    """

    def __init__(self, look: Callable[[str], None], show: Callable[[dict[str, Any]], None]) -> None:
        super().__init__()
        self._look, self._show = look, show
        self._runs: dict[str, QTreeWidgetItem] = {}
        self._times: dict[str, Any] = {}
        self.setColumnCount(2)
        self.setHeaderLabels(["Runs of the dashboard", "particles"])
        self.setUniformRowHeights(True)
        self.header().setStretchLastSection(False)
        self.header().setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)
        self.header().setSectionResizeMode(1, QHeaderView.ResizeMode.ResizeToContents)
        self.setAccessibleName("Runs of the dashboard")
        self.itemExpanded.connect(self._opened)
        self.itemActivated.connect(lambda item, _: self._chosen(item))

    def show_current(self) -> bool:
        """Ask for what is chosen; False where nothing is."""
        item = self.currentItem()
        return item is not None and self._chosen(item)

    def put_runs(self, told: Runs) -> None:
        """Runs that are there, or what changed of them."""
        for run in told.runs:
            self._put_run(run)
        known = {run["id"] for run in told.runs}
        for gone in [name for name in self._runs if name in told.gone or (told.whole and name not in known)]:
            self.takeTopLevelItem(self.indexOfTopLevelItem(self._runs.pop(gone)))

    def put_contents(self, told: Contents) -> None:
        """What there is in a run."""
        item = self._runs.get(told.run)
        if item is None:
            return
        opened = {item.child(place).text(0) for place in range(item.childCount()) if item.child(place).isExpanded()}
        item.takeChildren()
        run = {"run": told.run}
        clusters = [
            (f"cluster {found['cluster']}", found, {"kind": "particles", "cluster": found["cluster"], **run})
            for found in told.clusters
        ]
        selections = [
            (found["name"], found, {"kind": "particles", "selection": found["name"], **run}) for found in told.selections
        ]
        series = [(found["name"], found, {"kind": "series", "series": found["name"], **run}) for found in told.series]
        groups = (("Clusters", clusters), ("Selections", selections), ("Series of maps", series))
        for title, entries in groups:
            if entries:
                group = QTreeWidgetItem(item, [title, ""])
                for label, found, wish in entries:
                    _entry(group, label, found, wish)
                group.setExpanded(title in opened or (title == "Clusters" and not opened))
        if not item.childCount():
            QTreeWidgetItem(item, ["not analysed yet: no clusters, no selections", ""])

    def _put_run(self, run: dict[str, Any]) -> None:
        manifest = run.get("manifest") or {}
        words = [str(run["name"]), f"{manifest['particles']:,}" if manifest.get("particles") else ""]
        item = self._runs.get(run["id"])
        if item is None:
            item = self._runs[run["id"]] = QTreeWidgetItem(self, words)
            item.setChildIndicatorPolicy(QTreeWidgetItem.ChildIndicatorPolicy.ShowIndicator)
            item.setData(0, WISH, run["id"])
        for column, word in enumerate(words):
            item.setText(column, word)
        item.setToolTip(0, f"{run['status']}: {run['progress']}")
        times = {"selections": run.get("selections"), "analysed": run.get("analysed")}
        if item.isExpanded() and self._times.get(run["id"]) not in (None, times):
            self._look(run["id"])
        self._times[run["id"]] = times

    def _opened(self, item: QTreeWidgetItem) -> None:
        if item.parent() is None:
            self._look(item.data(0, WISH))

    def _chosen(self, item: QTreeWidgetItem) -> bool:
        wish = item.data(0, WISH)
        if not isinstance(wish, dict):
            return False
        self._show(wish)
        return True


def _entry(group: QTreeWidgetItem, label: str, found: dict[str, Any], wish: dict[str, Any]) -> None:
    is_series = wish["kind"] == "series"
    item = QTreeWidgetItem(group, [label, f"{found['count']} maps" if is_series else f"{found['count']:,}"])
    item.setData(0, WISH, wish)
    item.setToolTip(0, "double click or Enter shows it")
    if "colour" in found:
        picture = QPixmap(12, 12)
        picture.fill(QColor(str(found["colour"])))
        item.setIcon(0, QIcon(picture))
