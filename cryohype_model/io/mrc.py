"""MRC volumes: a header parser that is strict about sizes and tolerant about signatures, volumes read and written."""

from __future__ import annotations

import bz2
import gzip
import os
import struct
import zlib
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO, cast

import mrcfile
import numpy as np
import numpy.typing as npt

from cryohype_model.errors import InputFileError
from cryohype_model.io.atomic import written_whole

Xyz = tuple[float, float, float]

HEADER_BYTES = 1024
MODES = {0: "i1", 1: "i2", 2: "f4", 6: "u2", 12: "f2"}
# No camera, tomogram or stack comes near these: a header that says so is not an MRC header.
LARGEST_SIDE_PX = 1 << 17
LARGEST_COUNT = 1 << 28
LARGEST_UNPACKED_BYTES = 1 << 32
IMOD_STAMP = 1146047817


@dataclass(frozen=True)
class MrcHeader:
    """What the first 1024 bytes say, in the order of the file: ``nx`` columns, ``ny`` rows, ``nz`` sections.

    Attributes
    ----------
    dtype : of one voxel as stored, byte order included.
    data_offset : bytes before the first voxel (1024 and the extended header).
    axes : which of x = 1, y = 2, z = 3 the columns, rows and sections run along.
    voxel_size_angstrom : (x, y, z); 0 where the header does not say.
    origin_angstrom : (x, y, z) of the first voxel: the ORIGIN words, or where these are 0 the start indices times the voxel.
    volumes : how many volumes a volume stack (space group 401 and above) holds, else 1.
    compressed : the file begins as gzip or bzip2 do.
    """

    nx: int
    ny: int
    nz: int
    dtype: np.dtype[np.generic]
    data_offset: int
    axes: tuple[int, int, int]
    voxel_size_angstrom: Xyz
    origin_angstrom: Xyz
    space_group: int
    volumes: int = 1
    compressed: bool = False

    @property
    def data_bytes(self) -> int:
        """Bytes that the dimensions demand after ``data_offset``."""
        return self.nx * self.ny * self.nz * self.dtype.itemsize


def _open(path: Path) -> BinaryIO:
    """The file for reading bytes, through gzip or bzip2 where its first bytes say so."""
    try:
        with path.open("rb") as plain:
            magic = plain.read(3)
        if magic[:2] == b"\x1f\x8b":
            return cast(BinaryIO, gzip.open(path, "rb"))
        return cast(BinaryIO, bz2.open(path, "rb")) if magic == b"BZh" else path.open("rb")
    except FileNotFoundError as error:
        raise InputFileError(f"{path} does not exist; check the name") from error
    except (PermissionError, IsADirectoryError) as error:
        raise InputFileError(f"{path} cannot be read ({error.strerror}); give a readable MRC file") from error


def _read(stream: BinaryIO, count: int, path: Path) -> bytes:
    try:
        return stream.read(count)
    except (OSError, EOFError, zlib.error) as error:
        raise InputFileError(f"{path} cannot be unpacked ({error}); the compressed file is damaged, fetch it again") from error


def read_header(path: str | Path) -> MrcHeader:
    """Read and check an MRC header; the MAP id and the machine stamp may be missing or wrong.

    Parameters
    ----------
    path : an MRC file (.mrc, .mrcs, .map, .ccp4), for volumes also compressed with gzip or bzip2.

    Raises
    ------
    InputFileError : not MRC, an unknown mode, impossible dimensions, or fewer bytes than the dimensions demand.
    """
    path = Path(path)
    with _open(path) as stream:
        header = _parse(_read(stream, HEADER_BYTES, path), path)
        if isinstance(stream, gzip.GzipFile | bz2.BZ2File):
            return replace(header, compressed=True)
        _check_size(path, header, os.fstat(stream.fileno()).st_size)
    return header


def _check_size(path: Path, header: MrcHeader, size: int) -> None:
    demanded = header.data_offset + header.data_bytes
    if size < demanded:
        raise InputFileError(
            f"{path} is truncated: its header promises {header.nx} x {header.ny} x {header.nz} values of {header.dtype.name}, "
            f"{demanded} bytes, but the file has {size}; copy it again or write it anew"
        )


def _parse(raw: bytes, path: Path) -> MrcHeader:
    """The 1024 bytes as a header, in whichever byte order makes sense of them."""
    if not raw:
        raise InputFileError(f"{path} is empty (0 bytes); write it anew")
    if len(raw) < HEADER_BYTES:
        raise InputFileError(
            f"{path} is not an MRC file: it has {len(raw)} bytes and the header alone takes {HEADER_BYTES}; give an MRC file"
        )
    complaints = {order: _complaint(raw, order) for order in "<>"}
    fitting = [order for order, complaint in complaints.items() if not complaint]
    if not fitting:
        stamped = ">" if raw[212:213] == b"\x11" else "<"
        known = raw[208:211] == b"MAP"
        what = "has a damaged MRC header" if known else "is not an MRC file"
        raise InputFileError(f"{path} {what}: read as a header it gives {complaints[stamped]}; give an undamaged MRC file")
    return _decode(raw, fitting[0], path)


def _complaint(raw: bytes, order: str) -> str:
    """Why these bytes cannot be a header in this byte order, or nothing."""
    nx, ny, nz, mode = struct.unpack(f"{order}4i", raw[:16])
    if not (0 < nx <= LARGEST_SIDE_PX and 0 < ny <= LARGEST_SIDE_PX and 0 < nz <= LARGEST_COUNT):
        return f"the dimensions {nx} x {ny} x {nz}"
    if mode not in MODES:
        names = {3: " (complex int16)", 4: " (complex float32, a Fourier transform)", 101: " (4-bit)"}
        return f"mode {mode}{names.get(mode, '')}, which is none of {', '.join(map(str, MODES))}"
    extended = struct.unpack(f"{order}i", raw[92:96])[0]
    return "" if 0 <= extended < 1 << 31 else f"an extended header of {extended} bytes"


def _decode(raw: bytes, order: str, path: Path) -> MrcHeader:
    nx, ny, nz, mode = struct.unpack(f"{order}4i", raw[:16])
    start = struct.unpack(f"{order}3i", raw[16:28])
    sampling = struct.unpack(f"{order}3i", raw[28:40])
    cell = struct.unpack(f"{order}3f", raw[40:52])
    axes = struct.unpack(f"{order}3i", raw[64:76])
    space_group, extended = struct.unpack(f"{order}2i", raw[88:96])
    imod_stamp, imod_flags = struct.unpack(f"{order}2i", raw[152:160])
    origin = struct.unpack(f"{order}3f", raw[196:208])
    if axes == (0, 0, 0):  # never filled in by some writers of stacks
        axes = (1, 2, 3)
    if sorted(axes) != [1, 2, 3]:
        raise InputFileError(
            f"{path} says that its axes (MAPC, MAPR, MAPS) are {axes}, which is no order of 1, 2, 3; correct the header"
        )
    unsigned = mode == 0 and imod_stamp == IMOD_STAMP and not imod_flags & 1
    sides = [side for _, side in sorted(zip(axes, (nx, ny, nz), strict=True))]
    voxel = tuple(_voxel(length, count, side) for length, count, side in zip(cell, sampling, sides, strict=True))
    start_xyz = [first for _, first in sorted(zip(axes, start, strict=True))]
    stated = all(np.isfinite(origin)) and any(origin)
    from_start = tuple(float(first * size) for first, size in zip(start_xyz, voxel, strict=True))
    return MrcHeader(
        nx=nx, ny=ny, nz=nz,
        dtype=np.dtype(order + ("u1" if unsigned else MODES[mode])),
        data_offset=HEADER_BYTES + extended,
        axes=axes,
        voxel_size_angstrom=cast(Xyz, voxel),
        origin_angstrom=cast(Xyz, tuple(map(float, origin)) if stated else from_start),
        space_group=space_group,
        volumes=max(1, nz // sampling[2]) if space_group >= 401 and sampling[2] > 0 else 1,
    )  # fmt: skip


def _voxel(length_angstrom: float, sampling: int, side_px: int) -> float:
    """Cell length over sampling, 0 where the header leaves it out or writes nonsense."""
    size = length_angstrom / (sampling if sampling > 0 else side_px)
    return float(size) if np.isfinite(size) and size > 0 else 0.0


def read_volume(path: str | Path, cubic: bool = False) -> tuple[npt.NDArray[np.float32], float, Xyz]:
    """Read one map.

    Parameters
    ----------
    path : an MRC map, which may be compressed with gzip or bzip2.
    cubic : refuse a box with sides of different length and voxels that are not cubes.

    Returns
    -------
    volume : (z, y, x) float32, whatever the order of the axes in the file.
    voxel_size_angstrom : along x; 0 where the header does not say. Maps with unequal voxels: see :func:`read_header`.
    origin_angstrom : (x, y, z) of voxel [0, 0, 0].
    """
    path = Path(path)
    header = read_header(path)
    if header.volumes > 1:
        raise InputFileError(f"{path} holds {header.volumes} volumes and one is wanted; write each to a file of its own")
    if cubic:
        _check_cubic(path, header)
    stored = _stored_values(path, header)
    position = {axis: dimension for dimension, axis in zip((2, 1, 0), header.axes, strict=True)}
    volume = np.ascontiguousarray(stored.transpose(position[3], position[2], position[1]), dtype=np.float32)
    bad = volume.size - int(np.isfinite(volume).sum())
    if bad:
        raise InputFileError(f"{path} holds {bad} values that are not finite numbers (NaN or infinity); write the map anew")
    return volume, header.voxel_size_angstrom[0], header.origin_angstrom


def _check_cubic(path: Path, header: MrcHeader) -> None:
    sides = (header.nx, header.ny, header.nz)
    if len(set(sides)) > 1:
        raise InputFileError(f"{path} has a box of {sides[0]} x {sides[1]} x {sides[2]} and a cube is needed; pad or crop it")
    voxel = header.voxel_size_angstrom
    if max(voxel) > 1.01 * min(voxel):
        raise InputFileError(
            f"{path} has voxels of {voxel[0]:.4g} x {voxel[1]:.4g} x {voxel[2]:.4g} Å and cubes are needed; resample it"
        )


def _stored_values(path: Path, header: MrcHeader) -> npt.NDArray[np.generic]:
    """The values as they lie in the file, (sections, rows, columns); never more bytes than the header promises."""
    if header.compressed and header.data_bytes > LARGEST_UNPACKED_BYTES:
        raise InputFileError(f"{path} would unpack to {header.data_bytes} bytes; unpack it by hand if that is meant")
    values = np.empty(header.data_bytes // header.dtype.itemsize, dtype=header.dtype)
    view = values.view(np.uint8).data
    with _open(path) as stream:
        _read(stream, header.data_offset, path)
        done = 0
        while done < len(view):
            part = _read(stream, min(1 << 24, len(view) - done), path)
            if not part:
                _check_size(path, header, header.data_offset + done)
            view[done : done + len(part)] = part
            done += len(part)
    return values.reshape(header.nz, header.ny, header.nx)


def write_volume(
    path: str | Path, volume: npt.ArrayLike, pixel_size_angstrom: float | Xyz, origin_angstrom: Xyz = (0.0, 0.0, 0.0)
) -> None:
    """Write a map (z, y, x) as float32, beside its place and renamed into it when complete.

    Parameters
    ----------
    path : name of the .mrc file; an existing file is replaced.
    volume : (z, y, x) density.
    pixel_size_angstrom : side of a voxel, or (x, y, z) of one that is no cube.
    origin_angstrom : (x, y, z) of voxel [0, 0, 0].
    """
    path = Path(path)
    with written_whole(path) as beside, mrcfile.new(beside, overwrite=True) as mrc:
        mrc.set_data(np.ascontiguousarray(volume, dtype=np.float32))
        mrc.set_volume()
        mrc.voxel_size = pixel_size_angstrom
        mrc.header.origin.x, mrc.header.origin.y, mrc.header.origin.z = origin_angstrom
