"""Write a ParticleTable as a RELION 3.1 table with columns of our own, so that reading it back gives the same table."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt

from cryohype_model.io.atomic import written_whole
from cryohype_model.io.rotation import matrix_to_euler
from cryohype_model.io.table import ParticleTable

PER_PARTICLE_CTF = {
    "rlnDefocusU": "defocus_u_angstrom",
    "rlnDefocusV": "defocus_v_angstrom",
    "rlnDefocusAngle": "defocus_angle_deg",
    "rlnPhaseShift": "phase_shift_deg",
    "rlnCtfBfactor": "b_factor_angstrom2",
    "rlnCtfScalefactor": "scale",
}
PER_GROUP_CTF = {"rlnVoltage": "voltage_kv", "rlnSphericalAberration": "cs_mm", "rlnAmplitudeContrast": "amplitude_contrast"}
ROWS_AT_ONCE = 10_000

Columns = dict[str, npt.NDArray[np.generic]]


def write_star(table: ParticleTable, path: str | Path) -> None:
    """Write the table, beside its place and renamed into it when complete.

    Image names are relative to the folder of the file where the stacks lie below it, else absolute. RELION reads the file;
    ``_cryohypeLabel``, ``_cryohypeSourceRow`` and the block data_cryohype_source are for us.

    Parameters
    ----------
    table : particles in our frame.
    path : name of the .star file; an existing file is replaced.
    """
    path = Path(path)
    group, optics = _optics(table)
    with written_whole(path) as beside, beside.open("w", encoding="utf-8", errors="surrogateescape", newline="") as file:
        file.writelines(_text(table, path, group, optics))


def _text(table: ParticleTable, path: Path, group: npt.NDArray[np.int64], optics: Columns) -> Iterator[str]:
    yield "# version 30001\n\ndata_optics\n\n"
    yield from _loop(optics)
    yield "\n\n# version 30001\n\ndata_cryohype_source\n\n"
    yield from _loop(_source_columns(table, path))
    yield "\n\n# version 30001\n\ndata_particles\n\n"
    yield from _loop(_particle_columns(table, path, group))


def _source_columns(table: ParticleTable, path: Path) -> Columns:
    """The files that the rows came from; ``.`` where that is the file being written, which may be moved later."""
    source = table.source
    itself = (source.path.name == path.name and not source.path.exists()) or source.path == path.absolute()
    files = ["." if itself else str(source.path), *map(str, source.passthrough)]
    return {
        "cryohypeSourcePath": np.array([quoted(file) for file in files]),
        "cryohypeSourceKind": np.array([source.kind, *("passthrough" for _ in source.passthrough)]),
        "cryohypeContrast": np.full(len(files), table.contrast_known),
    }


def _optics(table: ParticleTable) -> tuple[npt.NDArray[np.int64], Columns]:
    """(n,) group of each particle and the rows of data_optics.

    RELION keeps pixel size, voltage, Cs and amplitude contrast by group: a group that mixes them is split and all are renumbered.
    """
    keys = [table.optics_group, table.pixel_size_angstrom]
    keys += [] if table.ctf is None else [getattr(table.ctf, name) for name in PER_GROUP_CTF.values()]
    stacked = np.stack([np.asarray(key, dtype=np.float64) for key in keys], axis=1)
    rows, first, inverse = np.unique(stacked, axis=0, return_index=True, return_inverse=True)
    old = rows[:, 0].astype(np.int64)
    number = old if len(np.unique(old)) == len(old) else np.arange(1, len(old) + 1)
    optics: Columns = {
        "rlnOpticsGroupName": np.array([f"opticsGroup{each}" for each in number]),
        "rlnOpticsGroup": number,
        "rlnImagePixelSize": table.pixel_size_angstrom[first],
        "rlnImageSize": np.full(len(number), table.box_px),
        "rlnImageDimensionality": np.full(len(number), 2),
    }
    if table.ctf is not None:
        optics |= {column: getattr(table.ctf, name)[first] for column, name in PER_GROUP_CTF.items()}
    return number[inverse.reshape(-1)], optics


def _particle_columns(table: ParticleTable, path: Path, group: npt.NDArray[np.int64]) -> Columns:
    columns: Columns = {"rlnImageName": _image_names(table, path), "rlnOpticsGroup": group}
    if table.rotation is not None:
        angles = matrix_to_euler(table.rotation)
        columns |= {name: angles[:, place] for place, name in enumerate(("rlnAngleRot", "rlnAngleTilt", "rlnAnglePsi"))}
    origin = table.shift_px.astype(np.float64) * table.pixel_size_angstrom.astype(np.float64)[:, None]
    columns |= {"rlnOriginXAngst": origin[:, 0], "rlnOriginYAngst": origin[:, 1]}
    if table.ctf is not None:
        columns |= {column: getattr(table.ctf, name) for column, name in PER_PARTICLE_CTF.items()}
    if table.label is not None:
        columns["cryohypeLabel"] = table.label
    columns["cryohypeSourceRow"] = table.source.row
    return columns


def _image_names(table: ParticleTable, path: Path) -> npt.NDArray[np.generic]:
    folder = path.absolute().parent
    names = [str(stack.relative_to(folder)) if stack.is_relative_to(folder) else str(stack) for stack in table.stacks]
    pairs = zip(table.frame.tolist(), table.stack_index.tolist(), strict=True)
    return np.array([quoted(f"{frame + 1:06d}@{names[stack]}") for frame, stack in pairs], dtype=object)


def quoted(word: str) -> str:
    """A value as STAR wants it: in quotation marks when it is empty or has a blank."""
    return f'"{word}"' if not word or any(letter.isspace() for letter in word) else word


def _loop(columns: Columns) -> Iterator[str]:
    """One loop, its rows in pieces: numbers with as many digits as it takes to read them back the same."""
    yield "loop_\n" + "".join(f"_{name} #{number}\n" for number, name in enumerate(columns, 1))
    count = len(next(iter(columns.values())))
    for start in range(0, count, ROWS_AT_ONCE):
        words = [_words(values[start : start + ROWS_AT_ONCE]) for values in columns.values()]
        yield "".join(" ".join(row) + "\n" for row in zip(*words, strict=True))


def _words(values: npt.NDArray[np.generic]) -> list[str]:
    if values.dtype == np.float64:
        return [f"{value:.12g}" for value in values.tolist()]
    words: list[str] = values.astype(np.str_).tolist()
    return words
