"""Encoders: an image to the latent, (b, tokens, width)."""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional

from cryohype_model.nets.inputs import EncoderInput
from cryohype_model.nets.tokens import ImageTokenizer
from cryohype_model.nets.transformer import TransformerBlock

CLASS_TOKEN_STD = 0.5  # probabilities are mostly one 1 among 0s: of its column the token is made


class VitEncoder(nn.Module):
    """Input tokens and learnable weight tokens through a ViT; the weight tokens that come out are the latent.

    Parameters
    ----------
    tokenizer : image to tokens; None where the encoder reads the coefficients of the basis volumes alone.
    basis_count : basis volumes, whose coefficients become one token; 0 for none.
    class_count : classes, whose probabilities become another one; 0 for none.
    weight_tokens : how many learnable tokens are appended.
    dim, depth, heads, head_dim, mlp_dim : of the transformer.
    """

    def __init__(
        self,
        tokenizer: ImageTokenizer | None,
        basis_count: int,
        class_count: int = 0,
        *,
        weight_tokens: int,
        dim: int,
        depth: int,
        heads: int,
        head_dim: int,
        mlp_dim: int,
    ) -> None:
        super().__init__()
        self.tokenizer = tokenizer
        self.basis_token = nn.Linear(basis_count, dim) if basis_count else None
        self.class_token = nn.Linear(class_count, dim) if class_count else None
        if self.class_token is not None:
            nn.init.normal_(self.class_token.weight, std=CLASS_TOKEN_STD)
        self.weight_tokens = nn.Parameter(torch.randn(weight_tokens, dim) * 0.02)
        self.blocks = nn.Sequential(*[TransformerBlock(dim, heads, head_dim, mlp_dim) for _ in range(depth)])

    def forward(self, inputs: EncoderInput, coefficients: Tensor | None) -> Tensor:
        """A batch and its (b, basis_count + class_count) coefficients and probabilities to (b, weight_tokens, dim)."""
        tokens = []
        if self.tokenizer is not None:
            assert inputs.images is not None
            tokens.append(self.tokenizer(inputs.images, inputs.rotation, inputs.ctf_summary, inputs.keep))
        if self.basis_token is not None:
            assert coefficients is not None
            count = self.basis_token.in_features
            tokens.append(self.basis_token(coefficients[:, :count])[:, None])
            if self.class_token is not None:
                tokens.append(self.class_token(coefficients[:, count:])[:, None])
        queries = self.weight_tokens.expand(len(inputs), -1, -1).to(tokens[0].dtype)
        out: Tensor = self.blocks(torch.cat([*tokens, queries], dim=1))
        return out[:, -queries.shape[1] :]


class MlpEncoder(nn.Module):
    """A separate MLP for each INR layer produces that layer's weight tokens (paper appendix E).

    Parameters
    ----------
    box_px : side of the image, flattened into the input.
    groups : weight tokens of each INR layer.
    dim, depth : width and number of hidden layers, and width of a token.
    """

    def __init__(self, *, box_px: int, groups: list[int], dim: int, depth: int) -> None:
        super().__init__()
        self.dim = dim
        self.networks = nn.ModuleList()
        for count in groups:
            widths = [box_px**2, *[dim] * depth]
            layers: list[nn.Module] = []
            for i, o in pairwise(widths):
                layers += [nn.Linear(i, o), nn.GELU()]
            self.networks.append(nn.Sequential(*layers, nn.Linear(dim, count * dim)))

    def forward(self, inputs: EncoderInput, _coefficients: Tensor | None) -> Tensor:
        """A batch to (b, sum of groups, dim)."""
        assert inputs.images is not None
        flat = inputs.images.flatten(1)
        return torch.cat([network(flat).unflatten(1, (-1, self.dim)) for network in self.networks], dim=1)


class _ConvPair(nn.Sequential):
    """Two 3 × 3 convolutions with group normalisation and GELU."""

    def __init__(self, channels_in: int, channels_out: int) -> None:
        super().__init__(
            nn.Conv2d(channels_in, channels_out, 3, padding=1),
            nn.GroupNorm(8, channels_out),
            nn.GELU(),
            nn.Conv2d(channels_out, channels_out, 3, padding=1),
            nn.GroupNorm(8, channels_out),
            nn.GELU(),
        )


class UnetEncoder(nn.Module):
    """A U-Net with one output channel for each INR layer (paper appendix E).

    Parameters
    ----------
    side_px : the image is resized (nearest) to this square; a multiple of 2**levels.
    map_px : side of the output maps; each is one latent token of map_px² numbers.
    channels : of the first level, doubled at each of ``levels``.
    layers : output channels.
    """

    def __init__(self, *, side_px: int, map_px: int, channels: int, levels: int, layers: int) -> None:
        super().__init__()
        self.side_px, self.map_px = side_px, map_px
        widths = [channels * 2**level for level in range(levels + 1)]
        self.first = _ConvPair(1, widths[0])
        self.down = nn.ModuleList(_ConvPair(a, b) for a, b in pairwise(widths))
        self.up = nn.ModuleList(_ConvPair(a + b, a) for a, b in zip(widths[-2::-1], widths[:0:-1], strict=True))
        self.last = nn.Conv2d(widths[0], layers, 1)

    def forward(self, inputs: EncoderInput, _coefficients: Tensor | None) -> Tensor:
        """A batch to (b, layers, map_px²)."""
        assert inputs.images is not None
        x = self.first(functional.interpolate(inputs.images[:, None], size=(self.side_px, self.side_px), mode="nearest"))
        skipped = []
        for block in self.down:
            skipped.append(x)
            x = block(functional.max_pool2d(x, 2))
        for block in self.up:
            skip = skipped.pop()
            x = block(torch.cat([skip, functional.interpolate(x, size=skip.shape[-2:], mode="nearest")], dim=1))
        return functional.adaptive_avg_pool2d(self.last(x), self.map_px).flatten(2)
