from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from cryohype_app.napari_plugin import layers
from cryohype_app.napari_plugin.layers import MapLayer
from cryohype_model.errors import MetricError

Map = npt.NDArray[np.float32]


def test_a_map_is_in_angstrom_named_coloured_and_drawn_at_its_level(viewer: Any, chiral: Map) -> None:
    layer = layers.add(viewer, MapLayer(chiral, 1.5, "cluster 3", (10.0, 20.0, 30.0), "#D55E00", 0.4))
    assert layer.name == "cluster 3" and layer.iso_threshold == 0.4 and layer.rendering == "iso"
    assert layer.scale.tolist() == [1.5] * 3 and layer.translate.tolist() == [30.0, 20.0, 10.0]
    assert [str(unit) for unit in layer.units] == ["angstrom"] * 3
    assert viewer.dims.ndisplay == 3
    np.testing.assert_allclose(layer.colormap.map(0.75)[0][:3], [0xD5 / 255, 0x5E / 255, 0], atol=0.01)


def test_what_a_layer_shows_can_be_read_back(viewer: Any, chiral: Map) -> None:
    layer = layers.add(viewer, MapLayer(chiral, 1.5, "one", (10.0, 20.0, 30.0), level=0.4))
    found = layers.map_of(layer)
    assert (found.pixel_size_angstrom, found.origin_angstrom, found.level) == (1.5, (10.0, 20.0, 30.0), 0.4)
    np.testing.assert_array_equal(found.array, chiral)


def test_a_layer_of_another_reader_in_nanometres_is_measured_in_angstrom(viewer: Any, chiral: Map) -> None:
    layer = viewer.add_image(chiral, scale=(0.2,) * 3, units=("nanometer",) * 3)
    assert layers.map_of(layer).pixel_size_angstrom == pytest.approx(2.0)


def test_a_picture_or_uneven_voxels_are_refused(viewer: Any, chiral: Map) -> None:
    with pytest.raises(MetricError, match="not a volume"):
        layers.map_of(viewer.add_image(chiral[0]))
    with pytest.raises(MetricError, match="not cubes"):
        layers.map_of(viewer.add_image(chiral, scale=(1, 1, 2)))


def test_a_finer_stage_takes_the_place_of_a_coarse_one(viewer: Any, chiral: Map) -> None:
    layer = layers.add(viewer, MapLayer(chiral[::2, ::2, ::2], 4.0, "12 particles"), key="follow")
    layers.update(layer, MapLayer(chiral, 2.0, "12 particles", level=0.3, colour="#009E73"))
    assert layers.find(viewer, "follow") is layer and len(viewer.layers) == 1
    np.testing.assert_array_equal(layer.data, chiral)
    assert layer.scale.tolist() == [2.0] * 3 and layer.iso_threshold == pytest.approx(0.3)
    world = np.asarray(layer.extent.world)
    np.testing.assert_allclose(world[1] - world[0], [46.0] * 3)


def bright(picture: npt.NDArray[np.uint8]) -> tuple[float, float]:
    """(right, up) of the centre of what is drawn from the middle of its bounding box, as shares of the box."""
    lit = picture[..., :3].max(-1) > 40
    rows, columns = np.nonzero(lit)
    right = (columns.mean() - (columns.min() + columns.max()) / 2) / np.ptp(columns)
    return float(right), float((rows.min() + rows.max()) / 2 - rows.mean()) / float(np.ptp(rows))


def test_a_chiral_map_is_not_mirrored(viewer: Any, chiral: Map) -> None:
    """From the front x runs to the right and y up; from the right (from +x) z, which came towards us, runs to the left."""
    layers.add(viewer, MapLayer(chiral, 1.0, "bars"))
    viewer.canvas.overlays.scale_bar.visible = False
    right, up = bright(viewer.screenshot(canvas_only=True, flash=False))
    assert right < -0.05 and up < -0.05  # most of it lies at the corner, lower left: the bars go right and up
    viewer.scene.camera.set_view_direction((0, 0, -1), (0, 1, 0))
    right, up = bright(viewer.screenshot(canvas_only=True, flash=False))
    assert right > 0.05 and up < -0.05
