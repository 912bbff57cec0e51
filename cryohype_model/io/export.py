"""Write chosen particles back in the form of the file that they came from, all columns intact."""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import numpy.typing as npt

from cryohype_model.errors import InputFileError
from cryohype_model.io.atomic import written_whole
from cryohype_model.io.cryosparc import merge_passthrough
from cryohype_model.io.star import particle_block
from cryohype_model.io.star_file import read_star_file
from cryohype_model.io.table import ParticleTable, Source
from cryohype_model.io.write import write_star

Rows = npt.NDArray[np.int64]


def export_selection(table: ParticleTable, rows: npt.ArrayLike, path: str | Path) -> None:
    """Write particles of a table to a .star, .cs or .pkl file.

    .star from a .star and .cs from a .cs hold the original rows, every column as it was (pass-through columns are joined to
    a .cs), other blocks included. .star from anything else is our own RELION table. .pkl is cryoDRGN's index file: positions
    in the original file.

    Parameters
    ----------
    table : the particles, whose source still exists unless the output is .pkl.
    rows : (m,) which of them, in the order wanted.
    path : name of the file, its ending decides the form.

    Raises
    ------
    InputFileError : an ending that is none of these, rows beyond the table, or a source that is gone or became shorter.
    """
    path = Path(path)
    if path.suffix != ".pkl" and table.source.kind != "stack" and not table.source.path.exists():
        raise InputFileError(
            f"{table.source.path}, which the particles came from, is gone, and its columns with it; restore it, or write a .pkl"
        )
    chosen = np.asarray(rows, dtype=np.int64).reshape(-1)
    if not len(chosen):
        raise InputFileError(f"no particle is selected, so {path} is not written; choose at least one")
    outside = chosen[(chosen < 0) | (chosen >= len(table))]
    if len(outside):
        raise InputFileError(f"particle {outside[0]} is asked for and {table.source.path} has {len(table)}; correct the rows")
    source_rows = table.source.row[chosen]
    if path.suffix == ".pkl":
        _write_indices(source_rows, path)
    elif path.suffix == ".star" and table.source.kind == "star":
        _write_star_rows(table.source, source_rows, path)
    elif path.suffix == ".star":
        write_star(table[chosen], path)
    elif path.suffix == ".cs" and table.source.kind == "cs":
        _write_cs_rows(table.source, source_rows, path)
    else:
        kinds = ".star or .pkl" if table.source.kind != "cs" else ".cs, .star or .pkl"
        raise InputFileError(f"{path} cannot be written from {table.source.path}; choose a name that ends in {kinds}")


def _write_indices(rows: Rows, path: Path) -> None:
    with written_whole(path) as beside:
        beside.write_bytes(pickle.dumps(rows, protocol=4))


def _write_star_rows(source: Source, rows: Rows, path: Path) -> None:
    file = read_star_file(source.path)
    block = particle_block(file)
    _check_rows(source.path, len(block), rows)
    with written_whole(path) as beside:
        beside.write_bytes(file.copy_rows(block, rows).encode("utf-8", errors="surrogateescape"))


def _write_cs_rows(source: Source, rows: Rows, path: Path) -> None:
    table = merge_passthrough(source.path, source.passthrough)
    _check_rows(source.path, len(table), rows)
    with written_whole(path) as beside, beside.open("wb") as file:
        np.save(file, table[rows], allow_pickle=False)


def _check_rows(path: Path, count: int, rows: Rows) -> None:
    if rows.max() >= count:
        raise InputFileError(
            f"{path} has {count} rows and row {rows.max()} is wanted: it changed since it was imported; restore it"
        )
