from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from cryohype_app.pauses import QUEUE, Pauses

TURN_S = 0.06
CROWD = 3


def watched(turn: Callable[[], object], rest_s: float = 0.05) -> Pauses:
    """What is told of an event loop in which that is done in one turn."""

    async def busy() -> Pauses:
        pauses = Pauses()
        watching = asyncio.create_task(pauses.watch())
        await asyncio.sleep(0.05)
        turn()
        await asyncio.sleep(rest_s)
        watching.cancel()
        return pauses

    return asyncio.run(busy())


def compute(seconds: float) -> None:
    """Take that much of a core, however long that takes."""
    end = time.thread_time() + seconds
    while time.thread_time() < end:
        pass


@pytest.mark.parametrize("turn", [time.sleep, compute])
def test_a_turn_that_holds_up_others_is_seen_and_is_the_servers_own(turn: Callable[[float], None]) -> None:
    pauses = watched(lambda: turn(0.3))
    assert 0.25 < pauses.longest_own_seconds <= pauses.longest_seconds < 5
    assert pauses.longest_own_seconds < 0.5


def test_what_is_long_ago_is_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cryohype_app.pauses.WINDOW_S", 0.1)
    pauses = watched(lambda: time.sleep(0.4), rest_s=0.6)
    assert pauses.longest_own_seconds < 0.25


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells how long a thread waited for a core")
def test_what_others_on_the_same_core_cost_is_no_pause_of_its_own() -> None:
    def crowded() -> Pauses:
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})  # of this thread alone, and of what it starts
        spin = "print(flush=True)\nwhile True: pass"
        crowd = [subprocess.Popen([sys.executable, "-S", "-c", spin], stdout=subprocess.PIPE) for _ in range(CROWD)]
        try:
            for one in crowd:
                assert one.stdout is not None and one.stdout.readline()
            return watched(lambda: compute(TURN_S))
        finally:
            for one in crowd:
                one.kill()
                one.communicate()

    with ThreadPoolExecutor(1) as own_thread:
        pauses = own_thread.submit(crowded).result()
    assert 0.5 * TURN_S < pauses.longest_own_seconds < 2 * TURN_S < pauses.longest_seconds


def test_where_the_system_does_not_tell_every_pause_is_its_own(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("cryohype_app.pauses.QUEUE", str(tmp_path / "none"))
    pauses = watched(lambda: compute(0.1))
    assert pauses.longest_own_seconds == pauses.longest_seconds > 0.05


@pytest.mark.skipif(not Path(QUEUE).exists(), reason="only Linux tells how long a thread waited for a core")
def test_the_file_is_closed_when_nobody_watches_any_more() -> None:
    before = os.listdir("/proc/self/fd")
    watched(lambda: None)
    assert os.listdir("/proc/self/fd") == before
