from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from sklearn.decomposition import PCA

from cryohype_model.analysis import activations
from cryohype_model.analysis.activations import probe, probe_coordinates, sample_rows, two_components
from cryohype_model.inference.trained import open_trained_run
from cryohype_model.runs.layout import Run


def test_two_components_are_those_of_a_pca() -> None:
    values = np.random.default_rng(0).normal(size=(20, 300)).astype(np.float32)
    values[:10] += 1
    full = PCA(2, svd_solver="full").fit(values.astype(np.float64))
    expected = full.transform(values.astype(np.float64))
    components, ratio = two_components(values.copy())
    np.testing.assert_allclose(np.abs(components), np.abs(expected), atol=1e-3)
    np.testing.assert_allclose(ratio, full.explained_variance_ratio_, rtol=1e-4)


def test_the_spread_is_that_of_the_weights_one_by_one(run: Run) -> None:
    opened = open_trained_run(run.path, accelerator="cpu")
    rows = np.arange(20)
    probed = probe(opened, rows, seed=0)
    (_, latent), *_ = opened.latents_of(rows)
    with torch.inference_mode():
        weight = opened.model.decode(latent)[0].weight.double()
    np.testing.assert_allclose(probed.weight_spread, weight.std(dim=0, unbiased=False).numpy(), atol=1e-6)
    assert probed.weight_scale == pytest.approx(float(weight.square().mean().sqrt()), rel=1e-5)
    assert not probed.shared_weights and probed.activations.shape == (20, 2)


def test_shared_weights_are_called_shared(make_variant: Callable[..., Run]) -> None:
    opened = open_trained_run(make_variant(conditioning="concat").path, accelerator="cpu")
    probed = probe(opened, np.arange(10), seed=0)
    assert probed.shared_weights and not probed.weight_spread.any()
    assert np.ptp(probed.activations[:, 0]) > 0  # the latent still tells the images apart


def test_memory_is_bounded_by_fewer_coordinates(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    opened = open_trained_run(run.path, accelerator="cpu")
    monkeypatch.setattr(activations, "MOST_NUMBERS", 10 * 32 * 3)  # 3 coordinates for 10 INRs of width 32
    asked: list[int] = []
    monkeypatch.setattr(
        activations, "probe_coordinates", lambda box, count, seed: asked.append(count) or probe_coordinates(box, count, seed)
    )
    probe(opened, np.arange(10), seed=0)
    assert asked == [3]


def test_the_sample_is_random_and_the_same_for_a_seed() -> None:
    rows = sample_rows(10_000, seed=1)
    assert len(rows) == activations.SAMPLE_PARTICLES and np.all(np.diff(rows) > 0) and rows[-1] > 9000
    np.testing.assert_array_equal(rows, sample_rows(10_000, seed=1))
