"""The volume of what is selected: coarse at once, then sharper; its contour, and ways to keep it."""

from __future__ import annotations

import asyncio
import logging
import uuid
import weakref
from collections.abc import Callable
from typing import Any
from urllib.parse import quote, urlencode

import panel as pn
import panel_material_ui as pmui
from panel.viewable import Viewer

from cryohype_app.background import on_document
from cryohype_app.components.download import Download
from cryohype_app.state import AppState, Chosen
from cryohype_app.store import sentence
from cryohype_app.stream import Shown
from cryohype_app.views.contour import Contour
from cryohype_app.views.decoding import possible
from cryohype_app.views.napari import LONGEST_NAME, Label, Napari, Sending, held_map
from cryohype_app.views.page import Tell
from cryohype_app.views.words import Words
from cryohype_app.wire import FOLLOW
from cryohype_app.worker.client import VolumeWorker
from cryohype_app.worker.errors import Superseded
from cryohype_app.worker.request import VolumeRequest
from cryohype_app.worker.results import StageResult
from cryohype_model.runs.layout import Run

log = logging.getLogger(__name__)
METHODS = {
    "automatic": "", "mean latent": "mean", "medoid": "medoid", "mean of 50 neighbours": "neighbours", "basis volumes": "linear",
}  # fmt: skip
EMPTY = "Select particles: their molecule appears here."


class VolumeView(Viewer):
    """The 3-D view and its controls.

    Parameters
    ----------
    worker : makes the volumes of the run. napari : takes every stage to the viewers that follow.
    state : of the session. tell : shows a sentence to the user.
    """

    def __init__(
        self, worker: VolumeWorker, run: Run, state: AppState, napari: Napari, tell: Tell, dark: bool
    ) -> None:  # fmt: skip
        super().__init__()
        self.worker, self.run_name, self.state, self.napari, self.tell = worker, run.path.name, state, napari, tell
        self.document = pn.state.curdoc
        self.slot = uuid.uuid4().hex
        self.contour = Contour(worker, tell, dark, EMPTY, renew=self.generate)
        self.viewer = self.contour.viewer
        ways = possible(METHODS, run)
        self.method = pmui.Select(label="Latent", options=ways, value="", size="small", width=170, margin=(4, 4))
        self.facts = Words("", variant="caption", margin=(0, 8))
        self.download = Download()
        self.keep = pn.Row(
            self._button("Map (.mrc)", "download", self._save_map),
            self._button("Picture (.png)", "photo_camera", self._save_picture),
            napari.button(self._to_send),
            self.download, margin=0, visible=False,
        )  # fmt: skip
        self._whole: list[Callable[[str], None]] = []
        self._task: asyncio.Task[None] | None = None
        self._rows: Any = None
        self._how, self._drawn_rows = "", self._rows  # of the map that is drawn
        self._followed: Callable[[], Shown | None] = lambda: None  # what viewers have of it, while somebody holds it
        state.param.watch(lambda _: self._chosen(), "chosen")
        state.param.watch(lambda _: self._show_ways_to_keep(), "path")
        self.method.param.watch(lambda _: self.generate(), "value")

    def __panel__(self) -> Any:
        return pn.Column(
            pn.Row(self.method, self.contour.controls, sizing_mode="stretch_width", margin=0),
            self.viewer,
            pn.Row(self.facts, self.keep, sizing_mode="stretch_width", margin=0),
            sizing_mode="stretch_both",
            margin=0,
        )

    def set_theme(self, dark: bool) -> None:
        """The ground of the view follows the page, and so does the colour of a cluster."""
        self.viewer.dark = dark
        self._relabel()

    def on_whole(self, watch: Callable[[str], None]) -> None:
        """Tell ``watch(volume_id)`` of every whole map, and of the end of one with an empty id."""
        self._whole.append(watch)

    def _button(self, label: str, icon: str, action: Callable[[], None]) -> Any:
        button = pmui.Button(label=label, icon=icon, variant="text", size="small", margin=0)
        button.on_click(lambda _: action())
        return button

    def _save_map(self) -> None:
        """The browser fetches the map that is shown; a second click fetches it again."""
        address = f"/api/v1/runs/{quote(self.state.run_id)}/volumes/{self.contour.volume_id}"
        self.download.address = ""
        self.download.address = f"{address}?{urlencode({'name': self._name()})}"

    def _save_picture(self) -> None:
        self.viewer.download(f"{self._name()}.png")

    def _show_ways_to_keep(self) -> None:
        """Only of a selection's molecule: a path has its own."""
        self.keep.visible = bool(self.contour.volume_id) and not len(self.state.path)

    def _name(self) -> str:
        chosen = self.state.chosen
        return chosen.name or f"{len(chosen)} particles"

    def _chosen(self) -> None:
        """A new name alone is no reason to make the volume again."""
        if self.state.chosen.rows is not self._rows:
            self.generate()
        else:
            self._relabel()

    def _relabel(self) -> None:
        """Name and colour of what is shown may have changed: here, and in the viewers if nothing else was shown since."""
        chosen, dark = self.state.chosen, self.viewer.dark
        name, colour = chosen.title, chosen.surface_colour(dark)
        is_drawn = bool(self.contour.volume_id) and self._drawn_rows is chosen.rows and not len(self.state.path)
        if not is_drawn or (name, colour) == (self.contour.name, self.contour.colour):
            return
        self.contour.label(name, colour)
        if (shown := self._followed()) is not None:
            self._publish(Shown(shown.head.model_copy(update={"name": name[:LONGEST_NAME], "colour": colour}), shown.array))

    def _publish(self, shown: Shown) -> None:
        self._followed = weakref.ref(shown)
        self.napari.follow(shown)

    def _to_send(self) -> Sending | None:
        volume_id = self.contour.volume_id
        if not volume_id:
            return None
        name, colour, level = self.contour.name, self.contour.colour, self.contour.drawn_level
        label = Label(name, colour, self.state.run_id, self.run_name, self._how, level)
        return Sending(lambda: held_map(self.worker, volume_id, label), self.generate)

    def warm(self) -> None:
        """Start the worker before it is asked: to load the network takes seconds that the first lasso should not wait."""
        self._warming = asyncio.get_running_loop().create_task(self._warm())

    async def _warm(self) -> None:
        try:
            await self.worker.facts()
        except Exception:  # it is told when a volume is asked for
            log.debug("the volume worker did not start", exc_info=True)

    def generate(self) -> None:
        """Make the volume of what is selected; one that is being made is given up."""
        chosen = self.state.chosen
        self._rows = chosen.rows
        self._announce("")
        if not len(chosen):
            self.contour.clear(EMPTY)
            self.facts.object = ""
            self._show_ways_to_keep()
            return
        self.viewer.param.update(busy="reading images", message="")
        request = VolumeRequest(self.slot, chosen.rows, self._method(chosen), with_mesh=True)  # type: ignore[arg-type]  # one of the four
        self._task = asyncio.get_running_loop().create_task(self._follow(request, chosen))

    def _method(self, chosen: Chosen) -> str:
        """One particle shows what the network saw in it, several what they have in common."""
        if self.method.value:
            return str(self.method.value)
        return "particle" if len(chosen) == 1 else "mean"

    async def _follow(self, request: VolumeRequest, chosen: Chosen) -> None:
        try:
            async for stage in self.worker.stages(request):
                if chosen.rows is self.state.chosen.rows:
                    self._publish(self._shown(stage))  # before the page draws: that takes longer
                on_document(self.document, lambda stage=stage: self._show(stage, chosen))  # type: ignore[misc]
        except Superseded:
            return
        except Exception as error:  # noqa: BLE001  # whatever ends a volume is told, and the page goes on
            on_document(self.document, lambda error=error: self._failed(error))  # type: ignore[misc]

    def _shown(self, stage: StageResult) -> Shown:
        chosen = self.state.chosen  # its name may be newer than the request
        colour = chosen.surface_colour(self.viewer.dark)
        label = Label(chosen.title, colour, self.state.run_id, self.run_name, how_made(stage), stage.level)
        head = label.head(
            slot=FOLLOW, volume_id=stage.volume_id, stage=stage.stage, last=stage.last, shape=stage.array.shape,
            pixel_size_angstrom=stage.pixel_size_angstrom, ready=stage.ready,
        )  # fmt: skip
        return Shown(head, stage.array)

    def _show(self, stage: StageResult, chosen: Chosen) -> None:
        if chosen.rows is not self.state.chosen.rows:
            return  # the selection went on while this was on its way
        box, size = stage.array.shape[0], stage.pixel_size_angstrom
        name, colour = self.state.chosen.title, self.state.chosen.surface_colour(self.viewer.dark)
        self.contour.show(stage.volume_id, stage.mesh, name, box * size, colour)
        self._how, self._drawn_rows = how_made(stage), chosen.rows
        self.facts.object = f"{box} px at {size:.2f} Å · {self._how} · {stage.seconds:.2f} s"
        if not stage.last:
            self.viewer.busy = f"{stage.array.shape[0]} px so far"
            return
        self.viewer.busy = ""
        self._show_ways_to_keep()
        self.contour.whole(stage.volume_id, name)
        self._announce(stage.volume_id)

    def _announce(self, volume_id: str) -> None:
        for watch in self._whole:
            watch(volume_id)

    def _failed(self, error: Exception) -> None:
        self.viewer.busy = ""
        self.tell(sentence(error))


def how_made(stage: StageResult) -> str:
    """Method, particles and checkpoint of a map, in few words."""
    used = f"{stage.rows_used:,} of {stage.rows_total:,}" if stage.rows_used < stage.rows_total else f"{stage.rows_total:,}"
    return f"{stage.method} of {used} particle{'' if stage.rows_total == 1 else 's'} · {stage.checkpoint}"
