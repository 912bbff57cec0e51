import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cryohype_model.io.rotation import euler_to_matrix, matrix_to_euler, random_rotations, rotation_vector_to_matrix

angle = st.floats(-180, 180)
# as near to the poles as float32 tables come
tilt = st.one_of(st.floats(0, 180), st.sampled_from([0.0, 180.0, 1e-5, 1e-3, 179.99999]))


@given(angle, tilt, angle)
def test_angles_give_their_matrix_back_even_at_the_poles(rot: float, tilt: float, psi: float) -> None:
    matrix = euler_to_matrix([[rot, tilt, psi]])
    np.testing.assert_allclose(euler_to_matrix(matrix_to_euler(matrix)), matrix, atol=1e-12)
    np.testing.assert_allclose(euler_to_matrix(matrix_to_euler(matrix.astype(np.float32))), matrix, atol=2e-7)


def test_relions_angles_by_hand() -> None:
    # passive rotations: tilt of 90° brings the volume's x axis to the viewing direction
    np.testing.assert_allclose(euler_to_matrix([[0, 90, 0]])[0][2], [1, 0, 0], atol=1e-15)
    np.testing.assert_allclose(euler_to_matrix([[90, 0, 0]])[0], [[0, 1, 0], [-1, 0, 0], [0, 0, 1]], atol=1e-15)


def test_rotation_vector() -> None:
    np.testing.assert_allclose(rotation_vector_to_matrix([[0, 0, np.pi / 2]])[0], [[0, -1, 0], [1, 0, 0], [0, 0, 1]], atol=1e-15)
    np.testing.assert_array_equal(rotation_vector_to_matrix([[0, 0, 0]])[0], np.eye(3))


def test_random_rotations_are_uniform() -> None:
    rotations = random_rotations(20_000, np.random.default_rng(0))
    np.testing.assert_allclose(rotations @ rotations.transpose(0, 2, 1), np.broadcast_to(np.eye(3), rotations.shape), atol=1e-12)
    np.testing.assert_allclose(np.linalg.det(rotations), 1)
    assert np.abs(rotations.mean(axis=0)).max() < 0.02
    assert (rotations**2).mean(axis=0) == pytest.approx(1 / 3, abs=0.02)
