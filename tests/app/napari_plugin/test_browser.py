"""The run browser in a napari window: tables, maps as layers, what to do where there is none; nothing leaks."""

from __future__ import annotations

import gc
import shutil
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from qtpy.QtCore import QMimeData, QPointF, Qt, QUrl
from qtpy.QtGui import QDropEvent, QGuiApplication

from cryohype_app.napari_plugin import layers
from cryohype_app.napari_plugin.browser.widget import RunBrowser
from cryohype_model.palette import category_colour
from cryohype_model.runs.latents import read_latents
from cryohype_model.runs.layout import Run
from cryohype_model.runs.manifest import update_manifest
from cryohype_model.runs.selections import write_selection

Save = Callable[..., Path]
KEPT = "--checkpoint step-00000007"  # of the latents; it is still there


@pytest.fixture
def browser(unseen: Any) -> RunBrowser:
    """The widget in its dock, as napari's menu opens it."""
    _, widget = unseen.window.add_plugin_dock_widget("cryohype", "CryoHype run browser")
    assert isinstance(widget, RunBrowser)
    return widget


@pytest.fixture
def mapped(analysed: Run, save_series: Save) -> Run:
    """An analysed run with maps of two of its three clusters, a selection and a path."""
    partition = read_latents(analysed).meta.get("partition")
    medoids = [
        {"file": f"cluster_{number:04d}.mrc", "cluster": number, "particle": number, "method": "medoid", "level": 0.25}
        for number in range(2)
    ]
    save_series(analysed, "medoids-step-00000007", medoids, partition=partition)
    steps = [{"file": f"path_{number:04d}.mrc", "particle": number, "method": "neighbours"} for number in range(3)]
    save_series(analysed, "path 1", steps, path="between")
    write_selection(analysed, "bent", [5, 6, 7], {"kind": "query", "colour": "#123456"})
    return analysed


def opened(qtbot: Any, browser: RunBrowser, run: Run) -> None:
    browser.open_run(run.path)
    qtbot.waitUntil(lambda: browser.analysis is not None and browser.particles.listing.table.rowCount() == 60)


def cells(listing: Any, column: int) -> list[str]:
    table = listing.table
    return [table.data(table.index(row, column)) for row in range(table.rowCount())]


def names(viewer: Any) -> list[str]:
    return [layer.name for layer in viewer.layers]


def test_a_run_is_its_facts_and_its_tables(qtbot: Any, browser: RunBrowser, mapped: Run) -> None:
    opened(qtbot, browser, mapped)
    assert browser.facts.text().startswith("run: created, 0 epochs done\n60 particles, 16 px, ")
    assert browser.facts.textFormat() == Qt.TextFormat.PlainText
    assert browser.spaces.currentText().startswith("latents of step-00000007, ")
    assert cells(browser.clusters.listing, 0) == ["0", "1", "2"]
    assert cells(browser.clusters.listing, 4) == ["saved", "saved", "–"]
    assert cells(browser.selections.listing, 0) == ["bent"] and cells(browser.selections.listing, 1) == ["3"]
    assert [browser.series.tree.topLevelItem(number).text(0) for number in range(2)] == ["medoids-step-00000007", "path 1"]
    assert browser.said.text() == "" and browser.remedy.command.text() == ""


def test_names_of_files_are_never_html(qtbot: Any, browser: RunBrowser, analysed: Run, save_series: Save) -> None:
    save_series(analysed, "<b>bold", [{"file": "<i>one.mrc", "particle": 1, "method": "particle"}])
    opened(qtbot, browser, analysed)
    item = browser.series.tree.topLevelItem(0)
    assert item.text(0) == "<b>bold" and not any(Qt.mightBeRichText(one.toolTip(0)) for one in (item, item.child(0)))
    browser.tell("<b>bold is damaged")
    assert browser.said.textFormat() == browser.remedy.sentence.textFormat() == Qt.TextFormat.PlainText


def test_a_cluster_becomes_a_layer_as_the_dashboard_has_it(qtbot: Any, browser: RunBrowser, mapped: Run, unseen: Any) -> None:
    opened(qtbot, browser, mapped)
    browser.clusters.listing.selectRow(1)
    qtbot.mouseClick(browser.show_one, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: names(unseen) == ["cluster 1"] and browser.busy.text() == "")
    (layer,) = unseen.layers
    assert layer.colormap.name == category_colour(1) and layer.iso_threshold == 0.25 and layer.scale.tolist() == [1.5] * 3
    layers.set_level(layer, 0.4)
    qtbot.mouseClick(browser.show_all, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: names(unseen) == ["cluster 1", "cluster 0"] and browser.busy.text() == "")
    assert unseen.layers[0] is layer and layer.iso_threshold == 0.4, "what the user set stays"
    assert layer.visible and unseen.layers[1].visible
    browser.clusters.listing.selectRow(0)
    qtbot.keyClick(browser.clusters.listing, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: not layer.visible and browser.busy.text() == "")
    browser.beside.setChecked(True)
    assert unseen.canvas.grid.enabled


def test_what_has_no_map_is_a_command_to_copy(qtbot: Any, browser: RunBrowser, mapped: Run, unseen: Any) -> None:
    opened(qtbot, browser, mapped)
    browser.clusters.listing.selectRow(2)
    qtbot.mouseClick(browser.show_one, Qt.MouseButton.LeftButton)
    assert browser.remedy.sentence.text() == "Cluster 2 has no saved map of these latents; this makes it:"
    qtbot.mouseClick(browser.remedy.copy, Qt.MouseButton.LeftButton)
    assert QGuiApplication.clipboard().text() == f"cryohype volumes {mapped.path} --cluster 2 {KEPT}"
    browser.tabs.setCurrentWidget(browser.particles)
    assert browser.remedy.command.text() == ""
    browser.particles.listing.selectRow(5)
    browser.particles.listing.opened.emit()
    assert browser.remedy.command.text() == f"cryohype volumes {mapped.path} --particles 5 {KEPT}"
    browser.tabs.setCurrentWidget(browser.selections)
    browser.selections.listing.selectRow(0)
    qtbot.mouseClick(browser.show_one, Qt.MouseButton.LeftButton)
    assert browser.remedy.sentence.text().startswith("Selection 'bent' has no saved map") and names(unseen) == []


def test_particles_are_sorted_and_filtered(qtbot: Any, browser: RunBrowser, mapped: Run) -> None:
    opened(qtbot, browser, mapped)
    page, space = browser.particles, read_latents(mapped)
    page.listing.sortByColumn(2, Qt.SortOrder.DescendingOrder)
    order = np.argsort(-space.table["loss"].to_numpy(), kind="stable")
    qtbot.waitUntil(lambda: cells(page.listing, 0) == [str(row) for row in order])
    page.of.setCurrentIndex(page.of.findData("cluster/1"))
    page.of.activated.emit(page.of.currentIndex())
    expected = [str(row) for row in order if space.cluster is not None and space.cluster[row] == 1]
    qtbot.waitUntil(lambda: cells(page.listing, 0) == expected)
    page.of.setCurrentIndex(page.of.findData("selection/bent"))
    page.of.activated.emit(page.of.currentIndex())
    qtbot.waitUntil(lambda: set(cells(page.listing, 0)) == {"5", "6", "7"})


def test_a_click_into_the_picture_shows_a_medoids_map(qtbot: Any, browser: RunBrowser, mapped: Run, unseen: Any) -> None:
    opened(qtbot, browser, mapped)
    browser.tabs.setCurrentWidget(browser.picture)
    picture = browser.picture.picture
    picture.resize(300, 300)
    qtbot.waitUntil(lambda: len(picture.medoids) == 3)
    assert [browser.picture.x.currentText(), browser.picture.y.currentText()] == ["UMAP 1", "UMAP 2"]
    qtbot.mouseClick(picture, Qt.MouseButton.LeftButton, pos=picture.place_of(picture.medoids[1]).toPoint())
    qtbot.waitUntil(lambda: names(unseen) == ["cluster 1"])
    assert browser.picture.told.text().startswith(f"particle {picture.medoids[1]}, cluster 1, loss ")
    browser.picture.y.setCurrentIndex(2)
    browser.picture.y.activated.emit(2)
    space = read_latents(mapped)
    qtbot.waitUntil(lambda: picture.plane is not None and picture.plane.y.argmin() == space.pca[:, 0].argmax())


def test_a_series_is_one_layer_that_plays(qtbot: Any, browser: RunBrowser, mapped: Run, unseen: Any) -> None:
    opened(qtbot, browser, mapped)
    browser.tabs.setCurrentWidget(browser.series)
    browser.series.tree.topLevelItem(1).setSelected(True)
    qtbot.mouseClick(browser.show_one, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: names(unseen) == ["path 1"])
    assert unseen.layers[0].data.max(axis=(1, 2, 3)).tolist() == [1, 2, 3] and unseen.dims.axis_labels[0] == "frame"
    browser.series.tree.clearSelection()
    browser.series.tree.topLevelItem(0).setSelected(True)
    qtbot.mouseClick(browser.as_series, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: names(unseen) == ["path 1", "medoids-step-00000007"])
    assert unseen.layers[1].data.shape == (2, 24, 24, 24) and not unseen.layers[0].visible


def test_a_run_that_goes_on_is_seen_by_itself(qtbot: Any, browser: RunBrowser, run: Run, mapped: Run) -> None:
    shutil.copytree(mapped.latents / "step-00000007", run.path.with_name("kept"))
    shutil.rmtree(run.latents / "step-00000007")
    browser.open_run(run.path)
    qtbot.waitUntil(lambda: browser.remedy.command.text() == f"cryohype analyze {run.path}")
    assert browser.clusters.empty.text().startswith("No clusters")
    run.path.with_name("kept").rename(run.latents / "step-00000007")
    qtbot.waitUntil(lambda: cells(browser.clusters.listing, 0) == ["0", "1", "2"], timeout=20_000)
    assert browser.remedy.command.text() == ""
    update_manifest(run, status="running", epochs_done=1)
    qtbot.waitUntil(lambda: browser.facts.text().startswith("run: running, 1 epoch done"), timeout=20_000)


def test_what_is_no_run_is_a_sentence_and_what_was_open_stays(
    qtbot: Any, browser: RunBrowser, mapped: Run, tmp_path: Path
) -> None:
    browser.open_run(tmp_path / "absent")
    qtbot.waitUntil(lambda: browser.said.text().endswith("is not a folder; choose the folder that `cryohype train` wrote"))
    assert browser.facts.text().startswith("Open the folder that")
    dropped = QMimeData()
    dropped.setUrls([QUrl.fromLocalFile(str(mapped.manifest))])
    where, keys = QPointF(5, 5), Qt.KeyboardModifier.NoModifier
    browser.dropEvent(QDropEvent(where, Qt.DropAction.CopyAction, dropped, Qt.MouseButton.LeftButton, keys))
    qtbot.waitUntil(lambda: browser.analysis is not None)
    assert browser.said.text() == ""
    browser.path.setText(str(tmp_path / "absent"))
    qtbot.keyClick(browser.path, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: "is not a folder" in browser.said.text())
    assert browser.facts.text().startswith("run: ") and cells(browser.clusters.listing, 0) == ["0", "1", "2"]


def test_a_lost_map_is_told_and_the_others_are_shown(qtbot: Any, browser: RunBrowser, mapped: Run, unseen: Any) -> None:
    opened(qtbot, browser, mapped)
    (mapped.volumes / "medoids-step-00000007" / "cluster_0000.mrc").write_bytes(b"no map")
    browser.show_all.click()
    qtbot.waitUntil(lambda: names(unseen) == ["cluster 1"] and "cluster_0000.mrc is not an MRC file" in browser.said.text())


def test_a_closed_dock_lets_go_of_its_run(qtbot: Any, mapped: Run, unseen: Any) -> None:
    dock, browser = unseen.window.add_plugin_dock_widget("cryohype", "CryoHype run browser")
    opened(qtbot, browser, mapped)
    kept = [weakref.ref(one) for one in (browser, browser.analysis, browser.particles.listing.table)]
    unseen.window.remove_dock_widget(dock)
    del dock, browser
    qtbot.waitUntil(lambda: gc.collect() >= 0 and [one() for one in kept] == [None] * 3)


def test_napari_closes_while_maps_are_read(qtbot: Any, browser: RunBrowser, mapped: Run, unseen: Any) -> None:
    from superqt.utils._qthreading import WorkerBase

    opened(qtbot, browser, mapped)
    browser.show_all.click()
    browser.refresh()
    unseen.close()
    qtbot.waitUntil(lambda: not WorkerBase._worker_set)
