"""Phase ramps and the CTF."""

import math

import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st

from cryohype_model.imaging.ctf import contrast_transfer
from cryohype_model.imaging.fourier import fourier_to_image, image_to_fourier
from cryohype_model.imaging.shift import phase_ramp, rfft_pixels

PIXELS = st.integers(-7, 7)


@given(PIXELS, PIXELS)
def test_whole_pixel_shifts_roll_the_image(x: int, y: int) -> None:
    image = torch.randn(16, 16, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    ramp = phase_ramp(rfft_pixels(16), torch.tensor([[x, y]], dtype=torch.float64), 16)
    moved = fourier_to_image(image_to_fourier(image) * ramp, 16)[0]
    torch.testing.assert_close(moved, torch.roll(image, (y, x), dims=(0, 1)))


@given(st.floats(-3, 3), st.floats(-3, 3))
def test_a_shift_and_its_opposite_cancel(x: float, y: float) -> None:
    shift = torch.tensor([[x, y]], dtype=torch.float64)
    product = phase_ramp(rfft_pixels(12), shift, 12) * phase_ramp(rfft_pixels(12), -shift, 12)
    torch.testing.assert_close(product, torch.ones_like(product))


def _parameters(
    u: float = 15000.0, v: float = 15000.0, angle: float = 0.0, phase: float = 0.0, b_factor: float = 0.0, scale: float = 1.0
) -> torch.Tensor:
    return torch.tensor([[u, v, angle, 300.0, 2.7, 0.1, phase, b_factor, scale]], dtype=torch.float64)


@given(st.floats(5000, 30000), st.floats(5000, 30000), st.floats(0, 180))
def test_ctf_is_even_and_bounded(u: float, v: float, angle: float) -> None:
    k = torch.rand(200, 2, generator=torch.Generator().manual_seed(1), dtype=torch.float64) * 0.4 - 0.2
    values = contrast_transfer(k, _parameters(u, v, angle))
    torch.testing.assert_close(values, contrast_transfer(-k, _parameters(u, v, angle)))
    assert float(values.abs().max()) <= 1.0


@given(st.floats(5000, 30000), st.floats(0, 3000), st.floats(0, 180))
def test_astigmatism_turns_with_its_angle(u: float, difference: float, angle: float) -> None:
    k = torch.rand(50, 2, generator=torch.Generator().manual_seed(2), dtype=torch.float64) * 0.4 - 0.2
    turned_by = math.radians(angle)
    turn = torch.tensor(
        [[math.cos(turned_by), math.sin(turned_by)], [-math.sin(turned_by), math.cos(turned_by)]], dtype=torch.float64
    )
    torch.testing.assert_close(
        contrast_transfer(k, _parameters(u + difference, u, 0.0)),
        contrast_transfer(k @ turn, _parameters(u + difference, u, angle)),
    )


def test_ctf_at_zero_phase_plate_b_factor_and_scale() -> None:
    zero = torch.zeros(1, 2, dtype=torch.float64)
    assert math.isclose(float(contrast_transfer(zero, _parameters())), 0.1)
    assert math.isclose(float(contrast_transfer(zero, _parameters(phase=90.0))), math.sin(math.asin(0.1) + math.pi / 2))
    assert math.isclose(float(contrast_transfer(zero, _parameters(scale=0.5))), 0.05)
    k = torch.tensor([[0.1, 0.05]], dtype=torch.float64)
    damped = contrast_transfer(k, _parameters(b_factor=80.0)) / contrast_transfer(k, _parameters())
    assert math.isclose(float(damped), math.exp(-80.0 * 0.0125 / 4))


def test_first_zero_of_a_weak_phase_object() -> None:
    """Without Cs and amplitude contrast the first zero is where λ Δf k² = 1."""
    wavelength = 12.2643247 / np.sqrt(300e3 * (1 + 0.978466e-6 * 300e3))
    parameters = _parameters()
    parameters[0, 4:6] = 0.0
    k = 1 / np.sqrt(wavelength * 15000.0)
    assert abs(float(contrast_transfer(torch.tensor([[k, 0.0]], dtype=torch.float64), parameters))) < 1e-6
