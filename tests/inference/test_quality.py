"""Simulated particles of known structures, all the way from images: right and wrong maps beside their back-projection."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
import torch

from cryohype_model.imaging.particles import Particles
from cryohype_model.inference.backproject import backproject
from cryohype_model.inference.quality import selection_quality, window_mask
from cryohype_model.inference.reconstruct import reconstruction_scale
from cryohype_model.io.mrc import read_volume
from cryohype_model.io.particles import read_particles
from cryohype_model.metrics.fsc import fourier_shell_correlation
from cryohype_model.metrics.quality import COARSE, DISAGREES, SUPPORTED, TOO_FEW, UNSUPPORTED, MapQuality
from cryohype_model.simulate.config import MixtureConfig
from cryohype_model.simulate.mixture import simulate_mixture
from cryohype_model.simulate.procedural import procedural_complex

BOX_PX, IMAGES = 24, 300


@pytest.fixture(scope="module")
def known(tmp_path_factory: pytest.TempPathFactory) -> tuple[SimpleNamespace, list[np.ndarray]]:
    """What a trained run tells of two structures with 300 noisy images each (CTF, shifts), and their true maps."""
    folder = tmp_path_factory.mktemp("known") / "set"
    config = MixtureConfig(IMAGES, BOX_PX, 9.0, 18.0, snr=0.05, max_shift_px=1.5)
    table = read_particles(simulate_mixture([procedural_complex(index) for index in (1, 2)], folder, config))
    trained = SimpleNamespace(particles=Particles(table), scale=reconstruction_scale(table, None, 1), device=torch.device("cpu"))
    return trained, [read_volume(path)[0] for path in sorted((folder / "volumes").glob("*.mrc"))]


def first(known: tuple[SimpleNamespace, list[np.ndarray]], count: int) -> np.ndarray:
    """The first so many particles of the first structure."""
    return np.flatnonzero(known[0].particles.table.label == 0)[:count]


def quality(known: tuple[SimpleNamespace, list[np.ndarray]], count: int, **maps: np.ndarray) -> dict[str, MapQuality]:
    return selection_quality(known[0], first(known, count), maps)


def band(volume: np.ndarray, low: float, high: float) -> np.ndarray:
    axis = np.fft.fftfreq(BOX_PX, 1 / BOX_PX)
    radius = np.sqrt(axis[:, None, None] ** 2 + axis[None, :, None] ** 2 + axis**2)
    return np.fft.ifftn(np.fft.fftn(volume) * ((radius > low) & (radius <= high))).real.astype(np.float32)


@pytest.mark.parametrize("count", [40, 100, 300])
def test_the_truth_is_supported_by_few_and_by_many(known: tuple[SimpleNamespace, list[np.ndarray]], count: int) -> None:
    truth = known[1][0]
    found = quality(known, count, right=truth)["right"]
    assert found.verdicts == (SUPPORTED,)
    assert found.agreement == pytest.approx(1, abs=0.06)
    assert found.agreed_angstrom == pytest.approx(found.carried_angstrom, rel=0.2)
    if found.beyond is not None:
        assert found.beyond.value == pytest.approx(1, abs=0.1 + 3 * found.beyond.error)


def test_more_particles_carry_further(known: tuple[SimpleNamespace, list[np.ndarray]]) -> None:
    few, many = (quality(known, count, right=known[1][0])["right"] for count in (40, 300))
    assert many.carried_angstrom < 0.9 * few.carried_angstrom


def test_the_agreement_is_the_fsc_with_the_truth(known: tuple[SimpleNamespace, list[np.ndarray]]) -> None:
    """What cannot be measured on real data, FSC of the network's map and the truth, is estimated by map_fsc / ceiling."""
    truth, other = known[1]
    rng = np.random.default_rng(0)
    noisy = (
        truth + np.float32(0.6) * np.roll(other, 2, axis=0) + rng.normal(0, 0.05 * truth.std(), truth.shape).astype(np.float32)
    )
    found = quality(known, IMAGES, noisy=noisy)["noisy"]
    expected = fourier_shell_correlation(noisy, truth, window_mask(known[0].scale))
    carried = found.half_fsc[1:-1] > 0.3
    assert carried.sum() >= 5 and expected[1:-1][carried].min() < 0.9
    np.testing.assert_allclose((found.map_fsc / found.ceiling)[1:-1][carried], expected[1:-1][carried], atol=0.08)


def test_the_map_of_another_structure_is_told(known: tuple[SimpleNamespace, list[np.ndarray]]) -> None:
    truth, other = known[1]
    found = quality(known, IMAGES, wrong=other, right=truth)
    assert DISAGREES in found["wrong"].verdicts and found["right"].verdicts == (SUPPORTED,)


def test_detail_of_another_structure_is_told(known: tuple[SimpleNamespace, list[np.ndarray]]) -> None:
    """40 particles carry some shells; beyond, the map has those of another structure, as large as the truth's are."""
    truth, other = known[1]
    right = quality(known, 40, right=truth)["right"]
    last = int(BOX_PX * known[0].scale.pixel_size_angstrom / right.carried_angstrom) + 0.5
    gain = np.sqrt((band(truth, last, 99) ** 2).sum() / (band(other, last, 99) ** 2).sum())
    invented = band(truth, -1, last) + np.float32(2 * gain) * band(other, last, 99)
    found = quality(known, 40, invented=invented, coarse=band(truth, -1, 0.5 * last))
    assert found["invented"].verdicts == (UNSUPPORTED,)
    assert found["coarse"].verdicts == (COARSE,)


def test_too_few_particles_are_not_even_read(known: tuple[SimpleNamespace, list[np.ndarray]]) -> None:
    reported: list[int] = []
    no_images = SimpleNamespace(scale=known[0].scale)
    found = selection_quality(no_images, np.arange(19), {"any": known[1][0]}, report=reported.append)
    assert found["any"].verdicts == (TOO_FEW,) and reported == [19]


def test_halves_keep_the_power_of_the_signal(known: tuple[SimpleNamespace, list[np.ndarray]]) -> None:
    """However many slices met a shell: of 30 images the finest have large gaps."""
    trained, (truth, _) = known
    mask = window_mask(trained.scale)
    for count in (30, 300):
        made = backproject(trained.particles, trained.scale, first(known, count), padding=1)
        mean = (made.halves[0] + made.halves[1]) / 2
        for low, high in ((0.5, 3.5), (3.5, 6.5), (6.5, 9.5)):
            part = band(truth * mask, low, high)
            slope = float((band(mean * mask, low, high) * part).sum() / (part**2).sum())
            assert slope == pytest.approx(1, abs=0.15), (count, low)
