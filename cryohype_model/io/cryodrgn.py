"""cryoDRGN's poses.pkl, ctf.pkl, index and label files: read into a ParticleTable, and written from one."""

from __future__ import annotations

import pickle
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from cryohype_model.errors import InputFileError
from cryohype_model.io.arrays import load_array, load_arrays, load_integers
from cryohype_model.io.atomic import written_whole
from cryohype_model.io.table import CtfTable, ParticleTable

F64 = npt.NDArray[np.float64]


def read_poses(path: Path) -> tuple[F64, F64 | None]:
    """Rotations (n, 3, 3) as ours, and shifts (n, 2) in fractions of the box with our sign, or None.

    The pickle holds ``(rot, trans)``, ``(rot,)`` or a bare array of rotations.
    """
    value: Any = load_arrays(path)
    parts = list(value) if isinstance(value, tuple | list) and len(value) in {1, 2} else [value]
    rotation = _as_double(parts[0])
    if rotation.ndim != 3 or rotation.shape[1:] != (3, 3):
        raise InputFileError(
            f"{path} holds no poses: the rotations have shape {rotation.shape} and not (n, 3, 3); give a poses.pkl"
        )
    if not np.isfinite(rotation).all() or np.abs(rotation @ rotation.transpose(0, 2, 1) - np.eye(3)).max(initial=0.0) > 1e-3:
        raise InputFileError(f"{path} holds matrices that are no rotations; give a poses.pkl")
    if len(parts) == 1 or parts[1] is None:
        return rotation, None
    shift = _as_double(parts[1])
    if shift.shape != (len(rotation), 2) or not np.isfinite(shift).all():
        raise InputFileError(
            f"{path} has shifts of shape {shift.shape} for {len(rotation)} rotations; they must be (n, 2) and finite"
        )
    return rotation, shift


def _as_double(value: Any) -> F64:
    """An array of numbers in double precision; empty for anything else."""
    if not isinstance(value, np.ndarray) or value.dtype.kind not in "biuf":
        return np.empty(0)
    with np.errstate(invalid="ignore"):  # what is not finite is refused by its reader
        return value.astype(np.float64)


def read_ctf(path: Path) -> F64:
    """The (n, 9) table: box px, pixel Å, defocus U and V Å, angle deg, kV, Cs mm, amplitude contrast, phase shift deg."""
    value = load_array(path)
    if value.ndim != 2 or value.shape[1] != 9 or not np.isfinite(value).all():
        raise InputFileError(
            f"{path} holds no CTF table: its shape is {value.shape} and not (n, 9) finite numbers; give a ctf.pkl"
        )
    return value.astype(np.float64)


def with_poses(table: ParticleTable, path: Path) -> ParticleTable:
    """The table with the poses of a poses.pkl; shifts become px of the stored box."""
    rotation, shift = read_poses(path)
    _check_count(path, len(rotation), table, "poses")
    if shift is not None and shift.any() and not table.box_px:
        raise InputFileError(f"{path} gives shifts in fractions of the box, and the box is not known; give the images too")
    shift_px = np.zeros((len(table), 2)) if shift is None else shift * table.box_px
    return replace(
        table,
        rotation=rotation.astype(np.float32),
        shift_px=shift_px.astype(np.float32),
        notes=tuple(note for note in table.notes if "has no poses" not in note),
    )


def with_ctf(table: ParticleTable, path: Path) -> ParticleTable:
    """The table with the CTF of a ctf.pkl, and its box and pixel size where the table has none of its own."""
    values = read_ctf(path)
    _check_count(path, len(values), table, "CTF rows")
    names = [field.name for field in fields(CtfTable)]  # the pickle's order is that of the first seven
    columns = dict(zip(names, values[:, 2:].T.astype(np.float32), strict=False))
    zero = np.zeros(len(values), dtype=np.float32)
    ctf = CtfTable(**columns, b_factor_angstrom2=zero, scale=zero + 1)
    box = table.box_px or int(values[0, 0])
    unknown = np.isnan(table.pixel_size_angstrom)
    pixel = np.where(unknown, values[:, 0] * values[:, 1] / box, table.pixel_size_angstrom).astype(np.float32)
    notes = tuple(note for note in table.notes if "has no CTF" not in note)
    return replace(table, ctf=ctf, box_px=box, pixel_size_angstrom=pixel, notes=notes)


def write_poses(table: ParticleTable, path: Path) -> None:
    """Write ``(rotations (n, 3, 3), shifts (n, 2) in fractions of the box)``, float32, as :func:`read_poses` reads them.

    Raises
    ------
    InputFileError : the table has no poses, or the folder does not exist.
    """
    if table.rotation is None:
        raise InputFileError(f"{table.source.path} has no poses, so {path} is not written; give particles that have been aligned")
    shift = (table.shift_px / table.box_px).astype(np.float32)
    _write_pickle((table.rotation.astype(np.float32), shift), path)


def write_ctf(table: ParticleTable, path: Path) -> None:
    """Write the (n, 9) float32 table that :func:`read_ctf` reads; B-factor and scale have no column there.

    Raises
    ------
    InputFileError : the table has no CTF, or the folder does not exist.
    """
    if table.ctf is None:
        raise InputFileError(f"{table.source.path} has no CTF, so {path} is not written; cryoDRGN takes images without one too")
    box = np.full(len(table), table.box_px, np.float32)
    columns = [box, table.pixel_size_angstrom, *table.ctf.as_array().T[:7]]
    _write_pickle(np.stack(columns, axis=1).astype(np.float32), path)


def write_labels(table: ParticleTable, path: Path) -> None:
    """Write the (n,) int64 classes, as :func:`with_labels` reads them.

    Raises
    ------
    InputFileError : the table has no labels, or the folder does not exist.
    """
    if table.label is None:
        raise InputFileError(f"{table.source.path} has no labels, so {path} is not written; give particles of known class")
    _write_pickle(table.label.astype(np.int64), path)


def _write_pickle(value: Any, path: Path) -> None:
    with written_whole(path) as beside:
        beside.write_bytes(pickle.dumps(value, protocol=4))


def with_labels(table: ParticleTable, path: Path) -> ParticleTable:
    """The table with a class for each particle."""
    label = load_integers(path)
    _check_count(path, len(label), table, "labels")
    return replace(table, label=label)


def select_indices(table: ParticleTable, path: Path) -> ParticleTable:
    """The rows that an index file names, in its order."""
    index = load_integers(path)
    if len(index) and (index.min() < 0 or index.max() >= len(table)):
        raise InputFileError(
            f"{path} names particle {index.max()} and {table.source.path} has {len(table)}; give the indices of this table"
        )
    if not len(index):
        raise InputFileError(f"{path} names no particle; give at least one index")
    return table[index]


def _check_count(path: Path, count: int, table: ParticleTable, what: str) -> None:
    if count != len(table):
        raise InputFileError(
            f"{path} has {count} {what} and {table.source.path} has {len(table)} particles; give the file of these particles"
        )
