"""cryoSPARC particle tables (.cs, structured numpy arrays) as a ParticleTable."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from cryohype_model.errors import InputFileError
from cryohype_model.io.arrays import DAMAGED_NPY, first_line
from cryohype_model.io.resolve import locate_stacks
from cryohype_model.io.rotation import rotation_vector_to_matrix
from cryohype_model.io.table import LARGEST_NUMBER, CtfTable, ParticleTable, Source

Rows = npt.NDArray[np.void]

CTF_FIELDS = {
    "ctf/df1_A": "defocus_u_angstrom",
    "ctf/df2_A": "defocus_v_angstrom",
    "ctf/df_angle_rad": "defocus_angle_deg",
    "ctf/accel_kv": "voltage_kv",
    "ctf/cs_mm": "cs_mm",
    "ctf/amp_contrast": "amplitude_contrast",
}
CTF_OPTIONAL = {"ctf/phase_shift_rad": "phase_shift_deg", "ctf/bfactor": "b_factor_angstrom2", "ctf/scale": "scale"}


def load_rows(path: Path) -> Rows:
    """The structured array of a .cs file; nothing in it is unpickled."""
    try:
        with path.open("rb") as file:
            magic = file.read(6)
        if magic[1:] == b"CSDAT":
            raise InputFileError(
                f"{path} is in cryoSPARC's compressed format; save it again with cryosparc-tools as format 1 (numpy)"
            )
        rows = np.load(path, allow_pickle=False)
    except FileNotFoundError as error:
        raise InputFileError(f"{path} does not exist; check the name") from error
    except DAMAGED_NPY as error:
        raise InputFileError(f"{path} is no cryoSPARC table ({first_line(error)}); give a .cs file") from error
    if not isinstance(rows, np.ndarray) or rows.dtype.names is None or rows.ndim != 1:
        raise InputFileError(f"{path} is a numpy array without named columns and no cryoSPARC table; give a .cs file")
    return rows


def merge_passthrough(path: Path, passthrough: Sequence[Path]) -> Rows:
    """Rows of ``path`` with the columns that only the pass-through files have, matched by ``uid``.

    Raises
    ------
    InputFileError : a file has no uid column, or lacks a particle of ``path``.
    """
    rows = load_rows(path)
    for other_path in passthrough:
        other = load_rows(other_path)
        for name, table in ((path, rows), (other_path, other)):
            if "uid" not in (table.dtype.names or ()):
                raise InputFileError(
                    f"{name} has no uid column, by which pass-through files are matched; give the .cs of the same job"
                )
        rows = _joined(rows, other, other_path)
    return rows


def _joined(rows: Rows, other: Rows, other_path: Path) -> Rows:
    names = rows.dtype.names or ()
    extra = [name for name in other.dtype.names or () if name not in names]
    order = np.argsort(other["uid"])
    place = (
        order[np.searchsorted(other["uid"], rows["uid"], sorter=order).clip(max=len(other) - 1)]
        if len(other)
        else np.empty(0, int)
    )
    absent = len(rows) if not len(other) else int((other["uid"][place] != rows["uid"]).sum())
    if absent:
        raise InputFileError(
            f"{other_path} lacks {absent} of the {len(rows)} particles (by uid); give the pass-through file of the same job"
        )
    fields: list[Any] = [(name, *_field(rows, name)) for name in names] + [(name, *_field(other, name)) for name in extra]
    merged = np.empty(len(rows), dtype=fields)
    for name in names:
        merged[name] = rows[name]
    for name in extra:
        merged[name] = other[name][place]
    return merged


def _field(rows: Rows, name: str) -> tuple[np.dtype[Any], tuple[int, ...]]:
    dtype = rows.dtype[name]
    return dtype.base, dtype.shape


def read_cs(
    path: Path, datadir: Path | None = None, need_images: bool = True, need_ctf: bool = True, passthrough: Sequence[Path] = ()
) -> ParticleTable:
    """Read a cryoSPARC table.

    Parameters
    ----------
    path : the .cs file.
    datadir : where the images are; else they are looked for from the project's folder, above the file.
    need_images : False leaves image names unchecked.
    need_ctf : False when CTF parameters come from elsewhere.
    passthrough : further .cs files of the job, for columns that ``path`` lacks.
    """
    rows = merge_passthrough(path, passthrough)
    names = rows.dtype.names or ()
    if "blob/path" not in names or "blob/idx" not in names:
        raise InputFileError(f"{path} names no images (no blob/path); add the file that does with --passthrough")
    if not len(rows):
        raise InputFileError(f"{path} has no particle; give a table with rows")
    stack_index = np.empty(len(rows), dtype=np.int64)
    numbers: dict[bytes, int] = {}
    for row, name in enumerate(rows["blob/path"].tolist()):
        stack_index[row] = numbers.setdefault(name, len(numbers))
    stacks, notes = locate_stacks([os.fsdecode(name).lstrip(">") for name in numbers], path, datadir, need_images)
    pixel = _finite(path, rows, "blob/psize_A") if "blob/psize_A" in names else np.full(len(rows), np.nan)
    rotation, shift_px, pose_notes = _poses(path, rows, pixel)
    ctf, ctf_notes = _ctf(path, rows) if need_ctf else (None, [])
    contrast, contrast_notes = _contrast(path, rows)
    return ParticleTable(
        stacks=stacks,
        stack_index=stack_index,
        frame=rows["blob/idx"].astype(np.int64),
        box_px=_box(path, rows),
        pixel_size_angstrom=pixel.astype(np.float32),
        rotation=rotation,
        shift_px=shift_px,
        ctf=ctf,
        optics_group=_groups(rows, pixel),
        label=None,
        source=Source(
            path.absolute(), "cs", np.arange(len(rows), dtype=np.int64), tuple(other.absolute() for other in passthrough)
        ),
        contrast_known=contrast,
        notes=(*notes, *pose_notes, *ctf_notes, *contrast_notes),
    )


def _box(path: Path, rows: Rows) -> int:
    if "blob/shape" not in (rows.dtype.names or ()):
        return 0
    shapes = np.unique(rows["blob/shape"].reshape(len(rows), -1), axis=0)
    if len(shapes) > 1 or shapes[0][0] != shapes[0][-1]:
        listed = ", ".join(" x ".join(map(str, shape)) for shape in shapes[:4])
        raise InputFileError(f"{path} needs square images of one box and has {listed}; extract or downsample them to one box")
    return int(shapes[0][0])


def _poses(path: Path, rows: Rows, pixel: npt.NDArray[np.float64]) -> tuple[npt.NDArray[np.float32] | None, Any, list[str]]:
    """Rotations and shifts (px of the image as stored).

    cryoSPARC's rotation vector turns the volume's frame into the image's; ours is the transpose. Shifts have our sign.
    """
    names = rows.dtype.names or ()
    if "alignments3D/pose" not in names:
        found = "2-D alignments only" if "alignments2D/pose" in names else "no alignments3D/pose"
        return None, np.zeros((len(rows), 2), dtype=np.float32), [f"{path.name} has no poses ({found})"]
    vectors = _finite(path, rows, "alignments3D/pose")
    rotation = rotation_vector_to_matrix(vectors).transpose(0, 2, 1).astype(np.float32)
    shift = _finite(path, rows, "alignments3D/shift") if "alignments3D/shift" in names else np.zeros((len(rows), 2))
    scale = _finite(path, rows, "alignments3D/psize_A") / pixel if "alignments3D/psize_A" in names else np.ones(len(rows))
    scale = np.where(np.isfinite(scale) & (scale > 0), scale, 1.0)
    return rotation, _checked(path, "alignments3D/shift", shift * scale[:, None]).astype(np.float32), []


def _ctf(path: Path, rows: Rows) -> tuple[CtfTable | None, list[str]]:
    names = rows.dtype.names or ()
    missing = [name for name in CTF_FIELDS if name not in names]
    if len(missing) == len(CTF_FIELDS):
        return None, [f"{path.name} has no CTF columns: the images are taken as if CTF = 1"]
    if missing:
        raise InputFileError(f"{path} has CTF columns but lacks {', '.join(missing)}; add them with --passthrough or pass --ctf")
    values = {field: _finite(path, rows, name) for name, field in CTF_FIELDS.items()}
    for name, field in CTF_OPTIONAL.items():
        values[field] = _finite(path, rows, name) if name in names else np.full(len(rows), float(field == "scale"))
    for field in ("defocus_angle_deg", "phase_shift_deg"):
        values[field] = np.rad2deg(values[field])
    aberrations = [
        name for name in ("ctf/tilt_A", "ctf/trefoil_A", "ctf/tetra_A", "ctf/anisomag") if name in names and rows[name].any()
    ]
    notes = [f"{path.name} has aberrations ({', '.join(aberrations)}) that are not applied"] if aberrations else []
    return CtfTable(**{field: value.astype(np.float32) for field, value in values.items()}), notes


def _finite(path: Path, rows: Rows, name: str) -> npt.NDArray[np.float64]:
    """A column in double precision, each value finite."""
    with np.errstate(invalid="ignore"):  # signalling not-a-number
        return _checked(path, name, rows[name].astype(np.float64))


def _checked(path: Path, name: str, values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """The values (n, ...); anything that is not finite or absurdly large is refused, its row named."""
    bad = np.flatnonzero(~(np.abs(values.reshape(len(values), -1)) <= LARGEST_NUMBER).all(axis=1))
    if len(bad):
        raise InputFileError(
            f"{path} has {name} = {values[bad[0]]} in row {bad[0]}, which is no finite number; remove that particle"
        )
    return values


def _contrast(path: Path, rows: Rows) -> tuple[int, list[str]]:
    """+1 where blob/sign says that density is bright, -1 dark: cryoSPARC multiplies images with it to make density positive."""
    signs = np.unique(np.sign(rows["blob/sign"])) if "blob/sign" in (rows.dtype.names or ()) else np.zeros(1)
    if len(signs) > 1:
        return 0, [f"{path.name} mixes images of both contrasts (blob/sign); invert one kind and import again"]
    return int(signs[0]), []


def _groups(rows: Rows, pixel: npt.NDArray[np.float64]) -> npt.NDArray[np.int64]:
    """Optics groups from 1: particles of one exposure group and pixel size."""
    names = rows.dtype.names or ()
    exposure = rows["ctf/exp_group_id"] if "ctf/exp_group_id" in names else np.zeros(len(rows))
    keys = np.stack([exposure.astype(np.float64), np.nan_to_num(pixel)], axis=1)
    group: npt.NDArray[np.int64] = np.unique(keys, axis=0, return_inverse=True)[1].reshape(-1).astype(np.int64) + 1
    return group
