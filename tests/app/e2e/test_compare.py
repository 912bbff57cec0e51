"""Compare in the real server: two maps made, drawn, subtracted, measured, and found again at the same address."""

from __future__ import annotations

import os
import re
import shutil
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import psutil
import pytest

from cryohype_model.metrics.pairs import labelled_truths
from cryohype_model.runs.latents import read_latents
from cryohype_model.runs.layout import Run
from cryohype_model.runs.manifest import read_manifest, write_manifest
from cryohype_model.runs.run import open_run, read_config, write_config
from cryohype_model.runs.selections import write_selection

pytestmark = pytest.mark.timeout(400)
SURFACES = """() => { const found = []
  const walk = (root) => { for (const element of root.querySelectorAll("*")) {
    if (element.__viewer) found.push(element.__viewer.model); if (element.shadowRoot) walk(element.shadowRoot) } }
  walk(document); return found.map((model) => model.surfaces.filter((one) => one.triangles > 0).map((one) => one.id)) }"""


def query(tab: Any) -> dict[str, str]:
    """What the address says."""
    return {name: values[0] for name, values in parse_qs(urlsplit(tab.page.url).query).items()}


def told_level(tab: Any) -> float | None:
    """Contour level of A in σ, as the numbers tell it."""
    found = re.search(r"contour \S+ \((\S+) σ\)", tab.text())
    return float(found[1]) if found else None


def drawn(tab: Any, wanted: Callable[[list[set[str]]], bool]) -> None:
    """Wait until the three pictures show what is wanted, given the surfaces of each."""
    tab.until(lambda: wanted([set(ids) for ids in tab.page.evaluate(SURFACES)]), "the surfaces")


def second_run(server: Any) -> Run:
    """A copy of the run under another identity, with another setting."""
    run = Run(server.store / "second")
    shutil.copytree(server.store / "first", run.path)
    write_manifest(run, read_manifest(run).model_copy(update={"id": "f" * 32}))
    config = read_config(run)
    write_config(run, config.model_copy(update={"training": config.training.model_copy(update={"learning_rate": 0.0123})}))
    return run


def test_two_maps_are_drawn_subtracted_and_measured_and_a_reload_shows_the_same(server: Any, session: Any) -> None:
    run = open_run(server.store / "first")
    write_selection(run, "<i>odd", range(20), {"kind": "query"})
    tab = session()
    tab.open(server.address(f"compare?run={read_manifest(run).id}"))
    tab.says("FSC-AUC .* of 0")
    drawn(tab, lambda found: found == [{"main"}, {"main"}, {"a", "b"}])
    assert (query(tab)["a"], query(tab)["b"]) == ("cluster:0", "cluster:1")
    assert "particles in both 0 (0% of the smaller)" in tab.text(), "a particle is in one cluster"
    tab.choose("Map B", "selection <i>odd · 20")
    tab.says("mean of 20 particles")
    tab.says(r"particles in both \d+ \(\d+% of the smaller\) resolution, FSC 0.5")
    tab.page.get_by_role("button", name="Difference").click()
    drawn(tab, lambda found: bool({"more in a", "more in b"} & found[2]))
    tab.page.get_by_role("slider", name="Contour A").focus()
    tab.page.keyboard.press("ArrowRight")
    tab.until(lambda: "a_level" in query(tab), "the level in the address")
    tab.until(lambda: told_level(tab) == pytest.approx(float(query(tab)["a_level"]), abs=0.06), "the level in the numbers")
    before, level = tab.page.url, told_level(tab)
    tab.open(before)
    tab.says("FSC-AUC .* of 0")
    drawn(tab, lambda found: bool({"more in a", "more in b"} & found[2]))
    tab.until(lambda: told_level(tab) == pytest.approx(level, abs=0.11), "the same level")
    assert tab.page.url == before
    assert "selection <i>odd" in tab.text()


def test_what_the_address_cannot_mean_is_told_and_a_worker_that_died_is_asked_again(server: Any, session: Any) -> None:
    tab = session()
    tab.open(server.address("compare?a=nonsense:1&b=cluster:77"))
    tab.says("asks for 'nonsense:1', which is nothing that can be compared")
    tab.says("first has no cluster:77; there are: cluster:0, cluster:1; choose in the list")
    tab.choose("Map A", "one particle…")
    tab.page.get_by_label("Particle A").fill("3")
    tab.page.get_by_label("Particle A").press("Enter")
    tab.choose("Map B", f"structure 1, {_truth(server)[0]} · 30")
    tab.choose("Made by B", "back-projection")
    tab.says("back-projection of 30 particles")
    tab.says("FSC-AUC .* of 0")
    assert (query(tab)["a"], query(tab)["b"], query(tab)["b_how"]) == ("particle:3", "label:1", "backprojection")
    tab.choose("Map A", "a map of your own…")
    tab.says("Choose an .mrc file of your own")
    tab.page.locator("input[type=file]").first.set_input_files(_truth(server)[1])
    tab.says("uploaded, 0.0 MB")
    tab.says("FSC-AUC .* of 0")
    for process in psutil.Process(server.process.pid).children(recursive=True):
        if "cryohype_app.worker" in process.cmdline():
            os.kill(process.pid, signal.SIGKILL)
            process.wait(20)
    tab.page.get_by_role("slider", name="Contour A").press("ArrowRight")
    tab.until(lambda: "FSC-AUC" not in tab.text() or "reading" in tab.text(), "the map is made again")
    tab.says("FSC-AUC .* of 0")
    drawn(tab, lambda found: found == [{"main"}, {"main"}, {"a", "b"}])
    assert "no longer held" not in tab.text()


def test_two_runs_are_compared_from_the_page_of_runs(server: Any, session: Any) -> None:
    second_run(server)
    tab = session()
    tab.open(server.address())
    tab.page.get_by_role("link", name="Compare").nth(1).click()
    tab.says("FSC-AUC .* of 0")
    name = read_latents(open_run(server.store / "first")).checkpoint
    tab.choose("Run A", f"first · {name}")
    tab.choose("Run B", f"second · {name}")
    tab.choose("Map B", "cluster 0 · " + str(_size(server)))
    tab.until(lambda: query(tab).get("b_run", "").startswith("f" * 32), "the run in the address")
    tab.says(r"particles in both \d+ \(100% of the smaller\)")
    tab.says("FSC-AUC .* of 0")
    tab.page.get_by_role("tab", name="Runs").click()
    tab.says(r"Settings that differ \(1 of \d+\) training.learning_rate \S+ 0.0123")
    tab.says("same images yes")


def _truth(server: Any) -> tuple[str, Path]:
    """Name and map of a true structure."""
    return labelled_truths(server.store / "mixture")[1]


def _size(server: Any) -> int:
    """Particles of a cluster."""
    return int((read_latents(open_run(server.store / "first")).table["cluster"] == 0).sum())
