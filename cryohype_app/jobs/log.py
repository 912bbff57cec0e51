"""The end of a log, for people."""

from __future__ import annotations

import re
from pathlib import Path

TAIL_BYTES = 20_000
_LONGEST = 500  # characters of a line that becomes a message
_CONTROL = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|[\x00-\x08\x0b-\x1f\x7f]")  # colours and cursor moves of terminals


def tail(path: Path, size_bytes: int = TAIL_BYTES) -> str:
    """The last whole lines of a file; empty where there is no file.

    Parameters
    ----------
    path : a text file that may be growing.
    size_bytes : at most so much of it.
    """
    try:
        with path.open("rb") as file:
            end = file.seek(0, 2)
            file.seek(max(0, end - size_bytes))
            content = file.read(size_bytes)
    except OSError:
        return ""
    if end > size_bytes:
        content = content.partition(b"\n")[2] or content
    return content.decode("utf-8", errors="replace")


def last_line(path: Path) -> str:
    """The last line with something in it, without a terminal's control characters; empty where there is none."""
    for line in reversed(tail(path).replace("\r", "\n").split("\n")):
        if clean := _CONTROL.sub("", line).strip():
            return clean[:_LONGEST]
    return ""
