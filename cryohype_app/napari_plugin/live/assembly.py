"""Parts of maps put together as they arrive."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import psutil

from cryohype_app.napari_plugin.live.events import Arrived, Problem, Progress
from cryohype_app.wire import Part, VolumeHead, density

REPORTED_BYTES = 1 << 20  # a map that is larger tells how far it is
COPIES = 2.5  # of a map that a viewer holds at the worst: as it came, as float32, and what the graphics card gets


@dataclass(eq=False)
class _Partial:
    head: VolumeHead
    values: npt.NDArray[np.uint8] | None  # None of a map that is not wanted
    there: int = 0


class Assembly:
    """The maps of one connection that are on their way."""

    def __init__(self) -> None:
        self._partial: dict[int, _Partial] = {}

    def add(self, part: Part, values: memoryview) -> list[Arrived | Problem | Progress]:
        """Take a part in, and return what there is to tell; a part without its beginning is left aside."""
        told: list[Arrived | Problem | Progress] = []
        if part.volume is not None:
            self._forget(part.volume.slot)
            problem = lack_of_memory(part.volume.name, part.volume.value_bytes)
            if problem:
                told.append(Problem(problem))
            room = None if problem else np.empty(part.volume.value_bytes, np.uint8)
            self._partial[part.serial] = _Partial(part.volume, room)
        found = self._partial.get(part.serial)
        if found is None:
            return told
        end = part.offset + len(values)
        if part.offset != found.there or end > found.head.value_bytes:
            del self._partial[part.serial]
            return [*told, Problem(f"a part of {found.head.name} was lost on the way; select it again")]
        found.there = end
        if found.values is not None:
            found.values[part.offset : end] = np.frombuffer(values, np.uint8)
        if end == found.head.value_bytes:
            del self._partial[part.serial]
            return [*told, Arrived(found.head, density(found.head, found.values))] if found.values is not None else told
        if found.values is not None and found.head.value_bytes > REPORTED_BYTES:
            told.append(Progress(found.head.name, end / found.head.value_bytes, found.head.value_bytes))
        return told

    def _forget(self, slot: str) -> None:
        """A newer map of a slot comes instead of the rest of an older one."""
        self._partial = {serial: found for serial, found in self._partial.items() if found.head.slot != slot}


def lack_of_memory(name: str, value_bytes: int) -> str:
    """A sentence where a map is too large for this machine, else nothing."""
    needed, free = COPIES * value_bytes, psutil.virtual_memory().available
    if needed <= free:
        return ""
    room = f"{name} needs {needed / 1e9:.1f} GB of memory and {free / 1e9:.1f} GB are free"
    return f"{room}; close other programs, or ask for a smaller box"
