"""Still pictures show what is nearest, from the side that is named, not mirrored."""

from __future__ import annotations

import numpy as np
import pytest

from cryohype_app.plots.surface import MIDDLE, framed, projection, surface_picture

SIDE = 32


def _blob(volume: np.ndarray, x: int, y: int, z: int) -> None:
    volume[z - 2 : z + 3, y - 2 : y + 3, x - 2 : x + 3] = 1.0


@pytest.mark.parametrize(
    ("side", "place"),
    # a blob at large x, middle y and small z; (up, right) of each view: z shows (y, x), y shows (x, z), x shows (z, y)
    [("z", (0.5, 0.8)), ("y", (0.8, 0.2)), ("x", (0.2, 0.5))],
)
def test_up_and_right_are_as_in_the_3d_view(side: str, place: tuple[float, float]) -> None:
    volume = np.zeros((SIDE,) * 3, np.float32)
    _blob(volume, x=25, y=16, z=6)
    for picture in (projection(volume, side), surface_picture(volume, 0.5, "#0072B2", side)[..., 3]):
        row, column = np.argwhere(picture > 100).mean(axis=0)
        assert (1 - row / SIDE, column / SIDE) == pytest.approx(place, abs=0.04)


def test_the_nearest_is_seen_and_the_farther_is_paler() -> None:
    volume = np.zeros((SIDE,) * 3, np.float32)
    _blob(volume, x=8, y=16, z=26)
    _blob(volume, x=24, y=16, z=6)
    picture = surface_picture(volume, 0.5, "#0000ff").astype(int)
    near, far = picture[15, 8], picture[15, 24]
    assert near[3] == far[3] == 255
    assert far[0] > near[0] + 30, "towards white"
    behind = np.zeros((SIDE,) * 3, np.float32)
    _blob(behind, x=8, y=16, z=26)
    _blob(behind, x=8, y=16, z=6)
    assert np.abs(surface_picture(behind, 0.5, "#0000ff")[15, 8].astype(int) - near).max() <= 40


def test_light_comes_from_above_the_right() -> None:
    z, y, x = np.indices((48,) * 3) - 24.0
    ball = (20 - np.sqrt(x**2 + y**2 + z**2)).astype(np.float32)
    picture = surface_picture(ball, 4.0, "#808080")[..., 0].astype(int)
    assert picture[14, 34] > picture[34, 14] + 40


def test_a_map_without_surface_is_empty() -> None:
    assert not surface_picture(np.zeros((8, 8, 8), np.float32), 0.5, "#0072B2").any()


def test_the_middle_is_shown_where_all_is_in_it() -> None:
    volume = np.zeros((SIDE,) * 3, np.float32)
    _blob(volume, x=16, y=16, z=16)
    finer, share = framed(volume, 0.5)
    assert share == pytest.approx(MIDDLE, abs=0.01)
    assert len(finer) > 4 * SIDE
    _blob(volume, x=3, y=16, z=16)
    assert framed(volume, 0.5)[1] == 1.0
    assert len(framed(np.zeros((300, 300, 300), np.float32), 0.5)[0]) < 256


def test_finer_voxels_are_those_of_a_band_limited_map() -> None:
    x = np.arange(SIDE) / SIDE
    wave = np.broadcast_to(np.sin(2 * np.pi * 3 * x), (SIDE,) * 3).astype(np.float32)
    finer, _ = framed(wave, -2.0)
    places = np.arange(len(finer)) / len(finer)
    np.testing.assert_allclose(finer[5, 7], np.sin(2 * np.pi * 3 * places), atol=1e-5)
