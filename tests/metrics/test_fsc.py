"""FSC: properties, CryoBench's numbers, an outside package, resolution crossings."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cryohype_model.errors import MetricError
from cryohype_model.metrics import fsc

seeds = st.integers(0, 2**32 - 1)
boxes = st.sampled_from([8, 9, 16, 24])


def _pair(seed: int, box_px: int, noise: float = 1.0) -> tuple[np.ndarray, np.ndarray]:
    """A noise map, and the same with as much other noise on top."""
    rng = np.random.default_rng(seed)
    a = rng.normal(size=(box_px,) * 3).astype(np.float32)
    return a, (a + noise * rng.normal(size=a.shape)).astype(np.float32)


def _blobs(seed: int, box_px: int, sigma_px: float) -> np.ndarray:
    """Thirty Gaussian blobs: smooth, with almost no power in the outer shells."""
    rng, x = np.random.default_rng(seed), np.arange(box_px) - box_px // 2
    volume = np.zeros((box_px,) * 3)
    for centre in rng.uniform(-box_px / 5, box_px / 5, (30, 3)):
        z_part, y_part, x_part = (np.exp(-((x - c) ** 2) / (2 * sigma_px**2)) for c in centre)
        volume += z_part[:, None, None] * y_part[None, :, None] * x_part[None, None, :]
    return volume.astype(np.float32)


@settings(max_examples=20, deadline=None)
@given(seeds, boxes)
def test_a_map_agrees_with_itself_in_every_shell(seed: int, box_px: int) -> None:
    a, _ = _pair(seed, box_px)
    curve = fsc.fourier_shell_correlation(a, a)
    assert curve.shape == (box_px // 2 + 1,)
    np.testing.assert_allclose(curve, 1.0, atol=1e-9)
    assert fsc.fsc_auc(a, a) == pytest.approx(fsc.perfect_auc(box_px), abs=1e-12)


@settings(max_examples=20, deadline=None)
@given(seeds, boxes, st.floats(1e-3, 1e3))
def test_symmetric_bounded_and_blind_to_scale_and_sign(seed: int, box_px: int, scale: float) -> None:
    a, b = _pair(seed, box_px)
    curve = fsc.fourier_shell_correlation(a, b)
    np.testing.assert_allclose(fsc.fourier_shell_correlation(b, a), curve, atol=1e-12)
    np.testing.assert_allclose(fsc.fourier_shell_correlation(a, (b * scale).astype(np.float32)), curve, atol=1e-6)
    np.testing.assert_allclose(fsc.fourier_shell_correlation(a, -b), -curve, atol=1e-12)
    assert np.all(np.abs(curve) <= 1 + 1e-12)


@pytest.mark.parametrize("box_px", [8, 9])
def test_shells_are_those_of_the_definition(box_px: int) -> None:
    """The same sums, written out over the full transform."""
    a, b = _pair(3, box_px)
    frequency = np.fft.fftfreq(box_px, 1 / box_px)
    radius = np.sqrt(sum(axis**2 for axis in np.meshgrid(frequency, frequency, frequency, indexing="ij")))
    transform_a, transform_b = (np.fft.fftn(a.astype(np.float64)), np.fft.fftn(b.astype(np.float64)))
    expected = []
    for shell in range(box_px // 2 + 1):
        here = np.rint(radius) == shell
        cross = (transform_a[here] * transform_b[here].conj()).sum().real
        expected.append(cross / np.sqrt((abs(transform_a[here]) ** 2).sum() * (abs(transform_b[here]) ** 2).sum()))
    np.testing.assert_allclose(fsc.fourier_shell_correlation(a, b), expected, atol=1e-12)


def test_a_known_amount_of_noise_gives_the_fsc_it_should() -> None:
    """White noise of equal power added to white signal: FSC = sqrt(1/2) on average."""
    a, b = _pair(0, 48)
    assert fsc.fourier_shell_correlation(a, b)[8:].mean() == pytest.approx(np.sqrt(0.5), abs=0.01)


def test_agrees_with_torch_fourier_shell_correlation() -> None:
    """The package spreads each voxel linearly over two shells where we round: close, not equal (and it sets FSC(0) := 1)."""
    torch = pytest.importorskip("torch", reason="the oracle needs torch: pip install cryohype[dev]")
    package = pytest.importorskip(
        "torch_fourier_shell_correlation", reason="the oracle is not installed: pip install cryohype[dev]"
    )
    a = _blobs(0, 48, 1.2)
    b = a + np.random.default_rng(1).normal(scale=0.1, size=a.shape).astype(np.float32)
    ours = fsc.fourier_shell_correlation(a, b)
    theirs = package.fourier_shell_correlation(torch.from_numpy(a), torch.from_numpy(b)).real.numpy()
    assert ours.shape == theirs.shape
    assert ours[2] > 0.9 and ours[-2] < 0.2, "the curve must fall, or the comparison shows nothing"
    assert np.abs(ours - theirs)[1:-1].max() < 0.03
    assert np.abs(ours - theirs)[1:-1].mean() < 0.01


@pytest.fixture
def cryobench(shared_data: Path) -> ModuleType:
    """The numpy oracle beside the shared data, with CryoBench's shells."""
    path = shared_data.parent / "bench" / "cryodrgn" / "fsc_auc.py"
    if not path.exists():
        pytest.skip(f"the CryoBench oracle {path} is not there")
    spec = importlib.util.spec_from_file_location("cryobench_oracle", path)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    write, sys.dont_write_bytecode = sys.dont_write_bytecode, True
    try:
        spec.loader.exec_module(module)
    finally:
        sys.dont_write_bytecode = write
    return module


@pytest.mark.parametrize(("box_px", "sigma_px", "masked"), [(32, 1.0, False), (48, 1.5, True), (64, 2.5, False)])
def test_auc_is_cryobench(cryobench: ModuleType, box_px: int, sigma_px: float, masked: bool) -> None:
    a = _blobs(0, box_px, sigma_px)
    b = (a + 0.5 * _blobs(1, box_px, sigma_px)).astype(np.float32)
    mask = (_blobs(0, box_px, 3.0) > 0.05).astype(np.float32) if masked else None
    frequencies, expected = cryobench.fsc_curve(a.astype(np.float64), b.astype(np.float64), mask)
    ours = fsc.cryobench_curve(a, b, mask)
    np.testing.assert_array_equal(ours[0], frequencies)
    np.testing.assert_allclose(ours[1], expected, atol=1e-5)
    assert fsc.fsc_auc(a, b, mask) == pytest.approx(cryobench.auc(frequencies, expected), abs=1e-5)


def test_no_power_is_no_correlation() -> None:
    a, _ = _pair(0, 8)
    np.testing.assert_array_equal(fsc.fourier_shell_correlation(a, np.zeros_like(a)), 0.0)


@pytest.mark.parametrize("other", [(16, 16, 16), (8, 8, 9), (8, 8)])
def test_other_grids_are_refused(other: tuple[int, ...]) -> None:
    with pytest.raises(MetricError, match="one box"):
        fsc.fourier_shell_correlation(np.ones((8, 8, 8), np.float32), np.ones(other, np.float32))


def test_a_box_that_is_no_cube_is_refused() -> None:
    with pytest.raises(MetricError, match="cubic"):
        fsc.fsc_auc(np.ones((8, 8, 10), np.float32), np.ones((8, 8, 10), np.float32))


@pytest.mark.parametrize(
    ("curve", "threshold", "pixels"),
    [
        ([1, 1, 1, 1, 1], 0.5, 2.0),  # never below: Nyquist
        ([1, 1, 1, 0, 0], 0.5, 8 / 2.5),  # half-way between shells 2 and 3
        ([1, 1, 0.9, 0.1, 0.9], 0.5, 8 / 2.5),  # the first crossing counts
        ([1, 1, 0.5, 0.4, 0.3], 0.5, 8 / 2.0),  # exactly at the threshold is not yet below
        ([-1, 0, 0, 0, 0], 0.5, 8.0),  # nothing agrees: the box
    ],
)
def test_resolution_crossings(curve: list[float], threshold: float, pixels: float) -> None:
    assert fsc.resolution(np.array(curve, float), threshold, 1.5) == pytest.approx((pixels, 1.5 * pixels))


def test_resolution_of_an_odd_box_never_passes_nyquist() -> None:
    assert fsc.resolution(np.ones(5), 0.5, 1.0, box_px=9)[0] == 2.0
