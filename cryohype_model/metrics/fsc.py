"""Fourier shell correlation of two maps: curve, CryoBench's area under it, resolution."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import fft

from cryohype_model.errors import MetricError

Volume = npt.NDArray[np.float32]
Curve = npt.NDArray[np.float64]
Labels = npt.NDArray[np.int64]


def fourier_shell_correlation(a: Volume, b: Volume, mask: Volume | None = None) -> Curve:
    """FSC(s) = Σ Re(A conj B) / sqrt(Σ|A|² Σ|B|²) over the Fourier voxels whose radius rounds to s.

    Parameters
    ----------
    a, b : (D, D, D) maps on the same grid.
    mask : (D, D, D) real-space mask that both are multiplied with first, or None.

    Returns
    -------
    (D // 2 + 1,) correlation of the shells s = 0 … D // 2, at s / D cycles/pixel; 0 where a map has no power (0/0).

    Raises
    ------
    MetricError : the maps are not cubes of one box.
    """
    box_px = _common_box(a, b, mask)
    return _shell_correlation(a, b, mask, _rounded_shells(box_px), box_px // 2 + 1)


def cryobench_curve(a: Volume, b: Volume, mask: Volume | None = None) -> tuple[Curve, Curve]:
    """The FSC as CryoBench computes it (metrics/fsc/utils/volumes.py): shell i holds i - 1 <= radius < i, and FSC(0) := 1.

    Parameters
    ----------
    a, b, mask : as in :func:`fourier_shell_correlation`.

    Returns
    -------
    (D // 2,) frequencies i / D in cycles/pixel and (D // 2,) correlations.

    Raises
    ------
    MetricError : the maps are not cubes of one box.
    """
    box_px = _common_box(a, b, mask)
    count = box_px // 2
    curve = _shell_correlation(a, b, mask, _floored_shells(box_px), count)
    curve[0] = 1.0
    return np.arange(count) / box_px, curve


def area_under(frequencies: Curve, curve: Curve) -> float:
    """Trapezoid area, signs kept (negative correlation counts against the map).

    Parameters
    ----------
    frequencies, curve : (n,) as :func:`cryobench_curve` returns them.
    """
    return float(np.trapezoid(curve, frequencies))


def fsc_auc(a: Volume, b: Volume, mask: Volume | None = None) -> float:
    """CryoBench's FSC-AUC: area under :func:`cryobench_curve`; identical maps reach :func:`perfect_auc`.

    Parameters
    ----------
    a, b, mask : as in :func:`fourier_shell_correlation`.

    Raises
    ------
    MetricError : the maps are not cubes of one box.
    """
    return area_under(*cryobench_curve(a, b, mask))


def perfect_auc(box_px: int) -> float:
    """The FSC-AUC of identical maps, (D/2 - 1) / D: a little under 0.5."""
    return (box_px // 2 - 1) / box_px


def resolution(curve: Curve, threshold: float, pixel_size_angstrom: float, box_px: int | None = None) -> tuple[float, float]:
    """Where the FSC first falls below a threshold, linearly interpolated between shells.

    Shell 0 is the mean density, no structure: it is taken as 1. A curve that never falls below gives Nyquist (2.00 px);
    one that is below from the first shell on gives the box (no detail finer than the box agrees).

    Parameters
    ----------
    curve : (D // 2 + 1,) from :func:`fourier_shell_correlation`.
    threshold : 0.143 between half maps, 0.5 against a known truth.
    pixel_size_angstrom : side of a voxel.
    box_px : D; 2 (len(curve) - 1) unless given, right for every even box.

    Returns
    -------
    Resolution in pixels, and in Å.
    """
    box = box_px or 2 * (len(curve) - 1)
    below = np.flatnonzero(curve[1:] < threshold) + 1
    if not len(below):
        pixels = 2.0
    else:
        shell = int(below[0])
        before = 1.0 if shell == 1 else float(curve[shell - 1])
        crossing = shell - 1 + (before - threshold) / (before - float(curve[shell]))
        pixels = min(max(box / max(crossing, 1.0), 2.0), float(box))
    return pixels, pixels * pixel_size_angstrom


def _shell_correlation(a: Volume, b: Volume, mask: Volume | None, shells: Labels, count: int) -> Curve:
    """(count,) correlation in each shell; ``shells`` holds the flat label of every rfftn voxel, >= count where unused."""
    transform_a, transform_b = _half_transform(a, mask), _half_transform(b, mask)
    box_px = a.shape[0]
    cross = _shell_sums((transform_a * transform_b.conj()).real, box_px, shells, count)
    power_a = _shell_sums(_power(transform_a), box_px, shells, count)
    power_b = _shell_sums(_power(transform_b), box_px, shells, count)
    norm = np.sqrt(power_a * power_b)
    return np.divide(cross, norm, out=np.zeros(count), where=norm > 0)


def _half_transform(volume: Volume, mask: Volume | None) -> npt.NDArray[Any]:
    """(D, D, D // 2 + 1) transform in double precision: single loses the weak outer shells of smooth maps to rounding."""
    return fft.rfftn(np.asarray(volume if mask is None else volume * mask, dtype=np.float64))


def _power(transform: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """|F|^2, without the square root that np.abs would take."""
    return transform.real**2 + transform.imag**2


def _shell_sums(values: npt.NDArray[Any], box_px: int, shells: Labels, count: int) -> Curve:
    """(count,) sums over the full sphere of values given on the half that rfftn keeps (V(-k) = conj V(k))."""
    twice = values.copy()
    last = values.shape[2] - (1 if box_px % 2 == 0 else 0)  # the planes kx = 0 and kx = D/2 hold both of each pair
    twice[:, :, 1:last] *= 2
    return np.bincount(shells, twice.ravel(), minlength=count)[:count].astype(np.float64)


@lru_cache(maxsize=2)
def _rounded_shells(box_px: int) -> Labels:
    """Flat label of every rfftn voxel: its radius, rounded; D // 2 + 1 beyond the last shell."""
    return np.minimum(np.rint(_radius(box_px)), box_px // 2 + 1).astype(np.int64)


@lru_cache(maxsize=2)
def _floored_shells(box_px: int) -> Labels:
    """Flat label of every rfftn voxel: i with i - 1 <= radius < i; D // 2 beyond the last shell."""
    return np.minimum(np.floor(_radius(box_px)) + 1, box_px // 2).astype(np.int64)


def _radius(box_px: int) -> Curve:
    """Flat distance from the origin of every rfftn voxel, in Fourier pixels."""
    full, half = fft.fftfreq(box_px, 1 / box_px), fft.rfftfreq(box_px, 1 / box_px)
    return np.sqrt(full[:, None, None] ** 2 + full[None, :, None] ** 2 + half[None, None, :] ** 2).ravel()


def _common_box(a: Volume, b: Volume, mask: Volume | None) -> int:
    """The side of the cube that all of them share."""
    shapes = [a.shape, b.shape] + ([] if mask is None else [mask.shape])
    if a.ndim != 3 or len({*a.shape}) != 1 or any(shape != a.shape for shape in shapes):
        raise MetricError(
            f"the FSC needs cubic maps of one box, not {' and '.join(map(str, shapes))}; crop or resample one of them"
        )
    return int(a.shape[0])
