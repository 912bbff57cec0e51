"""Keys for a bokeh figure: arrows pan, + and − zoom, 0 shows everything."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

import param
from panel.custom import JSComponent


class FigureKeys(JSComponent):
    """Makes the drawing of a figure take keys when it has the focus, and its tools keys and names.

    It takes no room. The browser changes the ranges, and tells them as it does after the mouse has.
    """

    _esm: ClassVar[Path] = Path(__file__).with_name("keys.js")

    figure = param.String(doc="id of the bokeh figure")
    label = param.String(doc="what the drawing is, for screen readers")

    def __init__(self, **params: Any) -> None:
        super().__init__(width=0, height=0, margin=0, **params)
