"""Centred transforms, cropping and resizing."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from cryohype_model.imaging.fourier import (
    coefficients_to_hartley,
    crop_fourier,
    fourier_to_image,
    fourier_to_volume,
    gather_half_disc,
    image_to_fourier,
    image_to_hartley,
    resize_volume,
    scatter_half_sphere,
    volume_to_fourier,
)
from cryohype_model.imaging.grid import FourierGrid

BOXES = st.integers(4, 20).map(lambda half: 2 * half)
SEEDS = st.integers(0, 2**31)


def _random(*shape: int, seed: int) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def _smooth(box: int, seed: int) -> torch.Tensor:
    """A random (D, D, D) volume without frequencies at and beyond half of its Nyquist frequency."""
    coefficients = volume_to_fourier(_random(box, box, box, seed=seed))
    k = torch.fft.fftfreq(box).abs() < 0.25
    return fourier_to_volume(coefficients * (k[:, None, None] & k[None, :, None] & k[None, None, : box // 2 + 1]), box)


@given(BOXES, SEEDS)
def test_image_round_trip(box: int, seed: int) -> None:
    images = _random(2, box, box, seed=seed)
    torch.testing.assert_close(fourier_to_image(image_to_fourier(images), box), images)


@given(st.integers(2, 8).map(lambda half: 2 * half), SEEDS)
def test_volume_round_trip(box: int, seed: int) -> None:
    volume = _random(box, box, box, seed=seed)
    torch.testing.assert_close(fourier_to_volume(volume_to_fourier(volume), box), volume)


@given(BOXES)
def test_a_point_at_the_centre_has_flat_phase(box: int) -> None:
    image = torch.zeros(box, box)
    image[box // 2, box // 2] = 1.0
    torch.testing.assert_close(image_to_fourier(image), torch.ones(box, box // 2 + 1, dtype=torch.complex64))


@given(BOXES, SEEDS)
def test_hartley_from_half_transform(box: int, seed: int) -> None:
    images = _random(2, box, box, seed=seed)
    torch.testing.assert_close(coefficients_to_hartley(image_to_fourier(images)), image_to_hartley(images))


@given(BOXES, SEEDS)
def test_hartley_is_its_own_inverse(box: int, seed: int) -> None:
    image = _random(box, box, seed=seed)
    torch.testing.assert_close(image_to_hartley(image_to_hartley(image)) / box**2, image)


@given(st.integers(4, 10).map(lambda half: 2 * half), SEEDS)
def test_crop_keeps_the_mean_and_the_low_frequencies(box: int, seed: int) -> None:
    image = _random(2 * box, 2 * box, seed=seed)
    small = fourier_to_image(crop_fourier(image_to_fourier(image), box), box)
    assert math.isclose(float(small.mean()), float(image.mean()), abs_tol=1e-12)
    pixels = FourierGrid(box).half_disc_pixels
    torch.testing.assert_close(
        gather_half_disc(image_to_fourier(small), pixels), gather_half_disc(image_to_fourier(image), pixels) / 4
    )


@given(st.integers(4, 8).map(lambda half: 2 * half), st.integers(1, 4), SEEDS)
def test_resizing_up_and_down_is_the_identity(box: int, more: int, seed: int) -> None:
    volume = _smooth(box, seed)
    torch.testing.assert_close(resize_volume(resize_volume(volume, box + 2 * more), box), volume)


@given(st.integers(2, 6).map(lambda quarter: 4 * quarter), SEEDS)
def test_resizing_keeps_density_at_shared_points(box: int, seed: int) -> None:
    volume = _smooth(box, seed)
    torch.testing.assert_close(resize_volume(volume, 2 * box)[::2, ::2, ::2], volume)


@given(st.integers(3, 8).map(lambda half: 2 * half), SEEDS)
def test_shells_hold_the_whole_band_limited_volume(box: int, seed: int) -> None:
    volume = _smooth(box, seed)
    coefficients = volume_to_fourier(volume)
    pixels = FourierGrid(box).shell_pixels(0, box // 2)
    kx, ky, kz = pixels.unbind(1)
    again = scatter_half_sphere(coefficients[kz % box, ky % box, kx], pixels, box)
    torch.testing.assert_close(fourier_to_volume(again, box), volume)


@pytest.mark.parametrize("box", [5, 2])
def test_odd_and_tiny_boxes_are_refused(box: int) -> None:
    from cryohype_model.errors import ConfigError

    with pytest.raises(ConfigError, match=f"not {box}"):
        FourierGrid(box)
