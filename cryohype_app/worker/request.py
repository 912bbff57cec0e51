"""What the server asks the volume worker for."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypedDict

import numpy as np
import numpy.typing as npt

Rows = npt.NDArray[np.int64]
Method = Literal["mean", "medoid", "neighbours", "particle", "linear"]


class Reference(TypedDict, total=False):
    """What a volume is compared with: exactly one of these."""

    map: str | Path  # an .mrc file
    volume: str  # id of another volume
    truth: int | str  # label or name of a known structure
    backprojection: Rows  # the map that these particles make


@dataclass(frozen=True, eq=False)
class VolumeRequest:
    """A map of some particles.

    Attributes
    ----------
    slot : whose request it is, such as a session's panel: a newer one of the slot takes the place of an older one.
    rows : (n,) int64 selected particles.
    method : the latent that is decoded: the mean of all, the medoid's, the mean of the medoid's nearest ``neighbours``
        in PCA space (the medoid of one particle is itself), or the particle's own (of several: the medoid's); "linear" decodes
        none: the basis volumes make the map, of the mean coefficients of all.
    box_px : of the last map; None for the training box. coarsest_px : of the first one, doubled at each stage.
    most_encoded : of a larger selection, "mean" and "linear" take a random (seeded) subset of so many.
    with_mesh : send the surface at each stage's level along.
    """

    slot: str
    rows: Rows
    method: Method = "mean"
    neighbours: int = 50
    box_px: int | None = None
    coarsest_px: int = 16
    most_encoded: int = 256
    with_mesh: bool = False
