"""The hypernetwork: image to latent to weights to values."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn

from cryohype_model.nets.inr import Inr, LayerWeights


class HyperNetwork(nn.Module):
    """Encoder, decoder and INR. A volume can be made from a latent without its image.

    Parameters
    ----------
    encoder : ``encoder(images, rotation, ctf_summary, keep) -> latent``.
    decoder : ``decoder(latent) -> weights``.
    inr : ``inr(weights, coordinates) -> values``.
    """

    def __init__(self, encoder: nn.Module, decoder: nn.Module, inr: Inr) -> None:
        super().__init__()
        self.encoder = encoder
        self.decoder = decoder
        self.inr = inr

    def encode(self, images: Tensor, rotation: Tensor, ctf_summary: Tensor, keep: Tensor | None = None) -> Tensor:
        """(b, D, D) encoder inputs, (b, 3, 3) rotations, (b, 4) CTF summaries to the latent (b, tokens, width)."""
        latent: Tensor = self.encoder(images, rotation, ctf_summary, keep)
        return latent

    def decode(self, latent: Tensor) -> Sequence[LayerWeights]:
        """The latent (b, tokens, width) to the weights of every INR layer."""
        weights: Sequence[LayerWeights] = self.decoder(latent)
        return weights

    def forward(
        self, images: Tensor, rotation: Tensor, ctf_summary: Tensor, coordinates: Tensor, keep: Tensor | None = None
    ) -> Tensor:
        """Predicted clean transform (b, m) at volume coordinates (b, m, 3)."""
        values: Tensor = self.inr(self.decode(self.encode(images, rotation, ctf_summary, keep)), coordinates)
        return values
