"""Bare image stacks, and text files that list them, as a ParticleTable without poses or CTF."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from cryohype_model.errors import InputFileError
from cryohype_model.io.mrc import read_header
from cryohype_model.io.resolve import locate_stacks
from cryohype_model.io.table import ParticleTable, Source


def read_stack_list(path: Path, datadir: Path | None = None) -> ParticleTable:
    """All images of the stacks that a .txt file names, one a line, in that order.

    Parameters
    ----------
    path : the list; names are relative to its folder.
    datadir : where the stacks are, when they are not where the list says.
    """
    try:
        names = [line.strip() for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
    except FileNotFoundError as error:
        raise InputFileError(f"{path} does not exist; check the name") from error
    except (UnicodeDecodeError, OSError) as error:
        raise InputFileError(f"{path} is no list of stacks ({error}); give a text file with one stack a line") from error
    if not names:
        raise InputFileError(f"{path} lists no stack; write one name a line")
    stacks, notes = locate_stacks(names, path, datadir, need_images=True)
    return _table(path, stacks).with_notes(notes)


def read_stack(path: Path) -> ParticleTable:
    """All images of one .mrc or .mrcs stack."""
    return _table(path, [path.absolute()])


def _table(path: Path, stacks: Sequence[Path]) -> ParticleTable:
    counts = [read_header(stack).nz for stack in stacks]
    total = sum(counts)
    return ParticleTable(
        stacks=tuple(stacks),
        stack_index=np.repeat(np.arange(len(stacks), dtype=np.int64), counts),
        frame=np.concatenate([np.arange(count, dtype=np.int64) for count in counts]),
        box_px=0,
        pixel_size_angstrom=np.full(total, np.nan, dtype=np.float32),
        rotation=None,
        shift_px=np.zeros((total, 2), dtype=np.float32),
        ctf=None,
        optics_group=np.ones(total, dtype=np.int64),
        label=None,
        source=Source(path.absolute(), "stack", np.arange(total, dtype=np.int64)),
        notes=(
            f"{path.name} has no poses (a stack holds images only)",
            f"{path.name} has no CTF: the images are taken as if CTF = 1",
        ),
    )
