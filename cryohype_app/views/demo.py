"""The offer on every page of the demo's store: train it yourself, watch it, explore what came of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

import panel as pn
import panel_material_ui as pmui
from panel.viewable import Viewer

from cryohype_app.background import Latest
from cryohype_app.demo import Demo, find_demo
from cryohype_app.jobs.job import Job
from cryohype_app.launch import Training, default_device, start_training
from cryohype_app.services import Services
from cryohype_app.store import sentence
from cryohype_app.views.page import THEMES, wants_dark
from cryohype_model.errors import CryoHypeError
from cryohype_model.runs.layout import Run, complete_folders
from cryohype_model.runs.manifest import read_manifest

NAME = "demo-live"  # of the user's own run; demo-live-2 and so on where it is taken
MINUTES = 4  # of one idle core of a server's CPU, with the analysis
LOOK_MS = 1000
LOOK: dict[str, Any] = {"size": "small", "margin": (6, 4)}
# what lies in the bar of a page is given other colours than the page
COLOURS = {"palette": {"primary": {**THEMES["dark"]["palette"]["primary"], "contrastText": "#ffffff"}}}
WORDS = "**Demo** · simulated images of 6 made-up complexes"


@dataclass(frozen=True)
class OwnTraining:
    """The newest training of the demo that was started here.

    Attributes
    ----------
    run_id : empty until the run's folder is there. message : why it failed.
    """

    job_id: str
    run_id: str
    is_over: bool
    is_analysed: bool
    message: str


def offer_demo(page: pmui.Page, services: Services) -> None:
    """Put the offer into the header of a page where the store holds the demo."""
    demo = find_demo(services.data.home)
    if demo is not None:
        page.header = [*page.header, DemoOffer(services, demo)]


class DemoOffer(Viewer):
    """A line that says what this is, and a button for what can be done next."""

    def __init__(self, services: Services, demo: Demo) -> None:
        super().__init__()
        self.services, self.demo = services, demo
        self._kept = {} if wants_dark() else {"theme": "light"}
        self._looking = Latest(pn.state.curdoc, lambda error: _tell(sentence(error), "error"))
        self._asked = ""  # the job that this session started: the page follows it
        self._shown: OwnTraining | None = None
        self.buttons = pn.Row(margin=0)
        self._draw(None)
        self._follow(own_training(services))
        pn.state.add_periodic_callback(self._look, LOOK_MS)

    def __panel__(self) -> Any:
        words = pmui.Typography(WORDS, variant="body2", margin=(10, 8))
        return pmui.Row(words, self.buttons, margin=(0, 16), align="center", theme_config=COLOURS)

    def train(self) -> None:
        """Put the training into the queue, with its analysis behind it."""
        name = _free_name(self.services)
        wanted = Training(self.demo.particles, name, "demo", device=default_device(self.services), analyze=True)
        try:
            self._asked = start_training(self.services, wanted).id
        except CryoHypeError as error:
            _tell(sentence(error), "error")
        self._look()

    def _look(self) -> None:
        self._looking.ask(lambda: own_training(self.services), self._follow)

    def _follow(self, own: OwnTraining | None) -> None:
        if own != self._shown:
            self._shown = own
            self._draw(own)
        if own is None or own.job_id != self._asked or not (own.run_id or own.is_over):
            return
        self._asked = ""
        if own.run_id:
            if pn.state.location is not None:
                pn.state.location.param.update(reload=True, pathname="/monitor", search=self._query(own.run_id))
        else:
            _tell(f"The training did not begin: {own.message} Its log is under Runs.", "error")

    def _draw(self, own: OwnTraining | None) -> None:
        time = f" · about {MINUTES} min on one core" if default_device(self.services) == "cpu" else ""
        train = pmui.Button(label=f"Train it yourself{time}", icon="play_arrow", variant="contained", **LOOK)
        train.on_click(lambda _: self.train())
        if own is None or (own.is_over and not own.is_analysed):
            self.buttons.objects = [train]
        elif own.is_over:
            self.buttons.objects = [self._link("Explore your run", "bubble_chart", "/explore", own.run_id), train]
        elif own.run_id:
            self.buttons.objects = [self._link("Watch your training", "show_chart", "/monitor", own.run_id)]
        else:
            self.buttons.objects = [pmui.Button(label="Your training begins …", variant="outlined", disabled=True, **LOOK)]

    def _link(self, label: str, icon: str, path: str, run_id: str) -> pmui.Button:
        return pmui.Button(label=label, icon=icon, href=path + self._query(run_id), target="_self", variant="outlined", **LOOK)

    def _query(self, run_id: str) -> str:
        return "?" + urlencode({"run": run_id} | self._kept)


def own_training(services: Services) -> OwnTraining | None:
    """The newest training of the demo that was started from here, if there was one."""
    for job in services.jobs.jobs():
        if job.run is not None and job.run.parent == services.data.home and job.run.name.startswith(NAME):
            return _own(job, Run(job.run))
    return None


def _own(job: Job, run: Run) -> OwnTraining:
    try:
        run_id = read_manifest(run).id
    except CryoHypeError:
        run_id = ""  # it begins, or was deleted
    is_analysed = bool(run_id) and bool(complete_folders(run.latents))
    return OwnTraining(job.id, run_id, job.is_over, is_analysed, job.message)


def _free_name(services: Services) -> str:
    names = (NAME, *(f"{NAME}-{number}" for number in range(2, 1000)))
    taken = {job.run.name for job in services.jobs.jobs() if job.run is not None and not job.is_over}
    return next(name for name in names if name not in taken and not (services.data.home / name).exists())


def _tell(words: str, kind: str) -> None:
    if pn.state.notifications is not None:
        pn.state.notifications.send(words, duration=8000, type=kind)
