"""Shapes, levels and masks: properties, brute force, and inputs on which nothing is defined."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial import cKDTree

from cryohype_model.errors import MetricError
from cryohype_model.metrics import mask, shape, threshold

seeds = st.integers(0, 2**32 - 1)


def _noise(seed: int, box_px: int = 12) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(box_px,) * 3).astype(np.float32)


def _cube(start: int, box_px: int = 16, side: int = 5) -> np.ndarray:
    """A cube of density 1 with its corner ``start`` voxels along x."""
    volume = np.zeros((box_px,) * 3, np.float32)
    volume[4 : 4 + side, 4 : 4 + side, start : start + side] = 1
    return volume


def _ball(box_px: int = 32, radius_px: float = 8.0) -> np.ndarray:
    return mask.sphere_mask(box_px, radius_px, 0)


@settings(max_examples=30, deadline=None)
@given(seeds, st.floats(-1, 1.5), st.floats(-1, 1.5))
def test_viou_is_a_symmetric_fraction(seed: int, level_a: float, level_b: float) -> None:
    a, b = _noise(seed), _noise(seed + 1)
    value = shape.viou(a, b, level_a, level_b)
    assert 0 <= value <= 1
    assert shape.viou(b, a, level_b, level_a) == value
    assert shape.viou(a, a, level_a, level_a) == 1


def test_viou_of_shifted_cubes() -> None:
    assert shape.viou(_cube(2), _cube(4), 0.5, 0.5) == pytest.approx(3 / 7)
    assert shape.viou(_cube(2), _cube(4) * 0, 0.5, 0.5) == 0


@settings(max_examples=30, deadline=None)
@given(seeds, st.floats(0, 2), st.floats(0.5, 5))
def test_chamfer_is_the_nearest_neighbour_search(seed: int, level: float, pixel_size_angstrom: float) -> None:
    a, b = _noise(seed), _noise(seed + 1)
    points_a, points_b = (np.argwhere(v > level) * pixel_size_angstrom for v in (a, b))
    expected = (cKDTree(points_b).query(points_a)[0].mean() + cKDTree(points_a).query(points_b)[0].mean()) / 2
    found = shape.chamfer_distance_angstrom(a, b, level, level, pixel_size_angstrom)
    assert found == pytest.approx(expected, rel=1e-9)
    assert shape.chamfer_distance_angstrom(a, a, level, level, pixel_size_angstrom) == 0


def test_chamfer_of_a_cube_shifted_by_two_voxels() -> None:
    """Three of five layers coincide; the others are one and two voxels away: (1 + 2) / 5 each way."""
    assert shape.chamfer_distance_angstrom(_cube(2), _cube(4), 0.5, 0.5, 3.0) == pytest.approx(0.6 * 3.0)


def test_empty_shapes_are_not_defined() -> None:
    empty = np.zeros((8, 8, 8), np.float32)
    with pytest.raises(MetricError, match="not defined"):
        shape.chamfer_distance_angstrom(empty, empty + 1, 0.5, 0.5, 1.0)
    with pytest.raises(MetricError, match="not defined"):
        shape.viou(empty, empty, 0.5, 0.5)
    with pytest.raises(MetricError, match="not defined"):
        shape.radius_of_gyration_angstrom(empty, 0.5, 1.0)
    with pytest.raises(MetricError, match="at least 0"):
        shape.radius_of_gyration_angstrom(empty + 1, -1, 1.0)
    with pytest.raises(MetricError, match="one box"):
        shape.viou(empty, np.ones((4, 4, 4), np.float32), 0.5, 0.5)


def test_a_ball_has_the_volume_and_radius_of_gyration_of_geometry() -> None:
    ball, pixel_size_angstrom = _ball(), 2.0
    assert shape.enclosed_volume_angstrom3(ball, 0.5, pixel_size_angstrom) == pytest.approx(4 / 3 * np.pi * 16**3, rel=0.03)
    radius = shape.radius_of_gyration_angstrom(ball, 0.5, pixel_size_angstrom)
    assert radius == pytest.approx(np.sqrt(3 / 5) * 16, rel=0.03)


@settings(max_examples=30, deadline=None)
@given(seeds)
def test_best_level_beats_every_other(seed: int) -> None:
    volume, truth = _noise(seed, 6), _noise(seed + 1, 6) > 0.3
    level = threshold.best_level(volume, truth)
    scores = [np.sum((volume > t) & truth) / np.sum((volume > t) | truth) for t in np.unique(volume)]
    assert np.sum((volume > level) & truth) / np.sum((volume > level) | truth) == max(scores)


def test_best_level_of_the_truth_itself_finds_it_at_any_scale() -> None:
    truth = _cube(2)
    policy = threshold.ThresholdPolicy.parse("best")
    level, truth_level = policy.levels(truth * 7 - 3, truth, 1.0)
    assert shape.viou(truth * 7 - 3, truth, level, truth_level) == 1


def test_level_enclosing_a_mass() -> None:
    volume, policy = _noise(0, 24), threshold.ThresholdPolicy.parse("mass:10")
    level, other = policy.levels(volume, volume, 2.0)
    assert level == other
    assert shape.enclosed_volume_angstrom3(volume, level, 2.0) == pytest.approx(12100, abs=4)
    with pytest.raises(MetricError, match="mass between one voxel and the box"):
        threshold.ThresholdPolicy.parse("mass:1000").levels(volume, volume, 2.0)


def test_otsu_separates_two_populations() -> None:
    rng = np.random.default_rng(0)
    volume = np.concatenate([rng.normal(0, 0.3, 900), rng.normal(5, 0.3, 100)]).reshape(10, 10, 10).astype(np.float32)
    assert 1.0 < threshold.otsu_level(volume) < 4.0


def test_map_and_truth_may_each_have_a_density() -> None:
    policy = threshold.ThresholdPolicy("each", 0.25, 1.5)
    assert policy.levels(_cube(2), _cube(2), 1.0) == (0.25, 1.5)
    assert str(policy) == "density 0.25 for the map, 1.5 for the truth"


@pytest.mark.parametrize("text", ["", "half", "mass:", "mass:-3", "nan", "mass:inf"])
def test_a_level_that_means_nothing_is_refused(text: str) -> None:
    with pytest.raises(MetricError, match="not understood"):
        threshold.ThresholdPolicy.parse(text)


def test_constant_maps_have_no_level() -> None:
    flat, truth = np.ones((6, 6, 6), np.float32), np.zeros((6, 6, 6), bool)
    with pytest.raises(MetricError, match="constant map"):
        threshold.otsu_level(flat)
    with pytest.raises(MetricError, match="not defined"):
        threshold.best_level(flat, truth)
    truth[2] = True
    with pytest.raises(MetricError, match="constant map"):
        threshold.best_level(flat, truth)


def test_given_level_is_used_for_both() -> None:
    policy = threshold.ThresholdPolicy.parse("0.1")
    assert policy.levels(_noise(0), _noise(1), 1.0) == (0.1, 0.1)
    assert "0.1" in str(policy)


def test_soft_mask_is_one_inside_and_falls_to_zero() -> None:
    soft = mask.soft_mask(_ball(), 0.5, extend_px=2, soft_px=4)
    profile = soft[16, 16, 16:]
    np.testing.assert_allclose(profile[:11], 1.0)
    assert np.all(np.diff(profile[10:15]) < 0)
    np.testing.assert_array_equal(profile[15:], 0.0)
    assert profile[12] == pytest.approx(0.5)
    with pytest.raises(MetricError, match="no density"):
        mask.soft_mask(_ball(), 2.0)


def test_sphere_mask_is_centred_on_half_the_box() -> None:
    sphere = mask.sphere_mask(16, 4, 2)
    assert sphere[8, 8, 12] == 1 and sphere[8, 8, 4] == 1
    assert 0 < sphere[8, 8, 13] < 1 and sphere[8, 8, 14] == 0
