"""Modulated and normalised weights of each image's INR, with the memory of one copy of them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

TINY = 1e-6  # norm of a column that counts as no column
# numbers of float32 held at once beside the weights themselves: on a CPU what its caches hold, on a GPU what keeps it busy
HELD_NUMBERS = {"cpu": 1 << 18, "cuda": 1 << 27}


def modulated_weights(weight: Tensor, x: Tensor) -> Tensor:
    """W = normalise(B ∘ x), each column to unit norm over its inputs (paper Eq. 2).

    Autograd by itself would keep the product, its norm and the quotient of every image, in float32 under mixed precision too;
    here only W is kept, in the precision of ``x``.

    Parameters
    ----------
    weight : (in, out) float32, the base weights B.
    x : (b, g, in) modulation of each image, column j of B by row j mod g.

    Returns
    -------
    (b, in, out) in the precision of ``x``.
    """
    modulated: Tensor = _Modulation.apply(weight, x)  # type: ignore[no-untyped-call]  # of PyTorch
    return modulated


class _Modulation(torch.autograd.Function):
    """W = U / n with U = B ∘ x and n the norm of U's columns; all of it transposed, so that rows of x lie beside rows of B."""

    @staticmethod
    def forward(ctx: Any, weight: Tensor, x: Tensor) -> Tensor:
        base = weight.T.contiguous().unflatten(0, (-1, x.shape[1]))  # (out / g, g, in)
        normalised = x.new_empty(len(x), *weight.T.shape)
        norm = weight.new_empty(len(x), weight.shape[1], 1)
        for part in _parts(len(x), weight):
            product = (base * x[part, None].to(weight.dtype)).flatten(1, 2)
            norm[part] = torch.linalg.vector_norm(product, dim=2, keepdim=True)
            normalised[part] = product.div_(norm[part].clamp_min(TINY))
        ctx.save_for_backward(base, x, normalised, norm)
        return normalised.transpose(1, 2)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, Tensor]:
        """With G the gradient of W: that of U is (G - W Σ_in G W) / n, that of B its product with x, that of x with B."""
        base, x, normalised, norm = ctx.saved_tensors
        base_gradient = torch.zeros_like(base)
        x_gradient = torch.empty_like(x)
        for part in _parts(len(x), base):
            of_product = torch.empty_like(normalised[part], dtype=base.dtype).copy_(gradients[0][part].transpose(1, 2))
            own = normalised[part].to(base.dtype)
            along = (of_product * own).sum(dim=2, keepdim=True) * (norm[part] > TINY)
            of_product = of_product.addcmul_(own, along, value=-1).div_(norm[part].clamp_min(TINY))
            of_product = of_product.unflatten(1, base.shape[:2])
            base_gradient += (of_product * x[part, None].to(base.dtype)).sum(dim=0)
            x_gradient[part] = (of_product * base).sum(dim=1)
        return base_gradient.flatten(0, 1).T, x_gradient


def _parts(images: int, weight: Tensor) -> Iterator[slice]:
    size = max(1, HELD_NUMBERS.get(weight.device.type, HELD_NUMBERS["cpu"]) // weight.numel())
    for start in range(0, images, size):
        yield slice(start, start + size)
