"""The loss: CTF times the predicted slice against the image, in Fourier space (paper 2.2, step 5)."""

from __future__ import annotations

from functools import cached_property
from typing import NamedTuple

import torch
from torch import Tensor, nn

from cryohype_model.config import ModelConfig
from cryohype_model.imaging.fourier import coefficients_to_hartley, gather_half_disc
from cryohype_model.imaging.grid import rotate_slice
from cryohype_model.imaging.particles import ParticleBatch
from cryohype_model.imaging.preprocess import PreparedImages, Preprocessor
from cryohype_model.nets.hypernetwork import HyperNetwork
from cryohype_model.nets.inputs import EncoderInput, ObservedSlices
from cryohype_model.nets.tokens import ctf_summary, low_pass_window

# coordinates where the INR is asked for the loss of an image whose latent is known; docs/scaling.md has what that gains and costs
SAMPLED_BEYOND_PX = 12  # of the transform; nearly all that a molecule in a box shows lies within
SAMPLED_ONE_OF, SAMPLED_FEWEST = 3, 256  # of those beyond


class Losses(NamedTuple):
    """Of b images.

    Attributes
    ----------
    image : (b,) mean square of CTF · INR − image. basis : the same of the basis volumes' prediction; None without them.
    """

    image: Tensor
    basis: Tensor | None

    def total(self, basis_weight: float = 1.0) -> Tensor:
        """What is minimised: a scalar."""
        total = self.image.mean()
        return total if self.basis is None else total + basis_weight * self.basis.mean()


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
        # which coordinates a step uses is decided on the CPU: the answer's size would make a GPU wait
        self._half_disc = preprocessor.grid.half_disc_pixels
        self._pixels = preprocessor.grid.disc_pixels if self.hartley else self._half_disc
        self.pixels = self._pixels.to(device)
        self.coordinates = preprocessor.grid.coordinates(self.pixels)
        self.radius_squared = (self.pixels**2).sum(1)
        # pixels are sorted by radius: those of the basis volumes come first
        self.basis_radius_squared = (config.basis_radius * box / 2) ** 2 if config.basis_volumes else 0.0
        # a grid is fitted beforehand: there is nothing that its own prediction would teach it
        self._asked_radius_squared = self.basis_radius_squared if config.basis_form == "network" else 0.0

    def encoder_input(
        self, batch: ParticleBatch, keep: Tensor | None = None, hidden: Tensor | None = None
    ) -> tuple[PreparedImages, EncoderInput]:
        """The prepared images, and what the encoder sees of them.

        Parameters
        ----------
        keep : (b, tokens) of 0 and 1: image tokens that the encoder sees; None for all.
        hidden : (half disc,) bool, on the CPU: coefficients that the encoder does not see; None for none.
        """
        prepared = self.preprocessor.prepare(batch.images, batch.shift_px, batch.ctf)
        images = None
        if self.config.image_tokens:
            shown = prepared if hidden is None else self._without(prepared, hidden)
            images = self.preprocessor.encoder_input(shown, self.config.input_domain, self.low_pass)
        rotation = batch.rotation
        summary = torch.zeros(len(rotation), 4, device=rotation.device) if batch.ctf is None else ctf_summary(batch.ctf)
        slices = self._slices(prepared, batch.rotation, hidden) if self.config.basis_volumes else None
        return prepared, EncoderInput(images, batch.rotation, summary, keep, slices)

    def __call__(
        self,
        model: nn.Module,
        batch: ParticleBatch,
        rows: Tensor | None = None,
        keep: Tensor | None = None,
        hidden: Tensor | None = None,
    ) -> Losses:
        """Losses of each image.

        Parameters
        ----------
        model : the hypernetwork, perhaps wrapped by Fabric.
        rows : coordinates to use, as row numbers on the CPU; None for all.
        keep, hidden : as in :meth:`encoder_input`; where some coefficients are hidden, the loss is taken over these.
        """
        prepared, inputs = self.encoder_input(batch, keep, hidden)
        pixels, coordinates = self.pixels, self.coordinates
        chosen = self._hidden_rows(rows, hidden)
        of_basis = (self._pixels**2).sum(1) < self._asked_radius_squared
        if chosen is not None:
            of_basis = of_basis[chosen]
            chosen = chosen.to(pixels.device)
            pixels, coordinates = pixels[chosen], coordinates[chosen]
        below = int(of_basis.sum())
        predicted, by_basis = model(inputs, rotate_slice(coordinates, batch.rotation), below)
        image = self._mean_square(predicted, prepared, pixels)
        if by_basis is None:
            return Losses(image, None)
        linear = by_basis.real - by_basis.imag if self.hartley else by_basis
        return Losses(image, self._mean_square(linear, prepared, pixels[:below]))

    def of_latent(self, model: HyperNetwork, latent: Tensor, prepared: PreparedImages, rotation: Tensor) -> Tensor:
        """(b,) loss of images whose latents are known already, but for a small error of sampling.

        |CTF · INR − image|² is |image|², of all coefficients, and what the INR explains of it: that is taken at all coordinates
        near the centre and a sample of the others, as the INR is most of the work.
        """
        rows, weight = self.sample
        predicted = model.inr(model.decode(latent), rotate_slice(self.coordinates[rows], rotation))
        target, ctf = self._at(prepared, self.pixels)
        projected, seen = predicted * ctf[:, rows], target[:, rows]
        explained = projected.abs().square() - 2 * (projected * seen.conj()).real
        return target.abs().square().mean(dim=1) + (explained * weight).sum(dim=1)  # a product would be rounded in bfloat16

    @cached_property
    def sample(self) -> tuple[Tensor, Tensor]:
        """Row numbers of the coordinates where the loss of a latent asks the INR, and what each counts; they add up to 1."""
        count = len(self._pixels)
        inner = int(((self._pixels**2).sum(1) < SAMPLED_BEYOND_PX**2).sum())
        outer = torch.randperm(count - inner, generator=torch.Generator().manual_seed(0)) + inner
        kept = outer[: max(SAMPLED_FEWEST, len(outer) // SAMPLED_ONE_OF)].sort().values
        weight = torch.full((inner + len(kept),), 1 / count)
        weight[inner:] *= len(outer) / max(1, len(kept))
        return torch.cat([torch.arange(inner), kept]).to(self.pixels.device), weight.to(self.pixels.device)

    def _without(self, prepared: PreparedImages, hidden: Tensor) -> PreparedImages:
        """The images without some coefficients; the others are raised, so that their mean square stays (as in dropout)."""
        raise_by = len(hidden) / (~hidden).sum().clamp_min(1)
        weight = (~hidden).float() * raise_by.sqrt()
        box = self.preprocessor.scale.box_px
        factor = torch.ones(prepared.coefficients.shape[1:])
        kx, ky = self._half_disc.unbind(1)
        factor[ky % box, kx] = weight
        on_axis = kx == 0  # the only column of rfft2 that holds both of a pair
        factor[-ky[on_axis] % box, 0] = weight[on_axis]
        return PreparedImages(prepared.coefficients * factor.to(prepared.coefficients.device), prepared.ctf)

    def _slices(self, prepared: PreparedImages, rotation: Tensor, hidden: Tensor | None) -> ObservedSlices:
        """The coefficients that the basis volumes are fitted to."""
        seen = (self._half_disc**2).sum(1) < self.basis_radius_squared
        pixels = self._half_disc[seen if hidden is None else seen & ~hidden].to(rotation.device)
        coordinates = rotate_slice(self.preprocessor.grid.coordinates(pixels), rotation)
        return ObservedSlices(
            gather_half_disc(prepared.coefficients, pixels), gather_half_disc(prepared.ctf, pixels), coordinates
        )

    def _hidden_rows(self, rows: Tensor | None, hidden: Tensor | None) -> Tensor | None:
        """Of the rows those that are hidden from the encoder."""
        if hidden is None:
            return rows
        is_hidden = hidden
        if self.hartley:  # on the whole disc k and -k are one coefficient
            box = self.preprocessor.scale.box_px
            of_pixel = torch.zeros(box, box, dtype=torch.bool)
            kx, ky = self._half_disc.unbind(1)
            of_pixel[ky % box, kx % box] = of_pixel[-ky % box, -kx % box] = hidden
            kx, ky = self._pixels.unbind(1)
            is_hidden = of_pixel[ky % box, kx % box]
        return torch.nonzero(is_hidden)[:, 0] if rows is None else rows[is_hidden[rows]]

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
