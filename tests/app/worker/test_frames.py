"""Frames: what goes in comes out, and nothing else comes through."""

from __future__ import annotations

import asyncio
import io
import json
import struct
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from cryohype_app.worker.errors import FrameError
from cryohype_app.worker.frames import DTYPES, Frame, encode_frame, read_frame, receive_frame

NAMES = st.text(min_size=1, max_size=8)
VALUES = st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False) | st.text()
MESSAGES = st.dictionaries(NAMES.filter(lambda name: name != "arrays"), VALUES | st.lists(VALUES, max_size=3), max_size=4)
ARRAYS = st.dictionaries(
    NAMES,
    st.sampled_from(sorted(DTYPES)).flatmap(
        lambda dtype: hnp.arrays(dtype, hnp.array_shapes(min_dims=0, max_dims=4, min_side=0))
    ),
    max_size=3,
)


def _joined(message: dict[str, Any], arrays: dict[str, Any] | None = None) -> bytes:
    return b"".join(encode_frame(message, arrays))


def _received(content: bytes) -> Frame | None:
    """As an event loop reads it, in pieces of a few bytes."""

    async def receive() -> Frame | None:
        stream = asyncio.StreamReader()
        for start in range(0, len(content), 7):
            stream.feed_data(content[start : start + 7])
        stream.feed_eof()
        return await receive_frame(stream)

    return asyncio.run(receive())


def _refusal(content: bytes) -> FrameError | None:
    try:
        read_frame(io.BytesIO(content))
    except FrameError as error:
        return error
    return None


def _header(content: object, payload: bytes = b"") -> bytes:
    raw = content if isinstance(content, bytes) else json.dumps(content).encode()
    return struct.pack("<I", len(raw)) + raw + payload


@settings(deadline=None)
@given(MESSAGES, ARRAYS)
def test_a_frame_comes_out_as_it_went_in(message: dict[str, Any], arrays: dict[str, Any]) -> None:
    stream = io.BytesIO(_joined(message, arrays) * 2)
    for _ in range(2):
        frame = read_frame(stream)
        assert frame is not None and frame.message == message and list(frame.arrays) == list(arrays)
        for name, array in arrays.items():
            assert frame.arrays[name].dtype == array.dtype and frame.arrays[name].shape == array.shape
            np.testing.assert_array_equal(frame.arrays[name], array)
    assert read_frame(stream) is None


def test_an_event_loop_reads_the_same() -> None:
    array = np.arange(5000, dtype=np.float32).reshape(50, 100)
    frame = _received(_joined({"id": 3}, {"map": array, "empty": np.empty((0, 3), np.float64)}))
    assert frame is not None and frame.message == {"id": 3} and frame.arrays["empty"].shape == (0, 3)
    np.testing.assert_array_equal(frame.arrays["map"], array)
    assert _received(b"") is None


def test_big_endian_and_scattered_arrays_are_put_in_order() -> None:
    array = np.arange(24, dtype=">i4").reshape(4, 6)[::2, ::-1]
    frame = read_frame(io.BytesIO(_joined({}, {"a": array})))
    assert frame is not None and frame.arrays["a"].dtype == np.dtype("<i4")
    np.testing.assert_array_equal(frame.arrays["a"], array)


@settings(deadline=None)
@given(st.data())
def test_a_torn_frame_is_an_error_wherever_it_tears(data: st.DataObject) -> None:
    whole = _joined({"id": 1, "text": "Å"}, {"a": np.arange(6, dtype=np.int64)})
    torn = whole[: data.draw(st.integers(1, len(whole) - 1))]
    with pytest.raises(FrameError, match="ends in its middle"):
        read_frame(io.BytesIO(torn))
    with pytest.raises(FrameError, match="ends in its middle"):
        _received(torn)


@settings(deadline=None)
@given(st.binary(min_size=1, max_size=200) | st.binary(max_size=200).map(_header))
def test_any_bytes_are_a_frame_or_our_error(content: bytes) -> None:
    error = _refusal(content)
    assert error is None or len(str(error)) < 500


@settings(deadline=None)
@given(st.recursive(VALUES, lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from(["name", "dtype", "shape"]), inner)))
def test_any_list_of_arrays_is_sound_or_our_error(listed: object) -> None:
    error = _refusal(_header({"arrays": listed}))
    assert error is None or len(str(error)) < 500


@pytest.mark.parametrize(
    "content",
    [
        b"\x00\x00\x00\x00",
        struct.pack("<I", 1 << 31) + b"{}",
        _header([1, 2]),
        _header(b'{"arrays":[],"x":NaN}'),
        _header(b"[" * 100_000),
        _header(b'{"arrays": "\xff"}'),
        _header({"no": "arrays"}),
        _header({"arrays": [{"name": "a", "dtype": "|O8", "shape": [1]}]}),
        _header({"arrays": [{"name": "a", "dtype": ">f4", "shape": [1]}]}),
        _header({"arrays": [{"name": "a", "dtype": "<f4", "shape": [-1]}]}),
        _header({"arrays": [{"name": "a", "dtype": "<f4", "shape": [True]}]}),
        _header({"arrays": [{"name": "a", "dtype": "<f4", "shape": [1] * 5}]}),
        _header({"arrays": [{"name": "a", "dtype": "<f4", "shape": [1 << 40, 1 << 40]}]}),
        _header({"arrays": [{"name": "a", "dtype": "<f4", "shape": [0, 1 << 40]}]}),
        _header({"arrays": [{"name": "a", "dtype": "|u1", "shape": [1]}] * 2}, b"ab"),
        _header({"arrays": [{"name": str(n), "dtype": "|u1", "shape": []} for n in range(33)]}, b"a" * 33),
    ],
)
def test_an_absurd_frame_is_refused_before_memory_is_taken(content: bytes) -> None:
    with pytest.raises(FrameError, match="frame"):
        read_frame(io.BytesIO(content))


@pytest.mark.parametrize(
    ("message", "arrays"),
    [
        ({}, {"a": np.array([object()])}),
        ({}, {"a": np.zeros(2, np.complex64)}),
        ({}, {"a": np.zeros((1,) * 5)}),
        ({}, {"a": np.broadcast_to(np.zeros(1, np.uint8), ((1 << 31) + 1,))[:0].reshape(0, 1 << 31, 2)}),
        ({"text": "x" * (1 << 20)}, {}),
    ],
)
def test_what_could_not_be_read_is_not_sent(message: dict[str, Any], arrays: dict[str, Any]) -> None:
    with pytest.raises(FrameError):
        encode_frame(message, arrays)
