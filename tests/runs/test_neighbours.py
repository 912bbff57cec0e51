from __future__ import annotations

import numpy as np
import pytest

from cryohype_model.runs import neighbours as module
from cryohype_model.runs.neighbours import nearest


def test_neighbours_go_from_near_to_far_and_begin_with_the_particle(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "CHUNK_ROWS", 50)
    points = np.random.default_rng(0).normal(size=(120, 4)).astype(np.float32)
    expected = np.argsort(np.linalg.norm(points - points[30], axis=1))[:7]
    np.testing.assert_array_equal(nearest(points, 30, 7), expected)
    assert len(nearest(points, 0, 1000)) == 120


def test_a_duplicate_does_not_come_before_the_particle_itself() -> None:
    assert nearest(np.zeros((5, 2), np.float32), 3, 2)[0] == 3
