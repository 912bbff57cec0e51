"""The lattice: discs, shells, rotated slices, folding."""

import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st

from cryohype_model.imaging.fourier import gather_half_disc, image_to_fourier
from cryohype_model.imaging.grid import FourierGrid, fold_half_space, rotate_slice
from cryohype_model.io.rotation import random_rotations

BOXES = st.integers(2, 24).map(lambda half: 2 * half)


def _set(points: torch.Tensor) -> set[tuple[int, ...]]:
    return {tuple(p) for p in points.tolist()}


@given(BOXES)
def test_half_disc_and_its_mirror_make_the_disc(box: int) -> None:
    grid = FourierGrid(box)
    half, full = _set(grid.half_disc_pixels), _set(grid.disc_pixels)
    mirror = {(-x, -y) for x, y in half}
    assert half | mirror == full
    assert half & mirror == {(0, 0)}
    assert len(half) == len(grid.half_disc_pixels)
    assert all(x * x + y * y < (box // 2) ** 2 for x, y in full)


@given(BOXES, st.data())
def test_a_prefix_of_the_half_disc_is_a_smaller_half_disc(box: int, data: st.DataObject) -> None:
    smaller = FourierGrid(data.draw(st.integers(2, box // 2).map(lambda half: 2 * half))).half_disc_pixels
    assert _set(FourierGrid(box).half_disc_pixels[: len(smaller)]) == _set(smaller)


@given(st.integers(2, 8), st.integers(1, 8))
def test_shells_tile_the_half_sphere(inner: int, thickness: int) -> None:
    grid = FourierGrid(2 * (inner + thickness))
    core, shell = _set(grid.shell_pixels(0, inner)), _set(grid.shell_pixels(inner, inner + thickness))
    whole = _set(grid.shell_pixels(0, inner + thickness))
    assert core | shell == whole and not core & shell
    mirror = {(-x, -y, -z) for x, y, z in whole}
    assert whole & mirror == {(0, 0, 0)}
    everything = range(-inner - thickness, inner + thickness + 1)
    ball = sum(x * x + y * y + z * z < (inner + thickness) ** 2 for x in everything for y in everything for z in everything)
    assert 2 * len(whole) - 1 == ball


@given(BOXES, st.integers(0, 1000))
def test_gathered_values_are_those_of_the_full_transform(box: int, seed: int) -> None:
    image = torch.randn(box, box, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    pixels = FourierGrid(box).half_disc_pixels
    full = torch.fft.fft2(torch.fft.ifftshift(image))
    torch.testing.assert_close(gather_half_disc(image_to_fourier(image), pixels), full[pixels[:, 1] % box, pixels[:, 0]])


@given(st.integers(0, 1000))
def test_a_rotated_slice_is_k_image_times_r(seed: int) -> None:
    rotation = random_rotations(3, np.random.default_rng(seed))
    pixels = FourierGrid(12).half_disc_pixels
    flat = np.concatenate([pixels.numpy(), np.zeros((len(pixels), 1))], axis=1)
    expected = flat @ rotation
    np.testing.assert_allclose(rotate_slice(pixels, torch.from_numpy(rotation)).numpy(), expected, atol=1e-12)


@given(st.integers(0, 1000))
def test_folding_keeps_a_real_density_s_transform(seed: int) -> None:
    k = torch.randn(50, 3, generator=torch.Generator().manual_seed(seed))
    folded, sign = fold_half_space(k)
    assert bool((folded[:, 2] >= 0).all())
    torch.testing.assert_close(folded * sign[:, None], k)
