"""Data sets with known truth: read back by our own reader, true to the recipe, complete or absent."""

import json
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from cryohype_model.errors import ConfigError, InputFileError
from cryohype_model.imaging.fourier import fourier_to_image, image_to_fourier
from cryohype_model.imaging.project import project
from cryohype_model.imaging.shift import phase_ramp, rfft_pixels
from cryohype_model.io.mrc import read_volume, write_volume
from cryohype_model.io.particles import read_particles
from cryohype_model.simulate import mixture
from cryohype_model.simulate.config import MixtureConfig
from cryohype_model.simulate.images import clean_images
from cryohype_model.simulate.mixture import simulate_mixture
from cryohype_model.simulate.models import Atoms
from cryohype_model.simulate.procedural import procedural_complex
from cryohype_model.simulate.structures import MapFile

CONFIG = MixtureConfig(
    images_per_structure=60, box_px=32, pixel_size_angstrom=6.0, resolution_angstrom=15.0, snr=0.2, max_shift_px=3.0, batch=16
)
STRUCTURES = [procedural_complex(index) for index in range(3)]


@pytest.fixture(scope="module")
def data_set(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return simulate_mixture(STRUCTURES, tmp_path_factory.mktemp("data") / "set", CONFIG).parent


def _stack(folder: Path) -> torch.Tensor:
    return torch.from_numpy(read_volume(folder / "particles.mrcs")[0])


def test_the_folder_holds_what_it_should_and_nothing_else(data_set: Path) -> None:
    assert sorted(path.name for path in data_set.iterdir()) == ["particles.mrcs", "particles.star", "truth.json", "volumes"]
    truth = json.loads((data_set / "truth.json").read_text())
    assert [s["name"] for s in truth["structures"]] == ["ring-1", "antibody-1", "barrel-1"]
    assert [s["label"] for s in truth["structures"]] == [0, 1, 2]
    for entry in truth["structures"]:
        volume, pixel_angstrom, _ = read_volume(data_set / entry["map"])
        assert volume.shape == (32, 32, 32)
        assert pixel_angstrom == pytest.approx(6.0)


def test_our_reader_reads_the_table(data_set: Path) -> None:
    table = read_particles(data_set / "particles.star")
    assert table.notes == ()
    assert len(table) == 180
    assert table.box_px == 32
    assert table.contrast_known == 1
    assert table.source.path == data_set / "particles.star"
    np.testing.assert_array_equal(table.frame, np.arange(180))
    np.testing.assert_array_equal(np.bincount(table.label), [60, 60, 60])
    assert (np.diff(table.label) != 0).mean() > 0.5  # shuffled
    assert np.abs(table.shift_px).max() <= 3.0
    assert np.abs(table.shift_px).max() > 2.5
    assert table.ctf is not None
    assert (table.ctf.defocus_u_angstrom >= table.ctf.defocus_v_angstrom).all()


def test_noise_and_signal_are_what_snr_says(data_set: Path) -> None:
    """The images minus those made again from table and maps are white noise of variance 1; the clean ones have variance snr."""
    table, images = read_particles(data_set / "particles.star"), _stack(data_set)
    noise, signal = torch.empty_like(images), []
    for entry in json.loads((data_set / "truth.json").read_text())["structures"]:
        rows = np.flatnonzero(table.label == entry["label"])
        volume = torch.from_numpy(read_volume(data_set / entry["map"])[0])
        clean = torch.cat(list(clean_images(volume, table[rows], 32)))
        noise[rows] = images[rows] - clean
        signal.append(clean.var(dim=(1, 2)).mean())
    assert float(noise.var()) == pytest.approx(1.0, rel=0.02)
    assert float(torch.stack(signal).mean() / noise.var()) == pytest.approx(CONFIG.snr, rel=0.05)
    power = image_to_fourier(noise).abs().square().mean(0) / 32**2
    inner, outer = power[:8, :8].mean(), power[12:20, 8:16].mean()
    assert float(inner) == pytest.approx(1.0, rel=0.1)
    assert float(outer) == pytest.approx(1.0, rel=0.1)


def test_the_origin_centres_the_particle_and_r_is_its_pose(tmp_path: Path) -> None:
    """Without CTF and noise an image moved by +origin is the plain projection of the true map, by RELION's angles."""
    config = replace(CONFIG, snr=math.inf, ctf=False, images_per_structure=5)
    folder = simulate_mixture(STRUCTURES[1:2], tmp_path / "clean", config).parent
    table, images = read_particles(folder / "particles.star"), _stack(folder)
    assert table.ctf is None
    ramp = phase_ramp(rfft_pixels(32), torch.from_numpy(table.shift_px), 32)
    centred = fourier_to_image(image_to_fourier(images) * ramp, 32)
    volume = torch.from_numpy(read_volume(folder / "volumes/000_antibody-1.mrc")[0])
    expected = project(volume, torch.from_numpy(table.rotation))
    torch.testing.assert_close(centred, expected, atol=2e-3 * float(expected.max()), rtol=0)


def test_points_land_where_the_angles_say(tmp_path: Path) -> None:
    """Unequal points, turned and moved by hand: pose, hand, shift and pixel size, with no code of ours between."""
    positions = np.array([[30, 0, 0], [0, 40, 0], [0, 0, 50], [-30, -40, -50]], np.float32)
    atoms = Atoms(positions, np.array([1, 2, 3, 1], np.float32), "points", centre_angstrom=np.zeros(3, np.float32))
    config = replace(CONFIG, snr=math.inf, ctf=False, images_per_structure=8, resolution_angstrom=20.0)
    folder = simulate_mixture([atoms], tmp_path / "points", config).parent
    images = _stack(folder).numpy()
    table = read_particles(folder / "particles.star")
    y, x = np.mgrid[:32, :32] - 16.0
    for image, rotation, shift in zip(images, table.rotation, table.shift_px, strict=True):
        expected = np.zeros((32, 32))
        for point, weight in zip(positions @ rotation.T / 6.0, atoms.weight, strict=True):  # R x: image frame
            sigma = 20.0 / 6.0 / (math.pi * math.sqrt(2))
            expected += weight * np.exp(-((x - point[0] + shift[0]) ** 2 + (y - point[1] + shift[1]) ** 2) / (2 * sigma**2))
        assert np.corrcoef(image.ravel(), expected.ravel())[0, 1] > 0.995


def test_density_is_bright_and_the_ctf_has_relions_sign(tmp_path: Path) -> None:
    """CTF(0) = +amplitude contrast: the sum of an image is positive."""
    config = replace(CONFIG, snr=math.inf, images_per_structure=4)
    folder = simulate_mixture(STRUCTURES[:1], tmp_path / "ctf", config).parent
    volume = read_volume(folder / "volumes/000_ring-1.mrc")[0]
    sums = _stack(folder).sum((1, 2)).numpy()
    np.testing.assert_allclose(sums, 0.1 * volume.sum(), rtol=0.1)


def test_the_same_seed_gives_the_same_bytes_at_any_batch(tmp_path: Path) -> None:
    stacks = []
    for number, config in enumerate((CONFIG, replace(CONFIG, batch=64), replace(CONFIG, seed=1))):
        folder = simulate_mixture(STRUCTURES[:2], tmp_path / str(number), replace(config, images_per_structure=40)).parent
        stacks.append(_stack(folder))
    torch.testing.assert_close(stacks[0], stacks[1], atol=1e-4, rtol=0)
    assert float((stacks[0] - stacks[2]).abs().max()) > 1.0


def test_maps_are_structures_too(tmp_path: Path) -> None:
    """A map on another grid gives the same particle as the atoms it was made from."""
    config = replace(CONFIG, snr=math.inf, ctf=False, images_per_structure=4, resolution_angstrom=20.0)
    fine = simulate_mixture(STRUCTURES[1:2], tmp_path / "fine", replace(config, box_px=48, pixel_size_angstrom=4.0)).parent
    source = MapFile(fine / "volumes/000_antibody-1.mrc", "antibody")
    mixed = simulate_mixture([source], tmp_path / "map", config).parent
    direct = simulate_mixture(STRUCTURES[1:2], tmp_path / "atoms", config).parent
    assert np.corrcoef(_stack(mixed).ravel(), _stack(direct).ravel())[0, 1] > 0.999


def test_a_map_without_voxel_size_is_refused(tmp_path: Path) -> None:
    write_volume(tmp_path / "a.mrc", np.ones((8, 8, 8), np.float32), 0.0)
    with pytest.raises(InputFileError, match=r"a\.mrc has a voxel size of 0"):
        simulate_mixture([MapFile(tmp_path / "a.mrc", "a")], tmp_path / "out", CONFIG)


def test_nothing_is_left_after_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(mixture, "write_star", full)
    with pytest.raises(OSError, match="No space"):
        simulate_mixture(STRUCTURES[:1], tmp_path / "out", CONFIG)
    assert list(tmp_path.iterdir()) == []


def test_an_earlier_data_set_is_kept_unless_told(data_set: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="already holds a simulated data set"):
        simulate_mixture(STRUCTURES, data_set, CONFIG)
    (tmp_path / "precious.txt").write_text("mine")
    with pytest.raises(ConfigError, match="holds other files"):
        simulate_mixture(STRUCTURES, tmp_path, CONFIG, overwrite=True)
    out = tmp_path / "out"
    few = replace(CONFIG, images_per_structure=2)
    simulate_mixture(STRUCTURES, out, few)
    simulate_mixture(STRUCTURES[:1], out, few, overwrite=True)
    assert len(read_particles(out / "particles.star")) == 2
    assert len(list((out / "volumes").iterdir())) == 1


def test_no_more_than_a_batch_is_asked_of_the_projector(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sizes = []
    original = mixture.clean_images

    def watched(*args: object) -> object:
        for batch in original(*args):
            sizes.append(len(batch))
            yield batch

    monkeypatch.setattr(mixture, "clean_images", watched)
    seen: list[tuple[int, int]] = []
    simulate_mixture(STRUCTURES[:2], tmp_path / "out", CONFIG, progress=lambda done, total: seen.append((done, total)))
    assert max(sizes) == CONFIG.batch
    assert seen[-1] == (240, 240)
    assert seen == sorted(seen)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"box_px": 33}, "even number"),
        ({"snr": 0.0}, "snr must be above 0"),
        ({"snr": math.nan}, "snr must be above 0"),
        ({"images_per_structure": 0}, "images_per_structure"),
        ({"max_shift_px": 16.0}, "max_shift_px"),
        ({"defocus_angstrom": (2.0, 1.0)}, "defocus range"),
        ({"amplitude_contrast": 1.5}, "amplitude_contrast"),
        ({"seed": -1}, "seed"),
    ],
)
def test_impossible_recipes_are_refused(change: dict[str, object], sentence: str) -> None:
    with pytest.raises(ConfigError, match=sentence):
        replace(CONFIG, **change)


def test_no_structure_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no structure"):
        simulate_mixture([], tmp_path / "out", CONFIG)


@pytest.mark.gpu
def test_a_gpu_makes_the_same_images(tmp_path: Path) -> None:
    if not torch.cuda.is_available():
        pytest.skip("torch sees no CUDA device")
    config = replace(CONFIG, images_per_structure=8)
    stacks = [
        _stack(simulate_mixture(STRUCTURES[:1], tmp_path / device, config, device=device).parent) for device in ("cpu", "cuda")
    ]
    torch.testing.assert_close(stacks[0], stacks[1], atol=1e-3, rtol=0)
