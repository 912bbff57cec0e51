"""Words that change while they are shown."""

from __future__ import annotations

from typing import Any

import panel as pn

SIZES = {"caption": "0.75rem", "body2": "0.85rem"}  # as Material's variants of these names
TIGHT = ":host p { margin: 0.25em 0; } :host(.markdown) { line-height: 1.45; }"


class Words(pn.pane.Markdown):
    """Markdown that changes.

    Material's Typography is for text that stays: when it is changed while the document is locked, panel-material-ui 0.16.6 takes
    the rendered text for a new text of the user's, shows its markup, and loses the change that came after.

    Parameters
    ----------
    variant : ``caption`` or ``body2``. look : as of any pane.
    """

    def __init__(self, text: str = "", variant: str = "body2", **look: Any) -> None:
        styles = {"font-size": SIZES[variant]}
        super().__init__(text, styles=styles, stylesheets=[TIGHT], sizing_mode="stretch_width", **look)
