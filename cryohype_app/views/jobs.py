"""The queue: what waits, runs and ended, and what each job says."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import panel as pn
import panel_material_ui as pmui
from panel.viewable import Viewer

from cryohype_app.background import Latest
from cryohype_app.jobs.book import JobBook
from cryohype_app.jobs.job import Job
from cryohype_app.store import sentence
from cryohype_app.views.log import LogView
from cryohype_app.views.page import Frame, plain
from cryohype_model.errors import CryoHypeError

LOOK_MS = 1500
SHOWN = 20


class JobsView(Viewer):
    """One line a job, newest first; the log of the one that is opened."""

    def __init__(self, jobs: JobBook, frame: Frame) -> None:
        super().__init__()
        self.jobs, self.frame = jobs, frame
        self._looking = Latest(pn.state.curdoc, lambda error: frame.tell(sentence(error)))
        self._shown: tuple[Job, ...] | None = None
        self._open = ""
        self.lines = pn.Column(sizing_mode="stretch_width", margin=0)
        self.log = LogView("190px", visible=False, margin=(0, 8))
        self._draw((jobs.jobs()[:SHOWN], ""))
        pn.state.add_periodic_callback(self._look, LOOK_MS)

    def __panel__(self) -> Any:
        return pn.Column(self.lines, self.log, sizing_mode="stretch_width", margin=0)

    def _look(self) -> None:
        opened = self._open
        self._looking.ask(lambda: (self.jobs.jobs()[:SHOWN], self.jobs.log_tail(opened) if opened else ""), self._draw)

    def _draw(self, found: tuple[tuple[Job, ...], str]) -> None:
        jobs, said = found
        self.log.show(said)
        if jobs != self._shown:
            self._shown = jobs
            self.lines.objects = [self._line(job) for job in jobs] or [
                pmui.Typography("Nothing was started yet.", variant="body2", margin=8)
            ]

    def _line(self, job: Job) -> Any:
        look: dict[str, Any] = {"variant": "text", "size": "small", "margin": 1}
        words = f"**{plain(job.title)}** · {job.status} · {job.lane}, {job.device}" + (
            f" · {plain(job.message)}" if job.message else ""
        )
        buttons = [_button("Log", "article", partial(self._open_log, job.id), **look)]
        if not job.is_over:
            label = "Kill" if job.status == "stopping" else "Stop"
            buttons.append(_button(label, "stop", partial(self._tried, self.jobs.stop, job.id), **look))
        else:
            buttons.append(_button("Forget", "clear", partial(self._tried, self.jobs.forget, job.id), **look))
        text = pmui.Typography(words, variant="body2", margin=(6, 8), sizing_mode="stretch_width")
        return pn.Row(text, *buttons, sizing_mode="stretch_width", margin=0)

    def _open_log(self, job_id: str) -> None:
        self._open = "" if self._open == job_id else job_id
        self.log.visible = bool(self._open)
        self._look()

    def _tried(self, action: Callable[[str], Any], job_id: str) -> None:
        try:
            action(job_id)
        except CryoHypeError as error:
            self.frame.tell(sentence(error), "error")
        self._look()


def _button(label: str, icon: str, action: Callable[[], None], **look: Any) -> Any:
    button = pmui.Button(label=label, icon=icon, **look)
    button.on_click(lambda _: action())
    return button
