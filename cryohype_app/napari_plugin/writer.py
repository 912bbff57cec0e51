"""The writer of maps: as `cryohype volumes` writes them, with the pixel size and the place that the layer has."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from cryohype_app.napari_plugin.layers import map_of
from cryohype_app.napari_plugin.notices import tell
from cryohype_model.errors import InputFileError, MetricError
from cryohype_model.io.mrc import write_volume

if TYPE_CHECKING:
    from napari.layers import Image

ENDINGS = (".mrc", ".map", ".ccp4")
TURNS = ("rotate", "shear", "affine")  # of a layer; a map has none


def write_map(path: str, data: Any, attributes: dict[str, Any]) -> list[str]:
    """npe2's writer of one image layer: a map, or of a series ``NAME_0000.mrc`` and so on.

    Raises
    ------
    CryoHypeError : the layer is no volume, or a file would be replaced that napari did not ask about.
    """
    written = _write([(_named(Path(path)), _layer(data, attributes))], asked=Path(path))
    _tell_turned([attributes])
    return written


def write_maps(path: str, layer_data: list[tuple[Any, dict[str, Any], str]]) -> list[str]:
    """npe2's writer of several image layers: ``NAME_LAYER.mrc`` each.

    Raises
    ------
    CryoHypeError : a layer is no volume, or a file would be replaced; then nothing is written.
    """
    final, wanted, taken = _named(Path(path)), [], set[str]()
    for data, attributes, _ in layer_data:
        layer = _layer(data, attributes)
        place, number = final.with_name(f"{final.stem}_{_file_name(layer.name)}{final.suffix}"), 1
        while place.name.casefold() in taken:
            number += 1
            place = final.with_name(f"{final.stem}_{_file_name(layer.name)}_{number}{final.suffix}")
        taken.add(place.name.casefold())
        wanted.append((place, layer))
    written = _write(wanted, asked=Path(path))
    _tell_turned([attributes for _, attributes, _ in layer_data])
    return written


def _write(wanted: list[tuple[Path, Image]], asked: Path) -> list[str]:
    """Every layer is looked at before the first file is written."""
    files = [(file, layer, frame) for path, layer in wanted for file, frame in _files(path, layer)]
    for file, layer, frame in files:
        _check(file, layer, frame, asked)
    for file, layer, frame in files:
        shown = map_of(layer, frame, cubic=False)
        write_volume(file, shown.array, shown.voxel_angstrom or shown.pixel_size_angstrom, shown.origin_angstrom)
    return [str(file) for file, _, _ in files]


def _layer(data: Any, attributes: dict[str, Any]) -> Image:
    from napari.layers import Image

    straight = {name: value for name, value in attributes.items() if name not in TURNS}
    layer: Image = Image(data, **straight)
    if layer.rgb or layer.multiscale:
        raise MetricError(f"the layer {layer.name!r} is not a volume; choose an image layer of three dimensions")
    return layer


def _files(path: Path, layer: Image) -> Iterator[tuple[Path, int | None]]:
    """The files of a layer, each with its frame where the layer is a series."""
    if layer.data.ndim != 4:
        yield path, None
        return
    for frame in range(len(layer.data)):
        yield path.with_name(f"{path.stem}_{frame:04d}{path.suffix}"), frame


def _check(file: Path, layer: Image, frame: int | None, asked: Path) -> None:
    values = map_of(layer, frame, cubic=False).array
    bad = values.size - int(np.isfinite(values).sum())
    if bad:
        raise MetricError(f"the layer {layer.name!r} holds {bad} values that are not finite numbers; replace them first")
    if file != asked and file.exists():
        raise InputFileError(f"{file.name} exists already in {file.parent}; give another name, nothing was written")


def _named(path: Path) -> Path:
    return path if path.suffix.lower() in ENDINGS else path.with_name(f"{path.name}.mrc")


def _file_name(text: str) -> str:
    return re.sub(r"[^\w.-]+", "_", text).strip("._") or "layer"


def _tell_turned(layers: list[dict[str, Any]]) -> None:
    turned = [attributes["name"] for attributes in layers if _is_turned(attributes)]
    if turned:
        tell(f"{', '.join(turned)}: saved as it lies in its box; its rotation in napari is not in the file.")


def _is_turned(attributes: dict[str, Any]) -> bool:
    matrices = (np.asarray(attributes[name]) for name in ("rotate", "affine") if name in attributes)
    return bool(np.any(attributes.get("shear", 0))) or not all(np.allclose(one, np.eye(len(one))) for one in matrices)
