"""The legend beside a picture: groups that can be chosen, a bar, or a map of directions."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

import param
from panel.custom import JSComponent


class LegendStrip(JSComponent):
    """A strip that scrolls when the groups are many; a click on one calls ``choose`` with its number."""

    _esm: ClassVar[Path] = Path(__file__).with_name("legend.js")

    facts = param.Dict(default={}, doc="of cryohype_app.plots.legend.Legend")

    def __init__(self, choose: Callable[[int], None], **params: Any) -> None:
        super().__init__(**params)
        self._choose = choose

    def _handle_msg(self, data: dict[str, Any]) -> None:
        self._choose(int(data["value"]))
