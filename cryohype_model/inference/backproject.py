"""Back-projection: the map that the particles themselves make, with no network between.

Trilinear insertion of every central slice, CTF-weighted, Wiener-regularised by the half-map FSC
(Scheres 2012, RELION; Penczek 2010). The check before training, the upper bound on simulated data,
the honest reference on real data.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from itertools import product

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from cryohype_model.errors import InputFileError
from cryohype_model.imaging.fourier import fourier_to_volume
from cryohype_model.imaging.grid import rotate_slice
from cryohype_model.imaging.particles import Particles
from cryohype_model.imaging.preprocess import ImageScale, Preprocessor
from cryohype_model.metrics.fsc import fourier_shell_correlation, resolution

BATCH = 256
FSC_CEILING = 0.999  # an FSC of 1 would mean no noise at all


@dataclass(frozen=True)
class Reconstruction:
    """A back-projection.

    Attributes
    ----------
    volume : (D, D, D) float32 (z, y, x) of all particles.
    halves : the same of each random half.
    fsc : (D/2 + 1,) Fourier shell correlation of the halves.
    pixel_size_angstrom : of the maps.
    count : particles used.
    """

    volume: npt.NDArray[np.float32]
    halves: tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]
    fsc: npt.NDArray[np.float64]
    pixel_size_angstrom: float
    count: int

    def resolution_angstrom(self, threshold: float = 0.143) -> float:
        """Resolution at a threshold of the half-map FSC."""
        return resolution(self.fsc, threshold, self.pixel_size_angstrom)[1]


class SliceAccumulator:
    """Sums of CTF · Y and CTF² on the (D, D, D/2 + 1) lattice of rfftn.

    Parameters
    ----------
    box_px : D. device : where the sums live.
    """

    def __init__(self, box_px: int, device: torch.device | str = "cpu") -> None:
        self.box_px = box_px
        self.shape = (box_px, box_px, box_px // 2 + 1)
        # real part, imaginary part, weight: apart and flat, which index_add_ is 25 times faster on than on rows of three
        self._sums = torch.zeros(3, math.prod(self.shape), device=device)

    @property
    def numerator(self) -> Tensor:
        """(D, D, D/2 + 1) complex sum of CTF · Y."""
        return torch.complex(self._sums[0], self._sums[1]).reshape(self.shape)

    @property
    def weight(self) -> Tensor:
        """(D, D, D/2 + 1) sum of CTF²."""
        return self._sums[2].reshape(self.shape)

    def insert(self, values: Tensor, ctf: Tensor, coordinates: Tensor) -> None:
        """Spread CTF-weighted values over the eight voxels around each coordinate.

        Parameters
        ----------
        values, ctf : (b, m). coordinates : (b, m, 3) frequencies (kx, ky, kz) in pixels, |k| < D/2.
        """
        numbers = torch.stack([values.real * ctf, values.imag * ctf, ctf**2]).flatten(1)
        kx, ky, kz = coordinates.flatten(0, 1).unbind(1)
        # the lattice holds kx >= 0: elsewhere the conjugate at -k is inserted
        sign = torch.where(kx < 0, -1.0, 1.0)
        kx, ky, kz = kx * sign, ky * sign, kz * sign
        numbers[1] *= sign
        lower = torch.floor(kx)
        upper_share = kx - lower
        plane = lower.to(torch.int64)
        self._spread(plane, ky, kz, numbers * (1 - upper_share))
        self._spread(plane + 1, ky, kz, numbers * upper_share)
        # points with kx < 1 touch the plane kx = 0 from its other side too, as their own conjugates at -k
        near = plane == 0
        mirrored = numbers[:, near] * (1 - kx[near])
        mirrored[1].neg_()
        self._spread(plane[near], -ky[near], -kz[near], mirrored)

    def _spread(self, plane: Tensor, ky: Tensor, kz: Tensor, numbers: Tensor) -> None:
        """Bilinear shares of (3, n) numbers within the planes kx = ``plane`` (n,)."""
        box = self.box_px
        y, z = torch.floor(ky), torch.floor(kz)
        share_y, share_z = ky - y, kz - z
        for dy, dz in product((0, 1), repeat=2):
            index = (((z.to(torch.int64) + dz) % box) * box + (y.to(torch.int64) + dy) % box) * (box // 2 + 1) + plane
            share = (share_y if dy else 1 - share_y) * (share_z if dz else 1 - share_z)
            for total, number in zip(self._sums, numbers, strict=True):
                total.index_add_(0, index, number * share)

    def __add__(self, other: SliceAccumulator) -> SliceAccumulator:
        total = SliceAccumulator(self.box_px, self._sums.device)
        total._sums = self._sums + other._sums
        return total

    def solve(self, noise_to_signal: Tensor, *, keep_power: bool = False) -> Tensor:
        """The real map numerator / (weight + noise-to-signal of the shell), (D, D, D).

        Parameters
        ----------
        noise_to_signal : (D/2 + 1,) in units of the weight.
        keep_power : divide each shell by what the regulariser, and voxels that no slice met, leave of a signal on average.
        """
        shells = shell_of_voxels(self.box_px).to(self.weight.device)
        known = shells < len(noise_to_signal)
        inner = shells.clamp_max(len(noise_to_signal) - 1)
        regularised = self.weight + noise_to_signal[inner]
        if keep_power:
            regularised = regularised * self._shell_mean(self.weight / regularised).clamp_min(1e-6)[inner]
        coefficients = torch.where(known, self.numerator / regularised, 0)
        return _undo_interpolation(fourier_to_volume(coefficients, self.box_px))

    def mean_weight(self) -> Tensor:
        """(D/2 + 1,) mean of the weight in each shell."""
        return self._shell_mean(self.weight)

    def _shell_mean(self, values: Tensor) -> Tensor:
        """(D/2 + 1,) mean in each shell of (D, D, D/2 + 1) values."""
        shells = shell_of_voxels(self.box_px).to(values.device).flatten()
        count = self.box_px // 2 + 1
        keep = shells < count
        total = torch.zeros(count, device=values.device).index_add_(0, shells[keep], values.flatten()[keep])
        return total / torch.bincount(shells[keep], minlength=count)


def shell_of_voxels(box_px: int) -> Tensor:
    """(D, D, D/2 + 1) rounded radius of each voxel of the rfftn lattice."""
    axis = torch.fft.fftfreq(box_px, 1.0 / box_px)
    half = torch.arange(box_px // 2 + 1)
    return torch.sqrt(axis[:, None, None] ** 2 + axis[None, :, None] ** 2 + half**2).round().to(torch.int64)


def backproject(
    particles: Particles,
    scale: ImageScale,
    rows: npt.NDArray[np.int64] | None = None,
    *,
    device: torch.device | str = "cpu",
    padding: int = 2,
    seed: int = 0,
    report: Callable[[int], None] | None = None,
) -> Reconstruction:
    """Reconstruct from all or some particles.

    Parameters
    ----------
    scale : constants of the data set.
    rows : particles to use; None for all.
    padding : of the lattice in Fourier space; 1 is four to eight times faster and blurs the finest shells.
    seed : of the split into halves.
    report : called with the number of images after each batch.

    Raises
    ------
    InputFileError : no poses, or fewer than two particles.
    """
    if particles.table.rotation is None:
        raise InputFileError(
            "these particles have no poses, so they cannot be back-projected; give a refined .star or .cs file, or --poses"
        )
    rows = np.arange(len(particles)) if rows is None else np.sort(np.asarray(rows, dtype=np.int64))
    if len(rows) < 2:
        raise InputFileError(f"back-projection needs at least 2 particles for its half maps, and {len(rows)} is selected")
    half_of = np.random.default_rng(seed).permutation(len(rows)) % 2
    preprocessor = Preprocessor(scale, device, padding)
    halves = [SliceAccumulator(preprocessor.box_px, preprocessor.device) for _ in range(2)]
    starts = range(0, len(rows), BATCH)
    for start, batch in zip(starts, particles.prefetch(rows[s : s + BATCH] for s in starts), strict=True):
        batch = batch.to(preprocessor.device)
        prepared = preprocessor.prepare(batch.images, batch.shift_px, batch.ctf)
        values = preprocessor.half_disc_values(prepared.coefficients)
        ctf = preprocessor.half_disc_values(prepared.ctf)
        coordinates = rotate_slice(preprocessor.half_disc, batch.rotation)
        members = torch.from_numpy(half_of[start : start + BATCH]).to(preprocessor.device)
        for number, half in enumerate(halves):
            chosen = members == number
            half.insert(values[chosen], ctf[chosen], coordinates[chosen])
        if report is not None:
            report(len(batch.index))
    return _reconstruct(halves[0], halves[1], scale, len(rows))


def _reconstruct(first: SliceAccumulator, second: SliceAccumulator, scale: ImageScale, count: int) -> Reconstruction:
    ridge = [0.1 * half.mean_weight().clamp_min(1e-8) for half in (first, second)]
    solved = [half.solve(least, keep_power=True) for half, least in zip((first, second), ridge, strict=True)]
    halves = [_crop(volume, scale) for volume in solved]
    fsc = fourier_shell_correlation(halves[0], halves[1])
    both = first + second
    volume = _crop(both.solve(noise_to_signal(fsc, both.mean_weight())), scale)
    return Reconstruction(volume, (halves[0], halves[1]), fsc, scale.pixel_size_angstrom, count)


def _crop(volume: Tensor, scale: ImageScale) -> npt.NDArray[np.float32]:
    """Cut the padding off a map, and give it the density of the stored sampling."""
    low = (volume.shape[-1] - scale.box_px) // 2
    inner = slice(low, low + scale.box_px)
    return (volume[inner, inner, inner] * scale.density_factor).cpu().numpy().astype(np.float32)


def noise_to_signal(fsc: npt.NDArray[np.float64], mean_weight: Tensor) -> Tensor:
    """Wiener's regulariser of the whole set, (D/2 + 1,), in units of its weight.

    The halves' FSC gives the spectral signal-to-noise ratio of the whole, 2 FSC / (1 - FSC)
    (Rosenthal & Henderson 2003), and noise/signal in weight units is the mean weight over that.
    """
    # the weight's lattice may be padded: the FSC at each of its shells
    shells = np.linspace(0, len(fsc) - 1, len(mean_weight))
    curve = np.interp(shells, np.arange(len(fsc)), np.clip(fsc, 0.01, FSC_CEILING))
    clipped = torch.as_tensor(curve, dtype=torch.float32, device=mean_weight.device)
    return (mean_weight * (1 - clipped) / (2 * clipped)).clamp_min(1e-8)


def _undo_interpolation(volume: Tensor) -> Tensor:
    """Divide by the sinc² that trilinear insertion multiplies the map with."""
    box = volume.shape[-1]
    window = torch.sinc((torch.arange(box, device=volume.device) - box // 2) / box) ** 2
    return volume / (window[:, None, None] * window[None, :, None] * window[None, None, :])
