"""A lasso holds every particle under it and no other."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.path import Path as Outline

from cryohype_app.lasso import nearest_point, under_box, under_polygon
from cryohype_model.errors import RunError

RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(2, 3000)).astype(np.float32)


@settings(deadline=None)
@given(st.lists(st.tuples(st.floats(-3, 3), st.floats(-3, 3)), min_size=3, max_size=12), st.integers(0, 100))
def test_a_star_shaped_lasso_agrees_with_matplotlib(corners: list[tuple[float, float]], turn: int) -> None:
    angles = np.sort([np.arctan2(b, a) for a, b in corners]) + turn
    radius = 0.5 + np.hypot(*np.array(corners).T)
    polygon = np.stack([radius * np.cos(angles), radius * np.sin(angles)], axis=1)
    inside = Outline(polygon).contains_points(np.stack([X, Y], axis=1).astype(np.float64))
    found = np.zeros(len(X), bool)
    found[under_polygon(X, Y, [(float(a), float(b)) for a, b in polygon])] = True
    # equal corners make an outline that is not simple; there the two programs may count differently
    assert len({tuple(corner) for corner in polygon}) < len(polygon) or np.count_nonzero(found != inside) <= 0.02 * len(X)


def test_a_lasso_that_crosses_itself_holds_both_loops() -> None:
    x, y = np.array([-0.5, 0.5, 0.0], np.float32), np.array([0.0, 0.0, 0.9], np.float32)
    bow_tie = [(-1.0, -1.0), (1.0, 1.0), (1.0, -1.0), (-1.0, 1.0)]
    assert under_polygon(x, y, bow_tie).tolist() == [0, 1]


@pytest.mark.parametrize("polygon", [[], [(0.0, 0.0), (1.0, 1.0)], [(0.0, 0.0), (1.0, float("nan")), (1.0, 0.0)]])
def test_what_is_no_lasso_is_told(polygon: list[tuple[float, float]]) -> None:
    with pytest.raises(RunError, match=r"at least three corners|not a finite number"):
        under_polygon(X, Y, polygon)


def test_a_box_may_be_drawn_from_any_corner() -> None:
    expected = np.flatnonzero((X >= -1) & (X <= 0.5) & (Y >= 0) & (Y <= 2))
    for box in ((-1, 0, 0.5, 2), (0.5, 2, -1, 0), (-1, 2, 0.5, 0)):
        assert np.array_equal(under_box(X, Y, box), expected)


def test_points_that_are_no_numbers_are_never_under_anything() -> None:
    x = np.array([np.nan, 0.0], np.float32)
    assert under_polygon(x, x, [(-1.0, -1.0), (1.0, -1.0), (0.0, 2.0)]).tolist() == [1]


def test_the_nearest_particle_is_nearest_on_the_screen() -> None:
    x, y = np.array([1.0, 0.0], np.float32), np.array([0.0, 10.0], np.float32)
    assert nearest_point(x, y, (0.0, 0.0)) == 0
    assert nearest_point(x, y, (0.0, 0.0), unit=(0.01, 1.0)) == 1, "a pixel is 0.01 along x: the other one is nearer there"
    with pytest.raises(RunError):
        nearest_point(x[:0], y[:0], (0.0, 0.0))


def test_a_particle_without_a_place_is_never_the_nearest() -> None:
    x, y = np.array([np.nan, 5.0, 1.0], np.float32), np.array([0.0, np.nan, 1.0], np.float32)
    assert nearest_point(x, y, (5.0, 0.0)) == 2
    with pytest.raises(RunError, match="no particle"):
        nearest_point(x[:2], y[:2], (0.0, 0.0))
