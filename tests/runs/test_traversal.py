from __future__ import annotations

import numpy as np
import pytest

from cryohype_model.errors import RunError
from cryohype_model.runs.traversal import path_along, path_between, path_under_stroke


def test_a_path_between_two_particles_follows_the_straight_line() -> None:
    line = np.stack([np.linspace(0, 10, 21), np.zeros(21)], axis=1).astype(np.float32)
    aside = np.array([[5.0, 3.0]], np.float32)
    path = path_between(np.concatenate([line, aside]), 0, 20, steps=5)
    np.testing.assert_array_equal(path, [0, 5, 10, 15, 20])


def test_a_path_through_few_particles_repeats_none() -> None:
    np.testing.assert_array_equal(path_between(np.array([[0.0], [1.0]], np.float32), 1, 0, steps=9), [1, 0])


def test_a_component_is_traversed_from_low_to_high_near_the_mean_of_the_others() -> None:
    rng = np.random.default_rng(0)
    pca = rng.normal(size=(5000, 3)).astype(np.float32)
    rows = path_along(pca, 1, steps=7)
    assert len(rows) == 7
    assert (np.diff(pca[rows, 1]) > 0).all()
    np.testing.assert_allclose(pca[rows[[0, -1]], 1], np.percentile(pca[:, 1], (5, 95)), atol=0.3)
    assert np.abs(pca[rows][:, [0, 2]]).max() < 0.5
    with pytest.raises(RunError, match="no principal component 4"):
        path_along(pca, 3, steps=7)


def test_a_drawn_path_visits_what_lies_under_it_in_the_order_of_the_stroke() -> None:
    x, y = (axis.ravel().astype(np.float32) for axis in np.meshgrid(np.arange(11), np.arange(11) * 100))
    stroke = [(10.0, 0.0), (10.0, 1000.0), (0.0, 1000.0)]  # up the right side, then left along the top
    rows = path_under_stroke(x, y, stroke, steps=21)
    assert [(x[row], y[row] / 100) for row in rows[[0, 10, 20]]] == [(10, 0), (10, 10), (0, 10)]
    assert set(x[rows[:11]]) == {10} and set(y[rows[10:]]) == {1000}


def test_a_drawn_path_ignores_particles_that_are_not_in_the_picture() -> None:
    x = np.array([np.nan, 0.0, np.nan, 1.0], np.float32)
    assert path_under_stroke(x, np.zeros(4, np.float32), [(0, 0), (1, 0)], steps=3).tolist() == [1, 3]
    with pytest.raises(RunError, match="no particle"):
        path_under_stroke(np.full(3, np.nan, np.float32), np.zeros(3, np.float32), [(0, 0), (1, 0)], steps=3)


@pytest.mark.parametrize("stroke", [[(1.0, 1.0)], [(1.0, 1.0), (1.0, 1.0)], [], [(0.0, float("nan")), (1.0, 1.0)]])
def test_a_point_is_no_path(stroke: list[tuple[float, float]]) -> None:
    with pytest.raises(RunError, match="some length"):
        path_under_stroke(np.arange(3, dtype=np.float32), np.zeros(3, np.float32), stroke, steps=3)
