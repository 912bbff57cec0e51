"""A path through the latent space of the real server: drawn, made, played, kept."""

from __future__ import annotations

from typing import Any

import pytest

from cryohype_model.runs.run import open_run
from cryohype_model.runs.volumes import list_volume_series, read_volume_series

pytestmark = pytest.mark.timeout(400)
PLAYER = """() => { const found = []
  const walk = (root) => { for (const element of root.querySelectorAll("*")) {
    if (element.__viewer) found.push(element.__viewer.model); if (element.shadowRoot) walk(element.shadowRoot) } }
  walk(document); return found.map((model) => [model.frames.length, model.playing])[0] }"""
SERIES = r"\d+ of \d+: mean of \d+ neighbours of particle"


def test_a_drawn_path_becomes_molecules_that_play_and_are_kept(server: Any, session: Any) -> None:
    tab = session()
    tab.open(server.address("explore"))
    tab.page.get_by_role("tab", name="Path").click()
    tab.page.get_by_role("button", name="Draw in the picture").click()
    tab.says("Draw a line")
    tab.stroke((0.1, 0.9), (0.5, 0.5), (0.9, 0.1))
    tab.says(SERIES)
    count, playing = tab.page.evaluate(PLAYER)
    assert count >= 2 and playing
    assert "of 60 particles ·" not in tab.text(), "a path is no selection"
    tab.page.get_by_label("Name of the series").fill("away/walk")
    tab.page.get_by_role("button", name="Save the series").click()
    tab.says("cannot name a volume series")
    assert tab.page.evaluate(PLAYER)[0] == count, "a bad name costs nothing"
    tab.page.get_by_label("Name of the series").fill("walk")
    tab.page.get_by_role("button", name="Save the series").click()
    tab.says("Saved in")
    run = open_run(server.store / "first")
    assert "walk" in list_volume_series(run)
    series = read_volume_series(run, "walk")
    assert len(series) == count and series.meta["path"] == "drawn"
    assert all(series.map_path(entry).is_file() for entry in series.entries)
    tab.page.get_by_role("button", name="Save the series").click()
    tab.says("has a volume series 'walk' already")
    tab.page.get_by_role("button", name="Close the path").click()
    tab.until(lambda: tab.page.evaluate(PLAYER) == [0, False], "the end of the series")


def test_a_path_along_a_component_ends_with_a_selection(server: Any, session: Any) -> None:
    tab = session()
    tab.open(server.address("explore"))
    tab.page.get_by_role("tab", name="Path").click()
    tab.choose("Path", "component")
    tab.page.get_by_role("button", name="Make").click()
    tab.says(SERIES)
    tab.lasso()
    tab.says("mean of 60 particles")
    tab.until(lambda: tab.page.evaluate(PLAYER)[0] == 0, "a selection ends the series")
