"""RELION particle tables (3.0, 3.1, 4, 5) and our own, as a ParticleTable."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import cast

import numpy as np
import numpy.typing as npt

from cryohype_model.errors import InputFileError
from cryohype_model.io.mrc import read_header
from cryohype_model.io.resolve import locate_stacks
from cryohype_model.io.rotation import euler_to_matrix
from cryohype_model.io.star_file import StarBlock, StarFile, read_star_file
from cryohype_model.io.table import CtfTable, ParticleTable, Source, SourceKind

F64 = npt.NDArray[np.float64]
I64 = npt.NDArray[np.int64]

ANGLES = ("rlnAngleRot", "rlnAngleTilt", "rlnAnglePsi")
CTF_NEEDED = {
    "rlnDefocusU": "defocus_u_angstrom",
    "rlnDefocusV": "defocus_v_angstrom",
    "rlnDefocusAngle": "defocus_angle_deg",
    "rlnVoltage": "voltage_kv",
    "rlnSphericalAberration": "cs_mm",
    "rlnAmplitudeContrast": "amplitude_contrast",
}
CTF_OPTIONAL = {"rlnPhaseShift": "phase_shift_deg", "rlnCtfBfactor": "b_factor_angstrom2", "rlnCtfScalefactor": "scale"}
PIXEL_COLUMNS = ("rlnImagePixelSize", "rlnPixelSize", "rlnDetectorPixelSize", "rlnMagnification", "rlnImageSize")
PX_ORIGINS, ANGSTROM_ORIGINS = ("rlnOriginX", "rlnOriginY"), ("rlnOriginXAngst", "rlnOriginYAngst")
KIND_COLUMNS = ("rlnImageDimensionality", "rlnCtfDataAreCtfPremultiplied")
OWN_COLUMNS = ("cryohypeLabel", "cryohypeSourceRow")
SOURCE_BLOCK = "cryohype_source"
ABERRATIONS = ("rlnBeamTiltX", "rlnBeamTiltY", "rlnOddZernike", "rlnEvenZernike", "rlnMagMat00")


def particle_block(file: StarFile) -> StarBlock:
    """The table of particles of a STAR file: the one with ``_rlnImageName``, by RELION's name where there are several."""
    with_images = [block for block in file.blocks if "rlnImageName" in block.columns]
    named = [block for block in with_images if block.name in {"particles", "images", ""}]
    found = named or with_images
    if len(found) == 1 and len(found[0]):
        return found[0]
    if len(found) > 1:
        names = ", ".join(f"data_{block.name}" for block in found)
        raise InputFileError(
            f"{file.path} has {len(found)} tables with _rlnImageName ({names}); keep one and call it data_particles"
        )
    if found:
        raise InputFileError(f"{file.path} has a table data_{found[0].name} without a row; give a table with particles")
    raise InputFileError(_no_particles(file))


def _no_particles(file: StarFile) -> str:
    columns = {column for block in file.blocks for column in block.columns}
    if "rlnTomoParticlesFile" in columns:
        return f"{file.path} is a RELION tomography optimisation set; give the .star file of its particles"
    if {"rlnMicrographName", "rlnCoordinateX"} <= columns:
        return f"{file.path} lists positions in micrographs and no images (_rlnImageName is missing); extract the particles first"
    blocks = ", ".join(f"data_{block.name}" for block in file.blocks[:4]) + (" …" if len(file.blocks) > 4 else "")
    return f"{file.path} has no table of particles (no column _rlnImageName in {blocks}); give a particles .star file"


class _Columns:
    """Numbers of the particle table, or of the optics group of each particle where the particle table has none."""

    def __init__(self, file: StarFile, particles: StarBlock) -> None:
        self.particles = particles
        self.optics = file.block("optics")
        wanted = [
            *ANGLES,
            *CTF_NEEDED,
            *CTF_OPTIONAL,
            *PIXEL_COLUMNS,
            *PX_ORIGINS,
            *ANGSTROM_ORIGINS,
            *OWN_COLUMNS,
            *KIND_COLUMNS,
        ]
        self._own = particles.numbers([name for name in (*wanted, "rlnOpticsGroup") if name in particles.columns])
        self._of_group: dict[str, F64] = {}
        self.group = self._own.get("rlnOpticsGroup", np.ones(len(particles))).astype(np.int64)
        self.has_groups = self.optics is not None and "rlnOpticsGroup" in self.optics.columns
        if self.optics is not None and self.has_groups:
            self._of_group = self.optics.numbers([name for name in wanted if name in self.optics.columns])
            self._place = self._group_places(self.optics)

    def _group_places(self, optics: StarBlock) -> I64:
        known = optics.numbers(["rlnOpticsGroup"])["rlnOpticsGroup"].astype(np.int64)
        if not len(known):
            raise InputFileError(f"{optics.file.path} has a table data_optics without a row; list each optics group in it")
        order = np.argsort(known)
        place = order[np.searchsorted(known[order], self.group).clip(max=len(known) - 1)]
        missing = self.group[known[place] != self.group]
        if len(missing):
            raise InputFileError(
                f"{optics.file.path} has particles of optics group {missing[0]}, which data_optics does not list; add that group"
            )
        return cast(I64, place)

    def get(self, name: str) -> F64 | None:
        """(n,) values of a column wherever it is, None where it is nowhere."""
        if name in self._own:
            return self._own[name]
        return self._of_group[name][self._place] if name in self._of_group else None

    def has(self, name: str) -> bool:
        return name in self._own or name in self._of_group


def read_star(
    path: Path, datadir: Path | None = None, need_images: bool = True, need_ctf: bool = True, optics_group: int | None = None
) -> ParticleTable:
    """Read a particle table; the pixel size is NaN and the box 0 where the file does not tell them.

    Parameters
    ----------
    path : the .star file.
    datadir : where the images are, when they are not where the file says.
    need_images : False leaves image names unchecked.
    need_ctf : False when CTF parameters come from elsewhere: the table's own are not looked at.
    optics_group : the group that will be kept: only its boxes must be equal.
    """
    file = read_star_file(path)
    block = particle_block(file)
    columns = _Columns(file, block)
    _refuse_volumes(path, block, columns)
    stack_names, stack_index, frame = _image_names(path, block)
    stacks, notes = locate_stacks(stack_names, path, datadir, need_images)
    if need_images:
        _refuse_unnumbered_stacks(path, block, stacks)
    pixel = _pixel_size(columns)
    rotation, rotation_notes = _rotation(path, columns)
    ctf, ctf_notes = _ctf(path, columns) if need_ctf else (None, [])
    label = columns.get("cryohypeLabel")
    source, contrast = _source(path, file, columns)
    group = columns.group if columns.has_groups else _groups_by_optics(columns, pixel)
    return ParticleTable(
        stacks=stacks,
        stack_index=stack_index,
        frame=frame,
        box_px=_box(path, columns, group, optics_group),
        pixel_size_angstrom=pixel.astype(np.float32),
        rotation=rotation,
        shift_px=_shift(columns, pixel),
        ctf=ctf,
        optics_group=group,
        label=None if label is None else label.astype(np.int64),
        source=source,
        contrast_known=contrast,
        notes=(*notes, *rotation_notes, *ctf_notes, *_remarks(file, columns)),
    )


def _refuse_volumes(path: Path, block: StarBlock, columns: _Columns) -> None:
    """Sub-tomograms, as volumes or as tilt series, are other data than images of one view."""
    stacks_2d = block.file.block("general")
    marked = stacks_2d is not None and "rlnTomoSubTomosAre2DStacks" in stacks_2d.columns
    if marked or "rlnTomoVisibleFrames" in block.columns:
        raise InputFileError(
            f"{path} lists sub-tomograms as tilt series, one stack a particle, with poses of the particle and not of its images; "
            "export one row for each tilt image (WarpTools and M write such 2-D tables)"
        )
    dimensions = columns.get("rlnImageDimensionality")
    if (dimensions is not None and (dimensions != 2).any()) or "rlnCtfImage" in block.columns:
        raise InputFileError(f"{path} lists sub-tomograms, which are volumes; give a table of 2-D particle images")


def _image_names(path: Path, block: StarBlock) -> tuple[list[str], I64, I64]:
    """Stack names, (n,) stack of each particle, (n,) zero-based image in it; a name without ``@`` is the first image."""
    stacks: dict[str, int] = {}
    names = block.text(["rlnImageName"])["rlnImageName"]
    stack_index, frame = np.empty(len(names), dtype=np.int64), np.empty(len(names), dtype=np.int64)
    for row, name in enumerate(names):
        number, _, stack = name.partition("@") if "@" in name else ("1", "@", name)
        if not number.isdecimal() or int(number) < 1 or not stack:
            raise InputFileError(
                f"{path} particle {row} has the image name {name!r}, which is not NUMBER@STACK; correct _rlnImageName"
            )
        stack_index[row] = stacks.setdefault(stack, len(stacks))
        frame[row] = int(number) - 1
    return list(stacks), stack_index, frame


def _refuse_unnumbered_stacks(path: Path, block: StarBlock, stacks: Sequence[Path]) -> None:
    """A name without a number is one image; a file with many sections is then a volume or needs the number."""
    if any("@" in name for name in block.text(["rlnImageName"])["rlnImageName"]):
        return
    for stack in stacks:
        if (sections := read_header(stack).nz) > 1:
            raise InputFileError(
                f"{path} names {stack} without an image number, and that file has {sections} sections; "
                "write NUMBER@STACK for images, volumes are not read"
            )


def _pixel_size(columns: _Columns) -> F64:
    """(n,) Å, NaN where no column tells: RELION 3.1's, else detector pixel over magnification, else 3.0's own column."""
    pixel = columns.get("rlnImagePixelSize")
    if pixel is None:
        pixel = columns.get("rlnDetectorPixelSize")
        magnification = columns.get("rlnMagnification")
        # µm / magnification; a detector pixel without magnification is the pixel itself, as if magnified 10,000 times
        pixel = pixel * 1e4 / magnification if pixel is not None and magnification is not None else pixel
    pixel = columns.get("rlnPixelSize") if pixel is None else pixel
    if pixel is None:
        return np.full(len(columns.particles), np.nan)
    if (pixel <= 0).any():
        raise InputFileError(
            f"{columns.particles.file.path} has a pixel size of {pixel.min():g} Å; correct it, it must be positive"
        )
    return pixel


def _box(path: Path, columns: _Columns, group: I64, optics_group: int | None) -> int:
    sizes = columns.get("rlnImageSize")
    if sizes is not None and optics_group is not None:
        sizes, group = sizes[group == optics_group], group[group == optics_group]
    if sizes is None or not len(sizes):
        return 0
    if (sizes != sizes[0]).any():
        groups = ", ".join(f"{size:.0f} px in group {group[sizes == size][0]}" for size in np.unique(sizes))
        raise InputFileError(
            f"{path} mixes boxes among its optics groups ({groups}); import one group at a time (--optics-group)"
        )
    return int(sizes[0])


def _rotation(path: Path, columns: _Columns) -> tuple[npt.NDArray[np.float32] | None, list[str]]:
    missing = [name for name in ANGLES if not columns.has(name)]
    if missing:
        return None, [f"{path.name} has no poses ({', '.join('_' + name for name in missing)} missing)"]
    angles = np.stack([cast(F64, columns.get(name)) for name in ANGLES], axis=1)
    if len(angles) > 1 and not angles[:, :2].any():
        return None, [f"{path.name} has no poses: rot and tilt are 0 in every row, as 2-D classification leaves them"]
    return euler_to_matrix(angles).astype(np.float32), []


def _shift(columns: _Columns, pixel: F64) -> npt.NDArray[np.float32]:
    """(n, 2) px from origins in Å (3.1 and later) or px (3.0)."""
    names = ANGSTROM_ORIGINS if columns.has(ANGSTROM_ORIGINS[0]) else PX_ORIGINS
    zero = np.zeros(len(columns.particles))
    origins = [columns.get(name) for name in names]
    shift = np.stack([zero if origin is None else origin for origin in origins], axis=1)
    scale = np.where(np.isnan(pixel), 1.0, pixel)[:, None] if names is ANGSTROM_ORIGINS else 1.0
    return cast(npt.NDArray[np.float32], (shift / scale).astype(np.float32))


def _ctf(path: Path, columns: _Columns) -> tuple[CtfTable | None, list[str]]:
    missing = [name for name in CTF_NEEDED if not columns.has(name)]
    if "rlnDefocusU" in missing and "rlnDefocusV" in missing:
        return None, [f"{path.name} has no CTF columns: the images are taken as if CTF = 1"]
    if missing:
        raise InputFileError(
            f"{path} has CTF columns but lacks {', '.join('_' + name for name in missing)}; "
            "add them, or pass --ctf with a CTF pickle"
        )
    values = {field: cast(F64, columns.get(name)) for name, field in CTF_NEEDED.items()}
    for name, field in CTF_OPTIONAL.items():
        value = columns.get(name)
        values[field] = np.full(len(columns.particles), float(field == "scale")) if value is None else value
    notes = []
    if (values["b_factor_angstrom2"] < 0).any():
        values["b_factor_angstrom2"] = np.abs(values["b_factor_angstrom2"])
        notes.append(f"{path.name} has negative B-factors, as Warp writes dose; they are taken as damping of that size")
    return CtfTable(**{field: value.astype(np.float32) for field, value in values.items()}), notes


def _groups_by_optics(columns: _Columns, pixel: F64) -> I64:
    """Groups of a table without any, in order of appearance: the same pixel size, voltage, Cs and amplitude contrast."""
    keys = [columns.get(name) for name in ("rlnVoltage", "rlnSphericalAberration", "rlnAmplitudeContrast")]
    table = np.stack([np.nan_to_num(pixel), *(key for key in keys if key is not None)], axis=1)
    _, first, group = np.unique(table, axis=0, return_index=True, return_inverse=True)
    return cast(I64, (np.argsort(np.argsort(first))[group.reshape(-1)] + 1).astype(np.int64))


def _source(path: Path, file: StarFile, columns: _Columns) -> tuple[Source, int]:
    """The file itself, or what the file of ours says that its rows came from; and the contrast that ours has noted."""
    block, row = file.block(SOURCE_BLOCK), columns.get("cryohypeSourceRow")
    if block is None or row is None:
        return Source(path.absolute(), "star", np.arange(len(columns.particles), dtype=np.int64)), 0
    words = block.text(["cryohypeSourcePath", "cryohypeSourceKind", "cryohypeContrast"])
    paths = [path.absolute() if word == "." else Path(word) for word in words["cryohypeSourcePath"]]
    kind = words["cryohypeSourceKind"][0]
    if kind not in {"star", "cs", "stack"}:
        raise InputFileError(
            f"{path} says that its rows came from a {kind!r}, which is none of star, cs, stack; import the original again"
        )
    return Source(paths[0], cast(SourceKind, kind), row.astype(np.int64), tuple(paths[1:])), int(words["cryohypeContrast"][0])


def _remarks(file: StarFile, columns: _Columns) -> Sequence[str]:
    """What the file says of its images that we do not model."""
    notes = []
    described = {*columns.particles.columns, *(columns.optics.columns if columns.optics is not None else ())}
    found = [name for name in ABERRATIONS if name in described]
    if found:
        notes.append(f"{file.path.name} has aberrations ({', '.join('_' + name for name in found)}) that are not applied")
    premultiplied = columns.get("rlnCtfDataAreCtfPremultiplied")
    if premultiplied is not None and premultiplied.any():
        notes.append(f"{file.path.name} says that its images are multiplied with the CTF, which is not modelled")
    return notes
