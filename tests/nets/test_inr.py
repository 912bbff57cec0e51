"""The INR: a pure function of weights and coordinates, with the symmetry of a real density built in."""

from __future__ import annotations

import pytest
import torch

from cryohype_model.nets.inr import Inr, LayerWeights


def _inr(**changes: object) -> tuple[Inr, list[LayerWeights]]:
    torch.manual_seed(0)
    options = {
        "layers": 3,
        "hidden": 16,
        "frequencies": 8,
        "feature_sigma": 0.25,
        "residual": True,
        "output": "complex",
        "fold": True,
    }
    inr = Inr(box_px=16, **(options | changes))  # type: ignore[arg-type]
    return inr, [LayerWeights(torch.randn(2, i, o), torch.randn(o)) for i, o in inr.weight_shapes]


def test_opposite_frequencies_are_conjugate_exactly() -> None:
    inr, weights = _inr()
    k = torch.rand(2, 200, 3) - 0.5
    k[:, 50:100, 2] = 0.0  # a view along the axis: the plane kz = 0 holds both of each pair
    k[:, 100:110, 1:] = 0.0
    assert torch.equal(inr(weights, -k), inr(weights, k).conj())


def test_without_folding_they_are_not() -> None:
    inr, weights = _inr(fold=False)
    k = torch.rand(2, 20, 3) - 0.5
    assert not torch.allclose(inr(weights, -k), inr(weights, k).conj(), atol=1e-2)


def test_hartley_is_one_real_number() -> None:
    inr, weights = _inr(output="hartley")
    values = inr(weights, torch.rand(2, 7, 3) - 0.5)
    assert inr.weight_shapes[-1][1] == 1
    assert values.shape == (2, 7) and values.dtype == torch.float32


def test_each_image_has_its_own_weights() -> None:
    inr, weights = _inr()
    k = (torch.rand(1, 9, 3) - 0.5).expand(2, 9, 3)
    both = inr(weights, k)
    alone = inr([LayerWeights(layer.weight[1:], layer.bias) for layer in weights], k[1:])
    assert not torch.allclose(both[0], both[1])
    torch.testing.assert_close(both[1:], alone)


def test_a_feature_is_a_position_in_the_box() -> None:
    """Frequencies are 2π · pixels: their spread is feature_sigma half boxes, whatever the box."""
    for box in (16, 64):
        inr = Inr(
            box_px=box, layers=2, hidden=8, frequencies=4000, feature_sigma=0.25, residual=True, output="complex", fold=True
        )
        pixels = inr.frequencies / (2 * torch.pi)
        assert float(pixels.std()) == pytest.approx(0.25 * box / 2, rel=0.03)


def test_mixed_precision_leaves_the_features_alone() -> None:
    inr = Inr(box_px=128, layers=2, hidden=8, frequencies=64, feature_sigma=0.25, residual=True, output="complex", fold=True)
    k = torch.rand(1, 100, 3) - 0.5
    exact = inr.features(k)
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(inr.features(k), exact)
        weights = [LayerWeights(torch.randn(1, i, o), torch.zeros(o)) for i, o in inr.weight_shapes]
        assert inr(weights, k).dtype == torch.complex64


def test_residual_connections_join_layers_of_equal_width() -> None:
    k = torch.rand(2, 5, 3) - 0.5
    inr, weights = _inr()
    still = [weights[0], LayerWeights(torch.zeros(2, 16, 16), torch.zeros(16)), weights[2]]
    first = torch.relu(inr.features(k) @ weights[0].weight + weights[0].bias)  # 16 features, 16 hidden
    torch.testing.assert_close(inr.hidden_activations(still, k), first + inr.features(k))
    plain, _ = _inr(residual=False)
    assert not plain.hidden_activations(still, k).any()
