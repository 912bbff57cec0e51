"""Slices of a map, seen from a side that is told: never a mirror image."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from cryohype_app.napari_plugin.inspection.cuts import (
    BELOW,
    FRONT,
    LEFT,
    VIEWS,
    Slant,
    View,
    cut,
    middle_of,
    moved_to,
    reach,
    seen,
    shades,
    slanted,
)

Map = npt.NDArray[np.float32]
AXES = np.eye(3)


def test_the_front_shows_x_to_the_right_and_y_up(chiral: Map) -> None:
    picture = cut(chiral, FRONT, 12)
    rows, columns = np.nonzero(picture)
    assert picture[11, 22] == 1 and columns.max() == 22  # the longest bar, along +x, points to the right
    assert rows.min() == 23 - 19  # the second, along +y, points up
    np.testing.assert_array_equal(picture, chiral[12, ::-1])


@pytest.mark.parametrize(("view", "eye"), [(FRONT, (1, 0, 0)), (BELOW, (0, -1, 0)), (LEFT, (0, 0, -1))], ids=["z", "y", "x"])
def test_every_view_is_seen_from_the_side_that_it_tells(view: View, eye: tuple[int, int, int]) -> None:
    assert view.towards_eye.tolist() == list(eye)
    name = view.seen_from
    assert eye["zyx".index(name[1])] == (1 if name[0] == "+" else -1)


@pytest.mark.parametrize("view", VIEWS, ids=["z", "y", "x"])
def test_a_voxel_is_where_the_axes_say(view: View) -> None:
    array = np.arange(4 * 5 * 6, dtype=np.float32).reshape(4, 5, 6)
    place = np.array([1, 2, 3])
    picture = cut(array, view, int(place[view.cut]))
    assert picture.shape == (array.shape[view.up], array.shape[view.right])
    assert picture[array.shape[view.up] - 1 - place[view.up], place[view.right]] == array[1, 2, 3]


@pytest.mark.parametrize("view", VIEWS, ids=["z", "y", "x"])
def test_a_slanted_plane_that_is_straight_is_the_slice(chiral: Map, view: View) -> None:
    slant = Slant(AXES[view.right], AXES[view.up])
    point = np.array([13.0, 14.0, 15.0])
    picture = slanted(chiral, slant, point, 25)[1:, :24]  # 25: one more above than below the centre, 12
    np.testing.assert_allclose(picture, cut(chiral, view, int(point[view.cut])), atol=1e-6)


def test_what_a_camera_sees_is_not_mirrored() -> None:
    """From the front x is to the right; from the right side (+x) z, which came towards us, is to the left."""
    front = seen(np.array([-1.0, 0, 0]), np.array([0.0, 1, 0]))
    np.testing.assert_allclose([front.right, front.up, front.towards_eye], [AXES[2], AXES[1], AXES[0]])
    side = seen(np.array([0.0, 0, -1]), np.array([0.2, 1, 0.3]))  # an up that is not perpendicular
    np.testing.assert_allclose(side.towards_eye, AXES[2], atol=1e-12)
    assert side.right @ AXES[0] < -0.9 and abs(side.right @ side.up) < 1e-12


def test_a_plane_moves_along_its_normal_and_stays_in_the_box() -> None:
    shape, normal = (20, 20, 20), np.ones(3) / np.sqrt(3)
    there = moved_to(np.array([3.0, 10.0, 14.0]), shape, normal, 4.0)
    assert (there - 10) @ normal == pytest.approx(4.0)
    far = moved_to(np.array([0.0, 19.0, 0.0]), shape, normal, reach(shape, normal))
    assert (far >= 0).all() and (far <= 19).all() and (far - 10) @ normal == pytest.approx(reach(shape, normal))
    np.testing.assert_allclose(middle_of(shape, Slant(AXES[2], AXES[1]), np.array([3.0, 4, 5])), [3, 10, 10])


def test_shades_are_grey_and_tinted_above_the_level() -> None:
    pixels = shades(np.array([[0.0, 0.5, 2.0]], np.float32), (0.0, 1.0), 0.6, "#ff0000")
    assert pixels[0, :2].tolist() == [[0, 0, 0], [127, 127, 127]]
    assert pixels[0, 2].tolist() == [255, 0, 0]
