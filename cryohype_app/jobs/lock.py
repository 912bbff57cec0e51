"""One at a time, over threads and processes: what changes jobs holds the lock of the store."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from cryohype_model.errors import RunError


@contextmanager
def locked(path: Path, *, wait: bool = True) -> Iterator[bool]:
    """Hold the lock while the block runs; the system frees it when the process dies.

    Parameters
    ----------
    path : the lock's file; it is made, and its folder, for this user only: what lies there is run.
    wait : for another holder; else the block runs with False and must change nothing.

    Raises
    ------
    RunError : the file cannot be made, or its file system has no locks.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise RunError(f"jobs cannot be kept in {path.parent} ({error.strerror}); choose a store that you may write to") from None
    try:
        yield _take(descriptor, path, wait)
    finally:
        os.close(descriptor)


def _take(descriptor: int, path: Path, wait: bool) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError as error:
        raise RunError(f"{path} cannot be locked ({error.strerror}); choose a store on another file system") from None
    return True
