"""A slow link is given little at once; a quick one as much as it takes."""

from __future__ import annotations

import asyncio

import pytest

from cryohype_app.server.stream import pace
from cryohype_app.server.stream.pace import FIRST_WINDOW, LEAST_WINDOW, MOST_WINDOW, PARTS, Pace


class Clock:
    """Time that passes when it is told to."""

    now = 0.0


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(pace, "monotonic", lambda: made.now)
    return made


def under_way(clock: Clock, bytes_per_s: float, seconds: float = 20.0) -> int:
    """Bytes on their way at once, after some time on a link that carries so much."""

    async def run() -> int:
        link, sent, arrived, most = Pace(), [], 0, 0
        total = 0
        while clock.now < seconds:
            try:
                size = await asyncio.wait_for(link.room(), 0.001)
                link.sent(size)
                total += size
                sent.append(total)
                most = total - arrived if clock.now > seconds / 2 else most
            except TimeoutError:
                part = sent.pop(0)
                clock.now += (part - arrived) / bytes_per_s
                arrived = part
                link.confirmed(arrived)
        return most

    return asyncio.run(run())


def test_at_1_mb_a_second_a_newer_map_waits_for_less_than_half_a_second_of_bytes(clock: Clock) -> None:
    assert LEAST_WINDOW <= under_way(clock, 1e6) <= 0.5e6


def test_small_maps_open_nothing_for_a_large_one(clock: Clock) -> None:
    link = Pace()
    for number in range(1, 100):
        link.sent(8192)
        clock.now += 0.01
        link.confirmed(8192 * number)
    assert asyncio.run(link.room()) == FIRST_WINDOW // PARTS


def test_a_quick_link_is_filled(clock: Clock) -> None:
    assert under_way(clock, 2e9, 1.0) >= MOST_WINDOW


def test_who_confirms_nothing_gets_the_first_window_only() -> None:
    async def run() -> int:
        link, total = Pace(), 0
        while True:
            try:
                size = await asyncio.wait_for(link.room(), 0.02)
            except TimeoutError:
                return total
            link.sent(size)
            total += size

    assert asyncio.run(run()) == FIRST_WINDOW


def test_confirmations_of_what_was_never_sent_open_nothing() -> None:
    link = Pace()
    link.sent(100)
    link.confirmed(10**12)
    assert link._sent == link._confirmed == 100
