"""A sentence, and the command line that helps, to be copied."""

from __future__ import annotations

from qtpy.QtCore import Qt
from qtpy.QtGui import QGuiApplication
from qtpy.QtWidgets import QHBoxLayout, QLabel, QLineEdit, QPushButton, QVBoxLayout, QWidget

from cryohype_app.napari_plugin.notices import plain


class Remedy(QWidget):
    """Hidden until there is something to tell."""

    def __init__(self) -> None:
        super().__init__()
        self.sentence = QLabel()
        self.sentence.setWordWrap(True)
        self.sentence.setTextFormat(Qt.TextFormat.PlainText)
        self.command = QLineEdit()
        self.command.setReadOnly(True)
        self.command.setAccessibleName("Command line")
        self.copy = QPushButton("Copy")
        self.copy.setToolTip("copy the command line, to be run in a terminal where CryoHype is installed")
        self.copy.clicked.connect(lambda: QGuiApplication.clipboard().setText(self.command.text()))
        row = QHBoxLayout()
        row.addWidget(self.command, 1)
        row.addWidget(self.copy)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(self.sentence)
        column.addLayout(row)
        self.tell("", "")

    def tell(self, sentence: str, command: str) -> None:
        """Show a command; an empty one hides it all."""
        self.sentence.setText(sentence)
        self.command.setText(command)
        self.command.setToolTip(plain(command))
        self.command.setCursorPosition(0)
        self.setVisible(bool(command))
