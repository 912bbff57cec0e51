from __future__ import annotations

import asyncio

import numpy as np

from cryohype_app.stream import MOST_WAITING, Listener, Shown, VolumeStream
from cryohype_app.wire import FOLLOW, VolumeHead


def shown(slot: str = FOLLOW, name: str = "one") -> Shown:
    head = VolumeHead(slot=slot, volume_id="v", name=name, shape=(2, 2, 2), pixel_size_angstrom=1.0)
    return Shown(head, np.zeros((2, 2, 2), np.float32))


def taken(listener: Listener) -> Shown:
    return asyncio.run(asyncio.wait_for(listener.take(), 1))


def test_of_a_slot_the_newest_wins() -> None:
    stream = VolumeStream()
    listener = stream.join()
    coarse, fine = shown(), shown()
    assert stream.publish(coarse) == stream.publish(fine) == 1
    assert taken(listener) is fine
    assert not listener.is_overtaken(FOLLOW)


def test_what_is_sent_by_hand_is_not_replaced_and_waits_for_what_the_browser_shows() -> None:
    stream = VolumeStream()
    listener = stream.join()
    first, second, followed = shown("sent-1"), shown("sent-2"), shown()
    for one in (first, second, followed):
        stream.publish(one)
    assert [taken(listener) for _ in range(3)] == [followed, first, second]


def test_who_comes_later_gets_what_is_shown_now() -> None:
    stream, now = VolumeStream(), shown()
    assert stream.publish(now) == 0
    listener = stream.join()
    stream.settle(listener, follows=True, precision="half")
    assert taken(listener) is now and listener.precision == "half"


def test_who_does_not_follow_gets_only_what_is_sent_by_hand() -> None:
    stream, sent = VolumeStream(), shown("sent-1")
    listener = stream.join()
    stream.settle(listener, follows=False, precision="full")
    assert stream.publish(shown()) == 0 and stream.publish(sent) == 1
    assert taken(listener) is sent


def test_a_viewer_that_takes_nothing_holds_no_more_than_a_mailbox() -> None:
    stream = VolumeStream()
    slow, quick = stream.join(), stream.join()
    for number in range(3 * MOST_WAITING):
        stream.publish(shown(f"sent-{number}"))
        assert taken(quick).head.slot == f"sent-{number}"
    assert taken(slow).head.slot == f"sent-{2 * MOST_WAITING}"


def test_comings_and_goings_are_told_until_nobody_wants_to_know() -> None:
    stream, counts = VolumeStream(), list[int]()
    undo = stream.on_count(counts.append)
    listener = stream.join()
    stream.leave(listener)
    undo()
    stream.join()
    assert counts == [1, 0] and stream.count == 1
