"""Nothing that the server does for one session holds up the others: no turn of its event loop is long."""

from __future__ import annotations

import json
import time
import urllib.request
from typing import Any

import pytest

from cryohype_app.jobs.book import JobBook
from cryohype_app.jobs.commands import analyze_command, train_command

pytestmark = pytest.mark.timeout(400)
LONGEST_S = 0.2  # ten times what a handler may take: two busy cores make every turn seem longer
LONGEST_ONCE_S = 1.0  # on cores that jobs and browser share, a turn may have to wait for one
WINDOW_S = 10.0  # of the server's own measurement


def longest_pause(server: Any) -> float:
    """What the server tells of its last ten seconds."""
    request = urllib.request.Request(f"{server.url}api/v1/healthz", headers={"Authorization": f"Bearer {server.token}"})
    with urllib.request.urlopen(request, timeout=60) as answer:
        return float(json.load(answer)["longest_pause_seconds"])


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
    training = jobs.submit("train", "second", command, run=store / "second")
    umap = jobs.submit("analyze", "first", analyze_command(store / "first"), run=store / "first")
    pauses = []
    for _ in range(3):
        begun = time.monotonic()
        tab.lasso()
        tab.says("16 px at 12.00 Å")
        tab.says("10³ Å³")
        tab.page.wait_for_timeout(max(0.0, 1000 * (begun + WINDOW_S - time.monotonic())))
        pauses.append(longest_pause(server))
    tab.until(lambda: all(jobs.get(job.id).is_over for job in (training, umap)), "the end of the jobs")
    pauses.append(longest_pause(server))
    assert min(pauses[:3]) < LONGEST_S, f"what the server does itself, it does at every lasso: {pauses}"
    assert max(pauses) < LONGEST_ONCE_S, pauses
