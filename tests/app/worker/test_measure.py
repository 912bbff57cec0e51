"""Numbers beside a volume."""

from __future__ import annotations

import numpy as np
import pytest

from cryohype_app.worker.measure import measure
from cryohype_app.worker.shelf import StoredVolume, suggested_level
from cryohype_model.errors import MetricError
from cryohype_model.imaging.fourier import resize_volume
from cryohype_model.metrics.shape import enclosed_volume_angstrom3, radius_of_gyration_angstrom
from cryohype_model.simulate.config import MixtureConfig
from cryohype_model.simulate.procedural import procedural_complex
from cryohype_model.simulate.structures import structure_density

BOX_PX, PIXEL_ANGSTROM = 32, 6.0


def _held(array: np.ndarray, pixel_size_angstrom: float = PIXEL_ANGSTROM, **facts: object) -> StoredVolume:
    array = np.ascontiguousarray(array, dtype=np.float32)
    return StoredVolume(array, pixel_size_angstrom, suggested_level(array), "map", "a map", **facts)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def density() -> np.ndarray:
    """(32, 32, 32) of a complex, nothing at Nyquist."""
    config = MixtureConfig(1, BOX_PX, PIXEL_ANGSTROM, 24.0)
    volume = structure_density(procedural_complex(1), config, "cpu")
    return resize_volume(resize_volume(volume, BOX_PX - 2), BOX_PX).numpy()


def test_a_map_agrees_with_itself(density: np.ndarray) -> None:
    volume = _held(density)
    found = measure("a", volume, None, volume)
    assert found.fsc is not None and found.frequency_per_angstrom is not None and volume.level is not None
    np.testing.assert_allclose(found.fsc[:-1], 1)  # nothing at Nyquist
    assert found.frequency_per_angstrom[-1] == pytest.approx(1 / (2 * PIXEL_ANGSTROM))
    assert found.fsc_auc == pytest.approx(found.perfect_auc) == pytest.approx(15 / 32)
    assert (found.viou, found.chamfer_angstrom, found.notes) == (1.0, 0.0, ())
    assert found.enclosed_volume_angstrom3 == enclosed_volume_angstrom3(density, volume.level, PIXEL_ANGSTROM)
    assert found.radius_of_gyration_angstrom == radius_of_gyration_angstrom(density, volume.level, PIXEL_ANGSTROM)
    assert found.level == volume.level and found.half_fsc is None


def test_without_a_reference_there_is_shape_alone(density: np.ndarray) -> None:
    found = measure("a", _held(density), 0.5 * float(density.max()), None)
    assert found.reference is None and found.fsc is None and found.viou is None
    assert found.enclosed_volume_angstrom3 == np.count_nonzero(density > 0.5 * density.max()) * PIXEL_ANGSTROM**3


def test_what_is_not_defined_is_none_with_a_note(density: np.ndarray) -> None:
    constant = _held(np.ones((8, 8, 8)))
    found = measure("a", constant, None, constant)
    assert (found.level, found.enclosed_volume_angstrom3, found.viou, found.chamfer_angstrom) == (None, None, None, None)
    assert ["constant" in note for note in found.notes] == [True, True]
    below = measure("a", _held(density), -1.0, None)
    assert below.radius_of_gyration_angstrom is None and "at least 0" in below.notes[0]
    with pytest.raises(MetricError, match="'most' is not understood"):
        measure("a", constant, None, constant, "most")


def test_half_maps_are_told_of_either(density: np.ndarray) -> None:
    halves = np.linspace(1, 0, BOX_PX // 2 + 1)
    backprojected = _held(density, half_fsc=halves)
    for found in (measure("a", _held(density), None, backprojected), measure("a", backprojected, None, None)):
        assert found.half_fsc is halves and found.half_frequency_per_angstrom is not None
        assert found.half_frequency_per_angstrom[1] == pytest.approx(1 / (BOX_PX * PIXEL_ANGSTROM))


def test_the_levels_are_those_asked_for(density: np.ndarray) -> None:
    volume, weaker = _held(density), _held(0.7 * density)
    found = measure("a", volume, None, weaker, "0.2")
    assert (found.volume_level, found.reference_level) == (0.2, 0.2) and "density 0.2" in str(found.levels)
    assert found.viou is not None and found.viou < 0.95
    assert measure("a", volume, None, weaker).viou == 1.0
