"""What is known of the densities of a map."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from cryohype_model.errors import MetricError

Map = npt.NDArray[np.float32]
BINS = 256


@dataclass(frozen=True, eq=False)
class Densities:
    """Range, mean and standard deviation, and the histogram: (256,) counts between (257,) edges."""

    low: float
    high: float
    mean: float
    deviation: float
    counts: npt.NDArray[np.int64]
    edges: npt.NDArray[np.float64]

    def window(self) -> tuple[float, float]:
        """Densities of black and white for a slice: all but the lowest half percent and the highest promille."""
        share = np.cumsum(self.counts) / self.counts.sum()
        low, high = (float(self.edges[np.searchsorted(share, wanted)]) for wanted in (0.005, 0.999))
        return (low, high + float(self.edges[1] - self.edges[0])) if high > low else (self.low, max(self.high, self.low + 1e-6))


def densities_of(array: Map, name: str) -> Densities:
    """The densities of a map.

    Raises
    ------
    MetricError : it is empty, or holds values that are no numbers.
    """
    if not array.size:
        raise MetricError(f"{name} has no voxel; choose another layer")
    low, high = float(array.min()), float(array.max())
    if not np.isfinite(low + high):
        raise MetricError(
            f"{name} holds values that are no numbers (NaN or infinite), so nothing can be measured on it; mend the map"
        )
    counts, edges = np.histogram(array, BINS)
    mean, deviation = float(array.mean(dtype=np.float64)), float(array.std(dtype=np.float64))
    return Densities(low, high, mean, deviation, counts.astype(np.int64), edges.astype(np.float64))
