"""Latent spaces by the API."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from cryohype_app.server.api import latents
from cryohype_model.io.particles import read_particles
from cryohype_model.runs.embeddings import write_embedding
from cryohype_model.runs.latents import read_latents
from cryohype_model.runs.selections import read_selection
from tests.app.server.conftest import Api


def test_axes_columns_and_clusters(shared_api: Api) -> None:
    told = shared_api.get("/runs/{run}/latents")
    assert (told["checkpoint"], told["count"]) == ("step-00000007", 60)
    kinds = {column["name"]: (column["kind"], column["dtype"]) for column in told["columns"]}
    assert kinds["umap_x"] == kinds["pc4"] == ("axis", "<f4")
    assert kinds["cluster"] == ("category", "<i8")
    assert kinds["loss"] == ("quantity", "<f4")
    cluster = read_latents(shared_api.run).cluster
    assert cluster is not None
    assert [item["count"] for item in told["clusters"]] == np.bincount(cluster).tolist()
    assert [cluster[item["medoid"]] for item in told["clusters"]] == [0, 1, 2]


@pytest.mark.parametrize("name", ["umap_x", "cluster"])
def test_a_column_comes_as_bytes_and_as_json(shared_api: Api, name: str) -> None:
    answer = shared_api.ask("GET", f"/runs/{{run}}/latents/columns/{name}")
    assert answer.headers["content-type"] == "application/octet-stream"
    raw = np.frombuffer(answer.content, answer.headers["x-dtype"])
    assert np.array_equal(raw, read_latents(shared_api.run).table[name])
    assert shared_api.get(f"/runs/{{run}}/latents/columns/{name}", form="json")["values"] == raw.tolist()


def test_a_column_too_long_for_json_is_told(shared_api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(latents, "MOST_IN_JSON", 59)
    assert "form=raw" in shared_api.refused(400, "GET", "/runs/{run}/latents/columns/loss", params={"form": "json"})


@pytest.mark.parametrize("name", ["lost", "pc5", "pc²", "index.parquet"])
def test_an_absent_column_is_told_with_those_that_are_there(shared_api: Api, name: str) -> None:
    assert "umap_x" in shared_api.refused(404, "GET", f"/runs/{{run}}/latents/columns/{name}")


def test_an_absent_analysis_is_told(shared_api: Api) -> None:
    answer = shared_api.refused(404, "GET", "/runs/{run}/latents", params={"checkpoint": "../last"})
    assert "there are: step-00000007" in answer


def test_what_is_not_a_number_is_null_in_json(api: Api) -> None:
    frame = api.services.data.frame(api.id)
    frame.column("loss")[0] = np.nan
    assert api.get("/runs/{run}/latents/columns/loss", form="json")["values"][0] is None


def test_latents_that_are_a_link_to_outside_are_not_read(api: Api, tmp_path_factory: pytest.TempPathFactory) -> None:
    outside = tmp_path_factory.mktemp("outside") / "latents"
    api.run.latents.rename(outside)
    api.run.latents.symlink_to(outside)
    assert "outside of the folders" in api.refused(400, "GET", "/runs/{run}/latents")


def test_the_particles_own_columns_are_told_and_read(shared_api: Api, mixture: Path) -> None:
    kinds = {column["name"]: (column["kind"], column["dtype"]) for column in shared_api.get("/runs/{run}/latents")["columns"]}
    assert kinds["rlnDefocusU"] == ("particle", None)
    told = shared_api.get("/runs/{run}/latents/columns/rlnDefocusU", form="json")
    table = read_particles(mixture, need_images=False)
    assert table.ctf is not None
    assert told["values"] == pytest.approx(table.ctf.defocus_u_angstrom.tolist(), rel=1e-5)


def test_the_axes_of_a_selection_alone_are_columns_too(api: Api) -> None:
    api.ask("PUT", "/runs/{run}/selections/blob", json={"cluster": 1})
    space = read_latents(api.run)
    rows = read_selection(api.run, "blob")
    table = pd.DataFrame(
        {"index": rows, "umap_x": np.arange(len(rows), dtype=np.float32), "umap_y": np.zeros(len(rows), np.float32)}
    )
    write_embedding(space, "blob", table, {})
    assert "blob/umap_x" in [column["name"] for column in api.get("/runs/{run}/latents")["columns"]]
    values = api.get("/runs/{run}/latents/columns/blob/umap_x", form="json")["values"]
    assert [value for value in values if value is not None] == list(range(len(rows)))
    lasso = {"polygon": [[-0.5, -1], [2.5, -1], [2.5, 1], [-0.5, 1]], "x_axis": "blob/umap_x", "y_axis": "blob/umap_y"}
    api.ask("PUT", "/runs/{run}/selections/three", json=lasso)
    assert read_selection(api.run, "three").tolist() == rows[:3].tolist()
    assert "no column" in api.refused(404, "GET", "/runs/{run}/latents/columns/absent/umap_x")
