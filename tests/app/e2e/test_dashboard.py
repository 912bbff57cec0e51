"""The dashboard as a user has it: a real server, a real browser, a run that was really trained."""

from __future__ import annotations

import re
import signal
import time
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Error as BrowserError

from cryohype_app.jobs.book import JobBook
from cryohype_model.runs.manifest import read_manifest
from cryohype_model.runs.run import open_run
from cryohype_model.runs.selections import read_selection

pytestmark = pytest.mark.timeout(400)
PATIENCE_S = 120
ALL_TEXT = """() => {
  const said = []
  const walk = node => {
    if (node.nodeType === Node.TEXT_NODE) said.push(node.textContent)
    if (node instanceof HTMLElement && getComputedStyle(node).display === "none") return
    if (node instanceof HTMLTextAreaElement || node instanceof HTMLInputElement) said.push(node.value)
    if (node.tagName === "STYLE" || node.tagName === "SCRIPT") return
    for (const child of node.shadowRoot?.childNodes ?? []) walk(child)
    for (const child of node.childNodes) walk(child)
  }
  if (document.body) walk(document.body)  // there is none while a page begins to load
  return said.join(" ").replace(/\\s+/g, " ")
}"""


def until(condition: Callable[[], Any], what: str, page: Any = None) -> Any:
    """Wait for something."""
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        if found := condition():
            return found
        page.wait_for_timeout(150) if page is not None else time.sleep(0.1)
    said = text(page)[-1500:] if page is not None else ""
    raise AssertionError(f"it never came: {what} {said}")


def text(page: Any) -> str:
    """What the page says, also inside of components; nothing while it is being loaded."""
    try:
        return str(page.evaluate(ALL_TEXT))
    except BrowserError as error:
        if "navigation" not in str(error):
            raise
        return ""


def figure_corners(page: Any) -> tuple[float, float, float, float]:
    """Left, top, right and bottom of the latent picture's inside, in pixels of the page."""
    return tuple(
        page.evaluate(
            """() => {
              for (const view of Bokeh.index.query(v => v.model.type === "Figure")) {
                if (!view.model.toolbar.tools.some(tool => tool.type === "LassoSelectTool")) continue
                const box = view.el.getBoundingClientRect(), inner = view.frame.bbox
                return [box.x + inner.left, box.y + inner.top, box.x + inner.right, box.y + inner.bottom]
              }
            }"""
        )
    )


def lasso(page: Any, x0: float = 0.02, y0: float = 0.02, x1: float = 0.98, y1: float = 0.98) -> None:
    """Draw a rectangle by hand, in fractions of the picture."""
    left, top, right, bottom = figure_corners(page)
    corners = [(x0, y0), (x1, y0), (x1, y1), (x0, y1), (x0, y0 + 0.01)]
    places = [(left + (right - left) * x, top + (bottom - top) * y) for x, y in corners]
    page.mouse.move(*places[0])
    page.mouse.down()
    for place in places[1:]:
        page.mouse.move(*place, steps=6)
    page.mouse.up()


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
    until(lambda: expected.lower() in text(tab.page).lower(), f"{expected} on /{path}", tab.page)


def test_a_lasso_selects_counts_makes_the_molecule_and_is_stored(server: Any, session: Any) -> None:
    tab = session()
    tab.open(server.address("explore"))
    tab.page.get_by_role("button", name="Save").click()
    until(lambda: "Nothing is selected" in text(tab.page), "the sentence", tab.page)
    lasso(tab.page)
    until(lambda: re.search(r"60\s*of 60 particles", text(tab.page)), "the count", tab.page)
    until(lambda: "16 px at 12.00 Å · mean of 60 particles" in text(tab.page), "the whole map", tab.page)
    until(lambda: "10³ Å³" in text(tab.page), "its numbers", tab.page)
    tab.page.get_by_label("Name").fill("everything")
    tab.page.get_by_role("button", name="Save").click()
    until(lambda: "everything · 60" in text(tab.page), "the stored selection", tab.page)
    run = open_run(server.store / "first")
    assert read_selection(run, "everything").tolist() == list(range(60))


def test_two_sessions_do_not_disturb_each_other(server: Any, session: Any) -> None:
    one, other = session(), session()
    for tab in (one, other):
        tab.open(server.address("explore"))
    lasso(one.page)
    until(lambda: re.search(r"60\s*of 60 particles", text(one.page)), "the count", one.page)
    other.page.wait_for_timeout(500)
    assert "of 60 particles" not in text(other.page)


def test_a_training_goes_from_the_form_to_the_end(server: Any, session: Any) -> None:
    tab = session()
    tab.open(server.address("train"))
    field = tab.page.get_by_role("textbox", name="Particles", exact=True)
    field.fill("/etc/passwd")
    field.press("Enter")
    until(lambda: "outside of the folders that this server may read" in text(tab.page), "the refusal", tab.page)
    field.fill(str(server.store / "mixture" / "particles.star"))
    field.press("Enter")
    until(lambda: "60 in 1 stack" in text(tab.page), "what was read", tab.page)
    tab.page.get_by_role("textbox", name="Name of the run").fill("from the form")
    tab.page.get_by_role("textbox", name="Name of the run").press("Tab")
    epochs = tab.page.get_by_label("epochs", exact=True)
    epochs.fill("1")
    epochs.press("Tab")
    until(lambda: "training.epochs=1" in text(tab.page), "the command line", tab.page)
    assert "data.box_px=16" in text(tab.page), "the preset's box is larger than the images"
    tab.page.get_by_role("button", name="Start training").click()
    until(lambda: any(job.status == "finished" for job in JobBook(server.store).jobs()), "the end of the training", tab.page)
    manifest = read_manifest(open_run(server.store / "from the form"))
    assert (manifest.status, manifest.epochs_done) == ("finished", 1)


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
    until(lambda: "running" in text(tab.page), "the training on the page", tab.page)
    tab.page.wait_for_timeout(4000)  # the page has learnt which server this is
    server.stop(signal.SIGKILL)
    assert JobBook(server.store).get(job.id).status == "running"
    until(lambda: "cannot be reached" in text(tab.page), "the sign", tab.page)
    tab.problems.clear()  # a browser tells of requests that fail while there is no server
    server.start()
    until(
        lambda: "cannot be reached" not in text(tab.page) and "running" in text(tab.page),
        "the page",
        tab.page,
    )
    tab.problems.clear()
    JobBook(server.store).stop(job.id)
    until(lambda: JobBook(server.store).get(job.id).is_over, "the end")
    assert JobBook(server.store).get(job.id).status == "stopped"
    assert (server.store / "second" / "checkpoints" / "last.ckpt").exists()
