"""Pictures of points: where they are, of the right colour, and never of points that are not in view."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from cryohype_app.plots.raster import View, category_level, dot_px, rasterize

VIEW = View((0.0, 10.0), (0.0, 10.0), 100, 50)


def points(x: list[float], y: list[float], value: list[float] | list[int] | None = None) -> pd.DataFrame:
    table = {"x": np.array(x, np.float32), "y": np.array(y, np.float32)}
    return pd.DataFrame(table | ({} if value is None else {"value": np.array(value)}))


def test_a_point_is_where_it_should_be_row_0_at_the_bottom() -> None:
    image = rasterize(points([2.05], [9.05]), VIEW, "density")
    assert image.shape == (50, 100)
    rows, columns = np.nonzero(image)
    assert abs(rows.mean() - 45) < 1
    assert abs(columns.mean() - 20) < 1


def test_what_is_out_of_view_is_not_drawn() -> None:
    assert not rasterize(points([-1, 11, 5], [5, 5, 11]), VIEW, "density").any()


def test_categories_keep_their_numbers() -> None:
    image = rasterize(points([2, 8, 5], [5, 5, 2], [3, 7, -1]), VIEW, "category")
    assert set(np.unique(image)) == {0, category_level(3), category_level(7), category_level(-1)}
    assert image[25, 20] == category_level(3)


def test_a_quantity_lies_between_its_limits() -> None:
    image = rasterize(points([2, 5, 8], [5, 5, 5], [0.0, 0.5, 99.0]), VIEW, "quantity", limits=(0.0, 1.0))
    assert image[25, 20] == 1
    assert 120 < image[25, 50] < 136
    assert image[25, 80] == 255


def test_missing_values_are_not_drawn() -> None:
    assert not rasterize(points([5], [5], [float("nan")]), VIEW, "quantity", limits=(0.0, 1.0)).any()


def test_density_grows_with_the_number_of_points() -> None:
    many = points([2.0] * 50 + [8.0] * 5 + [5.0], [5.0] * 56)
    image = rasterize(many, VIEW, "density")
    assert image[25, 20] > image[25, 80] > image[25, 50] > 0


@pytest.mark.parametrize("view", [View((0, 1), (0, 1), 0, 10), View((1, 1), (0, 1), 10, 10)])
def test_nothing_can_be_drawn_into_no_room(view: View) -> None:
    assert rasterize(points([0.5], [0.5]), view, "density").sum() == 0


def test_dots_shrink_as_points_become_many() -> None:
    sparse, dense = np.zeros((500, 500), np.uint8), np.ones((500, 500), np.uint8)
    sparse[::100, ::100] = 1
    assert dot_px(sparse, 25) > 3
    assert dot_px(dense, 1_000_000) == 1


@pytest.mark.parametrize("kind", ["density", "category", "quantity", "cyclic"])
def test_points_without_a_place_are_not_drawn(kind: str) -> None:
    nowhere = points([float("nan"), 5.0, float("nan")], [5.0, float("nan"), float("nan")], [1, 2, 3])
    assert not rasterize(nowhere, VIEW, kind, limits=(0.0, 9.0)).any()  # type: ignore[arg-type]


def test_an_angle_comes_round() -> None:
    image = rasterize(points([2, 4, 6, 8], [5, 5, 5, 5], [-180.0, 179.9, 0.0, 540.0]), VIEW, "cyclic", limits=(-180.0, 180.0))
    assert image[25, 20] == image[25, 80] == 1
    assert image[25, 40] >= 254
    assert 126 <= image[25, 60] <= 129


def test_two_angles_at_one_place_have_no_mean() -> None:
    image = rasterize(points([5, 5], [5, 5], [-175.0, 175.0]), VIEW, "cyclic", limits=(-180.0, 180.0))
    assert image[25, 50] > 250, "the last one's, not that of 0°"
