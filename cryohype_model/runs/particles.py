"""The particles of a run: particles.star, and beside it the same as plain columns, which are mapped instead of read."""

from __future__ import annotations

import json
import math
from contextlib import suppress
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np

from cryohype_model.errors import InputFileError
from cryohype_model.io.atomic import written_whole
from cryohype_model.io.images import ImageStacks
from cryohype_model.io.particles import read_particles
from cryohype_model.io.table import CtfTable, ParticleTable, Source
from cryohype_model.runs.layout import Run

COLUMNS_VERSION = 1  # to be raised when a .star file is read otherwise than before
FEWEST = 10_000  # particles; fewer are read as fast as pyarrow is imported
KEY = b"cryohype"  # of the metadata of the file
SHAPES = {"rotation": (3, 3), "shift_px": (2,)}  # of a particle, where it is not one number
TYPES = {"int64": np.int64, "float": np.float32}
OPTIONAL = ("rotation", "label")
NAMES = ("stack_index", "frame", "pixel_size_angstrom", "rotation", "shift_px", "optics_group", "label")
CTF_NAMES = tuple(field.name for field in fields(CtfTable))
SOURCE_ROW = "source_row"


def read_run_particles(run: Run, need_images: bool = True) -> ParticleTable:
    """The particles as trained on.

    What was read of a long particles.star is kept in particles.arrow, whose memory all processes of a machine share; it is made
    anew where it is not of this particles.star, and done without where it cannot be written.

    Parameters
    ----------
    need_images : False where the images may be gone by now.

    Raises
    ------
    InputFileError : particles.star cannot be read, or an image that is needed is not there.
    """
    table = _kept(run)
    if table is not None and need_images:
        try:
            ImageStacks(table)
        except InputFileError:  # looked for anew, or told with the name of the file that the user knows
            table = None
    if table is None:
        state = _state(run.particles_star)
        table = read_particles(run.particles_star, need_images=need_images)
        if need_images and len(table) >= FEWEST:
            _keep(run, table, state)
    return table


def _state(star: Path) -> dict[str, int]:
    """What changes with the file; of one that is missing, which is told when it is read, nothing."""
    try:
        stat = star.stat()
    except OSError:
        return {}
    return {"format_version": COLUMNS_VERSION, "star_bytes": stat.st_size, "star_mtime_ns": stat.st_mtime_ns}


def _keep(run: Run, table: ParticleTable, state: dict[str, int]) -> None:
    """Write the columns; their metadata tell of which particles.star they are."""
    import pyarrow as pa

    columns = {name: value for name in NAMES if (value := getattr(table, name)) is not None}
    if table.ctf is not None:
        columns |= {name: getattr(table.ctf, name) for name in CTF_NAMES}
    columns[SOURCE_ROW] = table.source.row
    facts = {
        **state,
        "stacks": [str(path) for path in table.stacks],
        "box_px": table.box_px,
        "source": {
            "path": str(table.source.path),
            "kind": table.source.kind,
            "passthrough": [str(path) for path in table.source.passthrough],
        },
        "contrast_known": table.contrast_known,
        "notes": list(table.notes),
    }
    arrays = {}
    for name, values in columns.items():
        whole = values.dtype.kind in "iu"
        content = np.ascontiguousarray(values, np.int64 if whole else np.float32)
        flat = pa.Array.from_buffers(pa.int64() if whole else pa.float32(), content.size, [None, pa.py_buffer(content)])
        arrays[name] = pa.FixedSizeListArray.from_arrays(flat, math.prod(SHAPES[name])) if name in SHAPES else flat
    columns_and_facts = pa.table(arrays).replace_schema_metadata({KEY: json.dumps(facts).encode()})
    with (
        suppress(OSError, InputFileError),  # a run that may not be written to, or a full disk
        written_whole(run.particle_columns) as beside,
        pa.OSFile(str(beside), "wb") as file,
        pa.ipc.new_file(file, columns_and_facts.schema) as writer,
    ):
        writer.write_table(columns_and_facts, max_chunksize=max(1, len(table)))


def _kept(run: Run) -> ParticleTable | None:
    """The columns where they are of this particles.star, mapped read-only."""
    if not run.particle_columns.is_file():
        return None
    import pyarrow as pa

    try:
        with pa.memory_map(str(run.particle_columns)) as file:
            content = pa.ipc.open_file(file).read_all()
        facts = json.loads((content.schema.metadata or {})[KEY])
        state = _state(run.particles_star)
        if not state or any(facts[name] != value for name, value in state.items()):
            return None
        return _table(content, facts)
    except (OSError, ValueError, KeyError, TypeError, pa.ArrowException):  # damaged, or of another program
        return None


def _table(content: Any, facts: dict[str, Any]) -> ParticleTable:
    columns: dict[str, Any] = {}
    for name in content.column_names:
        (chunk,) = content.column(name).chunks
        flat = chunk.flatten() if name in SHAPES else chunk
        # pyarrow's own way to and from numpy imports pandas
        values = np.frombuffer(flat.buffers()[1], TYPES[str(flat.type)], len(flat), flat.offset * flat.type.bit_width // 8)
        columns[name] = values.reshape(-1, *SHAPES.get(name, ()))
    own: dict[str, Any] = {name: columns.get(name) if name in OPTIONAL else columns[name] for name in NAMES}
    source = facts["source"]
    return ParticleTable(
        **own,
        stacks=tuple(Path(path) for path in facts["stacks"]),
        box_px=facts["box_px"],
        ctf=CtfTable(**{name: columns[name] for name in CTF_NAMES}) if CTF_NAMES[0] in columns else None,
        source=Source(
            Path(source["path"]), source["kind"], columns[SOURCE_ROW], tuple(Path(path) for path in source["passthrough"])
        ),
        contrast_known=facts["contrast_known"],
        notes=tuple(facts["notes"]),
    )
