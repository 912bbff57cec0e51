"""Two maps beside each other: the numbers are the dashboard's."""

from __future__ import annotations

import csv
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from qtpy.QtWidgets import QApplication

from cryohype_app.napari_plugin import layers
from cryohype_app.napari_plugin.inspection import compare
from cryohype_app.napari_plugin.inspection.agreement import agreement, subtracted
from cryohype_app.napari_plugin.layers import MapLayer
from cryohype_app.worker.measure import measure
from cryohype_app.worker.shelf import StoredVolume, suggested_level
from cryohype_model.metrics.difference import correlation, difference
from cryohype_model.metrics.fsc import fourier_shell_correlation
from cryohype_model.metrics.lowpass import low_passed
from cryohype_model.metrics.match import on_one_grid
from cryohype_model.metrics.shape import chamfer_distance_angstrom, viou
from cryohype_model.metrics.threshold import ThresholdPolicy

Map = npt.NDArray[np.float32]
Rest = Callable[[Any], None]


@pytest.fixture
def pair(chiral: Map) -> tuple[MapLayer, MapLayer]:
    """A map, and a noisy one of a larger box and finer voxels."""
    rng = np.random.default_rng(0)
    first = low_passed(chiral, 4.0, 10.0)
    second = low_passed(np.pad(chiral, 4), 3.9, 12.0) + rng.normal(0, 0.02, (32,) * 3).astype(np.float32)
    return MapLayer(first, 4.0, "one", level=0.3, colour="#D55E00"), MapLayer(second, 3.9, "two", level=0.25, colour="#0072B2")


def stored(shown: MapLayer) -> StoredVolume:
    """The same map as the dashboard's worker holds it."""
    return StoredVolume(shown.array, shown.pixel_size_angstrom, suggested_level(shown.array), "map", shown.name)


@pytest.mark.parametrize(("policy", "levels"), [(ThresholdPolicy(), "best"), (ThresholdPolicy("mass", 5.0), "mass:5")])
def test_the_numbers_are_the_dashboards(pair: tuple[MapLayer, MapLayer], policy: ThresholdPolicy, levels: str) -> None:
    found = agreement(*pair, policy)
    expected = measure("a", stored(pair[0]), None, stored(pair[1]), levels)
    np.testing.assert_array_equal(found.fsc, expected.fsc)
    np.testing.assert_array_equal(found.frequency_per_angstrom, expected.frequency_per_angstrom)
    row = found.row
    assert (row.viou, row.chamfer_angstrom, row.fsc_auc) == (expected.viou, expected.chamfer_angstrom, expected.fsc_auc)
    assert row.resolution_fsc0143_angstrom == expected.resolution_0143_angstrom
    assert (found.box_px, found.pixel_size_angstrom) == (expected.box_px, expected.pixel_size_angstrom)


def test_levels_as_drawn_and_a_mask(pair: tuple[MapLayer, MapLayer]) -> None:
    mask = MapLayer(np.ones((24,) * 3, np.float32), 4.0, "mask")
    mask.array[:, :, :6] = 0
    found = agreement(*pair, ThresholdPolicy("each", 0.3, 0.25), mask)
    maps, pixel = on_one_grid(*pair, mask)
    np.testing.assert_array_equal(found.fsc, fourier_shell_correlation(*maps))
    assert found.row.viou == viou(maps[0], maps[1], 0.3, 0.25)
    assert found.row.chamfer_angstrom == chamfer_distance_angstrom(maps[0], maps[1], 0.3, 0.25, pixel)
    assert found.correlation == correlation(maps[0], maps[1])
    assert "FSC within mask" in str(found) and "levels\tA 0.3, B 0.25 (as they are drawn)" in str(found)


def test_a_curve_that_never_falls_reaches_nyquist(pair: tuple[MapLayer, MapLayer]) -> None:
    text = str(agreement(pair[1], pair[1], ThresholdPolicy()))
    assert text.startswith("resolution at FSC 0.143\t7.80 Å, Nyquist: the FSC never falls below\n") and "vIoU\t1.0000" in text


def test_maps_that_lie_apart_are_told_of(pair: tuple[MapLayer, MapLayer]) -> None:
    assert "24.9 Å apart in the view" in str(agreement(*pair, ThresholdPolicy()))  # centres at 48 and 62.4 Å on each axis


def test_the_difference_is_the_dashboards(pair: tuple[MapLayer, MapLayer]) -> None:
    made = subtracted(*pair, "least_squares")
    maps, pixel = on_one_grid(*pair)
    array, scale = difference(maps[0], maps[1], "least_squares")
    np.testing.assert_array_equal(made.array, array)
    assert made.level == pytest.approx(3 * array.std()) and made.facts == {"scale": scale, "first": "one", "second": "two"}
    centre = np.array(made.origin_angstrom) + len(array) // 2 * pixel
    np.testing.assert_allclose(centre, 12 * 4.0)


def test_comparing_two_layers(model: Any, inspection: Any, pair: tuple[MapLayer, MapLayer], rest: Rest, tmp_path: Path) -> None:
    section = inspection.compare
    assert not section.compare.isEnabled()
    for shown in pair:
        layers.add(model, shown)
    section.open(True)
    assert (section.first.layer.name, section.second.layer.name) == ("one", "two")
    section.compare.click()
    rest(inspection)
    found = section.found
    assert found.row.map_level == pytest.approx(0.3) and found.row.truth_level == pytest.approx(0.25)
    drawn = next(line for line in section.plot.axes.get_lines() if len(line.get_xdata()) > 2)
    np.testing.assert_array_equal(drawn.get_xydata(), np.column_stack([found.frequency_per_angstrom, found.fsc])[1:])
    heights = {float(line.get_ydata()[0]) for line in section.plot.axes.get_lines() if len(line.get_xdata()) == 2}
    assert {0.143, 0.5} <= heights
    section.copy.click()
    assert QApplication.clipboard().text().startswith("A\tone\nB\ttwo\nresolution at FSC 0.143\t")
    section.save_curve(tmp_path / "fsc.csv")
    rows = list(csv.reader((tmp_path / "fsc.csv").read_text().splitlines()))
    assert rows[0] == ["frequency_1_per_angstrom", "fsc"] and len(rows) == len(found.fsc) + 1
    section.save_plot(tmp_path / "fsc.png")
    assert (tmp_path / "fsc.png").read_bytes().startswith(b"\x89PNG")
    section.save_curve(tmp_path / "nowhere" / "fsc.csv")
    assert "cannot be written (No such file or directory)" in inspection.problem.text()


def test_subtracting_two_layers_both_ways(model: Any, inspection: Any, pair: tuple[MapLayer, MapLayer], rest: Rest) -> None:
    for shown in pair:
        layers.add(model, shown)
    inspection.compare.both.setChecked(True)
    inspection.compare.difference.click()
    rest(inspection)
    one, two, ahead, back = model.layers
    assert (ahead.name, back.name) == ("one minus two", "two minus one") and not one.visible and not two.visible
    np.testing.assert_array_equal(back.data, -ahead.data)
    assert layers.map_of(back).colour == "#0072B2"
    inspection.compare.swap.click()
    assert (inspection.compare.first.layer, inspection.compare.second.layer) == (two, one)


def test_maps_that_cannot_be_compared_are_a_sentence(model: Any, inspection: Any, chiral: Map, rest: Rest) -> None:
    section = inspection.compare
    section.run()
    assert "Two maps are needed" in inspection.problem.text()
    layers.add(model, MapLayer(chiral, 4.0, "one", level=0.5))
    layers.add(model, MapLayer(chiral[:20], 4.0, "flat", level=0.5))
    section.run()
    rest(inspection)
    assert "Flat has a box of 24 × 24 × 20 px, and only cubes are compared" in inspection.problem.text()
    assert section.found is None


def test_a_map_removed_while_it_is_compared(
    model: Any, inspection: Any, pair: tuple[MapLayer, MapLayer], rest: Rest, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate = threading.Event()

    def slow(*given: Any) -> Any:
        gate.wait(10)
        return agreement(*given)

    monkeypatch.setattr(compare, "agreement", slow)
    one, _two = (layers.add(model, shown) for shown in pair)
    inspection.compare.run()
    model.layers.remove(one)
    gate.set()
    rest(inspection)
    assert "One was removed during comparing one with two" in inspection.problem.text() and inspection.compare.found is None
