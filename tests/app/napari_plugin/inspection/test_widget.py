"""The map that is inspected, its level, its slices, and what is computed of it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from qtpy.QtCore import QPoint, Qt

from cryohype_app.napari_plugin import layers
from cryohype_app.napari_plugin.inspection import work as work_module
from cryohype_app.napari_plugin.inspection.cuts import LEFT
from cryohype_app.napari_plugin.layers import MapLayer
from cryohype_model.metrics.threshold import otsu_level

Map = npt.NDArray[np.float32]
Rest = Callable[[Any], None]


def test_the_map_is_described(model: Any, inspection: Any, chiral: Map, rest: Rest) -> None:
    assert "Open a map" in inspection.facts.text()
    layers.add(model, MapLayer(chiral, 1.5, "bars", (10.0, 20.0, 30.0)))
    rest(inspection)
    text = inspection.facts.text()
    assert "24 × 24 × 24 px of 1.5 Å" in text and "36 × 36 × 36 Å from 10, 20, 30 Å" in text
    assert f"mean {chiral.mean():.4g} · σ {chiral.std():.4g}" in text


def test_the_choice_follows_layers_and_the_active_one(model: Any, inspection: Any, chiral: Map, rest: Rest) -> None:
    one, two = (layers.add(model, MapLayer(chiral, 1.0, name)) for name in ("one", "two"))
    model.add_points(np.zeros((1, 3)))
    model.add_image(chiral[0])
    names = [inspection.choice.itemText(place) for place in range(inspection.choice.count())]
    assert names == ["two", "one"]  # neither points nor pictures
    model.layers.selection.active = one
    assert inspection.subject.layer == one and inspection.choice.currentText() == "one"
    one.name = "renamed"
    assert inspection.choice.currentText() == "renamed"
    model.layers.remove(one)
    assert inspection.subject.layer == two
    model.layers.remove(two)
    rest(inspection)
    assert inspection.subject.layer is None and inspection.choice.count() == 0 and not inspection.level.body.isEnabled()


def test_the_level_goes_to_the_layer_and_comes_from_it(model: Any, inspection: Any, chiral: Map, rest: Rest) -> None:
    layer = layers.add(model, MapLayer(chiral, 1.0, "bars", level=0.5))
    rest(inspection)
    inspection.level.histogram.moved.emit(0.3)
    assert layer.iso_threshold == pytest.approx(0.3) and inspection.level.number.value() == pytest.approx(0.3, abs=1e-4)
    layer.iso_threshold = 0.7  # napari's own slider
    assert inspection.level.number.value() == pytest.approx(0.7, abs=1e-4)
    assert list(inspection.level.histogram.line.get_xdata()) == [0.7, 0.7]
    inspection.level.units.setCurrentText("σ")
    assert inspection.level.number.value() == pytest.approx((0.7 - chiral.mean()) / chiral.std(), abs=0.01)
    inspection.level.number.setValue(2.0)
    assert layer.iso_threshold == pytest.approx(chiral.mean() + 2 * chiral.std(), rel=1e-4)
    inspection.level.otsu.click()
    rest(inspection)
    assert layer.iso_threshold == pytest.approx(otsu_level(chiral))


def test_the_mouse_and_the_keys_move_the_level(model: Any, inspection: Any, chiral: Map, rest: Rest, qtbot: Any) -> None:
    layer = layers.add(model, MapLayer(chiral, 1.0, "bars", level=0.2))
    rest(inspection)
    canvas = inspection.level.histogram
    canvas.draw()
    across, up = canvas.axes.transData.transform((0.6, 3.0)) / canvas.device_pixel_ratio
    qtbot.mouseClick(canvas, Qt.MouseButton.LeftButton, pos=QPoint(round(across), round(canvas.height() - up)))
    assert layer.iso_threshold == pytest.approx(0.6, abs=0.02)
    before = layer.iso_threshold
    qtbot.keyClick(canvas, Qt.Key.Key_Left)
    assert layer.iso_threshold == pytest.approx(before - 0.01)


def test_a_layer_of_another_reader_gets_a_surface_with_its_level(model: Any, inspection: Any, chiral: Map, rest: Rest) -> None:
    layer = model.add_image(chiral, name="from elsewhere")
    rest(inspection)
    inspection.level.histogram.moved.emit(0.25)
    assert layer.rendering == "iso" and layer.iso_threshold == 0.25


def test_a_layer_that_is_no_map_is_told_in_a_sentence(model: Any, inspection: Any, chiral: Map, rest: Rest) -> None:
    model.add_image(chiral, scale=(1, 1, 2), name="flat voxels")
    assert "voxels that are not cubes" in inspection.problem.text() and inspection.subject.map is None
    broken = chiral.copy()
    broken[0, 0, 0] = np.nan
    model.add_image(broken, name="broken")
    rest(inspection)
    assert inspection.problem.text().startswith("Broken holds values that are no numbers")


def test_the_crosshair_follows_mouse_keys_numbers_and_the_plane(
    model: Any, inspection: Any, chiral: Map, rest: Rest, qtbot: Any
) -> None:
    layers.add(model, MapLayer(chiral, 2.0, "bars", (10.0, 0.0, 0.0)))
    rest(inspection)
    section, panels = inspection.slices, inspection.slices.panels
    place = panels.place_of(LEFT, np.array([5.0, 18.0, 0.0]))
    qtbot.mouseClick(panels, Qt.MouseButton.LeftButton, pos=place.toPoint())
    assert panels.point.tolist() == [5, 18, 12]
    qtbot.keyClick(panels, Qt.Key.Key_Right)
    qtbot.keyClick(panels, Qt.Key.Key_PageUp)
    assert panels.point.tolist() == [6, 18, 13] and section.places[2].value() == 10 + 13 * 2.0
    section.places[1].setValue(8.0)
    assert panels.point.tolist() == [6, 4, 13]
    assert f"voxel 13, 4, 6 · density {chiral[6, 4, 13]:.4g}" in section.here.text()
    section.in_scene.setChecked(True)
    plane = section.plane.layer
    assert plane.depiction == "plane" and tuple(plane.plane.position) == (6, 4, 13) and tuple(plane.plane.normal) == (1, 0, 0)
    plane.plane.position = (9.0, 4.0, 13.0)  # dragged in the view
    assert panels.point.tolist() == [9, 4, 13]
    assert inspection.choice.count() == 1  # the plane is no map
    model.layers.remove(plane)
    assert not section.in_scene.isChecked()


def test_a_plane_can_be_slanted_and_moved(model: Any, inspection: Any, chiral: Map, rest: Rest) -> None:
    layers.add(model, MapLayer(chiral, 1.0, "bars"))
    rest(inspection)
    section = inspection.slices
    section.in_scene.setChecked(True)
    model.scene.camera.set_view_direction((-1, -1, 0), (0, 1, 0))
    section.direction.setCurrentText("as seen")
    section.direction.activated.emit(section.direction.currentIndex())
    np.testing.assert_allclose(section.plane.layer.plane.normal, np.array([1, 1, 0]) / np.sqrt(2), atol=1e-6)
    section.depth.setValue(50)
    assert (section.panels.point - 12) @ section.normal == pytest.approx(5.0)
    np.testing.assert_allclose(section.plane.layer.plane.position, section.panels.point)
    model.layers.clear()
    assert section.plane.layer is None


def test_the_newest_wish_of_a_kind_wins(inspection: Any, rest: Rest) -> None:
    gate, answers = threading.Event(), []

    def first() -> int:
        gate.wait(10)
        return 1

    inspection.work.ask("sum", "adding", first, answers.append)
    for number in (2, 3):
        inspection.work.ask("sum", "adding", lambda number=number: number, answers.append)  # type: ignore[misc]  # bound now
    assert inspection.work.under_way == ["adding"] and inspection.doing.isVisible()
    gate.set()
    rest(inspection)
    assert answers == [3] and not inspection.doing.isVisible()


def test_a_failure_is_a_sentence(inspection: Any, rest: Rest, monkeypatch: pytest.MonkeyPatch) -> None:
    def poor() -> None:
        raise MemoryError

    inspection.work.ask("one", "making a map", poor, print)
    rest(inspection)
    assert "the memory of this machine is not enough" in inspection.problem.text()
    inspection.work.ask("one", "making a map", lambda: [][0], print)  # type: ignore[var-annotated]  # meant to fail
    rest(inspection)
    assert "an error of CryoHype's own (IndexError" in inspection.problem.text()
    monkeypatch.setattr(work_module.psutil, "virtual_memory", lambda: type("Memory", (), {"available": 1e6}))
    inspection.work.ask("one", "making a map", lambda: work_module.afford("a mask", 10**6, 48), print)
    rest(inspection)
    assert "A mask needs about 0.0 GB of memory and 0.0 GB are free" in inspection.problem.text()


def test_what_nobody_sees_is_not_computed(model: Any, inspection: Any, chiral: Map, rest: Rest) -> None:
    inspection.hide()
    layers.add(model, MapLayer(chiral, 1.0, "bars"))
    assert inspection.subject.map is None and not inspection.work.under_way
    inspection.show()
    rest(inspection)
    assert inspection.subject.densities is not None


@pytest.mark.parametrize("theme", ["dark", "light"])
def test_the_pictures_have_the_colours_of_the_theme(model: Any, inspection: Any, theme: str) -> None:
    from napari.utils.theme import get_theme

    model.theme = theme
    background = tuple(part / 255 for part in get_theme(theme).background.as_rgb_tuple())
    for canvas in (inspection.level.histogram, inspection.compare.plot):
        assert canvas.figure.get_facecolor()[:3] == pytest.approx(background)
