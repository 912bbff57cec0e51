"""A part of the widget that opens and closes, and rows in it."""

from __future__ import annotations

from collections.abc import Iterable

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import QComboBox, QDoubleSpinBox, QHBoxLayout, QLabel, QPushButton, QVBoxLayout, QWidget

NUMBER_PX = 78  # else room for the largest number of its range is kept


class Section(QWidget):
    """A heading that is a button, and what it shows or hides.

    Parameters
    ----------
    title : of the section. is_open : at first.
    """

    opened = Signal(bool)

    def __init__(self, title: str, is_open: bool = False) -> None:
        super().__init__()
        self._title = title
        self.heading = QPushButton()
        self.heading.setStyleSheet("text-align: left; font-weight: bold; padding: 4px;")
        self.body = QWidget()
        self.rows = QVBoxLayout(self.body)
        self.rows.setContentsMargins(4, 2, 4, 6)
        self.rows.setSpacing(4)
        whole = QVBoxLayout(self)
        whole.setContentsMargins(0, 0, 0, 0)
        whole.setSpacing(0)
        whole.addWidget(self.heading)
        whole.addWidget(self.body)
        self.is_open = is_open
        self.heading.clicked.connect(self._press)
        self.open(is_open)

    def _press(self) -> None:
        self.open(not self.is_open)

    def add_row(self, *parts: QWidget | str) -> None:
        """Widgets beside each other; words become labels of what follows them."""
        row = QHBoxLayout()
        row.setSpacing(4)
        for number, part in enumerate(parts):
            if isinstance(part, str):
                label = QLabel(part)
                if number + 1 < len(parts) and isinstance(follower := parts[number + 1], QWidget):
                    label.setBuddy(follower)
                    follower.setAccessibleName(follower.accessibleName() or part)
                row.addWidget(label)
            else:
                row.addWidget(part, 0 if isinstance(part, QLabel) else 1)
        self.rows.addLayout(row)

    def open(self, is_open: bool) -> None:
        """Show what is below the heading, or hide it."""
        self.is_open = is_open
        self.heading.setText(f"{'▾' if is_open else '▸'}  {self._title}")
        self.body.setVisible(is_open)
        self.opened.emit(is_open)


def number_box(low: float, high: float, value: float, suffix: str, says: str, decimals: int = 1) -> QDoubleSpinBox:
    """A box for a number, told when it is complete."""
    box = QDoubleSpinBox()
    box.setRange(low, high)
    box.setMinimumWidth(NUMBER_PX)
    box.setDecimals(decimals)
    box.setValue(value)
    box.setSuffix(suffix)
    box.setStepType(QDoubleSpinBox.StepType.AdaptiveDecimalStepType)
    box.setKeyboardTracking(False)
    box.setToolTip(says)
    box.setAccessibleName(says)
    return box


def combo(choices: Iterable[str], says: str) -> QComboBox:
    """A list of choices that needs little room."""
    made = QComboBox()
    made.addItems(list(choices))
    made.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
    made.setMinimumContentsLength(4)
    made.setToolTip(says)
    made.setAccessibleName(says)
    return made


def button(text: str, says: str) -> QPushButton:
    """A button that tells what it does."""
    made = QPushButton(text)
    made.setToolTip(says)
    return made


def words(text: str = "") -> QLabel:
    """A label for text of any length and origin, which can be selected."""
    label = QLabel(text)
    label.setWordWrap(True)
    label.setTextFormat(Qt.TextFormat.PlainText)
    label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
    return label
