"""Let the browser fetch a file, as if the user had clicked on its link."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

import param
from panel.custom import JSComponent


class Download(JSComponent):
    """Nothing to see; a new address is downloaded."""

    _esm: ClassVar[Path] = Path(__file__).with_name("download.js")

    address = param.String(default="", doc="Path of this server, answered as an attachment.")
