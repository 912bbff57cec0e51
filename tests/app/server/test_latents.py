"""Latent spaces by the API."""

from __future__ import annotations

import numpy as np
import pytest

from cryohype_app.server.api import latents
from cryohype_model.runs.latents import read_latents
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
