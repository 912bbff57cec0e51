"""The implicit neural representation: a small network whose weights, given as an argument, are the molecule."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from cryohype_model.imaging.grid import fold_half_space
from cryohype_model.nets.features import draw_frequencies, fourier_features

RECOMPUTED_PARTS = 4  # of the coordinates: the activations of one part are held at a time


@dataclass(frozen=True)
class LayerWeights:
    """One linear layer: ``weight`` (in, out) shared or (b, in, out) per image; ``bias`` (out,) or (b, 1, out)."""

    weight: Tensor
    bias: Tensor


class Inr(nn.Module):
    """Fourier features, linear layers with ReLU and residual connections (paper 2.2; docs/model.md step 4).

    Owns no parameters, only the fixed random frequencies.

    Parameters
    ----------
    box_px : the training box: a feature frequency is a position in real space, in its pixels.
    layers, hidden : linear layers and their width.
    frequencies : random Fourier features; the input has twice as many numbers.
    feature_sigma : standard deviation of the frequencies in half boxes.
    residual : add a layer's input to its output where the widths agree.
    output : "complex" (two numbers, one per half-space pair) or "hartley" (one number).
    fold : evaluate at the half-space kz >= 0 only and conjugate (complex output).

    Attributes
    ----------
    recompute : forget the activations and compute them again for the gradient: a third more time, a fraction of the memory.
    """

    frequencies: Tensor
    recompute = False

    def __init__(
        self,
        *,
        box_px: int,
        layers: int,
        hidden: int,
        frequencies: int,
        feature_sigma: float,
        residual: bool,
        output: str,
        fold: bool,
    ) -> None:
        super().__init__()
        self.residual = residual
        self.complex_output = output == "complex"
        self.fold = fold and self.complex_output
        out = 2 if self.complex_output else 1
        widths = [2 * frequencies, *[hidden] * (layers - 1), out]
        self.weight_shapes = list(pairwise(widths))
        self.register_buffer("frequencies", draw_frequencies(frequencies, feature_sigma, box_px))

    def features(self, coordinates: Tensor) -> Tensor:
        """(..., 3) cycles/pixel to (..., 2F) sines and cosines."""
        return fourier_features(coordinates, self.frequencies)

    def hidden_activations(self, weights: Sequence[LayerWeights], coordinates: Tensor) -> Tensor:
        """Output of the last hidden layer, (b, m, hidden) (paper Fig. 7)."""
        x = self.features(coordinates)
        for layer in weights[:-1]:
            y = torch.relu_(_affine(x, layer))  # in place: the sum before it is not needed again
            x = x + y if self.residual and x.shape[-1] == y.shape[-1] else y
        return x

    def forward(self, weights: Sequence[LayerWeights], coordinates: Tensor) -> Tensor:
        """Values of the clean, CTF-free transform.

        Parameters
        ----------
        weights : one :class:`LayerWeights` a layer, of ``weight_shapes``.
        coordinates : (b, m, 3) frequencies (kx, ky, kz), cycles/pixel.

        Returns
        -------
        (b, m) complex64, or float32 Hartley values.
        """
        if not (self.recompute and torch.is_grad_enabled()):
            return self._values(weights, coordinates)
        parts = coordinates.chunk(RECOMPUTED_PARTS, dim=1)
        values = [checkpoint(self._values, weights, part, use_reentrant=False, preserve_rng_state=False) for part in parts]
        return torch.cat(values, dim=1)

    def _values(self, weights: Sequence[LayerWeights], coordinates: Tensor) -> Tensor:
        sign = None
        if self.fold:
            coordinates, sign = fold_half_space(coordinates)
        x = self.hidden_activations(weights, coordinates)
        value = _affine(x, weights[-1]).float()
        if not self.complex_output:
            return value[..., 0]
        imaginary = value[..., 1] if sign is None else value[..., 1] * sign
        return torch.complex(value[..., 0], imaginary)


def _affine(x: Tensor, layer: LayerWeights) -> Tensor:
    """The affine map x · weight + bias of (b, m, in); with weights of each image's own the bias is added within the product."""
    if layer.weight.dim() == 3:
        return torch.baddbmm(layer.bias, x, layer.weight)
    return x @ layer.weight + layer.bias
