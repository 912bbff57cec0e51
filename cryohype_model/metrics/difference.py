"""What one map has more of than another on the same grid, and how far the two go together."""

from __future__ import annotations

from typing import Literal

import numpy as np
import numpy.typing as npt

from cryohype_model.errors import MetricError

Map = npt.NDArray[np.float32]
Scaling = Literal["least_squares", "deviation", "none"]

DEVIATIONS = 3.0  # level of a difference map, in standard deviations


def difference(first: Map, second: Map, scaling: Scaling) -> tuple[Map, float]:
    """``first`` minus ``second``, the second scaled.

    Parameters
    ----------
    first, second : maps of one shape.
    scaling : of the second: so that the squares of the difference are least, to the standard deviation of the first, or none.

    Returns
    -------
    The float32 difference, and what the second was multiplied by.
    """
    a, b = first.astype(np.float64), second.astype(np.float64)
    scale = _scale(a, b, scaling)
    return (a - scale * b).astype(np.float32), scale


def correlation(first: Map, second: Map) -> float:
    """Pearson's correlation of the densities of two maps on one grid, about their means, over the whole box.

    Raises
    ------
    MetricError : a map is constant.
    """
    a, b = (volume.astype(np.float64) - volume.mean(dtype=np.float64) for volume in (first, second))
    norm = float(np.sqrt((a * a).sum() * (b * b).sum()))
    if norm == 0:
        raise MetricError("the correlation is not defined: one of the maps is constant; check that the right map was given")
    return float((a * b).sum()) / norm


def _scale(a: npt.NDArray[np.float64], b: npt.NDArray[np.float64], scaling: Scaling) -> float:
    """What ``b`` is multiplied by before it is subtracted from ``a``."""
    if scaling == "none":
        return 1.0
    if scaling == "deviation":
        return float(a.std()) / max(float(b.std()), 1e-30)
    return float((a * b).sum() / max(float((b * b).sum()), 1e-30))
