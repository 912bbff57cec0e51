"""The loss: CTF times the predicted slice against the image, in Fourier space (paper 2.2, step 5)."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from cryohype_model.config import ModelConfig
from cryohype_model.imaging.fourier import coefficients_to_hartley
from cryohype_model.imaging.grid import rotate_slice
from cryohype_model.imaging.particles import ParticleBatch
from cryohype_model.imaging.preprocess import PreparedImages, Preprocessor
from cryohype_model.nets.hypernetwork import HyperNetwork
from cryohype_model.nets.tokens import ctf_summary, low_pass_window


class SliceLoss:
    """Mean square of CTF · INR(rotated slice) − image over |k| < D/2, an image at a time.

    Parameters
    ----------
    preprocessor : of the data set.
    config : the model section: what the encoder reads and what the INR answers.
    """

    def __init__(self, preprocessor: Preprocessor, config: ModelConfig) -> None:
        self.preprocessor = preprocessor
        self.config = config
        box, device = preprocessor.scale.box_px, preprocessor.device
        cutoff = config.token_low_pass_px
        self.low_pass = None if cutoff is None else low_pass_window(box, cutoff).to(device)
        self.hartley = config.inr.output == "hartley"
        self.pixels = preprocessor.grid.disc_pixels.to(device) if self.hartley else preprocessor.half_disc
        self.coordinates = preprocessor.grid.coordinates(self.pixels)
        self.radius_squared = (self.pixels**2).sum(1)

    def encoder_arguments(self, batch: ParticleBatch) -> tuple[PreparedImages, tuple[Tensor, Tensor, Tensor]]:
        """The prepared images, and (encoder images, rotations, CTF summaries)."""
        prepared = self.preprocessor.prepare(batch.images, batch.shift_px, batch.ctf)
        images = self.preprocessor.encoder_input(prepared, self.config.input_domain, self.low_pass)
        summary = torch.zeros(len(images), 4, device=images.device) if batch.ctf is None else ctf_summary(batch.ctf)
        return prepared, (images, batch.rotation, summary)

    def __call__(self, model: nn.Module, batch: ParticleBatch, rows: Tensor | None = None, keep: Tensor | None = None) -> Tensor:
        """(b,) loss of each image.

        Parameters
        ----------
        model : the hypernetwork, perhaps wrapped by Fabric.
        rows : coordinates to use, as row numbers; None for all.
        keep : (b, tokens) of 0 and 1: image tokens that the encoder sees.
        """
        prepared, arguments = self.encoder_arguments(batch)
        pixels, coordinates = self.pixels, self.coordinates
        if rows is not None:
            pixels, coordinates = pixels[rows], coordinates[rows]
        predicted = model(*arguments, rotate_slice(coordinates, batch.rotation), keep)
        return self._mean_square(predicted, prepared, pixels)

    def of_latent(self, model: HyperNetwork, latent: Tensor, prepared: PreparedImages, rotation: Tensor) -> Tensor:
        """(b,) loss of images whose latents are known already."""
        predicted = model.inr(model.decode(latent), rotate_slice(self.coordinates, rotation))
        return self._mean_square(predicted, prepared, self.pixels)

    def _mean_square(self, predicted: Tensor, prepared: PreparedImages, pixels: Tensor) -> Tensor:
        target, ctf = self._at(prepared, pixels)
        return (predicted * ctf - target).abs().square().mean(dim=1)

    def _at(self, prepared: PreparedImages, pixels: Tensor) -> tuple[Tensor, Tensor]:
        """Target values and CTF at (m, 2) pixels, (b, m) each."""
        box = self.preprocessor.scale.box_px
        kx, ky = pixels.unbind(1)
        # the CTF is even: its value at kx < 0 is that at (-kx, -ky)
        sign = torch.where(kx < 0, -1, 1)
        ctf = prepared.ctf[:, (ky * sign) % box, kx * sign]
        if not self.hartley:
            return prepared.coefficients[:, ky % box, kx], ctf
        return coefficients_to_hartley(prepared.coefficients)[:, ky + box // 2, kx + box // 2], ctf
