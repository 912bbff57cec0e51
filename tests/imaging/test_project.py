"""Projections against sums over voxels and turned point clouds."""

import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from cryohype_model.imaging.project import project
from cryohype_model.io.rotation import euler_to_matrix, matrix_to_euler, random_rotations, rotation_vector_to_matrix

BOX = 32


def _blobs(points: np.ndarray, dimensions: int) -> np.ndarray:
    """Gaussians of σ = 2 px with weights 1, 2, 3 ... at (n, 2 or 3) points (x, y, z) from the centre D // 2."""
    axis = np.arange(BOX) - BOX // 2
    total = np.zeros((BOX,) * dimensions)
    for weight, point in enumerate(points, start=1):
        value = np.full((1,) * dimensions, float(weight))
        for d in range(dimensions):  # array axes are (z, y, x): the last is x
            shape = [1] * dimensions
            shape[dimensions - 1 - d] = BOX
            value = value * np.exp(-((axis - point[d]) ** 2) / 8.0).reshape(shape)
        total += value
    return total.astype(np.float32)


POINTS = np.array([[5.0, 0.0, 0.0], [0.0, 6.0, 0.0], [0.0, 0.0, 7.0], [-4.0, -3.0, 2.0]])  # no mirror image of itself


def test_identity_is_the_sum_over_z() -> None:
    volume = torch.from_numpy(_blobs(POINTS, 3))
    image, expected = project(volume, torch.eye(3)[None])[0].numpy(), volume.sum(0).numpy()
    assert np.corrcoef(image.ravel(), expected.ravel())[0, 1] > 0.9999
    # on the nodes of the padded transform the gridding correction is not needed and adds some per cent far from the centre
    assert abs((image * expected).sum() / (expected**2).sum() - 1) < 0.06


@settings(max_examples=20)
@given(st.integers(0, 10_000))
def test_a_projection_has_the_right_pose_and_hand(seed: int) -> None:
    """A point at x of the volume lands at the first two numbers of R x; a mirrored object would not fit."""
    rotation = random_rotations(1, np.random.default_rng(seed))
    image = project(torch.from_numpy(_blobs(POINTS, 3)), torch.from_numpy(rotation.astype(np.float32)))[0].numpy()
    depth = np.sqrt(2 * np.pi) * 2.0  # integral of a blob along z
    expected = depth * _blobs((POINTS @ rotation[0].T)[:, :2], 2)
    mirrored = depth * _blobs((POINTS * [1, 1, -1] @ rotation[0].T)[:, :2], 2)
    assert np.corrcoef(image.ravel(), expected.ravel())[0, 1] > 0.999
    assert np.abs(image - expected).max() < 0.03 * expected.max()
    assert np.abs(mirrored - expected).max() > 0.05 * expected.max()


@given(st.integers(0, 10_000))
def test_rotations_are_proper_and_angles_come_back(seed: int) -> None:
    rotation = random_rotations(5, np.random.default_rng(seed))
    np.testing.assert_allclose(rotation @ np.swapaxes(rotation, 1, 2), np.broadcast_to(np.eye(3), (5, 3, 3)), atol=1e-12)
    np.testing.assert_allclose(np.linalg.det(rotation), 1.0)
    np.testing.assert_allclose(euler_to_matrix(matrix_to_euler(rotation)), rotation, atol=1e-9)


@given(st.floats(-180, 180), st.sampled_from([0.0, 180.0]), st.floats(-180, 180))
def test_angles_at_the_poles(rot: float, tilt: float, psi: float) -> None:
    rotation = euler_to_matrix([[rot, tilt, psi]])
    np.testing.assert_allclose(euler_to_matrix(matrix_to_euler(rotation)), rotation, atol=1e-6)


def test_euler_angles_by_hand() -> None:
    """RELION's passive ZYZ: tilt 90 puts the volume's x axis along the image's -z and its z axis along the image's x."""
    np.testing.assert_allclose(euler_to_matrix([[0, 90, 0]])[0], [[0, 0, -1], [0, 1, 0], [1, 0, 0]], atol=1e-12)
    np.testing.assert_allclose(euler_to_matrix([[90, 0, 0]])[0], [[0, 1, 0], [-1, 0, 0], [0, 0, 1]], atol=1e-12)


def test_rotation_vectors() -> None:
    quarter = rotation_vector_to_matrix([[0, 0, np.pi / 2], [0, 0, 0]])
    np.testing.assert_allclose(quarter[0] @ [1, 0, 0], [0, 1, 0], atol=1e-12)
    np.testing.assert_allclose(quarter[1], np.eye(3))


def test_random_rotations_are_uniform() -> None:
    """Uniform on SO(3): every entry has mean 0 and mean square 1/3."""
    rotation = random_rotations(20_000, np.random.default_rng(0))
    assert np.abs(rotation.mean(0)).max() < 0.02
    assert np.abs((rotation**2).mean(0) - 1 / 3).max() < 0.01
