"""The selections panel: what it stores, lists, and offers to do."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from cryohype_app.state import AppState
from cryohype_app.store import DataStore
from cryohype_app.views.selection import SelectionView
from cryohype_model.runs.layout import Run
from cryohype_model.runs.manifest import read_manifest
from cryohype_model.runs.selections import list_selections, read_selection, read_selection_facts, write_selection


@pytest.fixture
def view(store: Path, analysed: Run) -> SelectionView:
    said: list[str] = []
    run_id = read_manifest(analysed).id
    embedded: list[str] = []
    frame, state = DataStore((store,)).frame(run_id), AppState(run_id=run_id)
    made = SelectionView(analysed, frame, state, lambda text, *_: said.append(text), embedded.append)
    made.said, made.embedded = said, embedded
    return made


def test_what_is_selected_is_stored_and_listed(view: SelectionView, analysed: Run) -> None:
    view.state.select(np.array([3, 1]), {"kind": "lasso"})
    view.save()
    assert read_selection(analysed, "selection 1").tolist() == [1, 3]
    assert read_selection_facts(analysed, "selection 1")["origin"]["kind"] == "lasso"
    assert len(view.stored.objects) == 1
    view.state.select(np.array([5]), {"kind": "particle"}, "particle 5")
    view.save()
    assert list_selections(analysed) == ["particle 5", "selection 1"]


def test_nothing_is_not_stored(view: SelectionView, analysed: Run) -> None:
    view.save()
    assert view.said == ["Nothing is selected; draw around some particles first."]
    assert list_selections(analysed) == []


def test_a_name_that_is_a_path_is_told(view: SelectionView, analysed: Run) -> None:
    view.state.select(np.array([3]), {})
    view.label.value_input = "../other"
    view.save()
    assert "cannot name a selection" in view.said[0]
    assert list_selections(analysed) == []


def test_a_stored_one_can_be_embedded_from_its_menu(view: SelectionView) -> None:
    view.state.select(np.array([3, 1]), {"kind": "lasso"})
    view.save()
    _, _, menu = view.stored.objects[0].objects
    assert [item["label"] for item in menu.items][:6] == ["Show", "Add", "Subtract", "Intersect", "Re-embed", "Delete"]
    view._act("selection 1", "Re-embed", {})
    assert view.embedded == ["selection 1"]


def test_a_stored_one_has_the_colour_of_its_dot(view: SelectionView, analysed: Run) -> None:
    view.state.select(np.array([3, 1]), {"kind": "lasso"})
    view.save()
    colour = read_selection_facts(analysed, "selection 1")["origin"]["colour"]
    assert view.state.chosen.colour == colour
    view.state.clear()
    view._act("selection 1", "Show", {"Show": "replace"})
    assert view.state.chosen.surface_colour(True) == colour
    assert colour in view.stored.objects[0].objects[0].object


def test_a_colour_in_a_file_cannot_become_a_script(view: SelectionView, analysed: Run) -> None:
    write_selection(analysed, "theirs", [1], {"kind": "list", "colour": "red'><script>alert(1)</script>"})
    view.state.saved += 1
    assert "script" not in view.stored.objects[0].objects[0].object
