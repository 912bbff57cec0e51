"""Processes of this machine, known by number and time of birth, so that a reused number is never signalled."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path
from threading import Lock

import psutil

_SAME_SECONDS = 1.0  # between two readings of the birth of one process
_LAST_WORDS_SECONDS = 1.0
_STARTED: list[subprocess.Popen[bytes]] = []  # ours, until they are waited for
_STARTED_LOCK = Lock()


def start_detached(command: Sequence[str], folder: Path, log: Path) -> tuple[int, float]:
    """Start a process in a session of its own, which lives on when this one ends.

    Parameters
    ----------
    command : word by word.
    folder : that it runs in.
    log : takes its standard output and error, after what is there.

    Returns
    -------
    pid, and its time of birth in Unix seconds.

    Raises
    ------
    OSError : it cannot be started.
    """
    with log.open("ab") as output:
        process = subprocess.Popen(
            command, cwd=folder, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT, start_new_session=True
        )
    with _STARTED_LOCK:
        created = psutil.Process(process.pid).create_time()  # nobody can have waited for it yet
        _STARTED.append(process)
    return process.pid, created


def reap() -> None:
    """Take note of the ended ones among the processes started here, so that no zombie stays."""
    with _STARTED_LOCK:
        _STARTED[:] = [process for process in _STARTED if process.poll() is None]


def is_alive(pid: int | None, created: float | None) -> bool:
    """Whether that very process still runs; a zombie does not.

    Parameters
    ----------
    pid, created : its number and its time of birth in Unix seconds, or None where it is not known.
    """
    return _find(pid, created) is not None


def ask_to_stop(pid: int | None, created: float | None) -> bool:
    """SIGTERM to that very process; False where it does not run any more."""
    process = _find(pid, created)
    if process is None:
        return False
    try:
        process.terminate()
    except psutil.NoSuchProcess:
        return False
    return True


def kill(pid: int | None, created: float | None) -> bool:
    """SIGKILL to that very process, all below it, and all of its session; False where it does not run any more.

    Itself it is killed last, after a second: a runner writes down the end of its command and leaves no zombie behind.
    """
    process = _find(pid, created)
    if process is None:
        return False
    family = (_below(process) | _session(process.pid)) - {process.pid}
    for number in family:
        _kill(number)
    end = time.monotonic() + (_LAST_WORDS_SECONDS if family else 0.0)
    while time.monotonic() < end and is_alive(pid, created):
        time.sleep(0.02)
    if is_alive(pid, created):
        _kill(process.pid)
    return True


def _kill(pid: int) -> None:
    try:
        os.kill(pid, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):  # gone, or it made itself another user's
        return


def _find(pid: int | None, created: float | None) -> psutil.Process | None:
    if pid is None or created is None:
        return None
    try:
        process = psutil.Process(pid)
        is_same = abs(process.create_time() - created) < _SAME_SECONDS
        return process if is_same and process.status() != psutil.STATUS_ZOMBIE else None
    except psutil.NoSuchProcess:
        return None


def _below(process: psutil.Process) -> set[int]:
    try:
        return {child.pid for child in process.children(recursive=True)}
    except psutil.NoSuchProcess:
        return set()


def _session(pid: int) -> set[int]:
    """Every process of the session of a process, also those whose parents have ended; none if that session is ours."""
    wanted = _session_number(pid)
    if wanted in (None, os.getsid(0)):
        return set()
    return {other for other in psutil.pids() if _session_number(other) == wanted}


def _session_number(pid: int) -> int | None:
    try:
        return os.getsid(pid)
    except (ProcessLookupError, PermissionError):
        return None
