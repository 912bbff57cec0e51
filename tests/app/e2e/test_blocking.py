"""Nothing that the server does for one session holds up the others: no turn of its event loop is long."""

from __future__ import annotations

import json
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from cryohype_app.jobs.book import JobBook
from cryohype_app.jobs.commands import analyze_command, train_command

pytestmark = pytest.mark.timeout(400)
LONGEST_S = 0.2  # ten times what a handler may take: two busy cores make every turn seem longer
WINDOW_S = 10.0  # of the server's own measurement


@contextmanager
def longest_pauses(server: Any) -> Iterator[list[float]]:
    """What the server tells of itself, again and again."""
    found: list[float] = []
    over = threading.Event()
    request = urllib.request.Request(f"{server.url}api/v1/healthz", headers={"Authorization": f"Bearer {server.token}"})

    def ask() -> None:
        while not over.wait(2.0):
            with urllib.request.urlopen(request, timeout=60) as answer:
                found.append(json.load(answer)["longest_pause_seconds"])

    asking = threading.Thread(target=ask)
    asking.start()
    try:
        yield found
    finally:
        over.set()
        asking.join()


def test_nobody_waits_for_a_training_a_umap_or_a_volume(server: Any, session: Any) -> None:
    tab = session()
    tab.open(server.address("explore"))
    store, jobs = server.store, JobBook(server.store)
    time.sleep(WINDOW_S + 2)  # to make a page is one turn, and not a short one
    command = (
        *train_command(store / "mixture" / "particles.star", store / "second"),
        "-c",
        str(store / "tiny.toml"),
        "--epochs",
        "40",
    )
    with longest_pauses(server) as pauses:
        training = jobs.submit("train", "second", command, run=store / "second")
        umap = jobs.submit("analyze", "first", analyze_command(store / "first"), run=store / "first")
        for _ in range(3):
            tab.lasso()
            tab.says("16 px at 12.00 Å")
            tab.says("10³ Å³")
        tab.until(lambda: all(jobs.get(job.id).is_over for job in (training, umap)), "the end of the jobs")
        time.sleep(2.5)
    assert len(pauses) > 2
    assert max(pauses) < LONGEST_S, pauses
