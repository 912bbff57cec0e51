"""Frames: what the server and the worker send each other through pipes.

One frame is a uint32 (little-endian) length of the header, the header as UTF-8 JSON, and the arrays' bytes in C order one after
the other. The header is an object; its ``arrays`` lists ``{"name", "dtype", "shape"}`` of each array, dtypes as numpy writes
them (``<f4``). Both sides share this file, which needs numpy and nothing else.
"""

from __future__ import annotations

import asyncio
import io
import json
import math
import struct
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from cryohype_app.worker.errors import FrameError

Array = npt.NDArray[Any]
Specs = dict[str, tuple[str, list[int]]]  # dtype and shape by name

DTYPES = frozenset({"<f2", "<f4", "<f8", "<i2", "<i4", "<i8", "<u2", "<u4", "<u8", "|i1", "|u1", "|b1"})
LARGEST_HEADER_BYTES = 1 << 20
LARGEST_PAYLOAD_BYTES = 1 << 31
MOST_ARRAYS = 32
MOST_DIMENSIONS = 4
CHUNK_BYTES = 1 << 20  # read at a time by an event loop, which must not stand still
_TORN = "a frame ends in its middle: the other side is gone; ask again, which starts the volume worker anew"


@dataclass(frozen=True)
class Frame:
    """A message and its arrays by name."""

    message: dict[str, Any]
    arrays: dict[str, Array] = field(default_factory=dict)


def encode_frame(message: Mapping[str, Any], arrays: Mapping[str, Array] | None = None) -> list[bytes | memoryview]:
    """The parts of one frame, to be written one after the other; arrays are not copied.

    Parameters
    ----------
    message : JSON values, no NaN; the name ``arrays`` is taken.
    arrays : of the dtypes above in either byte order, any shape of at most four dimensions.

    Raises
    ------
    FrameError : an array of another kind, or more than the bounds allow.
    """
    stored = {name: _little_endian(array) for name, array in (arrays or {}).items()}
    listed = [{"name": name, "dtype": array.dtype.str, "shape": list(array.shape)} for name, array in stored.items()]
    header = json.dumps({**message, "arrays": listed}, allow_nan=False, separators=(",", ":")).encode()
    _check_header(len(header))
    _read_header(header)  # what the other side would refuse is refused here, where the cause is
    views = [array.reshape(-1).view(np.uint8).data for array in stored.values()]
    return [struct.pack("<I", len(header)), header, *views]


def read_frame(stream: io.BufferedIOBase) -> Frame | None:
    """The next frame of a blocking stream, None where the stream ends between two frames.

    Raises
    ------
    FrameError : a torn or absurd frame.
    """
    prefix = stream.read(4)
    if not prefix:
        return None
    message, specs = _read_header(_whole(stream, header_length(prefix)))
    frame = Frame(message, {name: np.empty(shape, dtype) for name, (dtype, shape) in specs.items()})
    for view in map(_bytes_of, frame.arrays.values()):
        done = 0
        while done < len(view):
            done += _some(stream.readinto(view[done:]))
    return frame


async def receive_frame(stream: asyncio.StreamReader) -> Frame | None:
    """As :func:`read_frame`, without standing in the way of an event loop."""
    try:
        prefix = await stream.readexactly(4)
        message, specs = _read_header(await stream.readexactly(header_length(prefix)))
    except asyncio.IncompleteReadError as error:
        if not error.partial and error.expected == 4:
            return None
        raise FrameError(_TORN) from None
    frame = Frame(message, {name: np.empty(shape, dtype) for name, (dtype, shape) in specs.items()})
    for view in map(_bytes_of, frame.arrays.values()):
        done = 0
        while done < len(view):
            part = await stream.read(min(CHUNK_BYTES, len(view) - done))
            view[done : done + len(part)] = part
            done += _some(len(part))
    return frame


def header_length(prefix: bytes) -> int:
    """The length that the first four bytes of a frame state.

    Raises
    ------
    FrameError : torn, or a header of no or absurd length.
    """
    if len(prefix) < 4:
        raise FrameError(_TORN)
    length = int(struct.unpack("<I", prefix)[0])
    _check_header(length)
    return length


def _check_header(length: int) -> None:
    if not 2 <= length <= LARGEST_HEADER_BYTES:
        raise FrameError(f"a frame states a header of {length} bytes, 2 to {LARGEST_HEADER_BYTES} are possible; ask for less")


def _read_header(raw: bytes) -> tuple[dict[str, Any], Specs]:
    """The message, and dtype and shape of each array; refused unless all is within the bounds."""
    try:
        message = json.loads(raw.decode("utf-8"), parse_constant=_refuse_constant)
        listed = message.pop("arrays")
        specs = {spec["name"]: (spec["dtype"], spec["shape"]) for spec in listed}
        sound = len(specs) == len(listed) <= MOST_ARRAYS and all(_is_sound(name, *spec) for name, spec in specs.items())
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise FrameError(f"a frame has a damaged header ({type(error).__name__}); ask again") from None
    if not sound:
        raise FrameError(f"a frame lists arrays that none can carry ({str(specs)[:200]}); send numbers of at most 4 dimensions")
    # a side of 0 makes no array of absurd sides possible
    total = sum(np.dtype(dtype).itemsize * math.prod(max(1, side) for side in shape) for dtype, shape in specs.values())
    if total > LARGEST_PAYLOAD_BYTES:
        raise FrameError(f"{total} bytes are too many for one frame, {LARGEST_PAYLOAD_BYTES} are possible; ask for a smaller box")
    return message, specs


def _is_sound(name: object, dtype: object, shape: object) -> bool:
    sides = isinstance(shape, list) and len(shape) <= MOST_DIMENSIONS and all(type(s) is int and s >= 0 for s in shape)
    return isinstance(name, str) and isinstance(dtype, str) and dtype in DTYPES and sides


def _little_endian(array: Array) -> Array:
    return np.ascontiguousarray(array, dtype=array.dtype.newbyteorder("<")).reshape(array.shape)


def _bytes_of(array: Array) -> memoryview:
    return array.reshape(-1).view(np.uint8).data


def _whole(stream: io.BufferedIOBase, count: int) -> bytes:
    part = stream.read(count)
    if len(part) < count:
        raise FrameError(_TORN)
    return part


def _some(count: int) -> int:
    if count <= 0:
        raise FrameError(_TORN)
    return count


def _refuse_constant(name: str) -> None:
    raise ValueError(name)
