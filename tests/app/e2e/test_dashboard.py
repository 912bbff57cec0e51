"""The dashboard as a user has it: a real server, a real browser, a run that was really trained."""

from __future__ import annotations

import re
import signal
import time
from collections.abc import Callable
from typing import Any

import pytest

from cryohype_app.jobs.book import JobBook
from cryohype_model.runs.manifest import read_manifest
from cryohype_model.runs.run import open_run
from cryohype_model.runs.selections import read_selection

pytestmark = pytest.mark.timeout(400)
PATIENCE_S = 120


def until(condition: Callable[[], Any], what: str) -> None:
    """Wait for something that is not on a page."""
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < deadline, f"it never came: {what}"
        time.sleep(0.1)


def test_without_the_token_there_is_only_a_sentence(server: Any, chromium: Any) -> None:
    page = chromium.new_page()
    answer = page.goto(server.url)
    assert answer.status == 401
    assert "needs its token" in page.inner_text("body")
    page.close()


@pytest.mark.parametrize("path", ["", "train", "monitor", "explore"])
def test_every_page_opens_quietly(server: Any, session: Any, path: str) -> None:
    tab = session()
    tab.open(server.address(path))
    assert "token" not in tab.page.url
    expected = {"": "first", "train": "Start training", "monitor": "finished", "explore": "60 PARTICLES"}[path]
    tab.until(lambda: expected.lower() in tab.text().lower(), f"{expected} on /{path}")


def test_a_lasso_selects_counts_makes_the_molecule_and_is_stored(server: Any, session: Any) -> None:
    tab = session()
    tab.open(server.address("explore"))
    tab.page.get_by_role("button", name="Save").click()
    tab.until(lambda: "Nothing is selected" in tab.text(), "the sentence")
    tab.lasso()
    tab.until(lambda: re.search(r"60\s*of 60 particles", tab.text()), "the count")
    tab.until(lambda: "16 px at 12.00 Å · mean of 60 particles" in tab.text(), "the whole map")
    tab.until(lambda: "10³ Å³" in tab.text(), "its numbers")
    tab.page.get_by_label("Name").fill("everything")
    tab.page.get_by_role("button", name="Save").click()
    tab.until(lambda: "everything · 60" in tab.text(), "the stored selection")
    run = open_run(server.store / "first")
    assert read_selection(run, "everything").tolist() == list(range(60))


def test_two_sessions_do_not_disturb_each_other(server: Any, session: Any) -> None:
    one, other = session(), session()
    for tab in (one, other):
        tab.open(server.address("explore"))
    one.lasso()
    one.until(lambda: re.search(r"60\s*of 60 particles", one.text()), "the count")
    other.page.wait_for_timeout(500)
    assert "of 60 particles" not in other.text()


def test_a_training_goes_from_the_form_to_the_end(server: Any, session: Any) -> None:
    tab = session()
    tab.open(server.address("train"))
    field = tab.page.get_by_role("textbox", name="Particles", exact=True)
    field.fill("/etc/passwd")
    field.press("Enter")
    tab.until(lambda: "outside of the folders that this server may read" in tab.text(), "the refusal")
    field.fill(str(server.store / "mixture" / "particles.star"))
    field.press("Enter")
    tab.until(lambda: "60 in 1 stack" in tab.text(), "what was read")
    tab.page.get_by_role("textbox", name="Name of the run").fill("from the form")
    tab.page.get_by_role("textbox", name="Name of the run").press("Tab")
    epochs = tab.page.get_by_label("epochs", exact=True)
    epochs.fill("1")
    epochs.press("Tab")
    tab.until(lambda: "training.epochs=1" in tab.text(), "the command line")
    assert "data.box_px=16" in tab.text(), "the preset's box is larger than the images"
    tab.page.get_by_role("button", name="Start training").click()
    tab.until(lambda: any(job.status == "finished" for job in JobBook(server.store).jobs()), "the end of the training")
    manifest = read_manifest(open_run(server.store / "from the form"))
    assert (manifest.status, manifest.epochs_done) == ("finished", 1)


@pytest.mark.own_server
def test_a_training_outlives_the_server_and_the_page_comes_back(server: Any, session: Any) -> None:
    config = server.store / "tiny.toml"
    star = server.store / "mixture" / "particles.star"
    from cryohype_app.jobs.commands import train_command

    command = (*train_command(star, server.store / "second"), "-c", str(config), "--epochs", "400")
    job = JobBook(server.store).submit("train", "second", command, run=server.store / "second")
    until(lambda: JobBook(server.store).get(job.id).status == "running", "the job runs")
    until(lambda: (server.store / "second" / "metrics.jsonl").exists(), "its first step")
    tab = session()
    tab.open(server.address("monitor?run=" + read_manifest(open_run(server.store / "second")).id))
    tab.until(lambda: "running" in tab.text(), "the training on the page")
    tab.page.wait_for_timeout(4000)  # the page has learnt which server this is
    server.stop(signal.SIGKILL)
    assert JobBook(server.store).get(job.id).status == "running"
    tab.until(lambda: "cannot be reached" in tab.text(), "the sign")
    tab.problems.clear()  # a browser tells of requests that fail while there is no server
    server.start()
    tab.until(lambda: "cannot be reached" not in tab.text() and "running" in tab.text(), "the page")
    tab.problems.clear()
    JobBook(server.store).stop(job.id)
    until(lambda: JobBook(server.store).get(job.id).is_over, "the end")
    assert JobBook(server.store).get(job.id).status == "stopped"
    assert (server.store / "second" / "checkpoints" / "last.ckpt").exists()


def test_the_theme_is_remembered_from_page_to_page(server: Any, session: Any) -> None:
    tab = session()

    def bar() -> str:
        return str(tab.page.locator("header").first.evaluate("bar => getComputedStyle(bar).backgroundColor"))

    tab.open(server.address())
    assert bar() == "rgb(22, 27, 34)"
    tab.page.get_by_role("button", name="Toggle theme").click()
    tab.until(lambda: bar() == "rgb(255, 255, 255)", "the light page")
    tab.page.wait_for_timeout(500)
    tab.open(server.url + "train")
    assert bar() == "rgb(255, 255, 255)"
