"""Answers that are no JSON: arrays as bytes, and files."""

from __future__ import annotations

from typing import Any, Literal

from fastapi import Response

from cryohype_app.frame import Column
from cryohype_app.server.api.problem import Answers

Dtype = Literal["<f4", "<i8"]
DTYPE_HEADER = "X-Dtype"
BYTES: dict[str, Any] = {"schema": {"type": "string", "format": "binary"}}
DTYPE = {DTYPE_HEADER: {"description": "of the values, as numpy writes it: <f4 or <i8", "schema": {"type": "string"}}}


def raw(values: Column) -> Response:
    """Little-endian bytes, and in a header what they are."""
    dtype = dtype_of(values)
    content = values.astype(dtype, copy=False).tobytes()
    return Response(content, media_type="application/octet-stream", headers={DTYPE_HEADER: dtype})


def dtype_of(values: Column) -> Dtype:
    """float32 or int64, the two that a frame has."""
    return "<f4" if values.dtype.kind == "f" else "<i8"


def file_answers(meaning: str) -> Answers:
    """For the documentation of a route that answers with a file."""
    content = {"application/octet-stream": BYTES}
    return {
        200: {"description": meaning, "content": content},
        206: {"description": "The part that the Range header asks for", "content": content},
        416: {"description": "The Range header asks for more than there is", "content": {"text/plain": {}}},
    }
