"""Maps, stacks of them and folders, opened by the viewer itself; what cannot be opened is one sentence, and napari goes on."""

from __future__ import annotations

import gzip
import json
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import mrcfile
import numpy as np
import numpy.typing as npt
import pytest

from cryohype_app.napari_plugin.folders import MOST_LAYERS, groups_of
from cryohype_app.napari_plugin.maps import MapFile, read_map, read_stack
from cryohype_app.napari_plugin.reader import get_reader, read
from cryohype_app.napari_plugin.series import file_of
from cryohype_model.errors import InputFileError
from cryohype_model.io.mrc import write_volume
from cryohype_model.palette import category_colour
from cryohype_model.runs.layout import Run
from cryohype_model.runs.selections import write_selection
from cryohype_model.runs.volumes import start_volume_series

Map = npt.NDArray[np.float32]
Save = Callable[..., Path]


@pytest.fixture
def told() -> Iterator[list[str]]:
    """What napari was asked to tell, as "severity: sentence"."""
    from napari.utils.notifications import notification_manager

    sentences: list[str] = []

    def heard(notification: Any) -> None:
        sentences.append(f"{notification.severity}: {notification.message}")

    notification_manager.notification_ready.connect(heard)
    yield sentences
    notification_manager.notification_ready.disconnect(heard)


def medoid(number: int, **more: Any) -> dict[str, Any]:
    return {"file": f"cluster_{number:04d}.mrc", "cluster": number, "particle": number, "method": "medoid", "level": 0.25} | more


def test_a_map_is_a_layer_in_angstrom_under_its_files_name(unseen: Any, chiral: Map, tmp_path: Path) -> None:
    write_volume(tmp_path / "plain.mrc", chiral, 1.5, (10.0, 20.0, 30.0))
    content = (tmp_path / "plain.mrc").read_bytes()
    for name in ("bars.mrc", "bars.map", "bars.ccp4", "bars.mrc.gz", "bars.map.gz"):
        (tmp_path / name).write_bytes(gzip.compress(content) if name.endswith(".gz") else content)
        (layer,) = unseen.open(tmp_path / name, plugin="cryohype")
        assert layer.name.split()[0] == "bars" and layer.rendering == "iso"
        assert layer.scale.tolist() == [1.5] * 3 and layer.translate.tolist() == [30.0, 20.0, 10.0]
        assert [str(unit) for unit in layer.units] == ["angstrom"] * 3
        np.testing.assert_array_equal(layer.data, chiral)
    assert unseen.dims.ndisplay == 3 and [str(axis) for axis in unseen.scene.camera.orientation] == ["towards", "up", "right"]


def test_several_files_are_layers_and_stacked_they_follow_each_other(unseen: Any, chiral: Map, tmp_path: Path) -> None:
    files = [tmp_path / f"state_{number}.mrc" for number in range(3)]
    for number, file in enumerate(files):
        write_volume(file, (number + 1) * chiral, 2.0)
    assert [layer.name for layer in unseen.open(files, plugin="cryohype")] == ["state_0", "state_1", "state_2"]
    (series,) = unseen.open(files, plugin="cryohype", stack=True)
    assert series.data.shape == (3, 24, 24, 24) and series.scale.tolist() == [1, 2, 2, 2]
    assert series.data.max(axis=(1, 2, 3)).tolist() == [1, 2, 3]


def test_uneven_voxels_and_boxes_are_shown_as_they_are(tmp_path: Path) -> None:
    write_volume(tmp_path / "flat.mrc", np.arange(2 * 3 * 4, dtype=np.float32).reshape(2, 3, 4), (1.0, 1.5, 3.0))
    ((values, arguments, _),) = read(str(tmp_path / "flat.mrc"))
    assert values.shape == (2, 3, 4) and tuple(arguments["scale"]) == (3.0, 1.5, 1.0)


def test_without_a_pixel_size_one_angstrom_is_assumed_and_told(chiral: Map, tmp_path: Path, told: list[str]) -> None:
    with mrcfile.new(tmp_path / "bare.mrc") as mrc:
        mrc.set_data(chiral)
        mrc.set_volume()
    ((_, arguments, _),) = read(str(tmp_path / "bare.mrc"))
    assert tuple(arguments["scale"]) == (1.0, 1.0, 1.0)
    assert told == ["info: bare.mrc does not say its pixel size; 1 Å is assumed."]


def write_stack(path: Path) -> None:
    with mrcfile.new(path) as mrc:
        mrc.set_data(np.zeros((5, 8, 8), np.float32))
        mrc.set_image_stack()


def write_volume_stack(path: Path) -> None:
    with mrcfile.new(path) as mrc:
        mrc.set_data(np.zeros((2, 8, 8, 8), np.float32))


def write_torn(path: Path) -> None:
    write_volume(path, np.zeros((8, 8, 8), np.float32), 1.0)
    os.truncate(path, 2000)


def write_infinite(path: Path) -> None:
    volume = np.zeros((8, 8, 8), np.float32)
    volume[3, 3, 3] = np.nan
    with mrcfile.new(path) as mrc, np.errstate(invalid="ignore"):
        mrc.set_data(np.zeros_like(volume))
        mrc.data[3, 3, 3] = np.nan


def write_huge(path: Path) -> None:
    """Of 2 TB, without a byte of it on the disk."""
    write_volume(path, np.zeros((4, 4, 4), np.float32), 1.0)
    with path.open("r+b") as file:
        file.write(np.array([8192, 8192, 8192], "<i4").tobytes())
        file.truncate(1024 + 4 * 8192**3)


BAD: tuple[tuple[str, Callable[[Path], Any], str], ...] = (
    ("noise.mrc", lambda path: path.write_bytes(bytes(range(256)) * 8), "noise.mrc is not an MRC file"),
    ("empty.mrc", lambda path: path.write_bytes(b""), "empty.mrc is empty"),
    ("torn.mrc", write_torn, "torn.mrc is truncated"),
    ("torn.mrc.gz", lambda path: path.write_bytes(gzip.compress(bytes(range(256)) * 8)[:40]), "torn.mrc.gz cannot be unpacked"),
    ("nan.mrc", write_infinite, "nan.mrc holds 1 values that are not finite"),
    ("many.mrcs", write_stack, "many.mrcs is a stack of 5 images of 8 x 8, no map"),
    ("volumes.mrc", write_volume_stack, "volumes.mrc holds 2 volumes"),
    ("huge.mrc", write_huge, "huge.mrc needs 4398.0 GB of memory and "),
    ("<b>bold.mrc", lambda path: path.write_bytes(b""), "<\u200bb>bold.mrc is empty"),  # which Qt takes for no HTML
)


def test_what_is_no_map_is_one_sentence_and_napari_goes_on(unseen: Any, chiral: Map, tmp_path: Path, told: list[str]) -> None:
    for name, write, sentence in BAD:
        write(tmp_path / name)
        told.clear()
        assert unseen.open(tmp_path / name, plugin="cryohype") == [] and len(unseen.layers) == 0
        assert len(told) == 1 and told[0].startswith(f"error: {sentence}"), told
    write_volume(tmp_path / "good.mrc", chiral, 1.0)
    assert len(unseen.open(tmp_path / "good.mrc", plugin="cryohype")) == 1


def test_a_map_of_a_series_has_its_level_and_colour(run: Run, save_series: Save) -> None:
    folder = save_series(run, "medoids-step-00000007", [medoid(0), medoid(4, level=0.75)])
    file = file_of(folder / "cluster_0004.mrc")
    assert file == MapFile(folder / "cluster_0004.mrc", "cluster_0004", category_colour(4), 0.75)
    assert read_map(file, pytest.fail).level == 0.75


def test_a_run_opens_with_its_medoids_first_and_a_path_as_a_series(
    unseen: Any, run: Run, told: list[str], save_series: Save
) -> None:
    write_selection(run, "bent", [1, 2], {"kind": "query", "colour": "#123456"})
    save_series(run, "bent-mean", [{"file": "bent.mrc", "selection": "bent", "method": "mean"}])
    save_series(run, "medoids-step-00000007", [medoid(0), medoid(1)])
    steps = [{"file": f"path_{number:04d}.mrc", "particle": number, "method": "neighbours"} for number in range(3)]
    save_series(run, "path 1", steps, path="between")
    layers = unseen.open(run.path, plugin="cryohype")
    assert [layer.name for layer in reversed(layers)] == ["cluster 0", "cluster 1", "bent (bent-mean)", "path 1"]
    assert [layer.visible for layer in reversed(layers)] == [True, False, False, False]
    assert unseen.layers[-1].name == "cluster 0" and unseen.layers.selection.active.name == "cluster 0"
    assert layers[-1].iso_threshold == 0.25 and layers[-1].colormap.name == category_colour(0)
    assert layers[1].colormap.name == "#123456" and layers[0].data.shape == (3, 24, 24, 24) and told == []


def test_of_very_many_maps_the_first_are_opened_and_it_is_told(tmp_path: Path, save_series: Save) -> None:
    folder = save_series(tmp_path, "clusters", [medoid(number) for number in range(30)])
    told: list[str] = []
    assert len(groups_of(folder, told.append)) == MOST_LAYERS
    assert told == [f"clusters: the first {MOST_LAYERS} of 30 maps are opened; CryoHype's run browser shows the others."]


def test_an_export_shows_the_colours_that_it_tells(tmp_path: Path, save_series: Save) -> None:
    entry = {"file": "open_state.mrc", "selection": "open state", "method": "mean"}
    folder = save_series(tmp_path / "exported", "maps", [entry])
    (folder / "open_state.json").write_text(json.dumps({"colour": "#abcdef"}))
    ((_, arguments, _),) = read(str(tmp_path / "exported"))
    assert arguments["name"] == "open state" and arguments["colormap"].name == "#abcdef"


def test_one_lost_map_hides_none_of_the_others(tmp_path: Path, told: list[str], save_series: Save) -> None:
    folder = save_series(tmp_path, "clusters", [medoid(number) for number in range(3)])
    (folder / "cluster_0001.mrc").unlink()
    assert [arguments["name"] for _, arguments, _ in read(str(folder))] == ["cluster 2", "cluster 0"]
    assert len(told) == 1 and "cluster_0001.mrc does not exist" in told[0]


def test_folders_that_are_not_ready_are_one_sentence(run: Run, told: list[str]) -> None:
    assert read(str(run.path)) == [(None,)]
    assert f"has no saved maps yet; make them with `cryohype analyze {run.path}`" in told[-1]
    start_volume_series(run, "medoids-last")
    read(str(run.path))
    assert "(medoids-last.partial is being made or was given up)" in told[-1]
    read(str(run.volumes / "medoids-last.partial"))
    assert "medoids-last.partial is still being made, or was given up" in told[-1]
    shutil.copytree(run.path, run.path.with_name("other"))
    read(str(run.path.parent))
    assert "holds 2 runs (" in told[-1] and told[-1].endswith("open one of them")
    run.manifest.unlink()
    read(str(run.path))
    assert "is still being made" in told[-1] and len(told) == 5


def test_what_is_nothing_of_ours_is_left_to_others(tmp_path: Path) -> None:
    (tmp_path / "picture.png").write_bytes(b"")
    assert get_reader(str(tmp_path)) is None and get_reader(str(tmp_path / "picture.png")) is None
    assert get_reader([str(tmp_path / "a.mrc"), str(tmp_path / "picture.png")]) is None


def test_maps_that_differ_in_size_cannot_follow_each_other(tmp_path: Path, chiral: Map) -> None:
    write_volume(tmp_path / "a.mrc", chiral, 1.0)
    write_volume(tmp_path / "b.mrc", chiral, 1.1)
    with pytest.raises(InputFileError, match=r"b\.mrc has another box or pixel size than a\.mrc"):
        read_stack([MapFile(tmp_path / name, name) for name in ("a.mrc", "b.mrc")], "both", pytest.fail)
