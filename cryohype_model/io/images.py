"""Particle images on disk, read by index into float32, without ever mapping or holding a stack."""

from __future__ import annotations

import os
import threading
from collections import OrderedDict
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from cryohype_model.errors import InputFileError
from cryohype_model.io.mrc import MrcHeader, read_header
from cryohype_model.io.table import ParticleTable

OPEN_STACKS = 64


class _Descriptor:
    """An open file for ``os.preadv``, closed when the last reader lets go of it."""

    def __init__(self, path: Path) -> None:
        self.number = os.open(path, os.O_RDONLY | getattr(os, "O_CLOEXEC", 0))

    def __del__(self) -> None:
        if hasattr(self, "number"):
            os.close(self.number)


class ImageStacks:
    """The images of a table, checked when opened and read on request.

    Reads go through ``os.pread``: pages of a memory map would count as resident memory until a 3 GB stack is all there.
    Files are opened when first read, so an object can be pickled or inherited by a forked worker.

    Parameters
    ----------
    table : particles whose stacks exist; the header of every stack is read once.

    Raises
    ------
    InputFileError : a stack is missing, truncated, not square, of another box, or shorter than the table demands.
    """

    def __init__(self, table: ParticleTable) -> None:
        self.table = table
        headers = [_stack_header(table, number) for number in range(len(table.stacks))]
        self.box_px = _common_box(table, headers)
        counts = np.array([header.nz for header in headers], dtype=np.int64)
        _check_frames(table, counts)
        self._dtypes = [header.dtype for header in headers]
        self._offsets = [header.data_offset for header in headers]
        self._start_empty()

    def _start_empty(self) -> None:
        self._open: OrderedDict[int, _Descriptor] = OrderedDict()
        self._lock = threading.Lock()

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in self.__dict__.items() if name not in {"_open", "_lock"}}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._start_empty()

    def __len__(self) -> int:
        return len(self.table)

    def read(self, indices: npt.ArrayLike) -> npt.NDArray[np.float32]:
        """Images (b, y, x) float32 of these particles, in the order asked for.

        Raises
        ------
        InputFileError : an image holds values that are not finite numbers; it is named.
        """
        rows = np.asarray(indices, dtype=np.int64).reshape(-1)
        images = np.empty((len(rows), self.box_px, self.box_px), dtype=np.float32)
        stacks, frames = self.table.stack_index[rows], self.table.frame[rows]
        order = np.lexsort((frames, stacks))
        sorted_stacks, sorted_frames = stacks[order], frames[order]
        follows = (np.diff(sorted_stacks) == 0) & (np.diff(sorted_frames) == 1)
        for run in np.split(np.arange(len(rows)), np.flatnonzero(~follows) + 1):
            if len(run):
                images[order[run]] = self._read_run(int(sorted_stacks[run[0]]), int(sorted_frames[run[0]]), len(run))
        self._check_finite(images, rows)
        return images

    def _read_run(self, stack: int, first: int, count: int) -> npt.NDArray[np.generic]:
        """``count`` neighbouring images of one stack as they are stored."""
        dtype = self._dtypes[stack]
        stored = np.empty((count, self.box_px, self.box_px), dtype=dtype)
        view = stored.view(np.uint8).reshape(-1).data
        position = self._offsets[stack] + first * self.box_px**2 * dtype.itemsize
        file = self._file(stack)
        done = 0
        while done < len(view):
            part = os.preadv(file.number, [view[done:]], position + done)
            if part == 0:
                raise InputFileError(
                    f"{self.table.stacks[stack]} ends inside image {first + 1}: it shrank after it was opened; copy it anew"
                )
            done += part
        return stored

    def _file(self, stack: int) -> _Descriptor:
        """The opened stack; of many open ones, that used longest ago is let go."""
        with self._lock:
            file = self._open.pop(stack, None) or _Descriptor(self.table.stacks[stack])
            self._open[stack] = file
            if len(self._open) > OPEN_STACKS:
                self._open.popitem(last=False)
            return file

    def _check_finite(self, images: npt.NDArray[np.float32], rows: npt.NDArray[np.int64]) -> None:
        # a sum is NaN or infinite when any summand is, and makes no array of flags
        with np.errstate(invalid="ignore"):
            bad = np.flatnonzero(~np.isfinite(images.sum(axis=(1, 2), dtype=np.float64)))
        if len(bad):
            row = rows[bad[0]]
            raise InputFileError(
                f"image {self.table.frame[row] + 1} of {self.table.stacks[self.table.stack_index[row]]} (particle {row}) "
                "holds values that are not finite numbers; remove that particle or extract it again"
            )


def _stack_header(table: ParticleTable, number: int) -> MrcHeader:
    """The header of one stack, refused unless its images are square and it is not compressed."""
    path = table.stacks[number]
    header = read_header(path)
    if header.compressed:
        raise InputFileError(f"{path} is compressed and images are read in any order; unpack it first")
    if header.nx != header.ny:
        raise InputFileError(f"{path} holds images of {header.nx} x {header.ny} px and they must be square; extract them again")
    return header


def _common_box(table: ParticleTable, headers: list[MrcHeader]) -> int:
    for path, header in zip(table.stacks, headers, strict=True):
        if header.nx != headers[0].nx:
            raise InputFileError(
                f"{table.source.path} mixes boxes, {headers[0].nx} px in {table.stacks[0]} and {header.nx} px in {path}; "
                "rescale or re-extract them to one box, or import one optics group at a time (--optics-group)"
            )
    return headers[0].nx if headers else table.box_px


def _check_frames(table: ParticleTable, counts: npt.NDArray[np.int64]) -> None:
    beyond = np.flatnonzero((table.frame >= counts[table.stack_index]) | (table.frame < 0))
    if len(beyond):
        row = int(beyond[0])
        stack = int(table.stack_index[row])
        raise InputFileError(
            f"{table.source.path} has more rows than images: particle {row} wants image {table.frame[row] + 1} "
            f"of {table.stacks[stack]}, which holds {counts[stack]}; use the stack that belongs to this table"
        )
