"""A line of text with a button that copies it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

import param
from panel.custom import JSComponent


class CopyLine(JSComponent):
    """A command or a link.

    Parameters
    ----------
    label : what it is, for screen readers. shown : the line, or what may be seen of a secret one.
    whole : gives the secret line; called when the user asks to see or to copy it, and until then the browser does not have it.
    """

    _esm: ClassVar[Path] = Path(__file__).with_name("copyline.js")

    label = param.String(default="", doc="What it is.")
    shown = param.String(default="", doc="What is to be seen at first.")
    secret = param.Boolean(default=False, doc="Whether that is not the line itself.")
    text = param.String(default="", doc="The line of a secret one, once it was asked for.")

    def __init__(self, label: str, shown: str = "", whole: Callable[[], str] | None = None, **look: Any) -> None:
        self._whole = whole
        super().__init__(label=label, shown=shown, secret=whole is not None, sizing_mode="stretch_width", margin=(2, 0), **look)

    def conceal(self) -> None:
        """Take the secret out of the page."""
        self.text = ""

    def _handle_msg(self, data: dict[str, Any]) -> None:  # noqa: ARG002  # the only message is that somebody asks
        if self._whole is not None:
            self.text = self._whole()
