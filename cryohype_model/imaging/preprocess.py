"""From images as stored to what the networks see; everything happens in the batch, on the device."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from cryohype_model.imaging.ctf import contrast_transfer
from cryohype_model.imaging.fourier import (
    coefficients_to_hartley,
    crop_fourier,
    fourier_to_image,
    gather_half_disc,
    image_to_fourier,
)
from cryohype_model.imaging.grid import FourierGrid
from cryohype_model.imaging.shift import phase_ramp, rfft_pixels


@dataclass(frozen=True)
class ImageScale:
    """What was done to the images and must be undone for a volume; stored in every checkpoint.

    Attributes
    ----------
    stored_box_px, box_px : side of the images in the file (made even) and after Fourier-downsampling.
    pixel_size_angstrom : after downsampling.
    contrast : +1 where density is bright in the file, -1 where it is dark.
    scale : root mean square coefficient over the disc, by which coefficients are divided.
    noise_floor : mean square of the outermost coefficients after division: no honest loss goes below it.
    window_radius, window_softness : of the circular window, fractions of the half box.
    """

    stored_box_px: int
    box_px: int
    pixel_size_angstrom: float
    contrast: int
    scale: float
    noise_floor: float
    window_radius: float
    window_softness: float

    @property
    def density_factor(self) -> float:
        """Factor from predicted coefficients to density at the stored sampling (projection sum over stored voxels)."""
        return self.scale * self.box_px / self.stored_box_px


@dataclass(frozen=True)
class PreparedImages:
    """A batch after preprocessing: coefficients and CTF in the layout of rfft2, (b, D, D/2 + 1)."""

    coefficients: Tensor
    ctf: Tensor


def circular_window(box_px: int, radius: float, softness: float) -> Tensor:
    """(D, D) window: 1 inside ``radius``, 0 beyond ``radius + softness`` (fractions of D/2), cosine between."""
    axis = (torch.arange(box_px) - box_px // 2) / (box_px / 2)
    distance = torch.sqrt(axis[:, None] ** 2 + axis[None, :] ** 2)
    if softness == 0:
        return (distance <= radius).float()
    return 0.5 + 0.5 * torch.cos(math.pi * ((distance - radius) / softness).clamp(0, 1))


class Preprocessor:
    """Images to centred, normalised Fourier coefficients and the CTF on the same lattice.

    Parameters
    ----------
    scale : constants of the data set.
    device : where the batch lives.
    padding : windowed images are zero-padded to this many times their side, which samples frequencies as much finer;
        all lattices are then of the box ``padding · scale.box_px``.
    """

    def __init__(self, scale: ImageScale, device: torch.device | str = "cpu", padding: int = 1) -> None:
        self.scale = scale
        self.padding = padding
        self.box_px = padding * scale.box_px
        self.grid = FourierGrid(self.box_px)
        self.device = torch.device(device)
        self.window = circular_window(scale.stored_box_px, scale.window_radius, scale.window_softness).to(device)
        outside = (self.window < 0.5).float()
        self._border = outside / outside.sum().clamp_min(1.0)  # weights of the mean outside; all 0 where nothing is outside
        self.pixels = rfft_pixels(self.box_px).to(device)
        # the last axis of rfft holds kx = 0 … D/2; rotation-free frequencies in 1/Å
        self.frequencies = self.pixels.float() / (self.box_px * scale.pixel_size_angstrom)
        self.half_disc = self.grid.half_disc_pixels.to(device)

    def transform(self, images: Tensor, shift_px: Tensor) -> Tensor:
        """Make even, subtract the border's mean, window, transform, crop, centre by the shift, divide by the scale.

        Parameters
        ----------
        images : (b, S, S) as stored.
        shift_px : (b, 2) translation that centres each, in stored pixels.
        """
        box = self.scale.stored_box_px
        # the centre of an odd box S is S // 2, which is also the centre of its first S - 1 rows
        images = images[..., :box, :box].float()
        # a weighted sum, not a selection: that would make the GPU wait for the CPU at every batch
        images = images - (images * self._border).sum(dim=(1, 2), keepdim=True)
        # equal margins on both sides keep the centre at half the side
        windowed = functional.pad(images * self.window, [(self.padding - 1) * box // 2] * 4)
        coefficients = crop_fourier(image_to_fourier(windowed), self.box_px)
        ramp = phase_ramp(self.pixels, shift_px * (self.scale.box_px / box), self.box_px)
        return coefficients * ramp * (self.scale.contrast / self.scale.scale)

    def contrast_transfer(self, ctf: Tensor | None, count: int) -> Tensor:
        """(b, D, D/2 + 1) CTF, or ones where there is none."""
        shape = (count, *self.pixels.shape[:2])
        if ctf is None:
            return torch.ones(shape, device=self.device)
        return contrast_transfer(self.frequencies.reshape(-1, 2), ctf).reshape(shape)

    def prepare(self, images: Tensor, shift_px: Tensor, ctf: Tensor | None) -> PreparedImages:
        """Coefficients and CTF of a batch already on the device."""
        return PreparedImages(self.transform(images, shift_px), self.contrast_transfer(ctf, len(images)))

    def half_disc_values(self, rfft_values: Tensor) -> Tensor:
        """(b, D, D/2 + 1) values to (b, m) on the half disc, sorted by radius."""
        return gather_half_disc(rfft_values, self.half_disc)

    def encoder_input(self, prepared: PreparedImages, domain: str, low_pass: Tensor | None) -> Tensor:
        """(b, D, D) phase-flipped Hartley image ("fourier") or real image ("real"), noise of about unit variance."""
        flipped = prepared.coefficients * torch.sign(prepared.ctf)
        if domain == "fourier":
            image = coefficients_to_hartley(flipped)
            return image if low_pass is None else image * low_pass
        if low_pass is not None:
            # low_pass is centred in both axes: its right half, un-centred along ky, is the layout of rfft
            half = torch.fft.ifftshift(low_pass, dim=0)[:, self.scale.box_px // 2 :]
            flipped = flipped * torch.cat([half, half[:, -1:]], dim=1)
        return fourier_to_image(flipped, self.scale.box_px) * self.scale.box_px


def measure_scale(coefficients: Tensor, grid: FourierGrid) -> tuple[float, float]:
    """Root mean square over the disc, and the mean square of its outermost tenth relative to that of the disc.

    Parameters
    ----------
    coefficients : (b, D, D/2 + 1) of a sample of images.
    """
    pixels = grid.half_disc_pixels.to(coefficients.device)
    power = gather_half_disc(coefficients, pixels).abs().square().mean(0)
    outer = (pixels**2).sum(1) >= (0.9 * grid.half_px) ** 2
    mean = float(power.mean())
    return math.sqrt(mean), float(power[outer].mean()) / mean if mean > 0 else 0.0
