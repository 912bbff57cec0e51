"""Maps brought to one grid."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
import torch

from cryohype_model.errors import MetricError
from cryohype_model.imaging.fourier import resize_volume
from cryohype_model.metrics.fsc import fourier_shell_correlation
from cryohype_model.metrics.match import centred_origin, cropped, on_one_grid
from cryohype_model.simulate.config import MixtureConfig
from cryohype_model.simulate.procedural import procedural_complex
from cryohype_model.simulate.structures import structure_density

BOX_PX, PIXEL_ANGSTROM = 32, 6.0


@dataclass(frozen=True)
class _Held:
    array: np.ndarray
    pixel_size_angstrom: float
    name: str = "a map"


def _map(array: np.ndarray, pixel_size_angstrom: float = PIXEL_ANGSTROM) -> _Held:
    return _Held(np.ascontiguousarray(array, dtype=np.float32), pixel_size_angstrom)


@pytest.fixture(scope="module")
def density() -> np.ndarray:
    """(32, 32, 32) of a complex, nothing at Nyquist."""
    config = MixtureConfig(1, BOX_PX, PIXEL_ANGSTROM, 24.0)
    volume = structure_density(procedural_complex(1), config, "cpu")
    return resize_volume(resize_volume(volume, BOX_PX - 2), BOX_PX).numpy()


def test_cropping_is_that_of_the_imaging_code(density: np.ndarray) -> None:
    found = cropped(density, 20)
    np.testing.assert_allclose(found, resize_volume(torch.from_numpy(density), 20).numpy(), atol=1e-6)
    assert found.dtype == np.float32


def test_the_centre_of_a_map_on_another_grid_stays_where_it_was() -> None:
    assert centred_origin(64, 3.0, (1.0, 2.0, 3.0), 24, 8.0) == (1.0, 2.0, 3.0)
    assert centred_origin(33, 2.0, (0.0, 0.0, -10.0), 16, 2.0) == (16.0, 16.0, 6.0)


def test_a_box_that_is_no_cube_is_refused_by_name(density: np.ndarray) -> None:
    with pytest.raises(MetricError, match=r"a map has a box of 32 × 32 × 30 px, and only cubes"):
        on_one_grid(_map(density), _map(density[:30]))


def test_three_maps_meet_too(density: np.ndarray) -> None:
    maps, pixel = on_one_grid(_map(density), _map(density[4:-4, 4:-4, 4:-4]), _map(cropped(density, 16), 12.0))
    assert [array.shape for array in maps] == [(12,) * 3] * 3 and pixel == 12.0


@pytest.mark.parametrize(
    ("box_px", "pixel_angstrom"), [(64, 3.0), (24, 8.0), (48, 4.0)], ids=["finer", "coarser", "by two thirds"]
)
def test_another_sampling_of_the_same_box_is_the_same_map(density: np.ndarray, box_px: int, pixel_angstrom: float) -> None:
    other = _map(resize_volume(torch.from_numpy(density), box_px).numpy(), pixel_angstrom)
    (first, second), pixel = on_one_grid(_map(density), other)
    assert len(first) == len(second) == min(BOX_PX, box_px) and pixel == max(PIXEL_ANGSTROM, pixel_angstrom)
    assert fourier_shell_correlation(first, second)[: len(first) // 2 - 1].min() > 0.999


def test_another_box_of_the_same_pixel_size_is_cut_about_the_centre(density: np.ndarray) -> None:
    for side, margin in ((48, (8, 8)), (33, (0, 1))):  # the centre of an odd box is the voxel side // 2
        (first, second), pixel = on_one_grid(_map(density), _map(np.pad(density, [margin] * 3)))
        assert len(first) == BOX_PX and pixel == PIXEL_ANGSTROM, side
        np.testing.assert_array_equal(first, second)


def test_any_ratio_of_pixel_sizes_is_met_by_padding(density: np.ndarray) -> None:
    """Resampled from 3 Å to 6 Å times 1.07: compared with the exact transform of the finer map."""
    fine = resize_volume(torch.from_numpy(density), 64).numpy()
    (first, second), pixel = on_one_grid(_map(fine, 3.0), _map(density, 3.21))
    assert pixel == 3.21 and len(first) == len(second) == BOX_PX
    x = np.arange(64) - 32
    coordinates = (np.arange(len(first)) - len(first) // 2) * 3.21 / 3.0
    assert np.interp(coordinates, x, fine[32, 32]) == pytest.approx(first[len(first) // 2, len(first) // 2], abs=0.06)


def test_a_small_box_meets_a_pixel_size_that_is_hardly_larger(density: np.ndarray) -> None:
    (first, second), pixel = on_one_grid(_map(density, 5.85), _map(density))  # 80 px of 5.85 Å are 78 px of 6 Å
    assert pixel == 6.0 and len(first) == len(second) == 32
    x = np.arange(32) - 16
    assert np.interp(x[4:-4] * 6.0 / 5.85, x, density[16, 16]) == pytest.approx(first[16, 16, 4:-4], abs=0.06)


def test_grids_that_share_nothing_are_refused(density: np.ndarray) -> None:
    with pytest.raises(MetricError, match="cannot be brought to a pixel size of 100 Å"):
        on_one_grid(_map(density), _map(density, 100.0))
    with pytest.raises(MetricError, match="box of 6 px"):
        on_one_grid(_map(density), _map(density[:6, :6, :6]))
