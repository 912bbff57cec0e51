"""Read particles from any program's files into one checked table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from cryohype_model.errors import InputFileError
from cryohype_model.io.cryobench import find_cryobench
from cryohype_model.io.cryodrgn import select_indices, with_ctf, with_labels, with_poses
from cryohype_model.io.cryosparc import read_cs
from cryohype_model.io.images import ImageStacks
from cryohype_model.io.mrc import read_header
from cryohype_model.io.stack_list import read_stack, read_stack_list
from cryohype_model.io.star import read_star
from cryohype_model.io.table import ParticleTable

STACK_SUFFIXES = {".mrc", ".mrcs", ".map", ".st"}


def read_particles(
    path: str | Path,
    *,
    datadir: str | Path | None = None,
    poses: str | Path | None = None,
    ctf: str | Path | None = None,
    indices: str | Path | None = None,
    labels: str | Path | None = None,
    passthrough: Sequence[str | Path] = (),
    optics_group: int | None = None,
    need_images: bool = True,
) -> ParticleTable:
    """Read a .star, .cs, .txt, .mrc(s) file or a CryoBench folder.

    Parameters
    ----------
    path : the file or folder.
    datadir : folder of the images, when they are not where the file says.
    poses, ctf : cryoDRGN's pickles; they replace what the file itself says.
    indices : a file of zero-based rows; only these are kept. Poses, CTF and labels are of all rows.
    labels : a file with one class a particle.
    passthrough : further .cs files of the same job.
    optics_group : keep the particles of this group only.
    need_images : False reads the table where its images may be gone; the box is then 0 if the file does not tell it.

    Returns
    -------
    ParticleTable : in our frame, with notes on whatever was assumed.

    Raises
    ------
    InputFileError : anything that the user has to put right, in one sentence.
    """
    path = Path(path)
    given = {"poses": poses, "ctf": ctf, "labels": labels}
    if path.is_dir():
        found = find_cryobench(path)
        defaults = {"poses": found.poses, "ctf": found.ctf, "labels": found.labels}
        path, given = found.images, {name: value or defaults[name] for name, value in given.items()}
    table = _read_table(
        path,
        Path(datadir) if datadir is not None else None,
        need_images,
        given["ctf"] is None,
        [Path(other) for other in passthrough],
        optics_group,
    )
    if need_images:
        table = _with_stack_geometry(table, optics_group)
    if given["ctf"] is not None:
        table = with_ctf(table, Path(given["ctf"]))
    if given["poses"] is not None:
        table = with_poses(table, Path(given["poses"]))
    if given["labels"] is not None:
        table = with_labels(table, Path(given["labels"]))
    table = _with_pixel_size(table, need_images)
    if indices is not None:
        table = select_indices(table, Path(indices))
    if optics_group is not None:
        table = _only_group(table, optics_group)
    table = without_unused_stacks(table)
    if need_images:
        ImageStacks(table)
    return table.with_notes(_remarks(table))


def _read_table(
    path: Path, datadir: Path | None, need_images: bool, need_ctf: bool, passthrough: list[Path], optics_group: int | None
) -> ParticleTable:
    if not path.exists():
        raise InputFileError(f"{path} does not exist; check the name")
    kind = Path(path.stem).suffix if path.suffix == ".gz" else path.suffix
    if kind != ".cs" and passthrough:
        raise InputFileError(f"{path} is no .cs file, so --passthrough {passthrough[0]} cannot belong to it; leave it out")
    if kind == ".star":
        return read_star(path, datadir, need_images, need_ctf, optics_group)
    if kind == ".cs":
        return read_cs(path, datadir, need_images, need_ctf, passthrough)
    if kind == ".txt":
        return read_stack_list(path, datadir)
    if kind in STACK_SUFFIXES:
        return read_stack(path)
    raise InputFileError(f"{path} is of no kind that is read; give a .star, .cs, .txt (list of stacks), .mrc or .mrcs file")


def _with_stack_geometry(table: ParticleTable, optics_group: int | None) -> ParticleTable:
    """Box from the first stack in use; where the table tells another, the stack was rescaled and so is the pixel."""
    first = 0 if optics_group is None else int(np.argmax(table.optics_group == optics_group))
    box = read_header(table.stacks[table.stack_index[first]]).nx
    if table.box_px in {0, box}:
        return replace(table, box_px=box)
    scale = table.box_px / box
    note = (
        f"{table.source.path.name} tells a box of {table.box_px} px and the images have {box}: they are taken as rescaled, "
        f"with a pixel {scale:.4g} times as large and shifts as much smaller"
    )
    return replace(
        table,
        box_px=box,
        pixel_size_angstrom=(table.pixel_size_angstrom * scale).astype(np.float32),
        shift_px=(table.shift_px / scale).astype(np.float32),
    ).with_notes([note])


def _with_pixel_size(table: ParticleTable, need_images: bool) -> ParticleTable:
    """Pixel sizes that no file told: from the stack's header, else 1 Å; the user is told which."""
    unknown = np.isnan(table.pixel_size_angstrom)
    if not unknown.any():
        return table
    size = read_header(table.stacks[0]).voxel_size_angstrom[0] if need_images else 0.0
    where = f"taken from the header of {table.stacks[0].name}: {size:.4g} Å" if size else "not told anywhere and taken as 1 Å"
    pixel = np.where(unknown, size or 1.0, table.pixel_size_angstrom).astype(np.float32)
    return replace(table, pixel_size_angstrom=pixel).with_notes([f"the pixel size is {where}"])


def _only_group(table: ParticleTable, optics_group: int) -> ParticleTable:
    chosen = table.optics_group == optics_group
    if not chosen.any():
        groups = ", ".join(map(str, np.unique(table.optics_group)))
        raise InputFileError(f"{table.source.path} has no particle of optics group {optics_group}; its groups are {groups}")
    return table[chosen]


def without_unused_stacks(table: ParticleTable) -> ParticleTable:
    """The same particles, with only the stacks that they are in."""
    used, stack_index = np.unique(table.stack_index, return_inverse=True)
    return replace(
        table, stacks=tuple(table.stacks[number] for number in used), stack_index=stack_index.reshape(-1).astype(np.int64)
    )


def _remarks(table: ParticleTable) -> list[str]:
    """What is legal and still worth a look."""
    notes = []
    sizes = np.unique(np.round(table.pixel_size_angstrom, 4))
    if len(sizes) > 1:
        listed = ", ".join(f"{size:.4g}" for size in sizes)
        notes.append(f"optics groups have different pixel sizes ({listed} Å); each particle keeps its own")
    pairs = np.stack([table.stack_index, table.frame], axis=1)
    repeated = len(pairs) - len(np.unique(pairs, axis=0))
    if repeated:
        notes.append(f"{repeated} rows name an image that another row names too")
    if table.box_px % 2:
        notes.append(f"the box of {table.box_px} px is odd; images are cropped or padded to an even box when used")
    return notes
