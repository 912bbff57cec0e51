"""Train: choose particles, see what was read, choose settings and a device, start."""

from __future__ import annotations

import time
from collections.abc import Iterable
from contextlib import suppress
from html import escape
from pathlib import Path
from typing import Any

import panel as pn
import panel_material_ui as pmui
from panel.viewable import Viewer

from cryohype_app.background import Latest
from cryohype_app.jobs.commands import shown
from cryohype_app.jobs.devices import Device
from cryohype_app.launch import Training, start_training
from cryohype_app.particles import ParticleSummary, defocus_um, summarize, viewing_directions
from cryohype_app.plots.particles import img_tag, montage, spread_figures
from cryohype_app.services import Services
from cryohype_app.store import sentence
from cryohype_app.views.browser import FileBrowser
from cryohype_app.views.form import ConfigForm
from cryohype_app.views.page import Frame, argument, panel
from cryohype_model.config import load_config, preset_names
from cryohype_model.errors import ConfigError, CryoHypeError
from cryohype_model.runs.run import read_config

READ_WITH = ("datadir", "poses", "ctf", "indices", "labels", "optics_group")  # keys of data that decide what is read
SMALL: dict[str, Any] = {"size": "small", "margin": 4}


def train_page(services: Services, frame: Frame) -> None:
    """A new training; ``?clone=ID`` begins with the particles and settings of a run."""
    view = TrainView(services, frame, argument("clone"))
    frame.show(pn.Row(view, sizing_mode="stretch_both", margin=4))


class TrainView(Viewer):
    """The form and what it was told."""

    def __init__(self, services: Services, frame: Frame, clone: str = "") -> None:
        super().__init__()
        self.services, self.frame = services, frame
        self._reading = Latest(pn.state.curdoc, self._unreadable)
        self.summary: ParticleSummary | None = None
        self.path = pmui.TextInput(
            label="Particles", placeholder=".star, .cs, stack or CryoBench folder", sizing_mode="stretch_width", **SMALL
        )
        self.browser = FileBrowser(services.roots, services.data.home, self._picked)
        self.run_name = pmui.TextInput(label="Name of the run", width=240, **SMALL)
        self.preset = pmui.Select(label="Preset", options=preset_names(), value="cpu-small", width=180, **SMALL)
        devices = services.devices
        self.device = pmui.MultiChoice(
            label="Device", options={_device_name(device): device.id for device in devices}, value=[devices[-1].id], width=300,
            margin=4,
        )  # fmt: skip
        self.lane = pmui.Select(label="Where", options=list(services.jobs.lanes()), width=120, **SMALL)
        self.command = pmui.TextAreaInput(
            label="The same on the command line", disabled=True, rows=2, sizing_mode="stretch_width", margin=4
        )
        self.start = pmui.Button(label="Start training", icon="play_arrow", variant="contained", margin=6)
        self.form_place = pn.Column(sizing_mode="stretch_width", margin=0)
        self.found = pn.Column(
            pmui.Typography("Choose particles to see what is in the file.", margin=8), sizing_mode="stretch_width", margin=0
        )
        self.figures = spread_figures()
        self._begin(clone)
        for widget in (self.run_name, self.device, self.lane):
            widget.param.watch(lambda _: self._told(), "value")
        self.path.param.watch(lambda _: self._read(), "value")
        self.preset.param.watch(lambda _: self._rebuild(), "value")
        self.start.on_click(lambda _: self._start())

    def __panel__(self) -> Any:
        left = pn.Column(
            panel("Particles", pn.Column(pn.Row(self.path, sizing_mode="stretch_width", margin=0), self.browser), grow=2),
            panel(
                "Settings",
                pn.Column(
                    pmui.FlexBox(self.run_name, self.preset, self.device, self.lane), self.form_place, self.command, self.start,
                    sizing_mode="stretch_width", margin=0,
                ),
                grow=3,
            ),
            sizing_mode="stretch_both",
            margin=0,
            styles={"flex": "1.2 1 0", "height": "calc(100vh - 58px)"},
        )  # fmt: skip
        plots = [pn.pane.Bokeh(plot, sizing_mode="stretch_width") for plot in (self.figures.directions, self.figures.defocus)]
        seen = pn.Column(self.found, *plots, sizing_mode="stretch_width", margin=0)
        return pn.Row(left, panel("What was read", seen), sizing_mode="stretch_both", margin=0)

    def _begin(self, clone: str) -> None:
        """Fields of a run that is cloned."""
        self.base, self.config_file = load_config(preset=str(self.preset.value)), None
        if clone:
            try:
                run = self.services.data.run(clone)
                self.base, self.config_file = read_config(run), run.config
                self.run_name.value = f"{run.path.name}-again"
                self.path.value = self.base.data.particles
            except CryoHypeError as error:
                self.frame.tell(sentence(error))
        self._show_form()
        if self.path.value:
            self._read()

    def _rebuild(self) -> None:
        self.config_file = None  # a preset takes the place of the run that was cloned
        self.base = load_config(preset=str(self.preset.value))
        self._show_form()

    def _show_form(self) -> None:
        self.form = ConfigForm(self.base, self._told)
        for key in READ_WITH:
            self.form.widgets[f"data.{key}"].param.watch(lambda _: self._read(), "value")
        self.form_place.objects = [self.form]
        self._told()

    @property
    def wanted(self) -> Training:
        """What would be started."""
        name = self.run_name.value.strip() or self._free_name()
        preset = None if self.config_file is not None else str(self.preset.value)
        particles = Path(self.path.value.strip()).absolute()
        return Training(particles, name, preset, self.config_file, self.form.overrides, self._devices(), str(self.lane.value))

    def _given(self) -> dict[str, Any]:
        """What the settings say of how the file is read; paths only under the roots."""
        values = {key: self.form.value(f"data.{key}") for key in READ_WITH}
        return {
            key: self.services.roots.checked(value) if isinstance(value, str) else value for key, value in values.items() if value
        }

    def _devices(self) -> str:
        chosen = [device for device in self.device.value if device != "cpu"]
        return ",".join(sorted(chosen)) or "cpu"

    def _free_name(self) -> str:
        return f"{Path(self.path.value).stem or 'run'}-{time.strftime('%m%d-%H%M')}"

    def _told(self) -> None:
        if self.path.value:
            self.command.value = shown(self.wanted.command(self.services.data.home))
        self.start.disabled = self.summary is None or self.summary.table.rotation is None

    def _picked(self, path: Path) -> None:
        self.path.value = str(path)

    def _read(self) -> None:
        """Look into the file that was named."""
        self.summary = None
        self.start.disabled = True
        if not self.path.value.strip():
            return
        self.found.objects = [pmui.LinearProgress(sizing_mode="stretch_width"), pmui.Typography("Reading …", margin=8)]
        name = self.path.value.strip()
        self._reading.ask(lambda: summarize(self.services.roots.checked(name), **self._given()), self._show)

    def _unreadable(self, error: Exception) -> None:
        self.found.objects = [pmui.Alert(object=sentence(error), severity="error", margin=8)]

    def _show(self, summary: ParticleSummary) -> None:
        self.summary = summary
        if not self.run_name.value:
            self.run_name.value = self._free_name()
        sheet = montage(summary.images, 6)
        self.found.objects = [
            *(pmui.Alert(object=warning, severity="warning", margin=4) for warning in summary.warnings),
            pn.pane.HTML(facts_table(summary.rows), sizing_mode="stretch_width", margin=(0, 8)),
            pn.pane.HTML(img_tag(sheet, f"{len(summary.images)} of the particles"), sizing_mode="stretch_width", margin=8),
        ]
        self.figures.show(*viewing_directions(summary.table), defocus_um(summary.table))
        self._fit_box(summary.table.box_px)
        self._told()

    def _fit_box(self, stored_px: int) -> None:
        """A preset's box that is larger than the images becomes theirs."""
        with suppress(ConfigError):  # what is no number is refused when it is started
            if (self.form.value("data.box_px") or 0) > stored_px:
                self.form.widgets["data.box_px"].value = str(stored_px - stored_px % 2)

    def _start(self) -> None:
        """Put the training into the queue."""
        wanted = self.wanted
        try:
            if self.form.emptied:
                raise ConfigError(f"{self.form.emptied[0]} cannot be left empty here; give a value, or choose another preset")
            start_training(self.services, wanted)
        except CryoHypeError as error:
            self.frame.tell(sentence(error), "error")
            return
        self.frame.tell(f"{wanted.name} waits for its device; it appears under Runs.", "success")


def facts_table(rows: Iterable[tuple[str, str]]) -> str:
    """An HTML table of names and texts, which may come from a file."""
    cells = "".join(
        f'<tr><th style="text-align:left;font-weight:400;opacity:.7;padding:2px 14px 2px 0">{escape(name)}</th>'
        f'<td style="padding:2px 0">{escape(text)}</td></tr>'
        for name, text in rows
    )
    return f'<table style="font-size:.85rem;border-collapse:collapse">{cells}</table>'


def _device_name(device: Device) -> str:
    if device.memory_total_bytes is None:
        return f"{device.name}, {device.cores} cores"
    used, total = (device.memory_used_bytes or 0) / 1e9, device.memory_total_bytes / 1e9
    return f"{device.name} ({device.id}), {used:.0f} of {total:.0f} GB used"
