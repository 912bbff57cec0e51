"""What a run offers to be compared, and what it does not have."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from cryohype_app.store import DataStore
from cryohype_app.views.compare.address import Place, Source
from cryohype_app.views.compare.maps import Made, shared, suitable_scaling
from cryohype_app.views.compare.offers import Offers, completed, offers_of, places_of
from cryohype_model.errors import RunError
from cryohype_model.runs.layout import Run
from cryohype_model.runs.manifest import read_manifest
from cryohype_model.runs.selections import write_selection


@pytest.fixture
def data(store: Path, analysed: Run) -> DataStore:
    write_selection(analysed, "mine", [5, 3, 9], {"kind": "query"})
    write_selection(analysed, "empty", [], {"kind": "query"})
    (analysed.checkpoints / "step-00000007.ckpt").touch()
    (analysed.checkpoints / "last.ckpt").touch()
    return DataStore((store,))


@pytest.fixture
def offers(data: DataStore, analysed: Run) -> Offers:
    return offers_of(data, Place(read_manifest(analysed).id))


def test_a_run_is_listed_with_its_analysed_checkpoint(data: DataStore, analysed: Run) -> None:
    run_id = read_manifest(analysed).id
    assert places_of(data) == {f"{analysed.path.name} · step-00000007": Place(run_id, "step-00000007")}
    assert completed(data, Place(run_id)) == Place(run_id, "step-00000007")


def test_clusters_selections_truths_and_stored_maps_are_offered(offers: Offers) -> None:
    names = set(offers.choices)
    assert {"Clusters", "Selections", "True structures", "Others"} <= names
    assert list(offers.choices["Selections"].values()) == ["selection:mine"], "an empty selection makes no map"
    assert "truth:1" in offers.sources()
    assert offers.files["truth:1"].is_file()
    assert offers.name(Source("selection", "mine")) == "selection mine"


def test_rows_are_those_of_the_analysis_and_of_the_selection(offers: Offers) -> None:
    assert offers.frame is not None
    cluster = offers.frame.column("cluster")
    assert offers.rows(Source("cluster", "1")).tolist() == np.flatnonzero(cluster == 1).tolist()
    assert offers.rows(Source("selection", "mine")).tolist() == [3, 5, 9]
    assert offers.rows(Source("particle", "17")).tolist() == [17]


@pytest.mark.parametrize(
    ("source", "told"),
    [
        (Source("cluster", "77"), "has no cluster:77; there are: cluster:0, cluster:1, cluster:2"),
        (Source("selection", "yours"), "has no selection:yours; there are: selection:mine"),
        (Source("particle", "60"), "has no particle 60; they are numbered from 0 to 59"),
        (Source("particle", "-1"), "has no particle -1"),
        (Source("map", "../../etc/passwd"), r"has no map:\.\./\.\./etc/passwd; there are: none"),
    ],
)
def test_what_a_run_does_not_have_is_told(offers: Offers, source: Source, told: str) -> None:
    with pytest.raises(RunError, match=told):
        offers.check(source)


@pytest.mark.parametrize("checkpoint", ["step-00000099", "../last", ".hidden"])
def test_a_checkpoint_that_is_not_there_is_told(data: DataStore, analysed: Run, checkpoint: str) -> None:
    with pytest.raises(RunError, match="checkpoint"):
        offers_of(data, Place(read_manifest(analysed).id, checkpoint))


def made(rows: list[int] | None, data: str = "d", units: str = "u") -> Made:
    """A map of particles."""
    return Made(None, "id", "name", "run-id", "run", "told", None if rows is None else np.array(rows, np.int64), data, units)  # type: ignore[arg-type]  # asked for nothing


def test_particles_are_shared_where_they_are_numbered_alike() -> None:
    assert shared(made([1, 2, 3]), made([2, 3, 4])) == 2
    assert shared(made([1, 2]), made([1, 2], data="others")) is None
    assert shared(made([1, 2]), made(None)) is None


def test_maps_of_the_same_units_are_subtracted_as_they_are() -> None:
    assert suitable_scaling(made([1]), made([2])) == "none"
    assert suitable_scaling(made([1]), made([2], units="truth")) == "deviation"
