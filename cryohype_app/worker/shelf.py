"""The volumes that a worker holds: the last few, by id."""

from __future__ import annotations

import itertools
import threading
from collections import OrderedDict
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from cryohype_app.worker.errors import volume_gone
from cryohype_model.errors import MetricError
from cryohype_model.metrics.threshold import otsu_level

MOST_VOLUMES = 64
MOST_BYTES = 1 << 32  # 64 maps of 512 px would be 34 GB


@dataclass(frozen=True, eq=False)
class StoredVolume:
    """A map and what is known of it.

    Attributes
    ----------
    array : (d, d, d) float32 (z, y, x). level : suggested contour level, None of a constant map.
    kind : what made it. name : for people. origin_angstrom : (x, y, z) of voxel [0, 0, 0]. facts : how it was made, JSON values.
    half_fsc, halves : (d/2 + 1,) FSC of the half maps of a back-projection, and these, (d, d, d).
    """

    array: npt.NDArray[np.float32]
    pixel_size_angstrom: float
    level: float | None
    kind: str
    name: str
    origin_angstrom: tuple[float, float, float] = (0.0, 0.0, 0.0)
    facts: dict[str, Any] = field(default_factory=dict)
    half_fsc: npt.NDArray[np.float64] | None = None
    halves: tuple[npt.NDArray[np.float32], ...] = ()


class VolumeShelf:
    """Volumes by id; of many, the one used longest ago is let go. All threads may use it.

    Parameters
    ----------
    token : what the ids of this process begin with. most : volumes held.
    """

    def __init__(self, token: str, most: int = MOST_VOLUMES) -> None:
        self._token, self._most = token, most
        self._numbers = itertools.count(1)
        self._volumes: OrderedDict[str, StoredVolume] = OrderedDict()
        self._lock = threading.Lock()

    def put(self, volume: StoredVolume, volume_id: str | None = None) -> str:
        """Keep a volume and return its id; with an id, it takes the place of the volume of that id."""
        with self._lock:
            volume_id = volume_id or f"{self._token}-{next(self._numbers)}"
            self._volumes[volume_id] = volume
            self._volumes.move_to_end(volume_id)
            while len(self._volumes) > self._most or (self._bytes() > MOST_BYTES and len(self._volumes) > 2):
                self._volumes.popitem(last=False)
            return volume_id

    def get(self, volume_id: str) -> StoredVolume:
        """The volume of an id.

        Raises
        ------
        VolumeGone : there is none.
        """
        with self._lock:
            if volume_id not in self._volumes:
                raise volume_gone(volume_id)
            self._volumes.move_to_end(volume_id)
            return self._volumes[volume_id]

    def holds(self, volume_id: str) -> bool:
        """Whether an id names a volume; it does not count as a use."""
        with self._lock:
            return volume_id in self._volumes

    def _bytes(self) -> int:
        return sum(array.nbytes for volume in self._volumes.values() for array in (volume.array, *volume.halves))


def suggested_level(volume: npt.NDArray[np.float32]) -> float | None:
    """Otsu's level, as ``cryohype volumes`` suggests it; None of a constant map."""
    try:
        return otsu_level(volume)
    except MetricError:
        return None
