"""Files of maps as they are to be shown: checked before memory is taken, in Å."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import psutil

from cryohype_app.napari_plugin.layers import COLOUR, MapLayer, Xyz
from cryohype_model.errors import InputFileError
from cryohype_model.io.mrc import MrcHeader, read_header, read_volume

ENDING = re.compile(r"\.(mrcs?|map|ccp4)(\.gz|\.bz2)?$", re.IGNORECASE)
STACK_ENDING = re.compile(r"\.mrcs(\.gz|\.bz2)?$", re.IGNORECASE)
SAME = 1.00001  # sides of a voxel that differ by less are the same, rounded
COPIES = 2  # of the values in memory: ours, and what napari draws

Tell = Callable[[str], None]


@dataclass(frozen=True)
class MapFile:
    """A file and how its map is to look; without a level it is Otsu's."""

    path: Path
    name: str
    colour: str = COLOUR
    level: float | None = None


def is_map_file(path: Path) -> bool:
    """Whether a name is that of a map, or of a stack, which is refused with a reason."""
    return ENDING.search(path.name) is not None


def stem_of(path: Path) -> str:
    """The name without its endings, of a compressed file without both."""
    return ENDING.sub("", path.name) or path.name


def read_map(file: MapFile, tell: Tell) -> MapLayer:
    """One map.

    Parameters
    ----------
    tell : called with what the user should know.

    Raises
    ------
    InputFileError : no map, a damaged one, or larger than the memory that is free.
    """
    check_memory([file.path])
    return _read(file, tell)


def read_stack(files: Sequence[MapFile], name: str, tell: Tell) -> MapLayer:
    """Several maps as one layer, one after the other along its first axis; the level is the first one's.

    Raises
    ------
    InputFileError : one cannot be read, their boxes or pixel sizes differ, or they are larger than the memory that is free.
    """
    check_memory([file.path for file in files])
    first = _read(files[0], tell)
    frames = np.empty((len(files), *first.array.shape), np.float32)
    for number, file in enumerate(files):
        shown = first if number == 0 else _read(file, lambda _: None)
        if shown.array.shape != first.array.shape or _sides(shown) != _sides(first):
            raise InputFileError(
                f"{file.path} has another box or pixel size than {files[0].path.name}: they cannot follow each other; "
                "open them one by one"
            )
        frames[number] = shown.array
    colour = first.colour if len({file.colour for file in files}) == 1 else COLOUR
    facts = {"files": [str(file.path) for file in files], "changed": max(file.path.stat().st_mtime_ns for file in files)}
    return MapLayer(
        frames, first.pixel_size_angstrom, name, first.origin_angstrom, colour, first.level, facts, first.voxel_angstrom
    )


def check_memory(paths: Iterable[Path]) -> None:
    """InputFileError where the headers promise more than fits into the memory that is free; no value is read."""
    paths = list(paths)
    needed, available = sum(_bytes_needed(_volume_header(path)) for path in paths), psutil.virtual_memory().available
    if needed > available:
        what = f"{paths[0]} needs" if len(paths) == 1 else f"{paths[0].parent}: its {len(paths)} maps need"
        raise InputFileError(
            f"{what} {needed / 1e9:.1f} GB of memory and {available / 1e9:.1f} GB are available; "
            f"{'crop or bin the map first' if len(paths) == 1 else 'open fewer of them'}, or close other programs"
        )


def _volume_header(path: Path) -> MrcHeader:
    """The header of a file that holds one volume."""
    header = read_header(path)
    if STACK_ENDING.search(path.name):
        raise InputFileError(
            f"{path} is a stack of {header.nz} images of {header.nx} x {header.ny}, no map; open a map's .mrc, or a run folder"
        )
    if header.nz == 1:
        raise InputFileError(f"{path} holds one image of {header.nx} x {header.ny} and no volume; open the .mrc of a map")
    return header


def _bytes_needed(header: MrcHeader) -> int:
    values = header.nx * header.ny * header.nz
    is_kept = header.dtype == np.dtype("<f4") and header.axes == (1, 2, 3)  # what was read is what is shown
    return COPIES * 4 * values + (0 if is_kept else header.data_bytes)


def _read(file: MapFile, tell: Tell) -> MapLayer:
    header = _volume_header(file.path)
    array, _, origin = read_volume(file.path)
    voxel = header.voxel_size_angstrom
    if min(voxel) <= 0:
        tell(f"{file.path.name} does not say its pixel size; 1 Å is assumed.")
        voxel = (1.0, 1.0, 1.0)
    uneven = voxel if max(voxel) > SAME * min(voxel) else None
    facts = {"file": str(file.path), "changed": file.path.stat().st_mtime_ns}
    return MapLayer(array, voxel[0], file.name, origin, file.colour, file.level, facts, uneven)


def _sides(shown: MapLayer) -> tuple[float, ...]:
    voxel: Xyz = shown.voxel_angstrom or (shown.pixel_size_angstrom,) * 3
    return tuple(float(f"{side:.4g}") for side in voxel)
