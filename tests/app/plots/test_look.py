"""What is around the points: colours, legends, medoids and their labels, bars."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from cryohype_app.frame import ROT_BINS, TILT_BINS, LatentFrame
from cryohype_app.plots import legend
from cryohype_app.plots.latent import CROWDED, latent_figure, uncovered
from cryohype_app.plots.legend import legend_of
from cryohype_app.plots.look import look_of, pictures
from cryohype_app.plots.palette import category_colour, cyclic_palette, direction_palette
from cryohype_app.plots.raster import View, category_level
from cryohype_app.plots.sizes import AT_ONCE, size_bars
from cryohype_app.state import Chosen
from cryohype_app.store import DataStore
from cryohype_model.runs.layout import Run
from cryohype_model.runs.manifest import read_manifest
from tests.app.test_frame import ROWS, embed

VIEW = View((0.0, 100.0), (0.0, 100.0), 400, 400)
SPACE = ("every fifth/umap_x", "every fifth/umap_y")


@pytest.fixture
def frame(store: Path, analysed: Run) -> LatentFrame:
    embed(analysed)
    made: LatentFrame = DataStore((store,)).frame(read_manifest(analysed).id)
    return made


def test_groups_are_counted_in_the_picture(frame: LatentFrame) -> None:
    whole = legend_of(frame, "umap_x", "umap_y", "cluster", dark=True)
    assert (whole.kind, whole.title, whole.name, whole.left_out) == ("groups", "cluster", "cluster", 0)
    assert {entry.value: entry.count for entry in whole.entries} == frame.sizes("cluster")
    assert [entry.colour for entry in whole.entries] == [category_colour(number) for number in range(3)]
    part = legend_of(frame, *SPACE, "cluster", dark=True)
    assert sum(entry.count for entry in part.entries) == len(ROWS)


def test_of_very_many_groups_the_largest_are_listed(frame: LatentFrame, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(legend, "MOST_ENTRIES", 2)
    shown = legend_of(frame, "umap_x", "umap_y", "cluster", dark=False)
    sizes = frame.sizes("cluster")
    assert shown.left_out == 1 and {entry.value for entry in shown.entries} == set(sorted(sizes, key=lambda c: -sizes[c])[:2])


def test_bars_tell_their_numbers(frame: LatentFrame) -> None:
    assert legend_of(frame, "umap_x", "umap_y", "", dark=True).ticks == ("few", "", "many")
    assert legend_of(frame, "umap_x", "umap_y", "rlnAngleRot", dark=True).ticks == ("-180", "0", "180")
    defocus = legend_of(frame, "umap_x", "umap_y", "rlnDefocusU", dark=True)
    low, high = frame.limits("rlnDefocusU")
    assert defocus.title == "defocus U (Å)" and defocus.ticks[::2] == (f"{low:,.0f}", f"{high:,.0f}")
    assert len(defocus.colours) == 255 and "#00000000" not in defocus.colours
    assert legend_of(frame, "umap_x", "umap_y", "rlnCtfScalefactor", dark=True).ticks == ("1", "", ""), "all are equal"


@pytest.mark.parametrize("dark", [True, False])
def test_directions_have_a_map_whose_colours_are_the_pictures(frame: LatentFrame, dark: bool) -> None:
    shown = legend_of(frame, "umap_x", "umap_y", "direction", dark)
    assert (shown.kind, shown.columns, len(shown.colours)) == ("map", ROT_BINS, ROT_BINS * TILT_BINS)
    look = look_of(frame, "umap_x", "umap_y", "direction", dark)
    assert look.palette == direction_palette(dark) and look.palette[category_level(30)] == shown.colours[30]
    assert len(set(shown.colours)) > 200
    image, _ = pictures(frame, "umap_x", "umap_y", "direction", View((-5.0, 15.0), (-5.0, 15.0), 200, 200), Chosen())
    drawn = set(np.unique(image)) - {0}
    assert drawn <= {category_level(int(code)) for code in frame.column("direction")}


def test_the_colours_of_angles_close() -> None:
    first, last = (
        [int(colour[start : start + 2], 16) for start in (1, 3, 5)] for colour in (cyclic_palette()[1], cyclic_palette()[-1])
    )
    assert np.abs(np.subtract(first, last)).max() < 16


def test_medoids_without_a_place_are_left_out(frame: LatentFrame) -> None:
    whole, part = look_of(frame, "umap_x", "umap_y", "cluster", True), look_of(frame, *SPACE, "cluster", True)
    assert (whole.space, part.space) == ("", "every fifth")
    sizes = frame.sizes("cluster")
    assert whole.clusters == tuple(sorted(sizes, key=lambda cluster: -sizes[cluster])), "the largest first"
    assert whole.medoids["share"][0] == max(sizes.values()) / 60
    inside = {medoid.cluster for medoid in frame.medoids if medoid.row in ROWS}
    assert set(part.clusters) == inside and len(part.medoids["x"]) == len(inside)
    assert part.ranges[0][0] < 0 < 10 < part.ranges[0][1], "the frame is that of the particles with a place"


def test_the_selected_of_an_embedding_are_drawn_there(frame: LatentFrame) -> None:
    view = View((-1.0, 11.0), (-11.0, 1.0), 120, 120)
    _, selected = pictures(frame, *SPACE, "", view, Chosen(np.array([4, 5, 6])))
    assert selected is not None
    rows, columns = np.nonzero(selected)
    assert abs(columns.mean() - 10) < 1.5 and abs(rows.mean() - 110) < 1.5, "particle 5 is at the origin; 4 and 6 have no place"
    _, none = pictures(frame, *SPACE, "cluster", view, Chosen(np.array([4, 6])))
    assert none is not None and not none.any()


def test_labels_of_few_are_all_drawn() -> None:
    same = np.zeros(CROWDED, np.float32)
    assert uncovered(same, same, ["1"] * CROWDED, VIEW).all()


def test_labels_of_many_cover_none_of_the_larger_clusters() -> None:
    rng = np.random.default_rng(0)
    x, y = rng.uniform(-20, 120, (2, 500)).astype(np.float32)
    names = [str(number) for number in range(500)]
    drawn = uncovered(x, y, names, VIEW)
    inside = (x > 0) & (x < 100) & (y > 0) & (y < 100)
    assert drawn[np.flatnonzero(inside)[0]] and not drawn[(y < 0) | (y > 100)].any()
    assert 20 < drawn.sum() < 400
    left, up = 4 * x[drawn], 4 * y[drawn]
    for first in range(len(left)):
        near = (np.abs(up - up[first]) < 16) & (np.abs(left - left[first]) < 10)
        assert near.sum() == 1
    zoomed = uncovered(x, y, names, View((0.0, 10.0), (0.0, 10.0), 400, 400))
    assert zoomed.sum() >= ((x > 0) & (x < 10) & (y > 0) & (y < 10)).sum() - 2, "closer by there is room"


def test_a_lasso_does_not_fade_the_medoids() -> None:
    parts = latent_figure()
    assert all(renderer.nonselection_glyph is None for renderer in parts.figure.renderers)
    parts.set_dark(False)
    assert parts.label_glyph.background_fill_color == "#ffffff"
    assert {type(tool).__name__ for tool in parts.figure.toolbar.tools if tool.visible} == {
        "LassoSelectTool", "BoxSelectTool", "PanTool", "BoxZoomTool", "ResetTool",
    }  # fmt: skip


def test_bars_go_from_the_largest_to_the_smallest_and_none_comes_last() -> None:
    bars = size_bars({-1: 500, 0: 10, 1: 30, 2: 20}, dark=True)
    assert list(bars.sizes) == [1, 2, 0, -1]
    assert bars.bars.data["name"] == ["1", "2", "0", "none"] and bars.bars.data["colour"][0] == category_colour(1)
    assert [bars.at(x) for x in (-0.6, -0.4, 1.4, 3.3, 3.6)] == [None, 1, 2, -1, None]
    assert set(bars.bars.data["alpha"]) == {1.0}
    bars.show({2: 5}, dark=False)
    assert bars.bars.data["chosen_count"] == [0, 5, 0, 0] and set(bars.bars.data["alpha"]) == {0.3}


def test_a_thousand_bars_are_scrolled_and_uneven_ones_logarithmic() -> None:
    bars = size_bars({cluster: 1000 // (cluster + 1) + 1 for cluster in range(1000)}, dark=True)
    x_range = bars.figure.x_range
    assert (x_range.start, x_range.end, x_range.bounds) == (-0.5, AT_ONCE - 0.5, (-0.5, 999.5))
    assert "drag for more" in bars.figure.xaxis.axis_label and "logarithmic" in bars.figure.xaxis.axis_label
    assert bars.figure.y_range.start > 0 and min(bars.bars.data["chosen"]) > 0, "a logarithm has no zero"
    assert "logarithmic" not in size_bars({0: 5, 1: 4}, dark=True).figure.xaxis.axis_label
    assert size_bars({}, dark=True).at(0.0) is None
