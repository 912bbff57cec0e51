"""Differences and correlations of maps."""

from __future__ import annotations

import numpy as np
import pytest

from cryohype_model.errors import MetricError
from cryohype_model.metrics.difference import Scaling, correlation, difference


def _noise(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(8, 8, 8)).astype(np.float32)


@pytest.mark.parametrize(("scaling", "scale"), [("none", 1.0), ("deviation", 2.5), ("least_squares", 2.5)])
def test_a_map_minus_its_own_multiple(scaling: Scaling, scale: float) -> None:
    found, used = difference(2.5 * _noise(0), _noise(0), scaling)
    assert used == pytest.approx(scale, rel=1e-5) and found.dtype == np.float32
    np.testing.assert_allclose(found, (2.5 - used) * _noise(0), atol=1e-6)


def test_least_squares_are_least() -> None:
    a, b = _noise(0) + _noise(1), _noise(1)
    best, scale = difference(a, b, "least_squares")
    for other in (0.98 * scale, 1.02 * scale):
        assert (best**2).sum() < ((a - other * b) ** 2).sum()


def test_a_scaling_is_finite_where_the_second_map_is_constant() -> None:
    assert np.isfinite(difference(_noise(0), np.zeros((8, 8, 8), np.float32), "least_squares")[1])


def test_correlation_is_of_pearson() -> None:
    a, b = _noise(0), _noise(0) + 3 * _noise(1)
    assert correlation(a, b) == pytest.approx(np.corrcoef(a.ravel(), b.ravel())[0, 1], rel=1e-6)
    assert correlation(a, 7 - 2 * a) == pytest.approx(-1)
    with pytest.raises(MetricError, match="constant"):
        correlation(a, np.ones_like(a))
