"""What is selected: how many, of which clusters; set operations, names, and the selections that the run keeps."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import quote

import panel as pn
import panel_material_ui as pmui
from panel.viewable import Viewer

from cryohype_app.background import Latest
from cryohype_app.frame import LatentFrame
from cryohype_app.query import EXAMPLE, rows_where
from cryohype_app.state import AppState, Operation, stored_colour
from cryohype_app.store import sentence
from cryohype_app.views.page import Tell, plain
from cryohype_app.views.words import Words
from cryohype_model.errors import CryoHypeError
from cryohype_model.palette import CATEGORIES
from cryohype_model.runs.layout import Run
from cryohype_model.runs.manifest import read_manifest
from cryohype_model.runs.selections import (
    delete_selection,
    list_selections,
    read_selection,
    read_selection_facts,
    write_selection,
)

SMALL: dict[str, Any] = {"size": "small", "margin": (2, 3)}


class SelectionView(Viewer):
    """The current selection and the stored ones.

    Parameters
    ----------
    run : whose selections these are. tell : shows a sentence to the user. embed : makes a picture of a stored one alone.
    """

    def __init__(self, run: Run, frame: LatentFrame, state: AppState, tell: Tell, embed: Callable[[str], None]) -> None:
        super().__init__()
        self.run, self.data, self.state, self.tell, self.embed = run, frame, state, tell, embed
        self._finding = Latest(pn.state.curdoc, lambda error: tell(sentence(error)))
        self.summary = Words("", variant="body2", margin=(4, 6))
        self.query = pmui.TextInput(label="Condition", placeholder=EXAMPLE, sizing_mode="stretch_width", **SMALL)
        self.label = pmui.TextInput(label="Name", placeholder="of the selection", sizing_mode="stretch_width", **SMALL)
        self.stored = pn.Column(sizing_mode="stretch_width", margin=0)
        self.query.param.watch(self._asked, "enter_pressed")
        state.param.watch(lambda _: self._summarise(), "chosen")
        state.param.watch(lambda _: self._list(), "saved")
        self._summarise()
        self._list()

    def __panel__(self) -> Any:
        def button(label: str, icon: str, action: Callable[[], Any]) -> Any:
            made = pmui.IconButton(icon=icon, description=label, size="small", margin=1)
            made.on_click(lambda _: action())
            return made

        save = pmui.Button(label="Save", icon="save", variant="outlined", **SMALL)
        save.on_click(lambda _: self.save())
        steps = pn.Row(
            button("Undo", "undo", self.state.undo),
            button("Redo", "redo", self.state.redo),
            button("Invert: select all others", "flip", lambda: self.state.invert(len(self.data))),
            button("Clear", "deselect", self.state.clear),
            margin=0,
        )
        return pn.Column(
            pn.Row(self.summary, steps, sizing_mode="stretch_width", margin=0),
            self.query,
            pn.Row(self.label, save, sizing_mode="stretch_width", margin=0),
            self.stored,
            sizing_mode="stretch_width",
            margin=0,
        )

    def save(self) -> None:
        """Store what is selected in the run."""
        if not len(self.state.chosen):
            self.tell("Nothing is selected; draw around some particles first.")
            return
        known = list_selections(self.run)
        name = self.label.value_input.strip() or self.state.chosen.name or _free_name(known)
        colour = CATEGORIES[len(known) % len(CATEGORIES)]
        try:
            write_selection(self.run, name, self.state.chosen.rows, self.state.chosen.origin | {"colour": colour})
        except (CryoHypeError, OSError) as error:
            self.tell(sentence(error))
            return
        self.state.rename(name, colour)
        self.label.value = ""
        self.state.saved += 1

    def _summarise(self) -> None:
        chosen = self.state.chosen
        if not len(chosen):
            self.summary.object = "Draw around particles, tap one, or tap a cluster's mark."
            return
        title = chosen.name or str(chosen.origin.get("kind", "selection"))
        self.summary.object = (
            f"**{len(chosen):,}** of {len(self.data):,} particles ({len(chosen) / len(self.data):.1%}) · {plain(title)}"
        )

    def _asked(self, _: Any) -> None:
        condition = self.query.value_input
        if condition.strip():
            origin = {"kind": "query", "query": condition, "checkpoint": self.data.space.checkpoint}
            self._finding.ask(lambda: rows_where(self.data, condition), lambda rows: self._found(rows, origin, condition))

    def _found(self, rows: Any, origin: dict[str, Any], name: str) -> None:
        if len(rows):
            self.state.select(rows, origin, name)
        else:
            self.tell(f"No particle fulfils {name!r}.")

    def _list(self) -> None:
        self.stored.objects = [self._line(name) for name in list_selections(self.run)]

    def _line(self, name: str) -> Any:
        try:
            facts = read_selection_facts(self.run, name)
        except CryoHypeError as error:
            return pmui.Typography(plain(str(error)), variant="caption", color="error")
        actions: dict[str, Operation] = {"Show": "replace", "Add": "add", "Subtract": "subtract", "Intersect": "intersect"}
        exports = ("cs", "star", "pkl") if self._is_from_cryosparc() else ("star", "pkl")
        links = [{"label": f"Export .{form}", "href": self._href(name, form), "target": "_blank"} for form in exports]
        menu = pmui.MenuButton(
            label="", description=f"Menu of {name}", icon="more_vert", variant="text", size="small", margin=0, width=64,
            items=[*({"label": label} for label in (*actions, "Re-embed", "Delete")), *links],
            on_click=lambda item: self._act(name, item["label"], actions),
        )  # fmt: skip
        show = pmui.Button(
            label=f"{name} · {facts['count']:,}", variant="text", size="small", margin=0, sizing_mode="stretch_width"
        )
        show.on_click(lambda _: self._act(name, "Show", actions))
        return pn.Row(_dot(stored_colour(facts["origin"])), show, menu, sizing_mode="stretch_width", margin=0)

    def _is_from_cryosparc(self) -> bool:
        return read_manifest(self.run).source.endswith(".cs")

    def _href(self, name: str, form: str) -> str:
        return f"/api/v1/runs/{self.state.run_id}/selections/{quote(name)}/particles?form={form}"

    def _act(self, name: str, label: str, actions: dict[str, Operation]) -> None:
        try:
            if label in actions:
                rows, colour = read_selection(self.run, name), stored_colour(read_selection_facts(self.run, name)["origin"])
                self.state.select(rows, {"kind": "stored", "name": name}, name, actions[label], colour)
            elif label == "Re-embed":
                self.embed(name)
            elif label == "Delete":
                delete_selection(self.run, name)
                self.state.saved += 1
        except CryoHypeError as error:
            self.tell(sentence(error))


def _dot(colour: str) -> Any:
    return pn.pane.HTML(f'<span style="color:{colour}">●</span>', margin=(6, 2))


def _free_name(known: list[str]) -> str:
    number = 1
    while f"selection {number}" in known:
        number += 1
    return f"selection {number}"
