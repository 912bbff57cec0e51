"""The Export page as a user has it: choose, see, export, and what arrives."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any

import mrcfile
import pytest

from cryohype_model.io.particles import read_particles
from cryohype_model.runs.run import open_run
from cryohype_model.runs.selections import write_selection

pytestmark = pytest.mark.timeout(400)


def test_choose_export_and_the_download_is_what_was_announced(server: Any, session: Any, tmp_path: Path) -> None:
    run = open_run(server.store / "first")
    write_selection(run, "bent <b>", range(10, 25), {"kind": "list", "colour": "#882255"})
    tab = session()
    tab.open(server.address("export"))
    tab.says(r"bent <b> · 15")
    tab.page.get_by_label("Particles (.star)").check()
    tab.says(r"particles/bent_b\.star")
    tab.says(r"1 structure · 9 files")
    tab.says(r"a few seconds on cpu")
    announced = {line for line in tab.text().split() if line.endswith((".mrc", ".json", ".star", ".cxc", ".html", ".txt"))}
    with tab.page.expect_download() as found:
        tab.page.get_by_role("button", name="Download .zip").click()
    tab.says(r"first-\d{4}-\d{2}-\d{2}\.zip is complete")
    found.value.save_as(tmp_path / "got.zip")
    with zipfile.ZipFile(tmp_path / "got.zip") as file:
        assert file.testzip() is None
        file.extractall(tmp_path)
    (folder,) = (path for path in tmp_path.iterdir() if path.name.startswith("first-"))
    assert found.value.suggested_filename == f"{folder.name}.zip"
    inside = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
    assert inside <= announced | {"meta.json"}
    assert mrcfile.validate(folder / "maps" / "bent_b.mrc")
    assert len(read_particles(folder / "particles" / "bent_b.star", datadir=server.store / "mixture")) == 15
    with tab.page.context.expect_page() as opened:
        tab.page.get_by_role("link", name="Report").click()
    report = opened.value
    report.wait_for_load_state()
    assert report.get_by_role("heading", name="bent <b>").count() == 1
    assert report.evaluate("[...document.images].every(image => image.complete && image.naturalWidth > 0)")
    assert report.evaluate("document.querySelectorAll('svg').length") == 3
    report.close()


def test_nothing_is_kept_of_what_is_cancelled_and_a_folder_is_listed(server: Any, session: Any) -> None:
    run = open_run(server.store / "first")
    tab = session()
    tab.open(server.address("export"))
    tab.says(r"2 structures")
    tab.page.get_by_label("Back-projections with half maps (.mrc)").check()
    tab.page.get_by_label("Box (px)").fill("320")
    tab.page.get_by_label("Box (px)").press("Enter")
    tab.says(r"maps/cluster_0000\.mrc 131 MB")
    tab.page.get_by_role("button", name="Write into the run's folder").click()
    tab.page.get_by_role("button", name="Cancel").click()
    tab.says("The export was cancelled; nothing of it was kept.")
    assert list(run.exports.iterdir()) == []
    tab.page.get_by_label("Box (px)").fill("")
    tab.page.get_by_label("Box (px)").press("Enter")
    tab.says(r"maps/cluster_0000\.mrc 17\.4 kB")
    tab.page.get_by_role("button", name="Write into the run's folder").click()
    tab.says(r"first-\d{4}-\d{2}-\d{2} is complete")
    (folder,) = run.exports.iterdir()
    tab.until(lambda: str(folder) in tab.text(), "its place")
    assert (folder / "backprojections" / "halves" / "cluster_0001_half2.mrc").is_file()
    tab.page.get_by_role("button", name=f"Remove {folder.name}").click()
    tab.page.get_by_role("button", name="Remove for ever").click()
    tab.says("Nothing was exported yet")
    assert list(run.exports.iterdir()) == []


def test_what_is_impossible_is_said_before_it_is_begun(server: Any, session: Any) -> None:
    tab = session()
    tab.open(server.address("export"))
    tab.says(r"2 structures")
    tab.page.get_by_role("button", name="none").last.click()
    tab.says("nothing is chosen to export; choose a selection, a cluster or a particle")
    assert tab.page.get_by_role("button", name="Download .zip").is_disabled()
    tab.page.get_by_label("Single particles").fill("3, 99")
    tab.page.get_by_label("Single particles").press("Enter")
    tab.says("there is no particle 99; the run has particles 0 to 59")
    tab.page.get_by_label("Single particles").fill("3")
    tab.page.get_by_label("Single particles").press("Enter")
    tab.says(r"1 structure · 8 files")
