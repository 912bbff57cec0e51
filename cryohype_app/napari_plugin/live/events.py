"""What the connection tells the window."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from cryohype_app.wire import VolumeHead


@dataclass(frozen=True)
class Standing:
    """How the connection stands, with a sentence for people."""

    state: Literal["connecting", "connected", "lost", "refused", "closed"]
    sentence: str


@dataclass(frozen=True)
class Runs:
    """Runs as the API tells them; ``whole`` when these are all, else what changed and the identities of those that went."""

    runs: tuple[dict[str, Any], ...]
    gone: tuple[str, ...]
    whole: bool


@dataclass(frozen=True)
class Contents:
    """Clusters, stored selections and series of a run, JSON values."""

    run: str
    clusters: tuple[dict[str, Any], ...]
    selections: tuple[dict[str, Any], ...]
    series: tuple[dict[str, Any], ...]


@dataclass(frozen=True)
class Problem:
    """A sentence for people; the connection goes on."""

    sentence: str


@dataclass(frozen=True)
class Progress:
    """How much of a map is here: from 0 to 1."""

    name: str
    share: float
    total_bytes: int


@dataclass(frozen=True, eq=False)
class Arrived:
    """A map that is all here. ``array`` (z, y, x) float32."""

    head: VolumeHead
    array: npt.NDArray[np.float32]


Event = Standing | Runs | Contents | Problem | Progress | Arrived
