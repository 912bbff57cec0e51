"""The incremental fit against scikit-learn's PCA of everything at once."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.decomposition import PCA

from cryohype_model.inference import latents, trained
from cryohype_model.inference.latents import encode_all, fit_basis
from cryohype_model.inference.principal import IncrementalPca
from cryohype_model.inference.trained import open_trained_run
from cryohype_model.runs.latents import LatentWriter
from cryohype_model.runs.layout import Run


def nothing(count: int) -> None:
    del count


def test_the_basis_spans_the_space_of_a_full_pca(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trained, "ENCODE_BATCH", 20)
    monkeypatch.setattr(latents, "FIT_BATCH", 20)  # three partial fits of 60 latents
    opened = open_trained_run(run.path, accelerator="cpu")
    flat = np.concatenate([latent.flatten(1).numpy() for _, latent in opened.latents_of(np.arange(60))])
    q = 6
    basis = fit_basis(opened, q, sample=60, seed=0, report=nothing)
    full = PCA(q, svd_solver="full").fit(flat.astype(np.float64))
    np.testing.assert_allclose(basis.mean, full.mean_, atol=1e-5)
    np.testing.assert_allclose(basis.components @ basis.components.T, np.eye(q), atol=1e-5)
    # cosines of the principal angles between the leading subspaces; keeping only q of each batch costs the last ones a little
    cosines = np.linalg.svd(basis.components[:3] @ full.components_.T, compute_uv=False)
    assert cosines.min() > 0.98
    assert basis.variance_ratio.sum() == pytest.approx(full.explained_variance_ratio_.sum(), rel=0.1)


def test_every_particle_is_encoded_once_in_its_own_row(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trained, "ENCODE_BATCH", 7)
    opened = open_trained_run(run.path, accelerator="cpu")
    basis = fit_basis(opened, 4, sample=30, seed=0, report=nothing)
    writer = LatentWriter(run, opened.checkpoint, 60, 4)
    done: list[int] = []
    encode_all(opened, basis, writer, done.append)
    assert sum(done) == 60
    _, latent, _ = next(opened.encode_rows([41]))
    np.testing.assert_allclose(writer.pca[41], basis.project(latent.flatten(1).numpy())[0], atol=1e-4)
    writer.abandon()


def test_the_images_encoded_at_a_time_shrink_with_the_networks(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    opened = open_trained_run(run.path, accelerator="cpu")
    assert opened.encode_batch == trained.ENCODE_BATCH
    monkeypatch.setattr(trained, "ENCODE_NUMBERS", {"cpu": 1})
    assert open_trained_run(run.path, accelerator="cpu").encode_batch == 1


@pytest.mark.parametrize("batches", [(200,), (60, 60, 60, 20), (40, 157, 3)])
def test_batches_give_the_axes_of_all_together(batches: tuple[int, ...]) -> None:
    rng = np.random.default_rng(0)
    values = (
        rng.normal(size=(200, 500)) * 0.01 + 3 + rng.normal(size=(200, 6)) * [9, 7, 5, 3, 2, 1] @ rng.normal(size=(6, 500))
    ).astype(np.float32)
    pca = IncrementalPca(6)
    for part in np.split(values, np.cumsum(batches)[:-1]):
        pca.update(torch.from_numpy(part))
    full = PCA(6, svd_solver="full").fit(values.astype(np.float64))
    np.testing.assert_allclose(pca.mean, full.mean_, atol=1e-4)
    np.testing.assert_allclose(np.abs((pca.axes.numpy() * full.components_).sum(axis=1)), 1, atol=1e-4)
    np.testing.assert_allclose(pca.axes @ pca.axes.T, np.eye(6), atol=1e-5)
    np.testing.assert_allclose(pca.variance_ratio(), full.explained_variance_ratio_, rtol=1e-3)
    assert (pca.signed_axes().abs().max(dim=1).values == pca.signed_axes().max(dim=1).values).all()


def test_equal_vectors_have_no_axes_and_are_no_error() -> None:
    pca = IncrementalPca(2)
    pca.update(torch.ones(10, 4))
    pca.update(torch.ones(10, 4))
    assert torch.isfinite(pca.signed_axes()).all() and pca.variance_ratio().sum() < 1e-3
