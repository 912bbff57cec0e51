"""Filters, masks, measures and series: new layers and numbers of the map that is inspected."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QApplication

from cryohype_app.napari_plugin import layers
from cryohype_app.napari_plugin.inspection import filters
from cryohype_app.napari_plugin.layers import MapLayer
from cryohype_model.metrics.lowpass import low_passed
from cryohype_model.metrics.mask import soft_mask, sphere_mask

Map = npt.NDArray[np.float32]
Rest = Callable[[Any], None]
ORIGIN = (5.0, 6.0, 7.0)


@pytest.fixture
def bars(model: Any, inspection: Any, chiral: Map, rest: Rest) -> Any:
    """A layer of three bars, 2 Å a voxel, inspected."""
    layer = layers.add(model, MapLayer(chiral, 2.0, "bars", ORIGIN, "#009E73", 0.5))
    rest(inspection)
    return layer


def test_a_sphere_has_the_volume_and_the_radius_of_geometry(model: Any, inspection: Any, rest: Rest) -> None:
    layers.add(model, MapLayer(sphere_mask(40, 12.0, 0.0), 2.0, "ball", level=0.5))
    inspection.measure.open(True)
    rest(inspection)
    shape = inspection.measure.shape
    assert shape.volume_angstrom3 == pytest.approx(4 / 3 * np.pi * 24**3, rel=0.02)
    assert shape.mass_kda == pytest.approx(shape.volume_angstrom3 / 1210)
    assert shape.radius_of_gyration_angstrom == pytest.approx(np.sqrt(3 / 5) * 24, rel=0.02)
    assert shape.extent_angstrom == pytest.approx(48) and len(shape.parts_angstrom3) == 1
    inspection.measure.copy.click()
    text = QApplication.clipboard().text()
    assert text.startswith("ball\nlevel\t0.5\nenclosed volume\t") and "largest extent\t48.0 Å" in text


def test_measures_follow_the_level_and_tell_what_is_not_defined(inspection: Any, bars: Any, rest: Rest) -> None:
    inspection.measure.open(True)
    rest(inspection)
    before = inspection.measure.shape.volume_angstrom3
    assert before == np.count_nonzero(bars.data) * 8
    inspection.subject.set_level(2.0)
    rest(inspection)
    assert inspection.measure.shape.volume_angstrom3 == 0 and "largest extent: not defined" in inspection.measure.table.text()
    assert "no voxel exceeds the level 2" in inspection.measure.table.text()


def test_a_low_pass_is_the_dashboards(model: Any, inspection: Any, bars: Any, chiral: Map, rest: Rest) -> None:
    inspection.filters.resolution.setValue(12.0)
    inspection.filters.low_pass.click()
    rest(inspection)
    made = model.layers[-1]
    assert made.name == "bars, 12 Å" and not bars.visible and inspection.subject.layer == made
    np.testing.assert_array_equal(made.data, low_passed(chiral, 2.0, 12.0))
    found = layers.map_of(made)
    assert (found.pixel_size_angstrom, found.origin_angstrom, found.colour) == (2.0, ORIGIN, "#009E73")
    assert inspection.filters.resolution.minimum() == 4.0  # Nyquist


def test_a_mask_of_the_level_is_made_and_applied(model: Any, inspection: Any, bars: Any, chiral: Map, rest: Rest) -> None:
    section = inspection.filters
    section.dilation.setValue(2.0)
    section.edge.setValue(6.0)
    section.mask.click()
    rest(inspection)
    mask = model.layers[-1]
    np.testing.assert_array_equal(mask.data, soft_mask(chiral, 0.5, 1.0, 3.0))
    assert mask.name == "mask of bars" and inspection.subject.layer == bars and section.chosen_mask.layer == mask
    section.apply.click()
    rest(inspection)
    np.testing.assert_array_equal(model.layers[-1].data, chiral * mask.data)
    assert model.layers[-1].name == "bars in mask of bars"


def test_a_binary_mask_of_the_largest_part(model: Any, inspection: Any, chiral: Map, rest: Rest) -> None:
    chiral[1:3, 1:3, 1:3] = 1
    layers.add(model, MapLayer(chiral, 2.0, "bars", level=0.5))
    rest(inspection)
    section = inspection.filters
    section.edge.setValue(0.0)
    section.largest.setChecked(True)
    section.mask.click()
    rest(inspection)
    expected = chiral.copy()
    expected[1:3, 1:3, 1:3] = 0
    np.testing.assert_array_equal(model.layers[-1].data, expected)
    section.least.setValue(100)  # Å³: the cube has 64
    section.dust.click()
    rest(inspection)
    clean = model.layers[-1]
    assert clean.name == "bars without dust" and (clean.data > 0.5).sum() == expected.sum()


def test_what_cannot_be_made_is_a_sentence(model: Any, inspection: Any, bars: Any, chiral: Map, rest: Rest) -> None:
    inspection.filters.apply.click()
    assert "No mask is chosen" in inspection.problem.text()
    inspection.subject.set_level(3.0)
    for press, words in (
        (inspection.filters.mask, "no density lies above the mask level 3"),
        (inspection.filters.dust, "no voxel exceeds the level 3"),
    ):
        press.click()
        rest(inspection)
        assert words in inspection.problem.text().lower()
    other = layers.add(model, MapLayer(chiral[:20], 2.0, "other"))
    model.layers.selection.active = bars
    inspection.filters.chosen_mask.choose(other)
    inspection.filters.apply.click()
    rest(inspection)
    assert "Other has 24 × 24 × 20 px of 2 Å and bars has 24 × 24 × 24 px of 2 Å" in inspection.problem.text()
    assert len(model.layers) == 2


def test_a_layer_removed_meanwhile_leaves_nothing_behind(
    model: Any, inspection: Any, bars: Any, rest: Rest, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate = threading.Event()

    def slow(array: Map, *_: float) -> Map:
        gate.wait(10)
        return array

    monkeypatch.setattr(filters, "low_passed", slow)
    inspection.filters.low_pass.click()
    model.layers.remove(bars)
    gate.set()
    rest(inspection)
    assert len(model.layers) == 0 and "Bars was removed during low-pass to 20 Å" in inspection.problem.text()


def tick_all(section: Any) -> None:
    for place in range(section.choices.count()):
        section.choices.item(place).setCheckState(Qt.CheckState.Checked)


def test_maps_are_stacked_and_stepped_through(model: Any, inspection: Any, chiral: Map, rest: Rest, qtbot: Any) -> None:
    for number in (1, 2, 3):
        layers.add(model, MapLayer(number * chiral, 2.0, f"epoch {number}", level=0.5))
    section = inspection.series
    assert not section.player.isEnabled()
    tick_all(section)
    section.stack.click()
    rest(inspection)
    made = model.layers[-1]
    assert made.data.shape == (3, 24, 24, 24) and made.name == "epoch 1 … epoch 3"
    assert not any(layer.visible for layer in model.layers if layer != made)
    section.slider.setValue(2)
    rest(inspection)
    assert inspection.subject.frame == 2 and section.frame.text() == "frame 3 of 3 · epoch 3"
    np.testing.assert_array_equal(inspection.subject.map.array, 3 * chiral)
    assert inspection.subject.densities.high == 3
    section.step()
    assert model.dims.current_step[0] == 0  # round and round
    model.dims.set_current_step(0, 1)  # napari's own slider
    assert section.slider.value() == 1
    section.speed.setValue(30)
    section.player.click()
    qtbot.waitUntil(lambda: model.dims.current_step[0] != 1, timeout=5000)
    inspection.hide()
    assert not section.player.isChecked() and not section._timer.isActive()


def test_maps_of_other_grids_are_not_stacked(model: Any, inspection: Any, bars: Any, chiral: Map, rest: Rest) -> None:
    inspection.series.make_series()
    assert "A series needs two maps or more" in inspection.problem.text()
    layers.add(model, MapLayer(chiral, 3.0, "coarse"))
    tick_all(inspection.series)
    inspection.series.stack.click()
    rest(inspection)
    assert "Coarse has 24 × 24 × 24 px of 3 Å and bars has 24 × 24 × 24 px of 2 Å" in inspection.problem.text()
    assert len(model.layers) == 2
