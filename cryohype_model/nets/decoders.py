"""Decoders: a latent to the weights of the INR."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from cryohype_model.errors import ConfigError
from cryohype_model.nets.inr import LayerWeights
from cryohype_model.nets.modulation import modulated_weights


def token_groups(weight_shapes: list[tuple[int, int]], weight_tokens: int) -> list[int]:
    """Weight tokens of each INR layer: min(G, out), which must divide the layer's width (paper 2.2, step 3)."""
    groups = [min(weight_tokens, out) for _, out in weight_shapes]
    for group, (_, out) in zip(groups, weight_shapes, strict=True):
        if out % group:
            raise ConfigError(f"model.weight_tokens = {group} does not divide the INR's width {out}; choose a divisor of {out}")
    return groups


class BaseNetwork(nn.Module):
    """Base weights and biases of the INR, shared by all images.

    Weights start as He et al. 2015 (Kaiming uniform), biases at 0.
    """

    def __init__(self, weight_shapes: list[tuple[int, int]]) -> None:
        super().__init__()
        self.weights = nn.ParameterList()
        self.biases = nn.ParameterList()
        for fan_in, out in weight_shapes:
            bound = math.sqrt(6.0 / fan_in)
            self.weights.append(nn.Parameter((torch.rand(fan_in, out) * 2 - 1) * bound))
            self.biases.append(nn.Parameter(torch.zeros(out)))


class ModulationDecoder(nn.Module):
    """W = normalise(B ∘ x), each column to unit norm; x from the layer's tokens (paper Eq. 2).

    Parameters
    ----------
    weight_shapes : of the INR.
    groups : tokens of each layer.
    head_widths : numbers in one token of the latent, for each layer.
    outputs_per_token : of each layer: the INR layer's input width (one column group a token), or
        input width × groups where a single token serves the layer (U-Net).
    """

    def __init__(
        self, weight_shapes: list[tuple[int, int]], groups: list[int], *, token_width: int, one_token_a_layer: bool
    ) -> None:
        super().__init__()
        self.groups = groups
        self.tokens = [1] * len(groups) if one_token_a_layer else groups
        self.base = BaseNetwork(weight_shapes)
        self.heads = nn.ModuleList()
        for (fan_in, _), group in zip(weight_shapes, groups, strict=True):
            out = fan_in * group if one_token_a_layer else fan_in
            self.heads.append(nn.Sequential(nn.LayerNorm(token_width), nn.Linear(token_width, out)))

    def forward(self, latent: Tensor) -> list[LayerWeights]:
        """(b, tokens, width) to the weights of each layer, (b, in, out)."""
        layers = []
        parts = latent.split(self.tokens, dim=1)
        rows = zip(parts, self.heads, self.groups, self.base.weights, self.base.biases, strict=True)
        for tokens, head, group, weight, bias in rows:
            x = head(tokens).reshape(len(latent), group, weight.shape[0])
            layers.append(LayerWeights(modulated_weights(weight, x), bias))
        return layers


class ConcatDecoder(nn.Module):
    """INR weights shared by all images; a latent vector is concatenated to the input features (paper section 4.4).

    The product of the latent with its rows of the first weight matrix is a bias of the image's own, which is how it is computed.
    """

    def __init__(self, weight_shapes: list[tuple[int, int]], *, token_width: int, latent_width: int) -> None:
        super().__init__()
        self.base = BaseNetwork(weight_shapes)
        self.to_latent = nn.Linear(token_width, latent_width)
        self.from_latent = nn.Linear(latent_width, weight_shapes[0][1], bias=False)

    def forward(self, latent: Tensor) -> list[LayerWeights]:
        """(b, 1, width) to the weights of each layer; only the first bias differs between images."""
        own = self.from_latent(self.to_latent(latent[:, -1]))[:, None, :]
        biases = [self.base.biases[0] + own, *list(self.base.biases)[1:]]
        return [LayerWeights(weight, bias) for weight, bias in zip(self.base.weights, biases, strict=True)]
