"""The formulation of the paper, written plainly: what CryoHype must be faster than.

One Hartley value a coordinate on the full disc, the weights of every image materialised in float32, ordinary autograd, Adam
(Gu et al., arXiv 2512.06332, section 2.2). The parameters and the encoder are those of ``build_model`` with
``output = "hartley"``, so that from equal weights equal values must come; nothing else of our networks' code is used.
"""

from __future__ import annotations

import torch
from torch import Tensor

from cryohype_model.config import ModelConfig
from cryohype_model.imaging.ctf import contrast_transfer
from cryohype_model.imaging.fourier import coefficients_to_hartley
from cryohype_model.imaging.particles import ParticleBatch
from cryohype_model.imaging.preprocess import ImageScale, Preprocessor
from cryohype_model.nets.build import build_model
from cryohype_model.nets.hypernetwork import HyperNetwork
from cryohype_model.nets.inputs import EncoderInput

LEARNING_RATE = 1e-4


def hartley_config(config: ModelConfig) -> ModelConfig:
    """The same networks with one Hartley value a coordinate."""
    return config.model_copy(update={"inr": config.inr.model_copy(update={"output": "hartley", "fold": False})})


def image_weights(model: HyperNetwork, latent: Tensor) -> list[Tensor]:
    """The weights W = normalise(B ∘ x) of every layer for every image, (b, in, out) float32 each (paper Eq. 2).

    Parameters
    ----------
    latent : (b, tokens, width).
    """
    weights = []
    decoder = model.decoder
    for tokens, head, base in zip(latent.split(decoder.groups, dim=1), decoder.heads, decoder.base.weights, strict=True):
        x = head(tokens).transpose(1, 2)  # (b, in, groups)
        x = x.repeat(1, 1, base.shape[1] // x.shape[2])  # repeated along the columns
        modulated = base * x
        weights.append(modulated / modulated.norm(dim=1, keepdim=True))
    return weights


def inr_values(model: HyperNetwork, weights: list[Tensor], coordinates: Tensor) -> Tensor:
    """(b, m) Hartley values at (b, m, 3) coordinates, cycles/pixel."""
    angle = coordinates @ model.inr.frequencies.T
    x = torch.cat([torch.sin(angle), torch.cos(angle)], dim=-1)
    biases = list(model.decoder.base.biases)
    for weight, bias in zip(weights[:-1], biases[:-1], strict=True):
        y = torch.relu(x @ weight + bias)
        x = x + y if x.shape == y.shape else y
    return (x @ weights[-1] + biases[-1])[..., 0]


class PlainTraining:
    """A model in training by the plain formulation.

    Parameters
    ----------
    config : of the networks; their encoder reads image tokens. scale : constants of the data set.
    """

    def __init__(self, config: ModelConfig, scale: ImageScale, device: torch.device, seed: int = 0) -> None:
        self.config, self.scale, self.device = hartley_config(config), scale, device
        self.model = build_model(self.config, scale.box_px, seed).to(device)
        self.optimizer = torch.optim.Adam(self.model.parameters(), lr=LEARNING_RATE)
        self.preprocessor = Preprocessor(scale, device)
        axis = torch.arange(scale.box_px, device=device) - scale.box_px // 2
        ky, kx = torch.meshgrid(axis, axis, indexing="ij")
        self.disc = kx**2 + ky**2 < (scale.box_px // 2) ** 2  # (D, D), frequency 0 at the centre
        self.frequencies = torch.stack([kx[self.disc], ky[self.disc]], dim=1) / scale.box_px  # (m, 2), cycles/pixel

    def losses(self, batch: ParticleBatch) -> Tensor:
        """(b,) mean square of CTF · INR − image over the full disc."""
        assert batch.ctf is not None
        prepared = self.preprocessor.prepare(batch.images, batch.shift_px, batch.ctf)
        shown = self.preprocessor.encoder_input(prepared, self.config.input_domain, None)
        summary = torch.zeros(len(shown), 4, device=self.device)  # read by networks with a CTF token only
        latent = self.model.encoder(EncoderInput(shown, batch.rotation, summary), None)
        coordinates = self.frequencies @ batch.rotation[:, :2, :]
        predicted = inr_values(self.model, image_weights(self.model, latent), coordinates)
        target = coefficients_to_hartley(prepared.coefficients)[:, self.disc]
        ctf = contrast_transfer(self.frequencies / self.scale.pixel_size_angstrom, batch.ctf)
        return (ctf * predicted - target).square().mean(dim=1)

    def step(self, batch: ParticleBatch) -> Tensor:
        """One step of Adam; the mean loss of the batch."""
        loss = self.losses(batch).mean()
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()
        return loss.detach()

    @torch.no_grad()
    def volume(self, latent: Tensor) -> Tensor:
        """(D, D, D) map of a latent (1, tokens, width): the whole sphere, plane by plane, and an inverse Hartley transform."""
        box = self.scale.box_px
        weights = image_weights(self.model, latent)
        axis = torch.arange(box, device=self.device) - box // 2
        ky, kx = torch.meshgrid(axis, axis, indexing="ij")
        hartley = torch.zeros(box, box, box, device=self.device)
        for plane, kz in enumerate(axis):
            inside = kx**2 + ky**2 + kz**2 < (box // 2) ** 2
            coordinates = torch.stack([kx[inside], ky[inside], kz.expand_as(kx[inside])], dim=1) / box
            hartley[plane][inside] = inr_values(self.model, weights, coordinates[None])[0]
        # H = Re F - Im F is its own inverse, but for the number of voxels
        full = torch.fft.fftn(torch.fft.ifftshift(hartley))
        return torch.fft.fftshift(full.real - full.imag) / box**3 * self.scale.density_factor
