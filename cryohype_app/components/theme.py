"""The theme of the pages, remembered by the browser."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

import param
from panel.custom import JSComponent


class Theme(JSComponent):
    """Writes a change of ``dark`` into the cookie ``cryohype-theme``."""

    _esm: ClassVar[Path] = Path(__file__).with_name("theme.js")

    dark = param.Boolean(default=True, doc="Whether the pages are dark.")
