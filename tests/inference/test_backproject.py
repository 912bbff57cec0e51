"""Back-projection gives back the molecule: its density, its hand, its resolution."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from cryohype_model.errors import InputFileError
from cryohype_model.imaging.fourier import resize_volume
from cryohype_model.imaging.particles import Particles
from cryohype_model.inference.backproject import SliceAccumulator, backproject, noise_to_signal
from cryohype_model.inference.contrast import detect_contrast, known_contrast
from cryohype_model.inference.reconstruct import reconstruction_scale, write_reconstruction
from cryohype_model.io.mrc import read_volume
from cryohype_model.io.particles import read_particles
from cryohype_model.io.table import ParticleTable
from cryohype_model.metrics.fsc import fourier_shell_correlation
from cryohype_model.simulate.config import MixtureConfig
from cryohype_model.simulate.mixture import simulate_mixture
from cryohype_model.simulate.procedural import procedural_complex

BOX_PX = 16


def _simulate(folder: Path, snr: float) -> tuple[ParticleTable, np.ndarray]:
    """Images of one structure, with CTF and shifts, and its true map."""
    config = MixtureConfig(300, BOX_PX, 12.0, 30.0, snr=snr, max_shift_px=1.5)
    star = simulate_mixture([procedural_complex(1)], folder / "set", config)
    return read_particles(star), read_volume(next((folder / "set" / "volumes").iterdir()))[0]


@pytest.fixture(scope="module")
def clean(tmp_path_factory: pytest.TempPathFactory) -> tuple[ParticleTable, np.ndarray]:
    return _simulate(tmp_path_factory.mktemp("clean"), float("inf"))


@pytest.fixture(scope="module")
def noisy(tmp_path_factory: pytest.TempPathFactory) -> tuple[ParticleTable, np.ndarray]:
    return _simulate(tmp_path_factory.mktemp("noisy"), 0.1)


def _slope(volume: np.ndarray, truth: np.ndarray) -> float:
    return float((volume * truth).sum() / (truth**2).sum())


@pytest.mark.parametrize("padding", [1, 2])
@pytest.mark.parametrize("box_px", [16, 12])
def test_density_and_hand_of_a_known_volume(clean: tuple[ParticleTable, np.ndarray], padding: int, box_px: int) -> None:
    table, truth = clean
    result = backproject(Particles(table), reconstruction_scale(table, box_px, 1), padding=padding)
    expected = resize_volume(torch.from_numpy(truth), box_px).numpy()
    assert result.volume.shape == (box_px,) * 3 and result.count == 300
    assert result.pixel_size_angstrom * box_px == pytest.approx(12.0 * BOX_PX)
    assert _slope(result.volume, expected) == pytest.approx(1.0, abs=0.05)
    agreement = np.corrcoef(result.volume.ravel(), expected.ravel())[0, 1]
    mirrored = np.corrcoef(result.volume[:, :, ::-1].ravel(), expected.ravel())[0, 1]
    assert agreement > 0.95 and agreement > mirrored + 0.05
    inner = fourier_shell_correlation(result.volume, expected)[1 : box_px // 2 - 1]
    assert inner.min() > (0.97 if padding == 1 else 0.99)


def test_halves_agree_as_far_as_there_is_signal(
    clean: tuple[ParticleTable, np.ndarray], noisy: tuple[ParticleTable, np.ndarray]
) -> None:
    sharp, blurred = (backproject(Particles(table), reconstruction_scale(table, None, 1)) for table, _ in (clean, noisy))
    assert sharp.fsc[1:7].min() > 0.98
    assert blurred.fsc[1:4].min() > 0.5 and blurred.fsc[1:8].mean() < sharp.fsc[1:8].mean()
    np.testing.assert_allclose(blurred.fsc, fourier_shell_correlation(*blurred.halves))
    assert sharp.resolution_angstrom(0.5) <= blurred.resolution_angstrom(0.5)


def test_wiener_is_nearer_to_the_truth_than_either_half(noisy: tuple[ParticleTable, np.ndarray]) -> None:
    table, truth = noisy
    result = backproject(Particles(table), reconstruction_scale(table, None, 1))

    def error(volume: np.ndarray) -> float:
        return float(((volume - truth) ** 2).sum() / (truth**2).sum())

    assert error(result.volume) < 0.8 * min(map(error, result.halves))


def test_noise_to_signal_by_the_fsc() -> None:
    weight = torch.full((5,), 10.0)
    ratio = noise_to_signal(np.array([1.0, 0.8, 0.5, 0.143, -0.2]), weight)
    # mean weight · (1 - FSC) / (2 FSC): strong where the halves disagree
    expected = [10 * 0.001 / 1.998, 10 * 0.2 / 1.6, 10 * 0.5 / 1.0, 10 * 0.857 / 0.286, 10 * 0.99 / 0.02]
    torch.testing.assert_close(ratio, torch.tensor(expected))


def test_the_seed_splits_the_halves_and_nothing_else(noisy: tuple[ParticleTable, np.ndarray]) -> None:
    table, _ = noisy
    scale = reconstruction_scale(table, None, 1)
    first, again, other = (backproject(Particles(table), scale, seed=seed) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first.halves[0], again.halves[0])
    assert not np.allclose(first.halves[0], other.halves[0])
    assert np.corrcoef(first.volume.ravel(), other.volume.ravel())[0, 1] > 0.98


def test_some_particles_only(clean: tuple[ParticleTable, np.ndarray]) -> None:
    table, _ = clean
    scale, done = reconstruction_scale(table, None, 1), []
    rows = np.array([40, 2, 7, 9, 100])
    some = backproject(Particles(table), scale, rows, report=done.append)
    alone = backproject(Particles(table[np.sort(rows)]), scale)
    np.testing.assert_allclose(some.volume, alone.volume, atol=1e-6)
    assert some.count == sum(done) == 5


def test_too_few_particles_and_no_poses_are_refused(clean: tuple[ParticleTable, np.ndarray]) -> None:
    table, _ = clean
    scale = reconstruction_scale(table, None, 1)
    for rows in ([], [3]):
        with pytest.raises(InputFileError, match="at least 2 particles"):
            backproject(Particles(table), scale, np.array(rows, dtype=np.int64))
    with pytest.raises(InputFileError, match="no poses"):
        backproject(Particles(replace(table, rotation=None)), scale)


def test_shares_of_a_point_are_all_there_once() -> None:
    """Trilinear shares of any point and of its mate at -k, as the half lattice holds them."""
    accumulator = SliceAccumulator(8)
    points = torch.tensor([[1.25, 0.5, -2.0], [-1.25, -0.5, 2.0], [0.4, -1.5, 0.3], [0.0, 1.0, 1.0], [0.0, -1.0, -1.0]])
    values = torch.tensor([[1 + 2j, 1 - 2j, 3 + 1j, 2 + 5j, 2 - 5j]])
    accumulator.insert(values, torch.ones(1, 5), points[None])
    full = torch.fft.irfftn(accumulator.numerator, s=(8, 8, 8))
    spectrum = torch.fft.fftn(full)
    torch.testing.assert_close(spectrum[..., :5], accumulator.numerator, atol=1e-5, rtol=1e-5)  # it is that of a real map
    # each point counts at k and at -k; the plane kx = 0 is its own mate
    total = accumulator.weight[..., 0].sum() + 2 * accumulator.weight[..., 1:].sum()
    assert float(total) == pytest.approx(2 * 5)


@pytest.mark.parametrize("sign", [1, -1])
def test_contrast_is_seen(clean: tuple[ParticleTable, np.ndarray], tmp_path: Path, sign: int) -> None:
    table, _ = clean
    unknown = replace(_inverted(table, tmp_path) if sign < 0 else table, contrast_known=0)
    found, sentence = detect_contrast(unknown)
    assert found == sign
    assert f"density is {'bright' if sign > 0 else 'dark'} in the images" in sentence
    assert known_contrast(unknown, "auto") == (sign, sentence)
    assert known_contrast(unknown, "dark")[0] == -1
    assert known_contrast(replace(unknown, contrast_known=-1), "auto")[0] == -1


def test_contrast_of_noise_is_left_open(clean: tuple[ParticleTable, np.ndarray], tmp_path: Path) -> None:
    found, sentence = detect_contrast(replace(_noise(clean[0], tmp_path), contrast_known=0))
    assert found == 0 and "not certain" in sentence
    assert known_contrast(replace(_noise(clean[0], tmp_path), contrast_known=0), "auto")[0] == 1


def _with_images(table: ParticleTable, images: np.ndarray, folder: Path) -> ParticleTable:
    from cryohype_model.io.stack_writer import StackWriter

    path = folder / "images.mrcs"
    with StackWriter(path, len(images), BOX_PX, 12.0) as stack:
        stack.append(images.astype(np.float32))
    return replace(table, stacks=(path,))


def _inverted(table: ParticleTable, folder: Path) -> ParticleTable:
    return _with_images(table, -Particles(table).batch(range(len(table))).images.numpy(), folder)


def _noise(table: ParticleTable, folder: Path) -> ParticleTable:
    return _with_images(table, np.random.default_rng(0).normal(size=(len(table), BOX_PX, BOX_PX)), folder)


def test_files_of_a_reconstruction(clean: tuple[ParticleTable, np.ndarray], tmp_path: Path) -> None:
    table, _ = clean
    result = backproject(Particles(table), reconstruction_scale(table, 12, 1))
    facts = write_reconstruction(result, tmp_path, "map")
    volume, pixel_angstrom, _ = read_volume(tmp_path / facts["map"])
    np.testing.assert_array_equal(volume, result.volume)
    assert pixel_angstrom == pytest.approx(16.0) == facts["pixel_size_angstrom"]
    curve = np.loadtxt(tmp_path / "map_fsc.csv", delimiter=",", skiprows=1)
    assert curve.shape == (7, 2) and curve[-1, 0] == pytest.approx(1 / 32.0, abs=1e-6)
    assert sorted(path.name for path in (tmp_path / "halves").iterdir()) == ["map_half1.mrc", "map_half2.mrc"]
