"""A process is its number and its birth."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from cryohype_app.jobs.process import ask_to_stop, is_alive, kill, reap, start_detached


@pytest.fixture
def process() -> Iterator[subprocess.Popen[bytes]]:
    """A process that waits, of this session."""
    process = subprocess.Popen([sys.executable, "-I", "-S", "-c", "import time; time.sleep(120)"])
    yield process
    process.kill()
    process.wait()


def test_the_very_process_is_known(process: subprocess.Popen[bytes]) -> None:
    created = psutil.Process(process.pid).create_time()
    assert is_alive(process.pid, created)
    assert not is_alive(process.pid, created - 2) and not is_alive(process.pid, created + 2)
    assert not is_alive(None, created) and not is_alive(process.pid, None)


@pytest.mark.parametrize("end", [ask_to_stop, kill])
def test_only_the_very_process_is_signalled(process: subprocess.Popen[bytes], end: Callable[..., bool]) -> None:
    created = psutil.Process(process.pid).create_time()
    assert not end(process.pid, created - 2)
    with pytest.raises(subprocess.TimeoutExpired):
        process.wait(0.1)
    assert end(process.pid, created), "and this session, which is ours, survives"
    assert process.wait(10) < 0
    assert not end(process.pid, created)


def test_a_zombie_is_dead(process: subprocess.Popen[bytes], until: Callable[..., None]) -> None:
    created = psutil.Process(process.pid).create_time()
    process.kill()
    until(lambda: psutil.Process(process.pid).status() == psutil.STATUS_ZOMBIE)
    assert not is_alive(process.pid, created)


def test_ended_children_do_not_stay_as_zombies(tmp_path: Path, until: Callable[..., None]) -> None:
    pid, created = start_detached([sys.executable, "-I", "-S", "-c", "print('said')"], tmp_path, tmp_path / "log")
    until(lambda: not is_alive(pid, created))
    reap()
    assert not psutil.pid_exists(pid)
    assert (tmp_path / "log").read_text() == "said\n"
