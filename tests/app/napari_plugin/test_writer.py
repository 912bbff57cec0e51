"""What the viewer saves is what `cryohype volumes` writes of the same map; nothing that is there is lost unasked."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import mrcfile
import numpy as np
import numpy.typing as npt
import pytest

from cryohype_app.napari_plugin import layers
from cryohype_app.napari_plugin.layers import MapLayer
from cryohype_app.napari_plugin.writer import write_map, write_maps
from cryohype_model.errors import InputFileError, MetricError
from cryohype_model.io.mrc import read_header, read_volume, write_volume

Map = npt.NDArray[np.float32]
LABELS = slice(220, 1024)  # of the header: which program wrote it, and when


def without_labels(path: Path) -> bytes:
    content = path.read_bytes()
    return content[: LABELS.start] + content[LABELS.stop :]


def test_a_saved_map_is_that_of_the_command_line(unseen: Any, chiral: Map, tmp_path: Path) -> None:
    """`cryohype volumes` writes with write_volume; what is read from its file and saved again is the same, byte for byte."""
    write_volume(tmp_path / "command.mrc", chiral, 3.7037, (1.5, -2.25, 30.1))
    unseen.open(tmp_path / "command.mrc", plugin="cryohype")
    assert unseen.layers.save(str(tmp_path / "saved.mrc"), plugin="cryohype") == [str(tmp_path / "saved.mrc")]
    assert without_labels(tmp_path / "saved.mrc") == without_labels(tmp_path / "command.mrc")
    assert mrcfile.validate(str(tmp_path / "saved.mrc"))


def test_a_streamed_map_keeps_pixel_size_and_origin(unseen: Any, chiral: Map, tmp_path: Path) -> None:
    layers.add(unseen, MapLayer(chiral, 1.06, "cluster 3", (10.0, 20.0, 30.0)))
    unseen.layers.save(str(tmp_path / "cluster 3"), plugin="cryohype")  # a name without an ending gets one
    volume, pixel, origin = read_volume(tmp_path / "cluster 3.mrc")
    np.testing.assert_array_equal(volume, chiral)
    assert pixel == pytest.approx(1.06) and origin == (10.0, 20.0, 30.0)


def test_uneven_voxels_are_kept(unseen: Any, tmp_path: Path) -> None:
    write_volume(tmp_path / "flat.mrc", np.arange(24, dtype=np.float32).reshape(2, 3, 4), (1.0, 1.5, 3.0))
    unseen.open(tmp_path / "flat.mrc", plugin="cryohype")
    unseen.layers.save(str(tmp_path / "again.mrc"), plugin="cryohype")
    assert read_header(tmp_path / "again.mrc").voxel_size_angstrom == (1.0, 1.5, 3.0)
    assert without_labels(tmp_path / "again.mrc") == without_labels(tmp_path / "flat.mrc")


def test_a_series_is_a_file_for_each_frame_and_replaces_none(unseen: Any, chiral: Map, tmp_path: Path) -> None:
    frames = np.stack([chiral, 2 * chiral, 3 * chiral])
    layers.add(unseen, MapLayer(frames, 2.0, "path 1"))
    written = unseen.layers.save(str(tmp_path / "bend.mrc"), plugin="cryohype")
    assert [Path(name).name for name in written] == ["bend_0000.mrc", "bend_0001.mrc", "bend_0002.mrc"]
    assert [read_volume(name)[0].max() for name in written] == [1, 2, 3]
    (tmp_path / "bend_0000.mrc").unlink()
    with pytest.raises(InputFileError, match=r"bend_0001\.mrc exists already .* nothing was written"):
        unseen.layers.save(str(tmp_path / "bend.mrc"), plugin="cryohype")
    assert not (tmp_path / "bend_0000.mrc").exists()


def test_several_layers_are_files_named_by_them(unseen: Any, chiral: Map, tmp_path: Path) -> None:
    for name in ("cluster 1", "cluster/1", "Cluster 1"):
        layers.add(unseen, MapLayer(chiral, 2.0, name))
    written = unseen.layers.save(str(tmp_path / "all.mrc"), plugin="cryohype")
    assert [Path(name).name for name in written] == ["all_cluster_1.mrc", "all_cluster_1_2.mrc", "all_Cluster_1_3.mrc"]


def data_of(layer: Any) -> tuple[Any, dict[str, Any], str]:
    return layer.as_layer_data_tuple()


def test_what_is_no_map_is_refused_before_anything_is_written(unseen: Any, chiral: Map, tmp_path: Path) -> None:
    good = layers.add(unseen, MapLayer(chiral, 2.0, "good"))
    flat = unseen.add_image(np.zeros((4, 4), np.float32), name="flat")
    rgb = unseen.add_image(np.zeros((4, 4, 3), np.uint8), name="photo", rgb=True)
    torn = unseen.add_image(np.where(chiral > 0, np.nan, chiral), name="torn", contrast_limits=(0, 1))
    for layer, told in ((flat, "not a volume"), (rgb, "not a volume"), (torn, "189 values that are not finite")):
        with pytest.raises(MetricError, match=f"'{layer.name}' .*{told}"):
            write_maps(str(tmp_path / "all.mrc"), [data_of(good), data_of(layer)])
    assert list(tmp_path.iterdir()) == []


def test_a_turned_layer_is_saved_as_it_lies_and_that_is_told(
    unseen: Any, chiral: Map, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[str] = []
    monkeypatch.setattr("cryohype_app.napari_plugin.writer.tell", told.append)
    layer = layers.add(unseen, MapLayer(chiral, 2.0, "turned"))
    values, arguments, _ = data_of(layer)
    write_map(str(tmp_path / "straight.mrc"), values, arguments)
    assert told == []
    layer.rotate = (30, 0, 0)
    values, arguments, _ = data_of(layer)
    write_map(str(tmp_path / "turned.mrc"), values, arguments)
    np.testing.assert_array_equal(read_volume(tmp_path / "turned.mrc")[0], chiral)
    assert told == ["turned: saved as it lies in its box; its rotation in napari is not in the file."]
