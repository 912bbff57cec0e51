"""Connected parts of a map, against shapes that are known."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.distance import pdist

from cryohype_model.errors import MetricError
from cryohype_model.metrics.parts import largest_extent_angstrom, largest_parts, part_volumes_angstrom3, without_dust


@pytest.fixture
def bars() -> np.ndarray:
    """(16, 20, 24) a bar of 10 voxels, one of 4 and a single voxel that touches the first at a corner only; -1 elsewhere."""
    volume = np.full((16, 20, 24), -1, np.float32)
    volume[3, 3, 2:12] = 1
    volume[10, 4:8, 20] = 2
    volume[4, 4, 12] = 3
    return volume


def test_parts_share_faces(bars: np.ndarray) -> None:
    assert part_volumes_angstrom3(bars, 0.5, 2.0).tolist() == [80.0, 32.0, 8.0]
    assert part_volumes_angstrom3(bars, 5.0, 2.0).tolist() == []


def test_dust_is_filled_with_what_lies_outside(bars: np.ndarray) -> None:
    clean = without_dust(bars, 0.5, 33.0, 2.0)
    assert part_volumes_angstrom3(clean, 0.5, 2.0).tolist() == [80.0]
    assert clean[10, 5, 20] == -1 and clean.dtype == np.float32
    np.testing.assert_array_equal(clean[3], bars[3])
    np.testing.assert_array_equal(without_dust(bars, 0.5, 8.0, 2.0), bars)


def test_the_largest_part_alone(bars: np.ndarray) -> None:
    region = largest_parts(bars, 0.5, None, 2.0)
    assert region.sum() == 10 and region[3, 3, 2:12].all()


def test_what_cannot_be_kept_is_told(bars: np.ndarray) -> None:
    with pytest.raises(MetricError, match=r"smaller than 1000 Å³ \(the largest has 80 Å³\)"):
        without_dust(bars, 0.5, 1000.0, 2.0)
    with pytest.raises(MetricError, match="no voxel exceeds the level 9"):
        largest_parts(bars, 9.0, None, 2.0)
    with pytest.raises(MetricError, match="no voxel exceeds the level 9"):
        largest_extent_angstrom(bars, 9.0, 2.0)


def test_the_extent_is_the_largest_of_all_distances(bars: np.ndarray) -> None:
    assert largest_extent_angstrom(bars, 0.5, 2.0) == pytest.approx(2 * pdist(np.argwhere(bars > 0.5)).max())
    noise = np.random.default_rng(0).normal(size=(40, 30, 36)).astype(np.float32)
    assert largest_extent_angstrom(noise, 2.5, 1.5) == pytest.approx(1.5 * pdist(np.argwhere(noise > 2.5)).max())


def test_the_extent_of_one_voxel_and_of_a_large_sheet() -> None:
    sheet = np.zeros((3, 60, 50), np.float32)
    sheet[1, 7, 7] = 1
    assert largest_extent_angstrom(sheet, 0.5, 2.0) == 0
    sheet[1] = 1
    assert largest_extent_angstrom(sheet, 0.5, 1.0) == pytest.approx(np.hypot(59, 49))
    upright = np.ascontiguousarray(np.moveaxis(np.pad(sheet, [(0, 0), (0, 0), (0, 5)]), 0, 2))
    assert largest_extent_angstrom(upright, 0.5, 1.0) == pytest.approx(np.hypot(59, 49))
