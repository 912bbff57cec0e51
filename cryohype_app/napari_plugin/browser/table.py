"""A table of columns that lie in memory or in a file: only the cells in sight are read, so that a million rows open at once."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Any

import numpy as np
from qtpy.QtCore import QAbstractTableModel, QItemSelection, QItemSelectionModel, QModelIndex, Qt, Signal
from qtpy.QtGui import QColor, QIcon, QPainter, QPixmap
from qtpy.QtWidgets import QAbstractItemView, QHeaderView, QTableView

from cryohype_app.napari_plugin.browser.analysis import Column, Rows
from cryohype_app.napari_plugin.browser.work import Work
from cryohype_app.napari_plugin.notices import plain

DOT_PX = 10
ROW_PX = 22
MOST_CHOSEN = 1000
Sorting = tuple[int, bool]  # column, and whether the largest comes first
Role = Qt.ItemDataRole


class ColumnTable(QAbstractTableModel):
    """Rows of columns in some order. ``asked`` is sent when they are to be sorted."""

    asked = Signal()

    def __init__(self, parent: Any = None) -> None:
        super().__init__(parent)
        self.columns: tuple[Column, ...] = ()
        self.rows: Rows = np.empty(0, np.int64)
        self.sorting: Sorting | None = None

    def put(self, columns: Sequence[Column], rows: Rows) -> None:
        """Show other columns, or other rows of them."""
        self.beginResetModel()
        self.columns, self.rows = tuple(columns), rows
        self.endResetModel()

    def rowCount(self, parent: QModelIndex | None = None) -> int:  # noqa: N802  # Qt's names
        """Rows in sight or not."""
        return 0 if parent is not None and parent.isValid() else len(self.rows)

    def columnCount(self, parent: QModelIndex | None = None) -> int:  # noqa: N802
        """Number of columns."""
        return 0 if parent is not None and parent.isValid() else len(self.columns)

    def data(self, index: QModelIndex, role: int = Role.DisplayRole) -> Any:
        """Text, dot or alignment of a cell."""
        if not index.isValid() or role not in (Role.DisplayRole, Role.DecorationRole, Role.TextAlignmentRole):
            return None
        column = self.columns[index.column()]
        if role == Role.TextAlignmentRole:
            is_left = column.values.dtype.kind in "OU" or column.colour is not None  # beside its dot
            side = Qt.AlignmentFlag.AlignLeft if is_left else Qt.AlignmentFlag.AlignRight
            return side | Qt.AlignmentFlag.AlignVCenter
        value = column.values[self.rows[index.row()]]
        if role == Role.DisplayRole:
            return column.text(value)
        return None if column.colour is None else dot(column.colour(value))

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = Role.DisplayRole) -> Any:  # noqa: N802
        """Titles of the columns."""
        if orientation != Qt.Orientation.Horizontal or section >= len(self.columns):
            return None
        title = self.columns[section].title
        return title if role == Role.DisplayRole else plain(title) if role == Role.ToolTipRole else None

    def sort(self, column: int, order: Qt.SortOrder = Qt.SortOrder.AscendingOrder) -> None:
        """Remember how, and ask for it."""
        self.sorting = (column, order == Qt.SortOrder.DescendingOrder) if column >= 0 else None
        self.asked.emit()


class Listing(QTableView):
    """A table that sorts in a thread.

    Parameters
    ----------
    name : for screen readers. work : of the widget that holds it, to sort in.

    ``opened`` is sent with a double click and the Return key.
    """

    opened = Signal()

    def __init__(self, name: str, work: Work) -> None:
        super().__init__()
        self.table = ColumnTable(self)
        self._work = work
        self._all: Rows = np.empty(0, np.int64)
        self.setModel(self.table)
        self.setAccessibleName(name)
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setTabKeyNavigation(False)  # the key leads out of the table
        self.setWordWrap(False)
        self.setShowGrid(False)
        self.verticalHeader().hide()
        self.verticalHeader().setDefaultSectionSize(ROW_PX)
        self.verticalHeader().setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
        self.horizontalHeader().setHighlightSections(False)
        self.horizontalHeader().setResizeContentsPrecision(20)  # rows that are asked for their width
        self.horizontalHeader().setSortIndicator(-1, Qt.SortOrder.AscendingOrder)
        self.setSortingEnabled(True)
        self.table.asked.connect(self._arrange)
        self.doubleClicked.connect(lambda _: self.opened.emit())

    def put(self, columns: Sequence[Column], rows: Rows | None = None) -> None:
        """Show columns; some of their rows, or all of them. How they are sorted stays, where there are as many columns."""
        count = len(columns[0].values) if columns else 0
        self._all = np.arange(count) if rows is None else rows
        if len(columns) != len(self.table.columns):
            self.table.sorting = None
            self.horizontalHeader().setSortIndicator(-1, Qt.SortOrder.AscendingOrder)
            self.table.put(columns, self._all)
            self.resizeColumnsToContents()  # by the rows in sight
            return
        self.table.put(columns, self._all)
        if self.table.sorting is not None:
            self._arrange()

    def chosen(self, most: int) -> list[int]:
        """Numbers of the chosen rows as the columns have them; of very many the first ones."""
        ranges = self.selectionModel().selection()
        places = sorted((one.top(), one.bottom()) for one in ranges)
        found: list[int] = []
        for top, bottom in places:
            found += [int(row) for row in self.table.rows[top : bottom + 1][: most - len(found)]]
        return list(dict.fromkeys(found))

    def keyPressEvent(self, event: Any) -> None:  # noqa: N802  # Qt's name
        """Return opens."""
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self.opened.emit()
        else:
            super().keyPressEvent(event)

    def selectionChanged(self, selected: Any, deselected: Any) -> None:  # noqa: N802  # Qt's name
        """Of very many rows the first ones stay chosen: Qt would look at each of them whenever it draws."""
        super().selectionChanged(selected, deselected)
        ranges = self.selectionModel().selection()
        if sum(one.height() for one in ranges) <= MOST_CHOSEN:
            return
        top = min(one.top() for one in ranges)
        last = self.table.index(top + MOST_CHOSEN - 1, len(self.table.columns) - 1)
        first = QItemSelection(self.table.index(top, 0), last)
        self.selectionModel().select(first, QItemSelectionModel.SelectionFlag.ClearAndSelect)

    def _arrange(self) -> None:
        columns, rows, sorting = self.table.columns, self._all, self.table.sorting
        self._work.ask(lambda: [arranged(columns, rows, sorting)], lambda found: self.table.put(columns, found))


def arranged(columns: Sequence[Column], rows: Rows, sorting: Sorting | None) -> Rows:
    """Rows in the order of a column; not-a-number comes last."""
    if sorting is None or not len(columns):
        return rows
    number, descending = sorting
    values = np.asarray(columns[number].values[rows])
    if values.dtype.kind in "OU":
        order = np.argsort(values.astype(str), kind="stable")
        return rows[order[::-1] if descending else order]
    return rows[np.argsort(-values.astype(np.float64) if descending else values, kind="stable")]


@lru_cache(maxsize=256)
def dot(colour: str) -> QIcon:
    """A round dot of a colour."""
    picture = QPixmap(DOT_PX, DOT_PX)
    picture.fill(Qt.GlobalColor.transparent)
    painter = QPainter(picture)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(QColor(colour))
    painter.drawEllipse(0, 0, DOT_PX, DOT_PX)
    painter.end()
    return QIcon(picture)


def as_column(title: str, values: Iterable[Any], dtype: str | type = object, **looks: Any) -> Column:
    """A column of values that lie in a list."""
    return Column(title, np.array(list(values), dtype=dtype), **looks)
