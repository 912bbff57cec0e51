"""The one table of particles that everything else works on: one frame, one set of units (docs/conventions.md)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float32]
IntArray = npt.NDArray[np.int64]

LARGEST_NUMBER = 1e30  # in single precision, with room to change units; nothing in a table comes near

SourceKind = Literal["star", "cs", "stack"]


@dataclass(frozen=True)
class CtfTable:
    """CTF parameters, one value a particle: every array is (n,) float32, in RELION's convention."""

    defocus_u_angstrom: FloatArray
    defocus_v_angstrom: FloatArray
    defocus_angle_deg: FloatArray
    voltage_kv: FloatArray
    cs_mm: FloatArray
    amplitude_contrast: FloatArray
    phase_shift_deg: FloatArray
    b_factor_angstrom2: FloatArray
    scale: FloatArray

    def __len__(self) -> int:
        return len(self.defocus_u_angstrom)

    def __getitem__(self, rows: npt.ArrayLike) -> CtfTable:
        index = np.asarray(rows)
        return CtfTable(**{f.name: getattr(self, f.name)[index] for f in fields(self)})

    def as_array(self) -> FloatArray:
        """All parameters as (n, 9) float32, columns in the order of the fields."""
        return np.stack([getattr(self, f.name) for f in fields(self)], axis=1).astype(np.float32)


@dataclass(frozen=True)
class Source:
    """Where the rows came from, so that a selection can be written back with all its columns.

    ``row`` is the (n,) zero-based row of each particle in the particle block of ``path``
    (for ``kind="stack"``: the zero-based image in the stack or list of stacks).
    ``passthrough`` names further files whose rows are matched to ``path`` (cryoSPARC pass-through .cs).
    """

    path: Path
    kind: SourceKind
    row: IntArray
    passthrough: tuple[Path, ...] = ()


@dataclass(frozen=True)
class ParticleTable:
    """n particle images with what is known of each.

    Attributes
    ----------
    stacks : absolute paths of the image stacks.
    stack_index : (n,) int64, which of ``stacks``.
    frame : (n,) int64, zero-based image inside its stack.
    box_px : side of the square images as stored in the file.
    pixel_size_angstrom : (n,) float32, of the images as stored.
    rotation : (n, 3, 3) float32 with ``k_volume = k_image @ R`` (row vectors), or None where the file has no poses.
    shift_px : (n, 2) float32 (x, y): translating the image by +shift centres the particle.
    ctf : CTF parameters, or None: the images are then taken as if CTF = 1.
    optics_group : (n,) int64, 1-based as in RELION.
    label : (n,) int64 known class of each particle, or None.
    source : the file that the rows came from.
    contrast_known : +1 where the file says that density is bright, -1 where it says dark, 0 where it does not say.
    notes : sentences that the user should read: what was assumed, repaired or looked odd.
    """

    stacks: tuple[Path, ...]
    stack_index: IntArray
    frame: IntArray
    box_px: int
    pixel_size_angstrom: FloatArray
    rotation: FloatArray | None
    shift_px: FloatArray
    ctf: CtfTable | None
    optics_group: IntArray
    label: IntArray | None
    source: Source
    contrast_known: int = 0
    notes: tuple[str, ...] = field(default=())

    def __len__(self) -> int:
        return len(self.frame)

    def __getitem__(self, rows: npt.ArrayLike) -> ParticleTable:
        """The table of these rows (integer index or boolean mask), in the order given."""
        index = np.asarray(rows)
        if index.dtype == bool:
            index = np.flatnonzero(index)
        return replace(
            self,
            stack_index=self.stack_index[index],
            frame=self.frame[index],
            pixel_size_angstrom=self.pixel_size_angstrom[index],
            rotation=None if self.rotation is None else self.rotation[index],
            shift_px=self.shift_px[index],
            ctf=None if self.ctf is None else self.ctf[index],
            optics_group=self.optics_group[index],
            label=None if self.label is None else self.label[index],
            source=replace(self.source, row=self.source.row[index]),
        )

    def with_notes(self, notes: Sequence[str]) -> ParticleTable:
        """The same table with more sentences for the user."""
        return replace(self, notes=(*self.notes, *notes))
