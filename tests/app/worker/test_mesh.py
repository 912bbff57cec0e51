"""Surfaces: in place, the right way out, not mirrored, not too large."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import map_coordinates

from cryohype_app.worker.mesh import Surface, expected_faces, surface
from cryohype_model.errors import MetricError

PIXEL_ANGSTROM = 1.5


def _axes(box_px: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """x, y, z in pixels from D // 2, each of shape (D, D, D) in the order (z, y, x)."""
    z, y, x = np.mgrid[:box_px, :box_px, :box_px].astype(np.float64) - box_px // 2
    return x, y, z


def _helix(box_px: int = 48, hand: int = 1) -> np.ndarray:
    """A right-handed (hand 1) helix of radius 12 px and pitch 20 px around z, one and a half turns, a Gaussian tube."""
    x, y, z = _axes(box_px)
    volume = np.zeros((box_px,) * 3)
    for angle in np.linspace(-1.5 * np.pi, 1.5 * np.pi, 150):
        cx, cy, cz = 12 * np.cos(angle), hand * 12 * np.sin(angle), 20 * angle / (2 * np.pi)
        volume = np.maximum(volume, np.exp(-((x - cx) ** 2 + (y - cy) ** 2 + (z - cz) ** 2) / (2 * 2.0**2)))
    return volume.astype(np.float32)


def _signed_volume(made: Surface) -> float:
    a, b, c = (made.vertices[made.faces[:, corner]].astype(np.float64) for corner in range(3))
    return float(np.einsum("ij,ij->", a, np.cross(b, c)) / 6)


def _distance_to_helix(points_px: np.ndarray, hand: int) -> np.ndarray:
    angle = np.linspace(-1.5 * np.pi, 1.5 * np.pi, 600)
    line = np.stack([12 * np.cos(angle), hand * 12 * np.sin(angle), 20 * angle / (2 * np.pi)], axis=1)
    return np.sqrt(((points_px[:, None] - line[None]) ** 2).sum(-1)).min(1)


@pytest.mark.parametrize("hand", [1, -1], ids=["right", "left"])
def test_a_helix_keeps_its_hand(hand: int) -> None:
    made = surface(_helix(hand=hand), 0.5, PIXEL_ANGSTROM)
    tube_px = 2.0 * np.sqrt(2 * np.log(2))  # where the Gaussian tube has fallen to a half
    distance = _distance_to_helix(made.vertices / PIXEL_ANGSTROM, hand)
    np.testing.assert_allclose(distance, tube_px, atol=0.3)
    assert _distance_to_helix(made.vertices / PIXEL_ANGSTROM, -hand).max() > 10


@pytest.mark.parametrize("step_faces", [300_000, 3_000], ids=["fine", "coarse"])
def test_faces_and_normals_look_outward(step_faces: int) -> None:
    volume = _helix()
    made = surface(volume, 0.5, PIXEL_ANGSTROM, most_faces=step_faces)
    assert _signed_volume(made) == pytest.approx(np.count_nonzero(volume > 0.5) * PIXEL_ANGSTROM**3, rel=0.2)
    np.testing.assert_allclose(np.linalg.norm(made.normals, axis=1), 1, atol=1e-5)
    a, b, c = (made.vertices[made.faces[:, corner]] for corner in range(3))
    assert (np.einsum("ij,ij->i", np.cross(b - a, c - a), made.normals[made.faces[:, 0]]) > 0).mean() > 0.98
    outside, inside = (
        map_coordinates(volume, ((made.vertices / PIXEL_ANGSTROM + sign * made.normals)[:, ::-1] + 24).T, order=1)
        for sign in (1, -1)
    )
    assert (outside < inside).mean() > 0.98


def test_three_blobs_lie_along_their_axes() -> None:
    """Long along +x, middling along +y, short along +z: a permutation or a mirror would be seen in the corners."""
    x, y, z = _axes(40)
    volume = sum(
        np.exp(-(np.clip(np.abs(along - length / 2) - length / 2, 0, None) ** 2 + (r2 - along**2)) / 8)
        for along, length, r2 in ((axis, length, x**2 + y**2 + z**2) for axis, length in ((x, 15.0), (y, 10.0), (z, 5.0)))
    ).astype(np.float32)
    made = surface(volume, 0.6, PIXEL_ANGSTROM)
    high, low = made.vertices.max(0) / PIXEL_ANGSTROM, made.vertices.min(0) / PIXEL_ANGSTROM
    assert high[0] > high[1] + 4 > high[2] + 8 and np.ptp(low) < 1.0


def test_types_for_the_browser() -> None:
    made = surface(_helix(), 0.5, PIXEL_ANGSTROM)
    assert made.vertices.dtype == made.normals.dtype == np.float32 and made.faces.dtype == np.uint32
    assert made.vertices.shape == made.normals.shape and made.vertices.shape[1] == made.faces.shape[1] == 3
    assert all(array.flags.c_contiguous for array in (made.vertices, made.normals, made.faces))
    assert made.faces.max() == len(made.vertices) - 1


def test_an_odd_box_has_its_centre_at_half_its_side() -> None:
    x, y, z = _axes(21)
    made = surface(np.exp(-(x**2 + y**2 + z**2) / 20).astype(np.float32), 0.5, 2.0)
    np.testing.assert_allclose(made.vertices.max(0), -made.vertices.min(0), rtol=1e-5)


@pytest.mark.parametrize("most", [20_000, 5_000, 800])
def test_a_large_surface_is_sampled(most: int) -> None:
    noise = np.random.default_rng(0).normal(size=(40, 40, 40)).astype(np.float32)
    made = surface(noise, 1.0, PIXEL_ANGSTROM, most_faces=most)
    assert made.step_px > 1 and most / 8 < len(made.faces) <= most
    assert expected_faces(noise, 1.0) > 80_000 and surface(noise, 1.0, PIXEL_ANGSTROM).step_px == 1


def test_however_few_faces_are_wanted_there_are_some() -> None:
    assert 0 < len(surface(_helix(), 0.5, PIXEL_ANGSTROM, most_faces=1).faces) < 1000


def test_faces_are_foreseen() -> None:
    volume = _helix()
    assert expected_faces(volume, 0.5) == pytest.approx(len(surface(volume, 0.5, 1.0).faces), rel=0.02)


def test_smoothing_keeps_the_place_and_takes_the_roughness() -> None:
    rough = _helix() + np.random.default_rng(0).normal(0, 0.15, (48,) * 3).astype(np.float32)
    assert len(surface(rough, 0.5, 1.0, smooth=True).faces) < 0.6 * len(surface(rough, 0.5, 1.0).faces)


@pytest.mark.parametrize("level", [-1.0, 0.0, 1.0, 7.0, float("nan"), float("inf")])
def test_a_level_beyond_the_map_is_a_sentence_with_the_range(level: float) -> None:
    volume = np.zeros((8, 8, 8), np.float32)
    volume[3:5, 3:5, 3:5] = 1
    with pytest.raises(MetricError, match=r"no surface at density .* lies between 0 and 1; choose between"):
        surface(volume, level, PIXEL_ANGSTROM)
    with pytest.raises(MetricError, match="at most 0 faces"):
        surface(volume, 0.5, PIXEL_ANGSTROM, most_faces=0)
