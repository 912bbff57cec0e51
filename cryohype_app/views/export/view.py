"""The Export page: what at the left, what it comes to at the right, what was exported before below."""

from __future__ import annotations

from html import escape
from pathlib import Path
from typing import Any

import panel as pn
import panel_material_ui as pmui
from panel.viewable import Viewer

from cryohype_app.background import Latest
from cryohype_app.components.download import Download
from cryohype_app.exports.desk import Checked, Making, check
from cryohype_app.exports.pace import Pace, total_seconds
from cryohype_app.exports.plan import planned_steps
from cryohype_app.exports.shelf import exports_folder
from cryohype_app.exports.source import ExportSource
from cryohype_app.exports.wish import Wish
from cryohype_app.services import Services
from cryohype_app.store import sentence
from cryohype_app.views.export.choices import Choices, Place, offers_of
from cryohype_app.views.export.finished import FinishedView
from cryohype_app.views.export.preview import busy_line, duration, files_table, summary
from cryohype_app.views.page import Frame, argument, panel
from cryohype_model.errors import CryoHypeError

TICK_MS = 400
SMALL = {"font-size": "13px"}


def export_page(services: Services, frame: Frame) -> None:
    """The page of one run, named by ``?run=``; without one, the newest that was analysed."""
    run_id = argument("run") or _newest_analysed(services)
    frame.keep_run(run_id)
    try:
        latent = services.data.frame(run_id, argument("checkpoint") or None)
        source = ExportSource(services.data, run_id, latent, services.worker(run_id, latent.space.checkpoint))
        view = ExportView(services, source, frame)
    except CryoHypeError as error:
        frame.show_problem(sentence(error))
        return
    frame.show(view)


def _newest_analysed(services: Services) -> str:
    for found in services.data.runs():
        if found.manifest is not None and services.data.latents(found.manifest.id):
            return found.manifest.id
    return ""


class ExportView(Viewer):
    """Choices, preview and progress of one run; every session sees what is being made of it."""

    def __init__(self, services: Services, source: ExportSource, frame: Frame) -> None:
        super().__init__()
        self.services, self.source, self.frame = services, source, frame
        document = pn.state.curdoc
        self._checking = Latest(document, self._refused)
        self._timing = Latest(document, self._not_timed)
        self._starting = Latest(document, lambda error: frame.tell(sentence(error), "error"))
        self.choices = Choices(offers_of(source), self.refresh)
        self.finished = FinishedView(services, source.run_id, frame.tell)
        self.download = Download()
        self.summary = pn.pane.HTML("", sizing_mode="stretch_width", margin=(6, 8), styles=SMALL)
        self.files = pn.pane.HTML("", sizing_mode="stretch_width", margin=(0, 8))
        self.bar = pmui.LinearProgress(value=0, variant="determinate", sizing_mode="stretch_width", margin=(6, 8), visible=False)
        self.doing = pn.pane.HTML("", sizing_mode="stretch_width", margin=(2, 8), styles=SMALL)
        self.fetch = _button("Download .zip", "download", "contained")
        self.keep = _button("Write into the run's folder", "create_new_folder", "outlined")
        self.cancel = _button("Cancel", "close", "outlined", visible=False)
        self.fetch.on_click(lambda _: self.start("zip"))
        self.keep.on_click(lambda _: self.start("folder"))
        self.cancel.on_click(lambda _: services.exports.cancel(source.run_id))
        self.checked: Checked | None = None
        self._begun, self._seen = "", ""
        self._tick()
        self.refresh()
        pn.state.add_periodic_callback(self._tick, TICK_MS)

    def __panel__(self) -> Any:
        buttons = pn.Row(self.fetch, self.keep, self.cancel, margin=4)
        preview = pn.Column(
            self.choices.name, self.summary, buttons, self.bar, self.doing, self.files, self.download,
            sizing_mode="stretch_width", margin=0,
        )  # fmt: skip
        left = pn.Column(
            panel(f"What · {self.source.run.path.name} · {self.source.checkpoint}", self.choices.what, grow=9),
            panel("Forms", self.choices.forms, grow=11), sizing_mode="stretch_both", margin=0, styles={"flex": "2 1 0"},
        )  # fmt: skip
        right = pn.Column(
            panel("What will be written", preview, grow=3), panel("Exports of this run", self.finished, grow=2),
            sizing_mode="stretch_both", margin=0, styles={"flex": "3 1 0"},
        )  # fmt: skip
        row = pn.Row(left, right, sizing_mode="stretch_both", margin=4)
        row.styles = {"height": "calc(100vh - 58px)"}
        return row

    def refresh(self) -> None:
        """Find out what the choices come to."""
        self._set_ready(None)
        try:
            wish = self.choices.wish("zip")
        except CryoHypeError as error:
            self._refused(error)
            return
        self._checking.ask(lambda: check(self.source, wish), self._came)

    def start(self, place: Place) -> None:
        """Make what is chosen."""
        try:
            wish = self.choices.wish(place)
        except CryoHypeError as error:
            self.frame.tell(sentence(error), "error")
            return
        self._starting.ask(lambda: self._prepared(wish), lambda found: self._start(*found))

    def _prepared(self, wish: Wish) -> tuple[Checked, Path]:
        return check(self.source, wish), exports_folder(self.source.run, self.services.roots)

    def _start(self, checked: Checked, folder: Path) -> None:
        try:
            making = self.services.exports.start(self.source, checked, folder)
        except CryoHypeError as error:
            self.frame.tell(sentence(error), "error")
            return
        self._begun = making.id
        self._tick()

    def _came(self, checked: Checked) -> None:
        self.files.object = files_table(checked.files)
        self._set_ready(checked)
        wish = checked.wish
        # measuring beside an export would hold that up
        is_timed = (wish.makes_maps or wish.backprojects) and not self.services.exports.is_making(self.source.run_id)
        self.summary.object = summary(checked, "measuring how long it takes" if is_timed else "")
        if is_timed:
            self._timing.ask_async(lambda: self.services.exports.pace(self.source, wish), lambda pace: self._timed(checked, pace))

    def _timed(self, checked: Checked, pace: Pace) -> None:
        if self.checked is checked:
            seconds = total_seconds(planned_steps(checked.wish, checked.items), pace, checked.wish.method)
            self.summary.object = summary(checked, f"{duration(seconds)} on {pace.device}")

    def _refused(self, error: Exception) -> None:
        self._set_ready(None)
        self.files.object = ""
        self.summary.object = escape(sentence(error))

    def _not_timed(self, error: Exception) -> None:
        self.frame.tell(sentence(error))
        if self.checked is not None:
            self.summary.object = summary(self.checked, "")

    def _set_ready(self, checked: Checked | None) -> None:
        self.checked = checked
        busy = self.services.exports.is_making(self.source.run_id)
        self.fetch.disabled = self.keep.disabled = checked is None or busy

    def _tick(self) -> None:
        """Draw how far it is."""
        making = self.services.exports.of(self.source.run_id)
        if making is None:
            return
        state = f"{making.id} {making.status}"
        busy = making.status == "making"
        if busy:
            self.bar.value = round(100 * making.progress.fraction)
            self.doing.object = escape(busy_line(making.progress))
        if state == self._seen:
            return
        self._seen = state
        self.bar.visible = self.cancel.visible = busy
        self.fetch.disabled = self.keep.disabled = busy or self.checked is None
        if not busy:
            self._ended(making)

    def _ended(self, making: Making) -> None:
        self.finished.refresh()
        self.doing.object = escape(making.message or f"{making.name} is complete.")
        if making.id != self._begun:
            return
        if making.status == "failed":
            self.frame.tell(making.message, "error")
        elif making.status == "finished" and making.name.endswith(".zip"):
            self.download.address = self.finished.address(making.name)


def _button(label: str, icon: str, variant: str, **how: Any) -> Any:
    return pmui.Button(label=label, icon=icon, variant=variant, size="small", margin=4, **how)
