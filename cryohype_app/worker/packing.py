"""The way of a request or a result through a frame: plain values in the header, arrays behind it."""

from __future__ import annotations

from dataclasses import fields, is_dataclass
from typing import Any, TypeVar, cast

import numpy as np
import numpy.typing as npt

from cryohype_app.worker.results import MeshResult

T = TypeVar("T")

_NESTED = {"mesh": MeshResult}


def pack(result: Any, prefix: str = "") -> tuple[dict[str, Any], dict[str, npt.NDArray[Any]]]:
    """JSON values and arrays of one of these dataclasses; the arrays of a dataclass within go by ``field.name``."""
    message: dict[str, Any] = {}
    arrays: dict[str, npt.NDArray[Any]] = {}
    for name in (item.name for item in fields(result)):
        value = getattr(result, name)
        if isinstance(value, np.ndarray):
            arrays[prefix + name] = value
        elif is_dataclass(value):
            message[name], inner = pack(value, f"{name}.")
            arrays |= inner
        else:
            message[name] = value
    return message, arrays


def unpack(kind: type[T], message: dict[str, Any], arrays: dict[str, npt.NDArray[Any]], prefix: str = "") -> T:
    """The dataclass that :func:`pack` took apart; what a frame says beyond its fields is left aside."""
    values: dict[str, Any] = {}
    for name in (item.name for item in fields(cast(Any, kind))):
        value: Any = arrays.get(prefix + name, message.get(name))
        if name in _NESTED and value is not None:
            value = unpack(_NESTED[name], value, arrays, f"{name}.")
        values[name] = tuple(value) if isinstance(value, list) else value
    return kind(**values)
