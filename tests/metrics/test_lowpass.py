"""A low-pass takes fine detail away and nothing else."""

from __future__ import annotations

import numpy as np
import pytest

from cryohype_model.errors import ConfigError
from cryohype_model.metrics.lowpass import low_passed


def _wave(period_px: float) -> np.ndarray:
    x = np.arange(24)
    return np.broadcast_to(np.sin(2 * np.pi * x / period_px), (24, 24, 24)).astype(np.float32)


def test_a_wave_of_the_resolution_is_halved() -> None:
    np.testing.assert_allclose(low_passed(_wave(6.0), 2.0, 12.0), _wave(6.0) / 2, atol=1e-6)


def test_a_finer_wave_goes_and_the_mean_stays() -> None:
    passed = low_passed(_wave(3.0) + 5, 2.0, 24.0)
    np.testing.assert_allclose(passed, 5 + _wave(3.0) * 0.5**16, atol=1e-5)
    assert passed.dtype == np.float32


def test_a_box_may_have_sides_of_different_length() -> None:
    np.testing.assert_allclose(low_passed(_wave(6.0)[:7, :12], 2.0, 12.0), _wave(6.0)[:7, :12] / 2, atol=1e-6)


@pytest.mark.parametrize("resolution", [0.0, -3.0, float("inf")])
def test_a_resolution_that_is_none_is_told(resolution: float) -> None:
    with pytest.raises(ConfigError, match="positive number of Å"):
        low_passed(_wave(6.0), 2.0, resolution)
