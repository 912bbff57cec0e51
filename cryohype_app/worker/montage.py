"""Pictures of particles: windowed, centred, density bright, small."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from cryohype_model.errors import ConfigError
from cryohype_model.imaging.fourier import fourier_to_image
from cryohype_model.imaging.particles import Particles
from cryohype_model.imaging.preprocess import ImageScale, Preprocessor

MOST_IMAGES = 1024
LARGEST_PX = 512
BATCH = 64
PERCENTILES = (0.5, 99.5)  # of an image's values, shown as black and white


@torch.inference_mode()
def particle_images(
    particles: Particles,
    scale: ImageScale,
    rows: npt.NDArray[np.int64],
    px: int,
    flip_ctf: bool = False,
    low_pass_angstrom: float | None = None,
) -> npt.NDArray[np.uint8]:
    """Images of some particles, in their order.

    Parameters
    ----------
    scale : constants of the data set.
    px : even side of the pictures; smaller than the images crops their Fourier transforms, larger pads them.
    flip_ctf : turn the phases where the CTF is negative. low_pass_angstrom : where a Gaussian low-pass falls to a half.

    Returns
    -------
    (n, px, px) uint8 (y, x), each image stretched between its own percentiles.

    Raises
    ------
    ConfigError : an odd or absurd side, too many images, or a low-pass that is none.
    """
    if px % 2 or not 8 <= px <= LARGEST_PX:
        raise ConfigError(f"pictures of particles must have an even side of 8 to {LARGEST_PX} px, not {px}")
    if len(rows) > MOST_IMAGES:
        raise ConfigError(f"{len(rows)} pictures at once are too many; ask for at most {MOST_IMAGES}")
    if low_pass_angstrom is not None and not 0 < low_pass_angstrom < float("inf"):
        raise ConfigError(f"a low-pass must be a positive number of Å, not {low_pass_angstrom:g}")
    preprocessor = Preprocessor(_scale_of(scale, min(px, scale.stored_box_px)))
    filter_ = _low_pass(preprocessor, low_pass_angstrom)
    pictures = np.empty((len(rows), px, px), dtype=np.uint8)
    for start in range(0, len(rows), BATCH):
        batch = particles.batch(rows[start : start + BATCH])
        prepared = preprocessor.prepare(batch.images, batch.shift_px, batch.ctf)
        sign = torch.where(prepared.ctf < 0, -1.0, 1.0) if flip_ctf else 1.0
        images = fourier_to_image(_padded(prepared.coefficients * sign * filter_, px), px).numpy()
        pictures[start : start + BATCH] = _stretched(images)
    return pictures


def _scale_of(scale: ImageScale, box_px: int) -> ImageScale:
    """The same constants, the images downsampled to another box."""
    return replace(scale, box_px=box_px, pixel_size_angstrom=scale.pixel_size_angstrom * scale.box_px / box_px)


def _low_pass(preprocessor: Preprocessor, resolution_angstrom: float | None) -> Tensor:
    """(d, d/2 + 1) filter, one half at the resolution."""
    squared = preprocessor.frequencies.square().sum(-1)
    return torch.ones_like(squared) if resolution_angstrom is None else 0.5 ** (squared * resolution_angstrom**2)


def _padded(coefficients: Tensor, px: int) -> Tensor:
    """(b, d, d/2 + 1) coefficients on the lattice of a larger picture, zeros beyond."""
    box = coefficients.shape[1]
    if px == box:
        return coefficients
    half = box // 2
    out = torch.zeros(len(coefficients), px, px // 2 + 1, dtype=coefficients.dtype)
    # frequencies strictly inside: the Nyquist row has no partner on the larger lattice
    out[:, :half, :half] = coefficients[:, :half, :half]
    out[:, -half + 1 :, :half] = coefficients[:, -half + 1 :, :half]
    return out


def _stretched(images: npt.NDArray[np.float32]) -> npt.NDArray[np.uint8]:
    """(b, px, px) to uint8 between the percentiles of each; a constant image is black."""
    low, high = np.percentile(images, PERCENTILES, axis=(1, 2), keepdims=True)
    return (np.clip((images - low) / np.maximum(high - low, 1e-30), 0, 1) * 255).round().astype(np.uint8)
