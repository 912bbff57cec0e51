"""Named particle sets: sets of particles of this run, under names that are no paths."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cryohype_model.errors import RunError
from cryohype_model.runs.layout import Run
from cryohype_model.runs.selections import (
    delete_selection,
    list_selections,
    read_selection,
    read_selection_facts,
    write_selection,
)

# The run is only read; each example replaces the same selection.
_SHARED_RUN = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=25)


@_SHARED_RUN
@given(chosen=st.lists(st.integers(0, 5)))
def test_a_selection_is_a_set(run: Run, chosen: list[int]) -> None:
    write_selection(run, "any", chosen, {})
    indices = read_selection(run, "any")
    assert indices.dtype == np.int64
    assert indices.tolist() == sorted(set(chosen))


def test_the_folder_serves_as_well_as_the_handle(run: Run) -> None:
    origin = {"kind": "lasso", "polygon": [[0.0, 1.0], [1.0, 1.0], [0.0, 0.0]]}
    write_selection(run.path, "my class A", np.array([3, 1]), origin)
    assert list_selections(run.path) == ["my class A"]
    facts = read_selection_facts(run, "my class A")
    assert (facts["count"], facts["origin"]) == (2, origin)


@pytest.mark.parametrize("name", ["", ".", "..", "a/b", "../a", "a\\b", ".x", "a\x00b", "a\nb", "c:d"])
def test_names_are_no_paths(run: Run, name: str) -> None:
    before = sorted(run.path.parent.rglob("*"))
    with pytest.raises(RunError, match="cannot name a selection"):
        write_selection(run, name, [0], {})
    with pytest.raises(RunError, match="cannot name a selection"):
        read_selection(run, name)
    assert sorted(run.path.parent.rglob("*")) == before


@pytest.mark.parametrize(("indices", "words"), [([6], "particle 6"), ([-1], "particle -1"), ([0.5], "float64")])
def test_indices_are_particles_of_the_run(run: Run, indices: Any, words: str) -> None:
    with pytest.raises(RunError, match=words):
        write_selection(run, "wrong", indices, {})
    assert list_selections(run) == []


def test_an_unknown_name_is_answered_with_the_known(run: Run) -> None:
    write_selection(run, "alpha", [0], {})
    with pytest.raises(RunError, match="there are: alpha"):
        read_selection(run, "beta")


def test_damage_gets_a_sentence(run: Run) -> None:
    path = write_selection(run, "a", [0, 1], {})
    np.save(path, np.array([0]))
    with pytest.raises(RunError, match="does not hold the 2 particles"):
        read_selection(run, "a")
    path.write_bytes(b"")
    with pytest.raises(RunError, match="cannot be read"):
        read_selection(run, "a")
    path.with_suffix(".json").write_text("{")
    with pytest.raises(RunError, match="damaged"):
        read_selection(run, "a")
    path.with_suffix(".json").write_text(json.dumps({"format_version": 9}))
    with pytest.raises(RunError, match="version 9"):
        read_selection(run, "a")


def test_no_pickle_is_ever_loaded(run: Run, tmp_path: Path) -> None:
    path = write_selection(run, "a", [0], {})
    np.save(path, np.array([{"boom": 1}], dtype=object), allow_pickle=True)
    with pytest.raises(RunError, match="cannot be read"):
        read_selection(run, "a")


def test_a_selection_is_deleted(run: Run) -> None:
    write_selection(run, "open", [1, 2], {"kind": "list"})
    delete_selection(run, "open")
    assert list_selections(run) == []
    assert not any(run.selections.iterdir())
    with pytest.raises(RunError, match="no selection 'open'"):
        delete_selection(run, "open")
