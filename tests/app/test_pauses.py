from __future__ import annotations

import asyncio
import time

import pytest

from cryohype_app.pauses import Pauses


def test_a_turn_that_holds_up_others_is_seen() -> None:
    async def busy() -> float:
        pauses = Pauses()
        watching = asyncio.create_task(pauses.watch())
        await asyncio.sleep(0.05)
        time.sleep(0.3)
        await asyncio.sleep(0.05)
        watching.cancel()
        return pauses.longest_seconds

    assert 0.25 < asyncio.run(busy()) < 3


def test_what_is_long_ago_is_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    async def busy() -> float:
        pauses = Pauses()
        watching = asyncio.create_task(pauses.watch())
        await asyncio.sleep(0.05)
        time.sleep(0.4)
        await asyncio.sleep(0.6)
        watching.cancel()
        return pauses.longest_seconds

    monkeypatch.setattr("cryohype_app.pauses.WINDOW_S", 0.1)
    assert asyncio.run(busy()) < 0.35
