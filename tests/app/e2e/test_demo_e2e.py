"""`cryohype-app serve --demo` as a stranger meets it: everything at once, then a training of their own."""

from __future__ import annotations

import re
import signal
import time
from collections.abc import Callable
from typing import Any

import pytest

from cryohype_app.demo import Demo
from cryohype_app.jobs.book import JobBook
from cryohype_model.runs.latents import read_latents
from cryohype_model.runs.metrics_log import read_metrics
from cryohype_model.runs.run import open_run

pytestmark = pytest.mark.timeout(400)
PATIENCE_S = 120


@pytest.fixture
def server(shared_demo: Any) -> Any:
    """The sessions of these tests look at the demo."""
    if shared_demo.process.poll() is not None:
        shared_demo.start()
    return shared_demo


def until(condition: Callable[[], Any], what: str) -> None:
    """Wait for something that is not on a page."""
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < deadline, f"it never came: {what}"
        time.sleep(0.1)


def test_the_printed_address_opens_the_demo_and_everything_works_at_once(server: Any, session: Any) -> None:
    address = re.search(r"http://localhost:\S+", server.said.read_text())
    assert address is not None and "/explore?run=" in address[0]
    tab = session()
    tab.open(address[0])
    tab.says(r"(?i)latent space · demo · 4,800 particles")
    tab.lasso()
    tab.says(r"4,800\s*of 4,800 particles")
    tab.says(r"32 px at 7\.00 Å · mean of 256 of 4,800 particles")
    tab.page.get_by_role("tab", name="Clusters").click()
    tab.page.get_by_role("button", name=re.compile(r"^3 · \d+")).click()
    tab.says(r"32 px at 7\.00 Å · mean of 256 of [67890]\d\d particles")
    table = read_latents(Demo(server.store).run).table
    label = int(table["label"][table["cluster"] == 3].mode()[0])
    for reference in (f"true structure {label}", "back-projection of the selection"):
        tab.choose("Compare with", reference)
        area = float(tab.says(r"FSC-AUC\s*(0\.\d+)\s*of 0\.469")[1])
        assert area > 0.35
        tab.choose("Compare with", "nothing")
        tab.until(lambda: "FSC-AUC" not in tab.text(), "no reference")


def test_a_training_of_ones_own_begins_and_can_be_stopped(server: Any, session: Any) -> None:
    tab = session()
    tab.open(server.address())
    tab.page.get_by_role("button", name="Train it yourself").click()
    tab.page.wait_for_url(re.compile(r"/monitor\?run="))
    tab.says(r"Watch your training")
    tab.says(r"(?i)training · demo-live")
    run = open_run(server.store / "demo-live")
    until(lambda: len(read_metrics(run)), "its first step")
    jobs = JobBook(server.store)
    (job,) = jobs.jobs()
    assert job.command[-1] == "--analyze"
    jobs.stop(job.id)
    until(lambda: jobs.get(job.id).is_over, "the end")
    tab.says(r"Train it yourself")
    assert jobs.get(job.id).status == "stopped"


def test_ctrl_c_ends_it_in_good_order(server: Any) -> None:
    before = len(server.said.read_text())
    server.stop(signal.SIGINT)
    assert server.process.returncode == 0
    assert "Traceback" not in server.said.read_text()[before:]
