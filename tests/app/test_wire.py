from __future__ import annotations

from contextlib import suppress

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from cryohype_app.wire import Part, SeriesPlace, VolumeHead, decode, density, encode, values_of
from cryohype_model.errors import InputFileError

HEAD = VolumeHead(slot="follow", volume_id="a-1", name="cluster 3 · Å", shape=(2, 3, 4), pixel_size_angstrom=1.5)
DENSITIES = arrays(np.float32, (2, 3, 4), elements=st.floats(-1e6, 1e6, width=32))


@given(DENSITIES)
def test_what_is_sent_whole_arrives_bit_for_bit(array: np.ndarray) -> None:
    values, factor = values_of(array, "full")
    head = HEAD.model_copy(update={"factor": factor})
    part, content = decode(encode(Part(serial=7, offset=0, volume=head), values.data.cast("B")))
    assert part == Part(serial=7, offset=0, volume=head)
    assert density(head, np.frombuffer(content, np.uint8)).tobytes() == array.tobytes()


@given(DENSITIES)
def test_half_precision_takes_half_the_bytes_and_keeps_three_digits(array: np.ndarray) -> None:
    values, factor = values_of(array, "half")
    head = HEAD.model_copy(update={"factor": factor, "dtype": "<f2"})
    assert values.nbytes == array.nbytes // 2 == head.value_bytes
    found = density(head, np.frombuffer(values.tobytes(), np.uint8))
    largest = np.abs(array).max()
    np.testing.assert_allclose(found, array, rtol=2**-10, atol=1e-6 * largest)


def test_a_place_in_a_series_is_kept() -> None:
    head = HEAD.model_copy(update={"series": SeriesPlace(id="path", number=3, count=10)})
    part, content = decode(encode(Part(serial=1, offset=0, volume=head), b""))
    assert part.volume == head and len(content) == 0


@pytest.mark.parametrize(
    "message",
    [b"", b"\x01", b"\xff\xff\xff\xff", b"\x05\x00\x00\x00{}", b"\x02\x00\x00\x00{}rest", b"\x02\x00\x00\x00\xff\xfe",
     b"GET / HTTP/1.1\r\n\r\n"],
)  # fmt: skip
def test_what_is_torn_or_of_something_else_is_told_in_a_sentence(message: bytes) -> None:
    with pytest.raises(InputFileError, match="cannot be read"):
        decode(message)


@given(st.binary(max_size=200))
def test_no_bytes_break_it(message: bytes) -> None:
    with suppress(InputFileError):
        decode(message)


def test_an_absurd_volume_is_refused_before_room_is_made_for_it() -> None:
    head = HEAD.model_copy(update={"shape": (1 << 20, 1 << 20, 1 << 20)})
    with pytest.raises(InputFileError, match="at most 4096 px"):
        decode(encode(Part(serial=1, offset=0, volume=head), b""))
