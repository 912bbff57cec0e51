"""What the dashboard and a desktop viewer say to each other over the stream of volumes, for both sides.

A binary message is a uint32 (little-endian) with the length of a JSON header, that header, and bytes. A map is one message or
several: the header of the first one describes the map, that of every other tells its place in it. Text messages are JSON objects
with a ``kind``. docs/api.md describes them.
"""

from __future__ import annotations

import json
import struct
from math import prod
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from cryohype_model.errors import InputFileError

PROTOCOL = 1
STREAM_PATH = "/api/v1/stream"
FOLLOW = "follow"  # the slot of what the browser shows
LONGEST_HEADER = 1 << 16
LARGEST_SIDE_PX = 4096
LARGEST_PART_BYTES = 1 << 22
_LENGTH = struct.Struct("<I")

Precision = Literal["full", "half"]


class SeriesPlace(BaseModel):
    """Where a map stands in a series that plays: a path through the latent space, or epochs of a training."""

    model_config = ConfigDict(frozen=True)

    id: str = Field(description="the same for all maps of the series")
    number: int = Field(ge=0, description="of the map, from 0")
    count: int = Field(gt=0, le=10_000, description="maps of the series")


class VolumeHead(BaseModel):
    """What is known of a map before its values are there."""

    model_config = ConfigDict(frozen=True)

    slot: str = Field(description="a newer map of the slot takes the place of an older one, in the viewer and on the way")
    pinned: bool = Field(False, description="sent by hand: what the browser shows next does not replace it")
    volume_id: str = Field(description="identity, as the API names it")
    run_id: str = Field("", description="identity of its run")
    run_name: str = Field("", description="name of its run")
    name: str = Field(description="of the selection, cluster or particle, for people")
    colour: str = Field("#6ea8e8", pattern=r"^#[0-9a-fA-F]{6}$", description="of its surface in the browser")
    stage: int = Field(0, ge=0, description="0 is the coarsest")
    last: bool = Field(True, description="whether no finer one follows")
    shape: tuple[int, int, int] = Field(description="(z, y, x)")
    dtype: Literal["<f4", "<f2"] = Field("<f4", description="of the values, as numpy writes it")
    factor: float = Field(1.0, gt=0, description="the density is the value times this")
    pixel_size_angstrom: float = Field(gt=0)
    origin_angstrom: tuple[float, float, float] = Field((0.0, 0.0, 0.0), description="(x, y, z) of voxel [0, 0, 0]")
    level: float | None = Field(None, description="suggested contour level, a density")
    how: str = Field("", description="how it was made, in words")
    ready: float = Field(0.0, description="when it was made, seconds since 1970 by the server's clock")
    series: SeriesPlace | None = None

    @property
    def value_bytes(self) -> int:
        """Bytes of all values as they are sent."""
        return prod(self.shape) * np.dtype(self.dtype).itemsize


class Part(BaseModel):
    """The header of a message.

    Attributes
    ----------
    serial : of the map within the connection. offset : bytes of the map before this part. volume : in the first part.
    """

    model_config = ConfigDict(frozen=True)

    serial: int
    offset: int = Field(ge=0)
    volume: VolumeHead | None = None


def encode(part: Part, values: bytes | memoryview) -> bytes:
    """One binary message."""
    header = part.model_dump_json(exclude_none=True).encode()
    return b"".join((_LENGTH.pack(len(header)), header, values))


def decode(message: bytes) -> tuple[Part, memoryview]:
    """Header and bytes of a message.

    Raises
    ------
    InputFileError : torn, absurd, or of something else.
    """
    try:
        (length,) = _LENGTH.unpack_from(message)
        if not 0 < length <= LONGEST_HEADER or len(message) < _LENGTH.size + length:
            raise ValueError(f"a header of {length} bytes in a message of {len(message)}")
        part = Part.model_validate_json(message[_LENGTH.size : _LENGTH.size + length])
    except (struct.error, ValueError) as error:
        raise InputFileError(
            f"the server sent a volume that cannot be read ({_first(error)}); update CryoHype on both sides"
        ) from None
    if part.volume is not None and not all(0 < side <= LARGEST_SIDE_PX for side in part.volume.shape):
        raise InputFileError(
            f"the server sent a volume with sides {part.volume.shape}; at most {LARGEST_SIDE_PX} px can be shown"
        )
    return part, memoryview(message)[_LENGTH.size + length :]


def values_of(array: npt.NDArray[np.float32], precision: Precision) -> tuple[npt.NDArray[Any], float]:
    """The values as they are sent, and the factor that turns them back into densities.

    Half precision takes half the bytes; each density keeps 11 bits, of the largest one's magnitude or its own.
    """
    if precision == "full":
        return np.ascontiguousarray(array, "<f4"), 1.0
    largest = float(np.max(np.abs(array), initial=0.0))
    factor = largest if np.isfinite(largest) and largest > 0 else 1.0
    return np.ascontiguousarray(array / np.float32(factor), "<f2"), factor


def density(head: VolumeHead, values: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
    """(z, y, x) float32 of all the bytes of a map."""
    array = values.view(head.dtype).reshape(head.shape)
    if head.dtype == "<f4":
        return array.astype(np.float32, copy=False)
    return array.astype(np.float32) * np.float32(head.factor)


def text(kind: str, **values: Any) -> str:
    """A text message."""
    return json.dumps({"kind": kind, **values}, allow_nan=False)


def _first(error: Exception) -> str:
    if isinstance(error, ValidationError):
        found = error.errors()[0]
        return f"{'.'.join(map(str, found['loc']))}: {found['msg']}"
    return str(error)
