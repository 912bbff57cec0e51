"""One side of a comparison: what is chosen, and its map in 3-D."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import panel as pn
from panel.viewable import Viewer

from cryohype_app.background import on_document
from cryohype_app.services import Services
from cryohype_app.store import sentence
from cryohype_app.views.compare.address import Place, Side, Source
from cryohype_app.views.compare.choice import Choice
from cryohype_app.views.compare.maps import Made, Order, how_decoded, make_map
from cryohype_app.views.compare.offers import UPLOAD, Offers
from cryohype_app.views.contour import Contour
from cryohype_app.views.napari import Label, Napari, Sending, held_map
from cryohype_app.views.page import Tell
from cryohype_app.views.words import Words
from cryohype_app.worker.errors import Superseded
from cryohype_app.worker.results import HistogramResult, StageResult
from cryohype_model.errors import CryoHypeError

WAITING = "Looking at the run…"
UPLOAD_FIRST = "Choose an .mrc file of your own."


class SideView(Viewer):
    """Widgets and picture of a side.

    Attributes
    ----------
    map : the whole map, None while it is made.

    Parameters
    ----------
    letter : "A" or "B". places : runs to choose from, by name. side : to begin with.
    napari : takes the map to desktop viewers.
    changed : called after every choice, with nothing made yet. made : called with a whole map and its densities.
    """

    def __init__(
        self, services: Services, letter: str, colour: str, places: dict[str, Place], side: Side, napari: Napari, tell: Tell,
        dark: bool, changed: Callable[[], None], made: Callable[[], None],
    ) -> None:  # fmt: skip
        super().__init__()
        self.services, self.letter = services, letter
        self.document = pn.state.curdoc
        self._changed, self._made = changed, made
        self.map: Made | None = None
        self._order: Order | None = None
        self._task: asyncio.Task[None] | None = None
        self._slot = uuid.uuid4().hex
        self.choice = Choice(services.data, letter, places, side, tell, self._chosen)
        self.contour = Contour(
            None, tell, dark, WAITING, title=f"Contour {letter}", renew=self.make, colour=colour, name=letter
        )  # fmt: skip
        self.contour.on_moved(lambda _: self._keep_level(self.deviations()))
        self.facts = Words("", variant="caption", margin=(0, 8))
        self.send = napari.button(self._to_send, visible=False)
        pn.state.onload(self.choice.look)  # what changes before the browser has built a component may never reach it

    @property
    def side(self) -> Side:
        """What is chosen, as the address keeps it."""
        return self.choice.side

    def __panel__(self) -> Any:
        return pn.Column(
            self.choice.what,
            pn.Row(self.choice.how_made, self.contour.controls, sizing_mode="stretch_width", margin=0),
            self.contour.viewer,
            pn.Row(self.facts, self.send, sizing_mode="stretch_width", margin=0),
            sizing_mode="stretch_both",
            margin=0,
        )

    def set_theme(self, dark: bool) -> None:
        """The ground of the view follows the page."""
        self.contour.viewer.dark = dark

    def deviations(self) -> float | None:
        """The contour level in standard deviations above the mean; None before there is a map."""
        found = self.contour.densities
        if self.map is None or found is None or found.deviation <= 0:
            return None
        return (float(self.contour.level.value) - found.mean) / found.deviation

    def put(self, deviations: float) -> None:
        """Draw the surface at this level."""
        found = self.contour.densities
        self._keep_level(deviations)
        if self.map is not None and found is not None:
            self.contour.put(found.mean + deviations * found.deviation)

    def make(self) -> None:
        """Make the map that is chosen; one that is being made is given up."""
        if self._task is not None:
            self._task.cancel()
        self.map, self._order, self.facts.object, self.send.visible = None, None, "", False
        (offers, source, own), problem = (self.choice.offers, self.side.source, self.choice.own), self.side.problem
        if offers is None or source is None:
            self.contour.clear(problem or WAITING)
        elif source.kind == UPLOAD and own is None:
            self.contour.clear(UPLOAD_FIRST)
        else:
            self._begin(offers, source, own)

    def _begin(self, offers: Offers, source: Source, own: tuple[str, bytes] | None) -> None:
        try:
            worker = self.services.worker(offers.place.run_id, offers.place.checkpoint)
        except CryoHypeError as error:  # the run was deleted meanwhile
            self.contour.clear(sentence(error))
            return
        order = Order(worker, offers, source, self.side.how, self._slot, own)
        self._order, self.contour.worker = order, worker
        self.contour.viewer.param.update(busy="reading", message="")
        self._task = asyncio.get_running_loop().create_task(self._follow(order))

    def _chosen(self) -> None:
        self._changed()
        self.make()

    def _keep_level(self, deviations: float | None) -> None:
        self.choice.side = replace(self.side, deviations=deviations)

    async def _follow(self, order: Order) -> None:
        def show(stage: StageResult) -> None:
            on_document(self.document, lambda: self._stage(order, stage))

        def report(done: int, total: int) -> None:
            on_document(self.document, lambda: self._progress(order, done, total))

        try:
            made = await make_map(order, show, report)
            on_document(self.document, lambda: self._whole(order, made))
        except Superseded:
            return
        except Exception as error:  # noqa: BLE001  # whatever ends a map is told, and the page goes on
            on_document(self.document, lambda error=error: self._failed(order, error))  # type: ignore[misc]

    def _stage(self, order: Order, stage: StageResult) -> None:
        if order is self._order:
            box = stage.array.shape[0]
            self.contour.show(stage.volume_id, stage.mesh, self._name(order), box * stage.pixel_size_angstrom)
            self.facts.object = f"{box} px at {stage.pixel_size_angstrom:.2f} Å · {how_decoded(stage)}"
            self.contour.viewer.busy = "" if stage.last else f"{box} px so far"

    def _progress(self, order: Order, done: int, total: int) -> None:
        if order is self._order:
            self.contour.viewer.busy = f"back-projection: {done:,} of {total:,} particles"

    def _whole(self, order: Order, made: Made) -> None:
        if order is self._order:
            self.map = made
            self.contour.viewer.busy = ""
            self.contour.whole(made.volume_id, self._name(order), lambda found: self._counted(order, made, found))

    def _counted(self, order: Order, made: Made, found: HistogramResult) -> None:
        if order is not self._order:
            return
        self.facts.object = f"{found.box_px} px at {found.pixel_size_angstrom:.2f} Å · {made.told}"
        self.send.visible = True
        if self.side.deviations is not None:
            self.put(self.side.deviations)
        self._made()

    def _to_send(self) -> Sending | None:
        made = self.map
        if made is None:
            return None
        level = self.contour.drawn_level
        label = Label(self.contour.name, self.contour.colour, made.run_id, made.run_name, made.told, level)
        return Sending(lambda: held_map(made.worker, made.volume_id, label), self.make)

    def _failed(self, order: Order, error: Exception) -> None:
        if order is self._order:
            self.contour.clear(sentence(error))

    def _name(self, order: Order) -> str:
        return f"{self.letter}: {order.name}"
