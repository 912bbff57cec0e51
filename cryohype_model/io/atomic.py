"""A file that is there as a whole or not at all."""

from __future__ import annotations

import os
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
