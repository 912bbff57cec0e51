"""What a program says: the end of its log, the newest line in view."""

from __future__ import annotations

from html import escape
from typing import Any

import panel as pn

# Turned upside down twice: such a box stays at its newest line, unless the reader scrolls up.
STYLES = {
    "display": "flex", "flex-direction": "column-reverse", "overflow": "auto", "font": "12px/1.45 ui-monospace, monospace",
    "white-space": "pre-wrap", "overflow-wrap": "anywhere", "padding": "6px 10px", "box-sizing": "border-box",
}  # fmt: skip


class LogView(pn.pane.HTML):
    """Plain text that goes on at its end.

    Parameters
    ----------
    tall : height, as CSS has it: a box that grows with its text has no end to stay at. look : as of any pane.
    """

    def __init__(self, tall: str, **look: Any) -> None:
        super().__init__("", styles=STYLES | {"height": tall}, sizing_mode="stretch_width", **look)
        self._shown = ""

    def show(self, text: str) -> None:
        """Show a text in place of the one before."""
        if text != self._shown:
            self._shown = text
            self.object = f'<div role="log" tabindex="0" aria-label="log">{escape(text)}</div>'
