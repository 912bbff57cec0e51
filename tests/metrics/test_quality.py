"""Maps of known truth beside half maps of known noise: what is right passes, what is invented is told."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import fft, ndimage

from cryohype_model.errors import MetricError
from cryohype_model.metrics.fsc import fourier_shell_correlation
from cryohype_model.metrics.mask import sphere_mask
from cryohype_model.metrics.quality import (
    COARSE,
    DISAGREES,
    NO_SIGNAL,
    SUPPORTED,
    UNSUPPORTED,
    WARNINGS,
    map_quality,
    too_few,
)
from cryohype_model.metrics.shells import independent_voxels, shell_products

BOX_PX, PIXEL_ANGSTROM = 32, 3.0
MASK = sphere_mask(BOX_PX, 11, 5)
RADIUS = np.linalg.norm(np.stack(np.meshgrid(*[fft.fftfreq(BOX_PX, 1 / BOX_PX)] * 3, indexing="ij")), axis=0)
Volume = np.ndarray


def molecule(seed: int, fall: float = 5.0) -> Volume:
    """Random density in a ball, whose amplitudes fall off with the resolution as those of a molecule do."""
    rng = np.random.default_rng(seed)
    lumps = ndimage.gaussian_filter(rng.normal(size=(BOX_PX,) * 3), 2.5)
    inside = np.where(lumps > 0, rng.normal(1, 1, lumps.shape), 0) * sphere_mask(BOX_PX, 7, 2)
    return shaped(inside, np.exp(-RADIUS / fall))


def shaped(volume: Volume, factor: Volume) -> Volume:
    return fft.ifftn(fft.fftn(volume) * factor).real.astype(np.float32)


def halves(truth: Volume, noise: float, seed: int = 0) -> tuple[Volume, Volume]:
    """The truth with white noise, ``noise`` times the spread of its density in the mask."""
    rng = np.random.default_rng(seed)
    spread = noise * truth[MASK > 0.5].std()
    first, second = (truth + rng.normal(0, spread, truth.shape) for _ in range(2))
    return first.astype(np.float32), second.astype(np.float32)


def like(other: Volume, truth: Volume, gain: float = 1.0) -> Volume:
    """``other`` with the power of the truth in every shell, ``gain`` times the amplitude."""
    shells = np.rint(RADIUS).astype(int).ravel()
    power = [np.bincount(shells, np.abs(fft.fftn(volume).ravel()) ** 2) for volume in (other, truth)]
    return shaped(other, gain * np.sqrt(power[1] / power[0])[shells].reshape(RADIUS.shape))


TRUTH = molecule(1)
HALVES = halves(TRUTH, 1.0)
REFERENCE = map_quality(TRUTH, HALVES, MASK, PIXEL_ANGSTROM)
CARRIED = int(BOX_PX * PIXEL_ANGSTROM / REFERENCE.carried_angstrom)  # the last shell above 0.143


def test_products_are_those_of_the_fsc() -> None:
    maps = (TRUTH, molecule(2), HALVES[0])
    products = shell_products(maps, MASK)
    for i in range(3):
        for j in range(3):
            expected = fourier_shell_correlation(maps[i], maps[j], MASK)
            np.testing.assert_allclose(products[i, j] / np.sqrt(products[i, i] * products[j, j]), expected, atol=1e-9)
    with pytest.raises(MetricError, match="one cubic box"):
        shell_products([TRUTH, TRUTH[:16, :16, :16]], MASK)


def test_noise_scatters_as_the_independent_voxels_say() -> None:
    rng = np.random.default_rng(3)
    curves = [fourier_shell_correlation(*rng.normal(size=(2, BOX_PX, BOX_PX, BOX_PX)), MASK) for _ in range(120)]
    scatter = np.std(curves, axis=0)[3:-1] * np.sqrt(independent_voxels(MASK)[3:-1])
    assert scatter.min() > 0.6 and scatter.max() < 1.05  # never more than told: warnings err on the quiet side


def test_a_right_map_reaches_its_ceiling() -> None:
    """Rosenthal & Henderson: half-map FSC 0.143 is 0.5 against the whole, and every shell is as it must be."""
    carried = slice(1, CARRIED + 1)
    np.testing.assert_allclose(REFERENCE.map_fsc[carried], REFERENCE.ceiling[carried], atol=0.1)
    np.testing.assert_allclose(REFERENCE.claimed_fsc[carried], REFERENCE.ceiling[carried], atol=0.1)
    assert REFERENCE.agreed_angstrom == pytest.approx(REFERENCE.carried_angstrom, rel=0.15)
    assert REFERENCE.agreement == pytest.approx(1, abs=0.03)
    assert 4 < CARRIED < 14 and REFERENCE.verdicts == (SUPPORTED,)
    assert REFERENCE.sentence(400) == "supported by its particles"


@pytest.mark.parametrize("noise", [0.3, 1.0, 2.0, 4.0])
def test_right_maps_are_never_warned_of(noise: float) -> None:
    """Also beyond what the particles carry, where a network may know more from its other particles."""
    for seed in range(12):
        truth = molecule(10 + seed)
        found = map_quality(truth, halves(truth, noise, seed), MASK, PIXEL_ANGSTROM)
        assert found.carried_angstrom is not None and not set(found.verdicts) & set(WARNINGS)


@pytest.mark.parametrize("gain", [1.0, 2.0])
def test_invented_detail_is_told(gain: float) -> None:
    """The truth as far as the particles go, then the power of the truth with the phases of something else."""
    for seed in range(8):
        beyond = shaped(like(molecule(100 + seed), TRUTH, gain), RADIUS > CARRIED + 0.5)
        found = map_quality(shaped(TRUTH, RADIUS <= CARRIED + 0.5) + beyond, HALVES, MASK, PIXEL_ANGSTROM)
        assert found.verdicts == (UNSUPPORTED,)
        assert found.beyond is not None and found.beyond.refuted and abs(found.beyond.value) < 0.35
        assert found.beyond.finest_angstrom < found.carried_angstrom
        assert "claims detail to" in found.sentence(400)


def test_a_copy_of_the_noise_is_told_by_its_power() -> None:
    """It agrees with the particles in everything, noise included: only the half maps know better."""
    found = map_quality((HALVES[0] + HALVES[1]) / 2, HALVES, MASK, PIXEL_ANGSTROM)
    assert found.agreement > 1 and found.beyond is not None and not found.beyond.refuted
    assert found.beyond_power is not None and found.beyond_power.refuted
    assert found.verdicts == (UNSUPPORTED,)


def test_another_structure_is_told() -> None:
    for seed in range(8):
        found = map_quality(like(molecule(200 + seed), TRUTH), HALVES, MASK, PIXEL_ANGSTROM)
        assert DISAGREES in found.verdicts and found.agreement < 0.5
        assert found.agreed_angstrom > 1.5 * found.carried_angstrom
        assert "disagrees with its particles" in found.sentence(400)


def test_a_blurred_map_is_coarse_and_no_liar() -> None:
    for blur in (RADIUS <= CARRIED / 2.5, np.exp(-((RADIUS / 2) ** 2))):
        found = map_quality(shaped(TRUTH, blur), HALVES, MASK, PIXEL_ANGSTROM)
        assert found.verdicts == (COARSE,) and found.beyond is None
        assert found.sentence(400).startswith("agrees with its particles to")


def test_a_fault_in_the_last_carried_shell_alone_is_no_warning() -> None:
    last = (RADIUS > CARRIED - 0.5) & (RADIUS <= CARRIED + 0.5)
    faulty = shaped(TRUTH, RADIUS <= CARRIED - 0.5) + shaped(like(molecule(5), TRUTH), last)
    assert map_quality(faulty, HALVES, MASK, PIXEL_ANGSTROM).verdicts == (SUPPORTED,)


def test_detail_three_times_too_strong_is_told_though_its_phases_are_half_right() -> None:
    """Over-sharpened noise: the FSC alone, above half of its ceiling, would let it pass."""
    fine = (RADIUS > 3.5) & (RADIUS <= CARRIED + 0.5)
    other = shaped(like(molecule(7), TRUTH, 1.4), fine)
    mixed = TRUTH + other
    sharp = shaped(TRUTH, ~fine) + np.float32(3) * shaped(mixed, fine)
    assert map_quality(mixed, HALVES, MASK, PIXEL_ANGSTROM).agreement > 0.6
    assert DISAGREES in map_quality(sharp, HALVES, MASK, PIXEL_ANGSTROM).verdicts


def test_the_scale_of_density_is_free() -> None:
    for factor in (1e-6, -1.0, 1e4):
        found = map_quality(np.float32(factor) * TRUTH, HALVES, MASK, PIXEL_ANGSTROM)
        np.testing.assert_allclose(found.claimed_fsc, REFERENCE.claimed_fsc, rtol=1e-4, atol=1e-6)
        np.testing.assert_allclose(found.map_fsc, np.sign(factor) * REFERENCE.map_fsc, rtol=1e-4, atol=1e-6)
        assert (found.verdicts == (SUPPORTED,)) is (factor > 0)  # an inverted map is wrong everywhere


def test_noise_alone_carries_nothing() -> None:
    """Where chance may lift the coarsest shells, nothing is measured and nothing is warned of."""
    rng = np.random.default_rng(4)
    for _ in range(60):
        first, second = rng.normal(size=(2, BOX_PX, BOX_PX, BOX_PX)).astype(np.float32)
        found = map_quality(TRUTH, (first, second), MASK, PIXEL_ANGSTROM)
        assert found.verdicts == (NO_SIGNAL,) and found.carried_angstrom is None and found.agreement is None
    assert "not defined: half maps of 30 particles" in found.sentence(30)


def test_too_few_particles_give_no_number() -> None:
    found = too_few(BOX_PX)
    assert (found.carried_angstrom, found.agreed_angstrom, found.agreement) == (None, None, None)
    assert np.isnan(found.half_fsc).all()
    assert found.sentence(7) == "not defined: 7 particles, 20 are needed"


def test_a_constant_map_claims_nothing() -> None:
    found = map_quality(np.zeros_like(TRUTH), HALVES, MASK, PIXEL_ANGSTROM)
    assert found.agreement == 0 and found.within is None and found.beyond is None and found.verdicts == (COARSE,)
    assert map_quality(TRUTH, (TRUTH * 0, TRUTH * 0), MASK, PIXEL_ANGSTROM).verdicts == (NO_SIGNAL,)


def test_halves_without_noise_carry_everything() -> None:
    found = map_quality(TRUTH, (TRUTH, TRUTH), MASK, PIXEL_ANGSTROM)
    assert found.carried_angstrom == found.agreed_angstrom == 2 * PIXEL_ANGSTROM
    assert found.agreement == pytest.approx(1) and found.beyond is None
