"""The way back after the server was restarted, or a tunnel dropped."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from panel.custom import JSComponent


class Reconnect(JSComponent):
    """Asks ``/api/v1/healthz`` every three seconds; another instance of the server means: load the page anew."""

    _esm: ClassVar[Path] = Path(__file__).with_name("reconnect.js")
