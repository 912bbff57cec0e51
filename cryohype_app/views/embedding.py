"""Embeddings of selections that are being made: how far each is, and what became of it."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import panel as pn
import panel_material_ui as pmui
from panel.viewable import Viewer

from cryohype_app.background import Latest, on_document
from cryohype_app.jobs.job import Job
from cryohype_app.launch import start_embedding
from cryohype_app.services import Services
from cryohype_app.state import AppState
from cryohype_app.store import sentence
from cryohype_app.views.page import Tell, plain
from cryohype_app.views.words import Words
from cryohype_model.errors import RunError

KIND = "embed"
LOG_BYTES = 400
STAGE = re.compile(r"^(.*) (\d+)/(\d+)$")


@dataclass(frozen=True)
class Standing:
    """A job and the last line that it said."""

    job: Job
    said: str


class EmbeddingView(Viewer):
    """One line for each selection of the run that is being embedded; when it is done, the picture offers it.

    The session that asked for it shows it at once. It looks when the server has looked at its jobs, and only while there is
    something to wait for.

    Parameters
    ----------
    show_space : shows the embedding of a selection in the picture.
    """

    def __init__(self, services: Services, state: AppState, show_space: Callable[[str], None], tell: Tell) -> None:
        super().__init__()
        self.services, self.state, self.show_space, self.tell = services, state, show_space, tell
        self.document = pn.state.curdoc
        self._starting = Latest(self.document, lambda error: tell(sentence(error)))
        self._names: dict[str, str] = {}  # of the selections, by the jobs that are waited for
        self._lines: dict[str, _Line] = {}
        self._ours: set[str] = set()  # jobs that were asked for here
        self.lines = pn.Column(sizing_mode="stretch_width", margin=0)
        path = services.data.run(state.run_id).path
        for job in services.jobs.jobs():
            if job.kind == KIND and job.run == path and not job.is_over and state.checkpoint in job.command:
                self._follow(job)

    def __panel__(self) -> Any:
        return self.lines

    def start(self, name: str) -> None:
        """Embed a stored selection alone."""
        run_id, checkpoint = self.state.run_id, self.state.checkpoint
        self._starting.ask(lambda: start_embedding(self.services, run_id, name, checkpoint), self._begin)

    def _begin(self, job: Job) -> None:
        self._ours.add(job.id)
        self._follow(job)

    def _follow(self, job: Job) -> None:
        name = job.command[job.command.index("--selection") + 1] if "--selection" in job.command else job.title
        self._names[job.id] = name
        self._lines[job.id] = _Line(name, lambda: self._stop(job.id))
        self.lines.objects = list(self._lines.values())
        if self._look not in self.services.watchers:
            self.services.watchers.append(self._look)

    async def _look(self) -> None:
        """The server has looked at its jobs."""
        gone = self.document is not None and (
            self.document.session_context is None or getattr(self.document.session_context, "destroyed", False)
        )
        if gone or not self._names:
            asyncio.get_running_loop().call_soon(self._leave)
            return
        waited_for = list(self._names)
        found = await asyncio.to_thread(lambda: [self._standing(job_id) for job_id in waited_for])
        on_document(self.document, lambda: self._draw(found))

    def _standing(self, job_id: str) -> Standing | str:
        """How a job stands; its id where it was forgotten."""
        try:
            said = self.services.jobs.log_tail(job_id, LOG_BYTES).strip().rpartition("\n")[2]
            return Standing(self.services.jobs.get(job_id), said)
        except RunError:
            return job_id

    def _draw(self, found: list[Standing | str]) -> None:
        for standing in found:
            if isinstance(standing, str):
                self._drop(standing)
            elif standing.job.id in self._names and standing.job.is_over:
                self._end(standing.job)
            elif standing.job.id in self._lines:
                self._lines[standing.job.id].show(standing)

    def _end(self, job: Job) -> None:
        name = self._drop(job.id)
        if job.status == "finished" and job.id in self._ours:
            self.tell(f"{name!r} is embedded: its particles alone are shown.", "success")
            self.show_space(name)
        elif job.status == "finished":
            self.tell(f"{name!r} is embedded: Space offers it.", "success")
            self.state.saved += 1
        else:
            self.tell(f"{name!r} was not embedded: {job.message}")

    def _drop(self, job_id: str) -> str:
        self._lines.pop(job_id, None)
        self.lines.objects = list(self._lines.values())
        return self._names.pop(job_id, "")

    def _stop(self, job_id: str) -> None:
        try:
            self.services.jobs.stop(job_id)
        except RunError as error:
            self.tell(sentence(error))

    def _leave(self) -> None:
        if self._look in self.services.watchers:
            self.services.watchers.remove(self._look)


class _Line(Viewer):
    """The name of a selection, how far its embedding is, and a button that stops it."""

    def __init__(self, name: str, stop: Callable[[], None]) -> None:
        super().__init__()
        self.name_shown = name
        self.words = Words(f"Embedding **{plain(name)}** …", variant="caption", margin=(4, 6))
        self.bar = pmui.LinearProgress(value=0, variant="indeterminate", sizing_mode="stretch_width", margin=(0, 6))
        self.button = pmui.IconButton(icon="stop", description=f"Stop embedding {name}", size="small", margin=1)
        self.button.on_click(lambda _: stop())

    def __panel__(self) -> Any:
        row = pn.Row(self.words, self.button, sizing_mode="stretch_width", margin=0)
        return pn.Column(row, self.bar, sizing_mode="stretch_width", margin=0)

    def show(self, standing: Standing) -> None:
        """How far it is."""
        job, stage = standing.job, STAGE.match(standing.said)
        waits = job.status == "queued"
        told = "waits for the jobs before it" if waits else stage[1] if stage else standing.said or job.status
        self.words.object = f"Embedding **{plain(self.name_shown)}**: {plain(told)}"
        if stage and not waits:
            self.bar.param.update(variant="determinate", value=round(100 * int(stage[2]) / max(1, int(stage[3]))))
