"""The latent picture on the real server: a selection embedded alone, colours and their legend, bars, keys."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from cryohype_model.runs.embeddings import read_embedding
from cryohype_model.runs.latents import read_latents
from cryohype_model.runs.run import open_run
from cryohype_model.runs.selections import list_selections, read_selection, read_selection_facts, write_selection

pytestmark = pytest.mark.timeout(400)
FIGURE = """const [view] = Bokeh.index.query((found) => found.model.type === "Figure"
  && found.model.toolbar.tools.some((tool) => tool.type === "LassoSelectTool"))"""
RANGES = f"() => {{ {FIGURE}; return [view.model.x_range.start, view.model.x_range.end, view.model.y_range.start] }}"
TOOLS = f"() => {{ {FIGURE}; return view.model.toolbar.tools.filter((tool) => tool.active).map((tool) => tool.type) }}"
BAR = """() => {
  const [view] = Bokeh.index.query((found) => found.model.type === "Figure" && found.model.height === 132)
  if (!view) return [0, 0, 0] // the tab is made when it is first opened
  const box = view.el.getBoundingClientRect(), inner = view.frame.bbox
  return [box.x + inner.left + 0.75 * inner.width, box.y + inner.bottom - 4, inner.width]
}"""


def test_a_selection_is_embedded_from_its_menu_and_lassoed_in_its_own_picture(server: Any, session: Any) -> None:
    run = open_run(server.store / "first")
    rows = np.arange(0, 60, 2)
    write_selection(run, "even [1]", rows, {"kind": "list"})
    write_selection(run, "few", [1, 2, 3], {"kind": "list"})
    tab = session()
    tab.open(server.address("explore"))
    _menu(tab, "few", "Re-embed")
    tab.says("has 3 particles, a UMAP needs at least 10; select more")
    _menu(tab, "even [1]", "Re-embed")
    tab.says(r"Embedding even \[1\]")
    whole = tab.page.evaluate(RANGES)
    tab.says("its particles alone are shown")
    back = tab.page.get_by_role("button", name="Back to all particles")
    back.wait_for()
    _moved(tab, lambda ranges: ranges != whole)
    tab.lasso()
    tab.says(r"30\s*of 60 particles")
    tab.page.get_by_label("Name", exact=True).fill("inside")
    tab.page.get_by_role("button", name="Save").click()
    tab.until(lambda: "inside" in list_selections(run), "the selection")
    assert read_selection(run, "inside").tolist() == rows.tolist(), "numbers of the whole run"
    origin = read_selection_facts(run, "inside")["origin"]
    assert origin["embedding"] == "even [1]" and origin["x_axis"] == "even [1]/umap_x"
    assert len(read_embedding(read_latents(run), "even [1]").read()) == 30
    back.click()
    _moved(tab, lambda ranges: ranges == whole)
    tab.lasso()
    tab.says(r"60\s*of 60 particles")
    tab.choose("Space", "even [1]")
    tab.until(lambda: tab.page.evaluate(RANGES) != whole, "the other picture again")
    _menu(tab, "even [1]", "Delete")
    tab.until(lambda: tab.page.evaluate(RANGES) == whole, "what is deleted is not shown")


def test_colours_have_a_legend_whose_groups_can_be_chosen(server: Any, session: Any) -> None:
    tab = session()
    tab.open(server.address("explore"))
    group = tab.page.get_by_role("button", name=re.compile(r"Select cluster 1: \d+ particles"))
    group.click()
    tab.says(r"of 60 particles \(\d+\.\d%\) · cluster 1")
    tab.choose("Colour", "tilt (°)")
    tab.until(lambda: tab.page.get_by_role("img", name=re.compile(r"colours from \d+\S* to 1\d\d")).is_visible(), "the bar")
    tab.choose("Colour", "viewing direction")
    tab.says("→ rot −180° to 180°")
    tab.page.get_by_label("Condition").fill("rlnAngleTilt > 1000 or cluster == 1")
    tab.page.get_by_label("Condition").press("Enter")
    tab.says("rlnAngleTilt > 1000 or cluster == 1")


def test_a_bar_selects_its_cluster(server: Any, session: Any) -> None:
    tab = session()
    tab.open(server.address("explore"))
    tab.page.get_by_role("tab", name="Clusters").click()
    tab.until(lambda: tab.page.evaluate(BAR)[2] > 100, "the bars laid out")
    tab.page.mouse.click(*tab.page.evaluate(BAR)[:2])
    size = int(np.sort(np.bincount(read_latents(open_run(server.store / "first")).cluster))[0])
    tab.page.get_by_role("tab", name="Selections").click()
    tab.says(rf"{size}\s*of 60 particles .*cluster 1")


def test_keys_zoom_pan_and_reset_the_picture_and_press_its_tools(server: Any, session: Any) -> None:
    tab = session()
    tab.open(server.address("explore"))
    drawing = tab.page.get_by_role("application", name=re.compile("Latent space"))
    drawing.focus()
    start, end, low = tab.page.evaluate(RANGES)
    tab.page.keyboard.press("+")
    zoomed = tab.page.evaluate(RANGES)
    assert zoomed[1] - zoomed[0] == pytest.approx((end - start) / 1.25) and zoomed[2] > low
    tab.page.keyboard.press("ArrowRight")
    assert tab.page.evaluate(RANGES)[0] == pytest.approx(zoomed[0] + 0.15 * (zoomed[1] - zoomed[0]))
    tab.page.keyboard.press("ArrowDown")
    assert tab.page.evaluate(RANGES)[2] < zoomed[2]
    tab.page.keyboard.press("0")
    assert tab.page.evaluate(RANGES) == [start, end, low]
    tab.page.get_by_role("button", name="Pan").focus()
    tab.page.keyboard.press("Enter")
    assert "PanTool" in tab.page.evaluate(TOOLS)


def _moved(tab: Any, is_there: Callable[[Any], bool]) -> None:
    """Wait for another part of the plane; labels of another width then move the frame."""
    tab.until(lambda: is_there(tab.page.evaluate(RANGES)), "the frame of the other picture")
    tab.page.wait_for_timeout(500)


def _menu(tab: Any, selection: str, item: str) -> None:
    """Take an item of a stored selection's menu."""
    tab.page.get_by_role("button", name=f"Menu of {selection}", exact=True).click()
    tab.page.get_by_role("menuitem", name=item, exact=True).click()
