"""Pictures of particles: bright density, centred, filtered, small."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from cryohype_app.worker.montage import particle_images
from cryohype_model.config import DataConfig
from cryohype_model.errors import ConfigError
from cryohype_model.imaging.ctf import contrast_transfer
from cryohype_model.imaging.particles import Particles
from cryohype_model.imaging.preprocess import ImageScale
from cryohype_model.io.particles import read_particles
from cryohype_model.training.prepare import image_scale

ROWS = np.array([4, 1, 59, 7])


@pytest.fixture(scope="module")
def particles(mixture: Path) -> Particles:
    return Particles(read_particles(mixture))


@pytest.fixture(scope="module")
def scale(mixture: Path, particles: Particles) -> ImageScale:
    return image_scale(particles, DataConfig(particles=str(mixture)), contrast=1)


def _contrast(images: np.ndarray) -> np.ndarray:
    return (images - images.mean((1, 2), keepdims=True)) / images.std((1, 2), keepdims=True)


def test_pictures_are_the_images_centred_windowed_and_stretched(particles: Particles, scale: ImageScale) -> None:
    still = Particles(replace(particles.table, shift_px=np.zeros_like(particles.table.shift_px)))
    shown = particle_images(still, scale, ROWS, 16)
    stored = still.batch(ROWS).images.numpy()
    assert shown.shape == (4, 16, 16) and shown.dtype == np.uint8
    inner = slice(4, 12)
    a, b = (_contrast(images[:, inner, inner].astype(float)) for images in (shown, stored))
    assert (a * b).mean((1, 2)).min() > 0.99
    assert (shown.min((1, 2)) == 0).all() and (shown.max((1, 2)) == 255).all()
    dark = particle_images(still, replace(scale, contrast=-1), ROWS, 16)
    np.testing.assert_allclose(dark.astype(int), 255 - shown.astype(int), atol=1)


def test_a_shifted_particle_is_put_into_the_middle(particles: Particles, scale: ImageScale) -> None:
    rows = np.arange(60)
    shift = np.zeros((60, 2), np.float32)
    shift[:, 0] = 3
    moved = particle_images(Particles(replace(particles.table, shift_px=shift)), scale, rows, 16).astype(float)
    still = particle_images(Particles(replace(particles.table, shift_px=0 * shift)), scale, rows, 16).astype(float)
    agreement = (_contrast(np.roll(still, 3, axis=2)) * _contrast(moved)).mean()
    assert agreement > 0.9 > (_contrast(still) * _contrast(moved)).mean() + 0.3


@pytest.mark.parametrize("px", [8, 12, 24, 32])
def test_other_sizes_show_the_same_picture(particles: Particles, scale: ImageScale, px: int) -> None:
    shown = particle_images(particles, scale, ROWS, px, low_pass_angstrom=60.0)
    usual = particle_images(particles, scale, ROWS, 16, low_pass_angstrom=60.0)
    assert shown.shape == (4, px, px)
    spectra = [np.fft.rfft2(np.fft.ifftshift(images, axes=(1, 2)))[:, :3, :3] / images[0].size for images in (shown, usual)]
    a, b = (spectrum.reshape(4, -1)[:, 1:] for spectrum in spectra)
    agreement = (a * b.conj()).real.sum(1) / np.sqrt((abs(a) ** 2).sum(1) * (abs(b) ** 2).sum(1))
    assert agreement.min() > 0.98


def test_a_low_pass_falls_to_a_half_at_its_resolution(particles: Particles, scale: ImageScale) -> None:
    flat = replace(scale, window_radius=2.0)
    sharp = particle_images(particles, flat, np.arange(60), 16).astype(float)
    smooth = particle_images(particles, flat, np.arange(60), 16, low_pass_angstrom=16 * 12.0 / 4).astype(float)
    power = [(abs(np.fft.rfft2(_contrast(images))) ** 2).mean(0) for images in (sharp, smooth)]
    ratio = np.sqrt(power[1] / power[0])
    assert ratio[0, 4] / ratio[0, 1] == pytest.approx(0.5 / 0.5 ** (1 / 16), rel=0.1)


def test_flipped_phases_are_those_where_the_ctf_is_negative(particles: Particles, scale: ImageScale) -> None:
    flat = replace(scale, window_radius=2.0)
    assert particles.table.ctf is not None
    far = np.full(60, 60_000.0, np.float32)  # so that the CTF turns within the few frequencies of 16 px
    particles = Particles(
        replace(particles.table, ctf=replace(particles.table.ctf, defocus_u_angstrom=far, defocus_v_angstrom=far))
    )
    plain, flipped = (particle_images(particles, flat, np.arange(60), 16, flip_ctf=flip) for flip in (False, True))
    axis = torch.fft.fftfreq(16) / 12.0
    frequencies = torch.stack(torch.meshgrid(axis, axis, indexing="xy"), dim=-1).reshape(-1, 2)
    assert particles.table.ctf is not None
    ctf = contrast_transfer(frequencies, torch.from_numpy(particles.table.ctf.as_array())).reshape(60, 16, 16).numpy()
    a, b = (np.fft.fft2(_contrast(images.astype(float))) for images in (plain, flipped))
    clear = (np.abs(ctf) > 0.2) & (np.abs(a) > 8)
    clear[:, 8], clear[:, :, 8] = False, False  # Nyquist has no sign of its own
    same = np.sign((a * b.conj()).real) == np.where(ctf < 0, -1, 1)
    assert (ctf[clear] < 0).mean() > 0.05 and same[clear].mean() > 0.97


def test_many_pictures_come_in_their_order(particles: Particles, scale: ImageScale) -> None:
    rows = np.random.default_rng(0).integers(0, 60, 150)
    many = particle_images(particles, scale, rows, 16)
    np.testing.assert_array_equal(many, particle_images(particles, scale, np.arange(60), 16)[rows])


@pytest.mark.parametrize(
    ("rows", "how", "sentence"),
    [
        ([0], {"px": 15}, "even side of 8 to 512 px, not 15"),
        ([0], {"px": 514}, "not 514"),
        ([0], {"px": 16, "low_pass_angstrom": 0.0}, "positive number of Å"),
        ([0] * 1025, {"px": 16}, "1025 pictures at once"),
    ],
)
def test_impossible_pictures_are_refused(
    particles: Particles, scale: ImageScale, rows: list[int], how: dict[str, float], sentence: str
) -> None:
    with pytest.raises(ConfigError, match=sentence):
        particle_images(particles, scale, np.array(rows), **how)  # type: ignore[arg-type]
