"""The hypernetwork: image to latent to weights to values."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from torch import Tensor, nn

from cryohype_model.nets.basis import BasisVolumes
from cryohype_model.nets.inputs import EncoderInput
from cryohype_model.nets.inr import Inr, LayerWeights


class Prediction(NamedTuple):
    """Clean transforms of b particles.

    Attributes
    ----------
    values : (b, m) by the INR. basis : (b, n) complex by the basis volumes alone, at the first n coordinates; or None.
    """

    values: Tensor
    basis: Tensor | None


class HyperNetwork(nn.Module):
    """Encoder, decoder and INR. A volume can be made from a latent without its image.

    Parameters
    ----------
    encoder : ``encoder(inputs, coefficients) -> latent``.
    decoder : ``decoder(latent) -> weights``.
    inr : ``inr(weights, coordinates) -> values``.
    basis : volumes whose coefficients the encoder reads too, or None.
    """

    def __init__(self, encoder: nn.Module, decoder: nn.Module, inr: Inr, basis: BasisVolumes | None = None) -> None:
        super().__init__()
        self.encoder = encoder
        self.decoder = decoder
        self.inr = inr
        self.basis = basis

    def encode(self, inputs: EncoderInput) -> Tensor:
        """The latent (b, tokens, width)."""
        latent: Tensor = self.encoder(inputs, self._coefficients(inputs))
        return latent

    def decode(self, latent: Tensor) -> Sequence[LayerWeights]:
        """The latent (b, tokens, width) to the weights of every INR layer."""
        weights: Sequence[LayerWeights] = self.decoder(latent)
        return weights

    def forward(self, inputs: EncoderInput, coordinates: Tensor, basis_count: int = 0) -> Prediction:
        """Predicted clean transforms.

        Parameters
        ----------
        coordinates : (b, m, 3) volume coordinates, cycles/pixel.
        basis_count : at the first so many of them the basis volumes answer as well.
        """
        coefficients = self._coefficients(inputs)
        values = self.inr(self.decode(self.encoder(inputs, coefficients)), coordinates)
        if self.basis is None or coefficients is None or not basis_count:
            return Prediction(values, None)
        return Prediction(values, self.basis.predict(coefficients, coordinates[:, :basis_count]))

    def _coefficients(self, inputs: EncoderInput) -> Tensor | None:
        return None if self.basis is None or inputs.slices is None else self.basis.fit(inputs.slices)
