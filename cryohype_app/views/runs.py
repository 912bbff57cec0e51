"""Runs: all of the store as cards, and the jobs that work on them."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from functools import partial
from typing import Any
from urllib.parse import urlencode

import panel as pn
import panel_material_ui as pmui
from panel.viewable import Viewer

from cryohype_app.background import Latest
from cryohype_app.launch import default_device, resume_training, start_analysis
from cryohype_app.plots.sparkline import sparkline
from cryohype_app.services import Services
from cryohype_app.standing import Standing, standings
from cryohype_app.store import sentence
from cryohype_app.views.jobs import JobsView
from cryohype_app.views.page import Frame, panel, plain
from cryohype_model.errors import CryoHypeError, RunError

LOOK_MS = 2000  # between two looks at the disk; only what changed is drawn anew
COLOURS = {"finished": "success", "running": "primary", "queued": "warning", "failed": "error"}
EMPTY = "There is no run yet. **Train** makes one from your particles."


def runs_page(services: Services, frame: Frame) -> None:
    """Every run of the store."""
    view = RunsView(services, frame)
    jobs = JobsView(services.jobs, frame)
    frame.show(pn.Column(view, panel("Jobs", jobs), sizing_mode="stretch_both", margin=4))


class RunsView(Viewer):
    """A card for each run, redrawn when the run has changed."""

    def __init__(self, services: Services, frame: Frame) -> None:
        super().__init__()
        self.services, self.frame = services, frame
        self._looking = Latest(pn.state.curdoc, lambda error: frame.tell(sentence(error)))
        self._cards: dict[str, tuple[Standing, Any]] = {}
        self.box = pmui.FlexBox(margin=4, sizing_mode="stretch_width")
        self.dialog = pmui.Dialog(title="Delete this run?", open=False, close_on_click=True)
        self._draw(standings(services.data, services.jobs))
        pn.state.add_periodic_callback(self._look, LOOK_MS)

    def __panel__(self) -> Any:
        return pn.Column(self.box, self.dialog, sizing_mode="stretch_width", margin=0)

    def _look(self) -> None:
        self._looking.ask(lambda: standings(self.services.data, self.services.jobs), self._draw)

    def _draw(self, found: list[Standing]) -> None:
        if not found:
            self.box.objects = [pmui.Typography(EMPTY, margin=20)]
            return
        known = self._cards
        self._cards = {
            item.id: known[item.id] if item.id in known and known[item.id][0] == item else (item, self._card(item))
            for item in found
        }
        cards = [card for _, card in self._cards.values()]
        if cards != self.box.objects:
            self.box.objects = cards

    def _card(self, run: Standing) -> Any:
        head = pn.Row(
            pmui.Typography(plain(run.name), variant="subtitle1", margin=(4, 8), sizing_mode="stretch_width"),
            pmui.Chip(label=run.status, color=COLOURS.get(run.status, "default"), size="small", margin=6),
            sizing_mode="stretch_width", margin=0,
        )  # fmt: skip
        parts: list[Any] = [head]
        if run.problem:
            parts.append(pmui.Typography(plain(run.problem), variant="caption", color="error", margin=(0, 8)))
        else:
            parts += [
                pn.pane.HTML(sparkline(run.loss), margin=(0, 8), height=40),
                pmui.Typography(run.facts, variant="caption", margin=(0, 8)),
                pmui.Typography(run.progress, variant="caption", margin=(0, 8)),
                pmui.FlexBox(*self._actions(run), margin=4, sizing_mode="stretch_width"),
            ]
        return pmui.Paper(*parts, width=330, margin=6, elevation=0, styles={"border": "1px solid rgba(139,148,158,.25)"})

    def _actions(self, run: Standing) -> list[Any]:
        look: dict[str, Any] = {"variant": "text", "size": "small", "margin": 1}
        query = urlencode({"run": run.id})
        made: list[Any] = [pmui.Button(label="Watch", icon="show_chart", href=f"/monitor?{query}", target="_self", **look)]
        if run.analysed:
            made.append(pmui.Button(label="Explore", icon="bubble_chart", href=f"/explore?{query}", target="_self", **look))
        if run.has_checkpoint:
            made.append(pmui.Button(label="Compare", icon="compare", href=f"/compare?{query}", target="_self", **look))
        if run.job is not None:
            made.append(self._button("Stop", "stop", partial(self._stop, run), **look))
        else:
            if run.can_resume:
                made.append(self._button("Resume", "play_arrow", partial(self._submit, run, "train"), **look))
            if run.has_checkpoint:
                made.append(self._button("Analyze", "insights", partial(self._submit, run, "analyze"), **look))
        made.append(
            pmui.Button(label="Clone", icon="content_copy", href=f"/train?{urlencode({'clone': run.id})}", target="_self", **look)
        )
        if run.can_delete:
            made.append(self._button("", "delete", partial(self._ask_delete, run), **look))
        return made

    def _button(self, label: str, icon: str, action: Callable[[], None], **look: Any) -> Any:
        button = pmui.Button(label=label, icon=icon, description=label or "Delete", **look)
        button.on_click(lambda _: self._tried(action))
        return button

    def _tried(self, action: Callable[[], None]) -> None:
        try:
            action()
        except CryoHypeError as error:
            self.frame.tell(sentence(error), "error")
        self._look()

    def _stop(self, run: Standing) -> None:
        if run.job is not None:
            self.services.jobs.stop(run.job)
            self.frame.tell(f"{run.name} is asked to stop; a training writes a checkpoint first.", "info")

    def _submit(self, run: Standing, kind: str) -> None:
        start = resume_training if kind == "train" else start_analysis
        start(self.services, run.id, default_device(self.services))
        self.frame.tell(f"{run.name}: {kind} is in the queue.", "success")

    def _ask_delete(self, run: Standing) -> None:
        name = pmui.TextInput(label=f"Type {run.name} to delete it with all that it found", sizing_mode="stretch_width")
        sure = pmui.Button(label="Delete for ever", color="error", variant="contained", disabled=True)
        name.param.watch(lambda event: setattr(sure, "disabled", event.new != run.name), "value_input")
        sure.on_click(lambda _: self._tried(partial(self._delete, run)))
        self.dialog.objects = [name, sure]
        self.dialog.open = True

    def _delete(self, run: Standing) -> None:
        if self.services.exports.is_making(run.id):
            raise RunError(f"{run.name} is being exported; wait for that, or cancel it on its Export page")
        shutil.rmtree(self.services.roots.checked(run.path))
        self.dialog.open = False
        self.services.data.forget()
        self.frame.tell(f"{run.name} is deleted.", "info")
