"""Embeddings of selections: kept whole or not at all, listed while they are true."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pandas as pd
import pytest

from cryohype_model.errors import RunError
from cryohype_model.runs.embeddings import list_embeddings, read_embedding, write_embedding
from cryohype_model.runs.latents import LatentSpace, LatentWriter, read_latents
from cryohype_model.runs.layout import Run
from cryohype_model.runs.selections import delete_selection, write_selection

NAME = "open [1] state"  # a name that would match nothing as a pattern


def write_space(run: Run, checkpoint: str = "step-00000007") -> LatentSpace:
    writer = LatentWriter(run, checkpoint, 6, 2)
    writer.write(np.arange(6), np.zeros((6, 2)), np.zeros(6))
    return writer.finish(pd.DataFrame({"cluster": np.zeros(6, np.int64)}), {}, {})


def embed(run: Run, space: LatentSpace, rows: list[int] | None = None, name: str = NAME) -> Any:
    rows = rows or [1, 4, 5]
    write_selection(run, name, rows, {})
    table = pd.DataFrame({"index": rows, "umap_x": np.float32([0, 1, 2]), "umap_y": np.float32([3, 4, 5])})
    return write_embedding(space, name, table, {})


def test_what_is_written_is_read(run: Run) -> None:
    space = write_space(run)
    embed(run, space)
    (found,) = list_embeddings(space)
    assert (found.name, found.axes, found.meta["count"]) == (NAME, ("umap_x", "umap_y"), 3)
    assert found.read("index")["index"].tolist() == [1, 4, 5]
    assert read_embedding(space, NAME).read()["umap_y"].tolist() == [3, 4, 5]


def test_it_goes_with_its_selection_and_no_other_does(run: Run) -> None:
    space, older = write_space(run), write_space(run, "step-00000003")
    for each in (space, older):
        embed(run, each)
    embed(run, space, name="other")
    delete_selection(run, NAME)
    assert [found.name for found in list_embeddings(space)] == ["other"]
    assert not list((older.path / "embeddings").iterdir())


def test_it_is_not_of_another_selection_of_the_name(run: Run) -> None:
    space = write_space(run)
    table = embed(run, space).read()
    write_selection(run, NAME, [5, 4, 1], {"kind": "saved once more"})
    assert len(list_embeddings(space)) == 1, "they are the same particles"
    write_selection(run, NAME, [0], {})
    assert list_embeddings(space) == []
    with pytest.raises(RunError, match="embed 'open \\[1\\] state' again"):
        read_embedding(space, NAME)
    with pytest.raises(RunError, match="changed meanwhile"):
        write_embedding(space, NAME, table, {})


def test_it_ends_with_its_latents(run: Run) -> None:
    space = write_space(run)
    embed(run, space)
    meta = json.loads((space.path / "meta.json").read_text())
    (space.path / "meta.json").write_text(json.dumps(meta | {"created": "2030-01-01T00:00:00+00:00"}))
    assert list_embeddings(read_latents(run)) == []
    with pytest.raises(RunError, match="analysed anew"):
        embed(run, space)


def test_it_is_not_written_for_a_selection_that_has_gone(run: Run) -> None:
    space = write_space(run)
    table = pd.DataFrame({"index": [1], "umap_x": [0.0], "umap_y": [0.0]})
    with pytest.raises(RunError, match="no selection 'gone'"):
        write_embedding(space, "gone", table, {})
    assert not (space.path / "embeddings").exists()


@pytest.mark.parametrize("change", ["torn", "shorter", "absent"])
def test_damage_is_told(run: Run, change: str) -> None:
    space = write_space(run)
    path = embed(run, space).path.with_suffix(".parquet")
    if change == "torn":
        path.write_bytes(path.read_bytes()[:50])
    elif change == "shorter":
        pd.DataFrame({"index": [1]}).to_parquet(path)
    else:
        path.unlink()
    with pytest.raises(RunError, match="again"):
        read_embedding(space, NAME).read()


def test_another_version_or_half_a_file_is_not_listed(run: Run) -> None:
    space = write_space(run)
    path = embed(run, space).path
    meta = json.loads(path.read_text())
    path.write_text(json.dumps(meta | {"format_version": 99}))
    assert list_embeddings(space) == []
    path.write_text("{")
    assert list_embeddings(space) == []


def test_a_name_that_is_a_path_is_refused(run: Run) -> None:
    with pytest.raises(RunError, match="cannot name"):
        read_embedding(write_space(run), "../x")
