"""A selection embedded alone, also from the command line."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pandas as pd
import pytest

from cryohype_model.analysis.embed import own_components
from cryohype_model.cli import main
from cryohype_model.runs.embeddings import list_embeddings, read_embedding
from cryohype_model.runs.latents import LatentWriter, read_latents
from cryohype_model.runs.layout import Run
from cryohype_model.runs.selections import write_selection


@pytest.fixture
def analysed(run: Run) -> Run:
    """60 particles: two groups far apart along the first axis; the first group parts in two along the third."""
    rng = np.random.default_rng(3)
    rows = np.arange(60)
    pca = rng.normal(size=(60, 4))
    pca[:, 0] += 100 * (rows % 2)
    pca[:, 2] += 30 * (rows % 4 == 0)
    writer = LatentWriter(run, "step-00000007", 60, 4)
    writer.write(rows, pca, np.zeros(60))
    writer.finish(pd.DataFrame({"cluster": rows % 2}), {}, {})
    return run


def embed(run: Run, *options: str) -> int:
    return main(["embed", str(run.path), "--selection", "even", *options])


def test_what_the_whole_picture_hides_comes_apart(analysed: Run, capsys: pytest.CaptureFixture[str]) -> None:
    write_selection(analysed, "even", np.arange(0, 60, 2), {"kind": "query"})
    assert embed(analysed, "--neighbors", "8", "--min-dist", "0.2", "--json") == 0
    captured = capsys.readouterr()
    record: dict[str, Any] = json.loads(captured.out)
    assert (record["selection"], record["particles"], record["checkpoint"]) == ("even", 30, "step-00000007")
    embedding = read_embedding(read_latents(analysed), "even")
    assert embedding.axes == ("umap_x", "umap_y", "pc1", "pc2", "pc3", "pc4")
    assert embedding.meta["config"] == {"umap_neighbors": 8, "umap_min_dist": 0.2, "seed": 0}
    assert embedding.meta["explained_variance"][0] > 0.9
    table = embedding.read()
    parts = table["index"] % 4 == 0
    first = table["pc1"]
    assert abs(first[parts].mean() - first[~parts].mean()) > 5 * first[parts].std()
    places = table[["umap_x", "umap_y"]].to_numpy()
    apart = np.linalg.norm(places[parts].mean(axis=0) - places[~parts].mean(axis=0))
    assert apart > 3 * places[parts].std(axis=0).max()
    assert "UMAP layout, epochs 500/500" in captured.err, "a job's log tells how far it is"


def test_the_axes_turn_and_distances_stay() -> None:
    points = np.random.default_rng(0).normal(size=(40, 5)).astype(np.float32) * [1, 2, 9, 1, 3] + 7
    turned, shares = own_components(points.astype(np.float32))
    np.testing.assert_allclose(
        np.linalg.norm(turned[0] - turned[1:], axis=1), np.linalg.norm(points[0] - points[1:], axis=1), 1e-4
    )
    assert (np.diff(turned.std(axis=0)) < 0).all() and shares.sum() == pytest.approx(1)
    assert np.abs(turned.mean(axis=0)).max() < 1e-4


@pytest.mark.parametrize(
    ("rows", "options", "sentence"),
    [
        (range(9), [], "has 9 particles, a UMAP needs at least 10; select more"),
        (range(20), ["--neighbors", "1"], "umap_neighbors"),
        (range(20), ["--checkpoint", "step-00000099"], "no latents of checkpoint"),
        (None, [], "no selection 'even'"),
    ],
)
def test_what_cannot_be_is_one_sentence(
    analysed: Run, capsys: pytest.CaptureFixture[str], rows: range | None, options: list[str], sentence: str
) -> None:
    if rows is not None:
        write_selection(analysed, "even", list(rows), {})
    assert embed(analysed, *options) == 2
    *_, said = capsys.readouterr().err.strip().splitlines()
    assert sentence in said
    assert list_embeddings(read_latents(analysed)) == []
