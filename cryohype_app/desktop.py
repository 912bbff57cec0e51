"""Whether there is a desktop here, and napari opened on it."""

from __future__ import annotations

import importlib.util
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from cryohype_app.jobs.log import last_line
from cryohype_app.jobs.process import is_alive, start_detached

DISPLAYS = ("DISPLAY", "WAYLAND_DISPLAY")
REMOTE = ("SSH_CONNECTION", "SSH_TTY")  # a display there is, if any, is that of another machine


@dataclass(frozen=True)
class Opened:
    """A napari that was started. ``pid`` and ``born`` as :mod:`cryohype_app.jobs.process` knows it."""

    pid: int
    born: float
    log: Path

    @property
    def is_running(self) -> bool:
        """Whether it has not ended."""
        return is_alive(self.pid, self.born)

    @property
    def last_words(self) -> str:
        """The last line that it said."""
        return last_line(self.log)


def has_display(environment: Mapping[str, str] = os.environ, platform: str = sys.platform) -> bool:
    """Whether a window can be opened."""
    return platform in {"darwin", "win32"} or any(environment.get(name) for name in DISPLAYS)


def is_desktop(environment: Mapping[str, str] = os.environ, platform: str = sys.platform) -> bool:
    """Whether a window that is opened here is seen by the user: not where they came by SSH."""
    return not any(environment.get(name) for name in REMOTE) and has_display(environment, platform)


def can_open_napari() -> bool:
    """Whether napari is installed and there is a desktop; nothing is imported."""
    return is_desktop() and importlib.util.find_spec("napari") is not None


def open_napari(address: str, log: Path) -> Opened:
    """Start napari, connected to a dashboard of this user on this machine; it lives on when the dashboard ends.

    Parameters
    ----------
    address : of the dashboard, without its token: napari reads that from the user's file.
    log : takes what it says, in place of what an earlier one said.

    Raises
    ------
    OSError : it cannot be started.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    log.unlink(missing_ok=True)
    command = (sys.executable, "-m", "cryohype_app.cli", "napari", address)
    return Opened(*start_detached(command, log.parent, log), log)
