"""An MRC image stack written batch by batch, never held in memory, complete or not there at all."""

from __future__ import annotations

import struct
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import BinaryIO

import numpy as np
import numpy.typing as npt

from cryohype_model.io.atomic import written_whole


class StackWriter:
    """Context manager that writes ``count`` square float32 images to an MRC stack.

    The file appears under its name when all images are there; after an error nothing is left.

    Parameters
    ----------
    path : name of the .mrcs file; an existing file is replaced.
    count : number of images that will be appended.
    box_px : side of an image.
    pixel_size_angstrom : written to the header.
    """

    def __init__(self, path: str | Path, count: int, box_px: int, pixel_size_angstrom: float) -> None:
        self.path = Path(path)
        self.count = count
        self.box_px = box_px
        self.pixel_size_angstrom = pixel_size_angstrom
        self.written = 0
        self._place = ExitStack()
        self._stream: BinaryIO | None = None
        self._range = (np.inf, -np.inf)
        self._sum = 0.0
        self._sum_of_squares = 0.0

    def __enter__(self) -> StackWriter:
        self._stream = self._place.enter_context(self._place.enter_context(written_whole(self.path)).open("wb"))
        self._stream.write(bytes(1024))
        return self

    def append(self, images: npt.ArrayLike) -> None:
        """Write images (b, y, x) after those already there."""
        block = np.ascontiguousarray(images, dtype="<f4").reshape(-1, self.box_px, self.box_px)
        assert self._stream is not None, "StackWriter is used inside a with statement"
        assert self.written + len(block) <= self.count, f"{self.count} images were announced"
        self._stream.write(block.view(np.uint8).reshape(-1).data)
        self.written += len(block)
        if block.size:
            self._range = (min(self._range[0], float(block.min())), max(self._range[1], float(block.max())))
            self._sum += float(block.sum(dtype=np.float64))
            self._sum_of_squares += float(np.square(block, dtype=np.float64).sum())

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        assert self._stream is not None
        if kind is not None:
            self._place.__exit__(kind, error, trace)
            return
        with self._place:
            assert self.written == self.count, f"{self.written} of {self.count} images were written"
            self._stream.seek(0)
            self._stream.write(self._header())

    def _header(self) -> bytes:
        """MRC2014 header of an image stack: space group 0, one section a cell."""
        side, values = self.box_px, max(1, self.written * self.box_px**2)
        mean = self._sum / values
        rms = float(np.sqrt(max(0.0, self._sum_of_squares / values - mean**2)))
        low, high = self._range if self.written else (0.0, 0.0)
        length = side * self.pixel_size_angstrom
        raw = bytearray(1024)
        raw[:96] = struct.pack(
            "<10i6f3i3f2i",
            *(side, side, self.written, 2, 0, 0, 0, side, side, 1),
            *(length, length, self.pixel_size_angstrom, 90.0, 90.0, 90.0),
            *(1, 2, 3, low, high, mean, 0, 0),
        )
        raw[108:112] = struct.pack("<i", 20141)
        raw[208:220] = b"MAP " + b"\x44\x44\x00\x00" + struct.pack("<f", rms)
        raw[220:224] = struct.pack("<i", 1)
        raw[224:304] = b"written by cryohype".ljust(80)
        return bytes(raw)
