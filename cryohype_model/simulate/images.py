"""Clean images of one structure: slice, CTF, shift."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from cryohype_model.imaging.ctf import contrast_transfer
from cryohype_model.imaging.fourier import fourier_to_image
from cryohype_model.imaging.project import pad_for_slicing, project_coefficients
from cryohype_model.imaging.shift import phase_ramp, rfft_pixels
from cryohype_model.io.table import ParticleTable


def clean_images(density: Tensor, particles: ParticleTable, batch: int) -> Iterator[Tensor]:
    """Noise-free images of a structure, (b, D, D) at a time: CTF · shift · Σ_z of the rotated density, up to |k| < D/2.

    Parameters
    ----------
    density : (D, D, D) in the images' box; its device does the work.
    particles : their poses, shifts and CTF; an image is the projection translated by -shift.
    batch : images at a time.
    """
    transform = pad_for_slicing(density)
    for start in range(0, len(particles), batch):
        yield _form(transform, particles[range(start, min(start + batch, len(particles)))])


def _form(transform: Tensor, particles: ParticleTable) -> Tensor:
    """One batch of :func:`clean_images`."""
    assert particles.rotation is not None
    device, box = transform.device, particles.box_px
    rotation = torch.from_numpy(particles.rotation).to(device)
    shift = torch.from_numpy(particles.shift_px).to(device)
    pixels = rfft_pixels(box).to(device)
    coefficients = project_coefficients(transform, rotation, box) * phase_ramp(pixels, -shift, box)
    if particles.ctf is not None:
        frequencies = pixels.reshape(-1, 2) / (box * float(particles.pixel_size_angstrom[0]))  # 1/Å
        transfer = contrast_transfer(frequencies, torch.from_numpy(particles.ctf.as_array()).to(device))
        coefficients = coefficients * transfer.reshape(coefficients.shape)
    return fourier_to_image(coefficients, box)
