"""Selections: set operations, undo, redo."""

from __future__ import annotations

import numpy as np
import pytest

from cryohype_app.state import UNDO_STEPS, USUAL, AppState, Chosen, combined, stored_colour
from cryohype_model.palette import CATEGORIES, category_colour


def rows(*numbers: int) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    return np.array(numbers, np.int64)


@pytest.mark.parametrize(
    ("operation", "expected"), [("replace", [2, 3]), ("add", [1, 2, 3]), ("subtract", [1]), ("intersect", [2])]
)
def test_operations(operation: str, expected: list[int]) -> None:
    found = combined(rows(1, 2), rows(3, 2, 3), operation)  # type: ignore[arg-type]
    assert found.tolist() == expected
    assert found.dtype == np.int64


def test_undo_and_redo_walk_the_same_way() -> None:
    state = AppState()
    assert not state.undo()
    state.select(rows(1), {"kind": "lasso"})
    state.select(rows(2), {"kind": "lasso"}, operation="add")
    state.invert(4)
    assert state.chosen.rows.tolist() == [0, 3]
    seen = []
    while state.undo():
        seen.append(state.chosen.rows.tolist())
    assert seen == [[1, 2], [1], []]
    while state.redo():
        pass
    assert state.chosen.rows.tolist() == [0, 3]


def test_a_new_selection_ends_what_could_be_redone() -> None:
    state = AppState()
    state.select(rows(1), {})
    state.undo()
    state.select(rows(2), {})
    assert not state.redo()


def test_the_way_is_remembered_for_the_stored_selection() -> None:
    state = AppState()
    state.select(rows(1), {"kind": "cluster", "cluster": 4}, "cluster 4")
    state.select(rows(5), {"kind": "lasso"}, operation="add")
    assert state.chosen.origin == {"kind": "add", "of": [{"kind": "cluster", "cluster": 4}, {"kind": "lasso"}]}
    assert state.chosen.name == ""


def test_steps_of_undo_are_bounded() -> None:
    state = AppState()
    for number in range(UNDO_STEPS + 20):
        state.select(rows(number), {})
    steps = 0
    while state.undo():
        steps += 1
    assert steps == UNDO_STEPS


def test_sessions_do_not_share_a_selection() -> None:
    one, other = AppState(), AppState()
    one.select(rows(1, 2), {})
    assert len(other.chosen) == 0
    assert not other.undo()


def test_a_stored_colour_goes_with_the_selection_alone() -> None:
    state = AppState()
    state.select(rows(1), {"kind": "stored"}, "mine", colour="#12ab34")
    assert state.chosen.surface_colour(True) == state.chosen.surface_colour(False) == "#12ab34"
    state.select(rows(2), {"kind": "stored"}, "other", "add", "#ff0000")
    assert (state.chosen.colour, state.chosen.surface_colour(True)) == ("", USUAL)
    state.undo()
    assert state.chosen.surface_colour(True) == "#12ab34"
    state.rename("ours", "#00ff00")
    assert (state.chosen.name, state.chosen.surface_colour(True)) == ("ours", "#00ff00")


def test_a_group_has_its_colour_in_the_picture_of_the_theme() -> None:
    cluster = Chosen(rows(1), {"kind": "cluster", "cluster": 6}, "cluster 6")
    assert cluster.surface_colour(True) == category_colour(6, True) != category_colour(6, False) == cluster.surface_colour(False)
    assert Chosen(rows(1), {"kind": "invert", "of": [cluster.origin]}).surface_colour(True) == USUAL


@pytest.mark.parametrize("written", ["", "red", "#12345", '"><script>', 7, None])
def test_a_colour_that_is_none_is_the_first_of_the_palette(written: object) -> None:
    assert stored_colour({"colour": written}) == stored_colour({}) == CATEGORIES[0]


def test_what_has_no_name_is_counted() -> None:
    assert [Chosen(np.arange(count, dtype=np.int64)).title for count in (1, 2, 1234)] == [
        "1 particle",
        "2 particles",
        "1,234 particles",
    ]
    assert Chosen(rows(1), name="mine").title == "mine"
