"""Write beside, rename last: a kill or a full disk leaves what was there before."""

from __future__ import annotations

import os
import shutil
from pathlib import Path


def write_atomically(path: Path, content: str | bytes) -> None:
    """Replace a file in one step; on any failure the old file stays and nothing else is left.

    Parameters
    ----------
    path : the file; its folder must exist.
    content : text (written as UTF-8) or bytes.
    """
    data = content.encode("utf-8") if isinstance(content, str) else content
    beside = path.with_name(f".{path.name}.partial-{os.getpid()}")
    try:
        with beside.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(beside, path)
    except BaseException:
        beside.unlink(missing_ok=True)
        raise


def replace_folder(partial: Path, final: Path) -> None:
    """Give a finished folder its name; an older folder of that name is set aside first and deleted last.

    A kill between the two renames leaves the old folder as ``<final>.old``, which readers ignore.
    """
    old = final.with_name(final.name + ".old")
    if old.exists():
        shutil.rmtree(old)
    if final.exists():
        os.rename(final, old)
    os.rename(partial, final)
    if old.exists():
        shutil.rmtree(old)


def fresh_partial(final: Path) -> Path:
    """An empty folder ``<final>.partial`` to build in; what a killed process left there is removed."""
    partial = final.with_name(final.name + ".partial")
    if partial.exists():
        shutil.rmtree(partial)
    partial.mkdir(parents=True)
    return partial
