"""Write beside, rename last: a kill or a full disk leaves what was there before, a file or a folder as a whole or not at all."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from cryohype_model.errors import InputFileError


@contextmanager
def written_whole(path: Path) -> Iterator[Path]:
    """A name beside ``path`` to write to; renamed to ``path`` when the block ends, removed when it fails.

    Raises
    ------
    InputFileError : the folder does not exist or may not be written to.
    """
    if not path.absolute().parent.is_dir():
        raise InputFileError(f"{path} cannot be written: its folder does not exist; create it")
    beside = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        yield beside
        os.replace(beside, path)
    except (PermissionError, IsADirectoryError) as error:
        raise InputFileError(f"{path} cannot be written ({error.strerror}); choose another place") from error
    finally:
        beside.unlink(missing_ok=True)


def write_atomically(path: Path, content: str | bytes) -> None:
    """Replace a file in one step, on the disk when this returns; on any failure the old file stays and nothing else is left.

    Parameters
    ----------
    path : the file; its folder must exist.
    content : text (written as UTF-8) or bytes.
    """
    data = content.encode("utf-8") if isinstance(content, str) else content
    with written_whole(path) as beside, beside.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


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
