"""What the run browser knows without a window: contents of a folder, tables, which map belongs to what."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QWidget

from cryohype_app.napari_plugin.browser.analysis import Column, read_analysis
from cryohype_app.napari_plugin.browser.contents import read_contents
from cryohype_app.napari_plugin.browser.raster import Plane, rasterize
from cryohype_app.napari_plugin.browser.saved import SavedMaps
from cryohype_app.napari_plugin.browser.table import MOST_CHOSEN, Listing, arranged, dot
from cryohype_app.napari_plugin.browser.work import Work
from cryohype_model.errors import RunError
from cryohype_model.palette import GREY, category_colour
from cryohype_model.runs.latents import read_latents
from cryohype_model.runs.layout import Run
from cryohype_model.runs.selections import write_selection

Save = Callable[..., Path]


def medoid(number: int) -> dict[str, Any]:
    return {"file": f"cluster_{number:04d}.mrc", "cluster": number, "particle": number, "method": "medoid", "level": 0.25}


def test_an_analysis_is_columns_and_clusters(analysed: Run) -> None:
    space = read_latents(analysed)
    found = read_analysis(space)
    assert [column.title for column in found.columns] == [
        "particle", "cluster", "loss", "defocus (µm)", "UMAP 1", "UMAP 2", *(f"PC {n} ({s})" for n, s in enumerate(
            ("40.0%", "30.0%", "20.0%", "10.0%"), start=1)),
    ]  # fmt: skip
    np.testing.assert_array_equal(found.columns[-1].values, space.pca[:, 3])
    assert isinstance(found.columns[-1].values, np.memmap), "components stay in their file"
    assert sum(cluster.count for cluster in found.clusters) == 60 and len(found.clusters) == 3
    assert found.clusters[1].medoid == space.meta["medoids"]["1"]
    np.testing.assert_array_equal(found.rows_of_cluster(2), np.flatnonzero(space.cluster == 2))


def test_parts_that_disagree_are_told(analysed: Run) -> None:
    space = read_latents(analysed)
    np.save(space.path / "pca.npy", np.zeros((7, 4), np.float32))
    with pytest.raises(RunError, match=r"60 rows and 7 components; run `cryohype analyze` again"):
        read_analysis(space)


@pytest.mark.parametrize(
    ("values", "descending", "order"),
    [
        ([3, 1, 2], False, [1, 2, 0]),
        ([3, 1, 2], True, [0, 2, 1]),
        ([0.5, np.nan, 2.0], False, [0, 2, 1]),
        ([0.5, np.nan, 2.0], True, [2, 0, 1]),
        (["b", "a", "c"], True, [2, 0, 1]),
    ],
)
def test_rows_are_sorted_with_what_is_no_number_last(values: list[Any], descending: bool, order: list[int]) -> None:
    column = Column("x", np.array(values))
    assert arranged([column], np.arange(3), (0, descending)).tolist() == order
    assert arranged([column], np.array([2, 1]), None).tolist() == [2, 1]


def test_of_a_million_rows_some_can_be_chosen_without_looking_at_all(qtbot: Any) -> None:
    owner = QWidget()
    qtbot.addWidget(owner)
    listing = Listing("particles", Work(owner, pytest.fail))
    qtbot.addWidget(listing)
    million = np.arange(1_000_000, dtype=np.int64)
    listing.put([Column("particle", million), Column("cluster", million % 3, category_colour)], million[::-1])
    table = listing.table
    assert (table.rowCount(), table.columnCount(), table.headerData(1, Qt.Orientation.Horizontal)) == (1_000_000, 2, "cluster")
    assert table.data(table.index(0, 0)) == "999999"
    assert table.data(table.index(0, 1), Qt.ItemDataRole.DecorationRole).cacheKey() == dot(category_colour(0)).cacheKey()
    listing.selectAll()
    assert sum(one.height() for one in listing.selectionModel().selection()) == MOST_CHOSEN
    assert listing.chosen(3) == [999_999, 999_998, 999_997]


@pytest.mark.parametrize("cluster", [np.array([0, 1, -1]), None])
def test_a_picture_has_a_dot_for_each_particle_and_finds_the_nearest(cluster: Any) -> None:
    plane = Plane.of(np.array([0.0, 10.0, np.nan]), np.array([-1.0, 1.0, 0.0]), cluster)
    pixels = rasterize(plane, 100, 50, dark=True)
    drawn = np.argwhere(pixels[..., 3] > 0)
    assert len(drawn) == 2 * 9, "two dots of three by three; what is no number lies nowhere"
    assert drawn[0].tolist() == [1, 93] and drawn[-1].tolist() == [47, 5], "the second is to the right and above"
    expected = [category_colour(1), category_colour(0)] if cluster is not None else [GREY, GREY]
    found = ["#" + bytes(pixels[row, column, :3]).hex() for row, column in (drawn[0], drawn[-1])]
    assert found == expected
    assert (plane.nearest(0.9, 0.1), plane.nearest(0.1, 0.6)) == (1, 0)


def test_a_column_without_a_spread_or_a_number_is_drawn() -> None:
    flat = Plane.of(np.full(3, 2.0), np.full(3, np.nan), None)
    assert flat.x.tolist() == [0.5] * 3 and flat.nearest(0.5, 0.5) is None
    assert not rasterize(flat, 10, 10, dark=False).any()


def test_of_several_wishes_only_the_newest_ones_results_come(qtbot: Any) -> None:
    owner, failures, results, ended = QWidget(), list[str](), list[str](), list[int]()
    qtbot.addWidget(owner)
    work = Work(owner, lambda error: failures.append(str(error)), lambda: ended.append(len(results)))
    gate = threading.Event()

    def slow() -> Iterator[str]:
        gate.wait(10)
        yield "old"

    def fails() -> Iterator[str]:
        yield "new"
        raise RunError("it is gone")

    work.ask(slow, results.append)
    work.ask(fails, results.append)
    gate.set()
    qtbot.waitUntil(lambda: bool(ended))
    assert (results, failures, ended, work.is_busy) == (["new"], ["it is gone"], [1], False)


def test_clusters_of_an_older_analysis_have_no_map(analysed: Run, save_series: Save) -> None:
    space = read_latents(analysed)
    save_series(analysed, "medoids-step-00000007", [medoid(0)], partition="of another analysis")
    assert SavedMaps(read_contents(analysed.path), space).of_cluster(0).file is None
    save_series(analysed, "medoids-step-00000007", [medoid(0)], partition=space.meta.get("partition"))
    file = SavedMaps(read_contents(analysed.path), space).of_cluster(0).file
    assert file is not None and (file.name, file.colour, file.level) == ("cluster 0", category_colour(0), 0.25)
    later = replace(space)
    later.__dict__["meta"] = space.meta | {"created": "2999-01-01T00:00:00+00:00"}
    save_series(analysed, "cluster-1-medoid", [medoid(1)])
    assert SavedMaps(read_contents(analysed.path), space).of_cluster(1).file is not None
    assert SavedMaps(read_contents(analysed.path), later).of_cluster(1).file is None


def test_the_command_makes_what_is_lacking(analysed: Run) -> None:
    (analysed.checkpoints / "step-00000007.ckpt").write_bytes(b"")
    moved = analysed.path.with_name("my run")
    analysed.path.rename(moved)
    write_selection(moved, "bent arm", [1, 2], {"kind": "lasso"})
    saved = SavedMaps(read_contents(moved), read_latents(Run(moved)))
    start, end = f"cryohype volumes '{moved}' ", " --checkpoint step-00000007"
    assert saved.command([saved.of_cluster(2)]) == f"{start}--cluster 2{end}"
    assert saved.command([saved.of_cluster(1), saved.of_cluster(2)]) == f"{start}--cluster all{end}"
    assert saved.command([saved.of_particle(3), saved.of_particle(17)]) == f"{start}--particles 3,17{end}"
    assert saved.command([saved.of_selection("bent arm")]) == f"{start}--selection 'bent arm'{end}"
    assert saved.command_of_analysis() == f"cryohype analyze '{moved}'{end}"


def test_a_map_older_than_its_selection_is_told(analysed: Run, save_series: Save) -> None:
    write_selection(analysed, "bent", [1, 2], {"kind": "query", "colour": "#123456"})
    save_series(analysed, "bent-mean", [{"file": "bent.mrc", "selection": "bent", "method": "mean"}])
    contents = read_contents(analysed.path)
    wanted = SavedMaps(contents, None).of_selection("bent")
    assert wanted.file is not None and wanted.file.colour == "#123456" and wanted.note == ""
    newer = replace(contents, selections=(replace(contents.selections[0], created="2999-01-01T00:00:00+00:00"),))
    assert SavedMaps(newer, None).of_selection("bent").note.startswith("The map of 'bent' is older than the selection")


def test_a_folder_inside_or_around_a_run_is_that_run(analysed: Run, tmp_path: Path) -> None:
    for folder in (analysed.path, analysed.latents / "step-00000007", analysed.path.parent):
        assert read_contents(folder).run.path == analysed.path
    (tmp_path / "nothing").mkdir()
    with pytest.raises(RunError, match=r"is not a run: it has no manifest\.json \(yet\)"):
        read_contents(tmp_path / "nothing")


def test_what_is_damaged_hides_nothing_else(analysed: Run, save_series: Save) -> None:
    save_series(analysed, "good", [medoid(0)])
    save_series(analysed, "bad", [medoid(0)])
    (analysed.volumes / "bad" / "volumes.json").write_text("{")
    write_selection(analysed, "torn", [1], {"kind": "query"})
    (analysed.selections / "torn.json").write_text("{")
    (analysed.latents / "step-00000009.partial").mkdir()
    contents = read_contents(analysed.path)
    assert [series.name for series in contents.series] == ["good"] and len(contents.spaces) == 1
    assert len(contents.notes) == 3 and "step-00000009.partial is being made, or was given up." in contents.notes
