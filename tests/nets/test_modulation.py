"""Modulated weights against the formula written plainly, their gradients, and what they keep in memory."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from cryohype_model.nets import modulation
from cryohype_model.nets.modulation import modulated_weights

IMAGES, FAN_IN, OUT, GROUPS = 3, 12, 8, 4


def _plain(weight: Tensor, x: Tensor) -> Tensor:
    """Each row of x repeated along the columns, the product, each column over its norm (paper Eq. 2)."""
    product = weight * x.repeat(1, weight.shape[1] // x.shape[1], 1).transpose(1, 2)
    return product / torch.linalg.vector_norm(product, dim=1, keepdim=True)


def _inputs(dtype: torch.dtype = torch.float32) -> tuple[Tensor, Tensor]:
    torch.manual_seed(0)
    weight = torch.randn(FAN_IN, OUT, dtype=dtype, requires_grad=True)
    return weight, torch.randn(IMAGES, GROUPS, FAN_IN, dtype=dtype, requires_grad=True)


@pytest.mark.parametrize("held", [1, 2 * FAN_IN * OUT, 1 << 20])
def test_value_and_gradients_are_those_of_the_formula(held: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(modulation.HELD_NUMBERS, "cpu", held)
    weight, x = _inputs(torch.float64)
    torch.testing.assert_close(modulated_weights(weight, x), _plain(weight, x))
    assert torch.autograd.gradcheck(modulated_weights, (weight, x))
    factor = torch.randn(IMAGES, FAN_IN, OUT, dtype=torch.float64)
    ours = torch.autograd.grad((modulated_weights(weight, x) * factor).sum(), (weight, x))
    plain = torch.autograd.grad((_plain(weight, x) * factor).sum(), (weight, x))
    torch.testing.assert_close(ours, plain)


def test_a_column_of_zeros_stays_zero_and_its_gradient_finite() -> None:
    weight, x = _inputs()
    with torch.no_grad():
        weight[:, 0] = 0
    modulated = modulated_weights(weight, x)
    modulated.square().sum().backward()
    assert bool((modulated[:, :, 0] == 0).all())
    assert weight.grad is not None and bool(weight.grad.isfinite().all())


def test_mixed_precision_keeps_one_copy_in_half_precision() -> None:
    weight, x = _inputs()
    kept: list[int] = []

    def keep(tensor: Tensor) -> Tensor:
        if tensor.numel() == IMAGES * FAN_IN * OUT:
            kept.append(tensor.element_size() * tensor.numel())
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        modulated = modulated_weights(weight, x.bfloat16())
        assert modulated.dtype == torch.bfloat16
        modulated.sum().backward()
    assert kept == [2 * IMAGES * FAN_IN * OUT]
    torch.testing.assert_close(modulated.float(), _plain(weight, x), atol=1e-2, rtol=1e-2)
