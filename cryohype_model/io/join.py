"""Two tables of particles as one: those of a run, and more of the same kind."""

from __future__ import annotations

from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from cryohype_model.errors import InputFileError
from cryohype_model.io.table import CtfTable, ParticleTable, Source

PIXEL_TOLERANCE = 0.01  # relative: what training takes as one pixel size


def check_same_kind(table: ParticleTable, more: ParticleTable) -> None:
    """InputFileError unless ``more`` can follow ``table``: poses, box, pixel size, CTF and contrast."""
    name = more.source.path
    if more.rotation is None:
        raise InputFileError(f"{name} has no poses, and every particle needs one; refine the particles first, or pass --poses")
    if more.box_px != table.box_px:
        raise InputFileError(
            f"{name} has images of {more.box_px} px and the others have {table.box_px} px; extract them again at that size"
        )
    sizes = np.unique(np.concatenate([table.pixel_size_angstrom, more.pixel_size_angstrom]))
    if sizes[-1] > (1 + PIXEL_TOLERANCE) * sizes[0]:
        given, known = np.median(more.pixel_size_angstrom), np.median(table.pixel_size_angstrom)
        raise InputFileError(
            f"{name} has pixels of {given:.4g} Å and the others have {known:.4g} Å; extract them again with the same pixel size"
        )
    if table.ctf is not None and more.ctf is None:
        raise InputFileError(f"{name} has no CTF and the others have; give a file with CTF parameters, or pass --ctf")
    if table.contrast_known * more.contrast_known < 0:
        raise InputFileError(
            f"{name} says that density is {_shade(more)} in its images, and the file of the others says {_shade(table)}; "
            "give images of the same contrast"
        )


def named_already(table: ParticleTable, more: ParticleTable) -> npt.NDArray[np.bool_]:
    """(n,) whether a row of ``more`` names an image that ``table`` names too: the same section of the same file."""
    paths = [stack.resolve() for stack in (*table.stacks, *more.stacks)]
    number = {path: place for place, path in enumerate(dict.fromkeys(paths))}
    file = np.array([number[path] for path in paths], dtype=np.int64)
    sections = 1 + max(int(table.frame.max(initial=0)), int(more.frame.max(initial=0)))
    known = file[table.stack_index] * sections + table.frame
    given = file[len(table.stacks) + more.stack_index] * sections + more.frame
    return np.isin(given, known)


def joined(table: ParticleTable, more: ParticleTable, path: Path) -> ParticleTable:
    """The particles of ``table``, then those of ``more``, which :func:`check_same_kind` let pass.

    Where one of the two has labels, those of the other are unknown: -1. A CTF that ``table`` knows nothing of is left out. Rows
    of one original file go on being rows of it; from two files they are rows of the joined table alone.

    Parameters
    ----------
    path : where the joined table will be written.
    """
    ctf = None
    if table.ctf is not None and more.ctf is not None:
        pairs = {field.name: (getattr(table.ctf, field.name), getattr(more.ctf, field.name)) for field in fields(CtfTable)}
        ctf = CtfTable(**{name: np.concatenate(pair) for name, pair in pairs.items()})
    rotation = None
    if table.rotation is not None and more.rotation is not None:
        rotation = np.concatenate([table.rotation, more.rotation])
    return replace(
        table,
        stacks=(*table.stacks, *more.stacks),
        stack_index=np.concatenate([table.stack_index, len(table.stacks) + more.stack_index]),
        frame=np.concatenate([table.frame, more.frame]),
        pixel_size_angstrom=np.concatenate([table.pixel_size_angstrom, more.pixel_size_angstrom]),
        rotation=rotation,
        shift_px=np.concatenate([table.shift_px, more.shift_px]),
        ctf=ctf,
        optics_group=np.concatenate([table.optics_group, more.optics_group]),
        label=_labels(table, more),
        source=_source(table, more, path),
        contrast_known=table.contrast_known or more.contrast_known,
        notes=(),
    )


def _labels(table: ParticleTable, more: ParticleTable) -> npt.NDArray[np.int64] | None:
    if table.label is None and more.label is None:
        return None
    unknown = [np.full(len(one), -1, dtype=np.int64) if one.label is None else one.label for one in (table, more)]
    return np.concatenate(unknown)


def _source(table: ParticleTable, more: ParticleTable, path: Path) -> Source:
    first, second = table.source, more.source
    if (first.path, first.kind, first.passthrough) == (second.path, second.kind, second.passthrough):
        return replace(first, row=np.concatenate([first.row, second.row]))
    return Source(path.absolute(), "star", np.arange(len(table) + len(more), dtype=np.int64))


def _shade(table: ParticleTable) -> str:
    return "bright" if table.contrast_known > 0 else "dark"
