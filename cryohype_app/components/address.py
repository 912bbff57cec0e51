"""The address of a page, which holds its state: a reload or a shared link shows the same."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

import param
from panel.custom import JSComponent


class Address(JSComponent):
    """Puts ``query`` behind the question mark, without a step of the browser's history."""

    _esm: ClassVar[Path] = Path(__file__).with_name("address.js")

    query = param.String(default="", doc="What comes after the question mark.")
