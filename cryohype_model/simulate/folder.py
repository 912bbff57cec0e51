"""An output folder that is complete or not there at all."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from cryohype_model.errors import ConfigError
from cryohype_model.io.atomic import fresh_partial, replace_folder

TRUTH_NAME = "truth.json"  # the file that marks a folder as a simulated data set


def check_target(folder: Path, overwrite: bool) -> None:
    """Refuse a folder that holds anything, unless it is an earlier data set and may be replaced."""
    if folder.exists() and not folder.is_dir():
        raise ConfigError(f"{folder} is a file; give the name of a new folder with -o")
    if not folder.is_dir() or not any(folder.iterdir()):
        return
    if not (folder / TRUTH_NAME).is_file():
        raise ConfigError(f"{folder} holds other files; give the name of a new folder with -o")
    if not overwrite:
        raise ConfigError(
            f"{folder} already holds a simulated data set; give another folder with -o, or --overwrite to replace it"
        )


@contextmanager
def new_folder(folder: Path, overwrite: bool = False) -> Iterator[Path]:
    """A folder beside ``folder`` to write into; it takes that name at the end, and after an error nothing is left."""
    check_target(folder, overwrite)
    partial = fresh_partial(folder)
    try:
        yield partial
        replace_folder(partial, folder)
    except BaseException:
        shutil.rmtree(partial, ignore_errors=True)
        raise
