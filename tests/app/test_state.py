"""Selections: set operations, undo, redo."""

from __future__ import annotations

import numpy as np
import pytest

from cryohype_app.state import UNDO_STEPS, AppState, combined


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
