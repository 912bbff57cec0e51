"""One side of a comparison: which run, what of it, and its map in 3-D."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import panel as pn
import panel_material_ui as pmui
from panel.viewable import Viewer

from cryohype_app.background import Latest, on_document
from cryohype_app.services import Services
from cryohype_app.store import sentence
from cryohype_app.views.compare.address import How, Place, Side, Source
from cryohype_app.views.compare.maps import Made, Order, how_decoded, make_map
from cryohype_app.views.compare.offers import PARTICLE, UPLOAD, Offers, offers_of
from cryohype_app.views.contour import Contour
from cryohype_app.views.page import Tell
from cryohype_app.worker.errors import Superseded
from cryohype_app.worker.results import HistogramResult, StageResult

HOWS: dict[str, How] = {
    "mean latent": "mean", "medoid": "medoid", "mean of 50 neighbours": "neighbours", "back-projection": "backprojection",
}  # fmt: skip
WAITING = "Looking at the run…"
UPLOAD_FIRST = "Choose an .mrc file of your own."
MISSING = "missing"
SMALL: dict[str, Any] = {"size": "small", "margin": (3, 4)}


class SideView(Viewer):
    """Widgets and picture of a side.

    Attributes
    ----------
    side : what is chosen, as the address keeps it. own : name and bytes of the map that the user uploaded.
    offers : of the run, None before it was looked at. map : the whole map, None while it is made.

    Parameters
    ----------
    letter : "A" or "B". places : runs to choose from, by name. side : to begin with.
    changed : called after every choice, with nothing made yet. made : called with a whole map and its densities.
    """

    def __init__(
        self, services: Services, letter: str, colour: str, places: dict[str, Place], side: Side, tell: Tell, dark: bool,
        changed: Callable[[], None], made: Callable[[], None],
    ) -> None:  # fmt: skip
        super().__init__()
        self.services, self.letter, self.tell = services, letter, tell
        self.document = pn.state.curdoc
        self.side, self._changed, self._made = side, changed, made
        self.own: tuple[str, bytes] | None = None
        self.offers: Offers | None = None
        self.map: Made | None = None
        self._order: Order | None = None
        self._task: asyncio.Task[None] | None = None
        self._slot = uuid.uuid4().hex
        self._is_setting = False
        self._listing = Latest(self.document, self._not_listed)
        self.contour = Contour(
            None, tell, dark, WAITING, title=f"Contour {letter}", renew=self.make, colour=colour, name=letter
        )  # fmt: skip
        self.contour.on_moved(self._level_moved)
        self._make_widgets(places)
        pn.state.onload(self._list)  # what changes before the browser has built a component may never reach it

    def show(self, side: Side, own: tuple[str, bytes] | None) -> None:
        """Show something else, which may be a map of the user's own."""
        self.side, self.own = side, own
        self._clear(WAITING)
        self._list()

    def deviations(self) -> float | None:
        """The contour level in standard deviations above the mean; None before there is a map."""
        found = self.contour.densities
        if self.map is None or found is None or found.deviation <= 0:
            return None
        return (float(self.contour.level.value) - found.mean) / found.deviation

    def put(self, deviations: float) -> None:
        """Draw the surface at this level."""
        found = self.contour.densities
        self.side = replace(self.side, deviations=deviations)
        if self.map is not None and found is not None:
            self.contour.put(found.mean + deviations * found.deviation)

    def __panel__(self) -> Any:
        return pmui.Column(
            pmui.Row(self.place, self.source, sizing_mode="stretch_width", margin=(6, 0, 0, 0)),
            pmui.Row(self.how, self.number, self.upload, self.contour.controls, sizing_mode="stretch_width", margin=0),
            self.contour.viewer,
            self.facts,
            sizing_mode="stretch_both",
            margin=0,
        )

    def set_theme(self, dark: bool) -> None:
        """The ground of the view follows the page."""
        self.contour.viewer.dark = dark

    def make(self) -> None:
        """Make the map that is chosen; one that is being made is given up."""
        if self._task is not None:
            self._task.cancel()
        self.map, self._order, self.facts.object = None, None, ""
        source, offers = self.side.source, self.offers
        if source is None or offers is None:
            self.contour.clear(self.side.problem or WAITING)
            return
        if source.kind == UPLOAD and self.own is None:
            self.contour.clear(UPLOAD_FIRST)
            return
        worker = self.services.worker(offers.place.run_id, offers.place.checkpoint)
        order = Order(worker, offers, source, self.side.how, self._slot, self.own)
        self._order, self.contour.worker = order, worker
        self.contour.viewer.param.update(busy="reading", message="")
        self._task = asyncio.get_running_loop().create_task(self._follow(order))

    def _make_widgets(self, places: dict[str, Place]) -> None:
        letter, stretched = self.letter, {**SMALL, "sizing_mode": "stretch_width"}
        self._places = {name: str(place) for name, place in places.items()}
        self.place = pmui.Select(label=f"Run {letter}", options=self._places, searchable=len(places) > 8, **stretched)
        self.source = pmui.Select(label=f"Map {letter}", groups={}, searchable=True, **stretched)
        self.how = pmui.Select(label=f"Made by {letter}", options=HOWS, value="mean", width=150, **SMALL)
        self.number = pmui.IntInput(label=f"Particle {letter}", value=0, start=0, width=110, visible=False, **SMALL)
        self.upload = pmui.FileInput(
            accept=".mrc,.map", label=f"File {letter}", width=150, visible=False, margin=(6, 4), variant="outlined", size="small",
            sx={"& span, & p": {"overflow": "hidden", "textOverflow": "ellipsis", "whiteSpace": "nowrap"}},
        )  # fmt: skip
        self.facts = pmui.Typography("", variant="caption", margin=(0, 8), sizing_mode="stretch_width")
        self.place.param.watch(lambda event: self._place_chosen(event.new), "value")
        self.source.param.watch(lambda event: self._source_chosen(event.new), "value")
        self.how.param.watch(lambda event: self._choose(how=event.new), "value")
        self.number.param.watch(lambda event: self._number_chosen(event.new), "value")
        self.upload.param.watch(lambda _: self._uploaded(), "value")

    def _list(self) -> None:
        """Look at the run, then show its choices and make the map."""
        place = self.side.place
        self._listing.ask(lambda: offers_of(self.services.data, place), self._listed)

    def _listed(self, offers: Offers) -> None:
        self.offers = offers
        side = replace(self.side, place=offers.place)
        try:
            if side.source is not None:
                offers.check(side.source)
            elif not side.problem:
                side = replace(side, source=self._first(offers))
        except Exception as error:  # noqa: BLE001  # a bad choice of the address is told in its picture
            side = replace(side, source=None, problem=sentence(error))
        self.side = side
        if offers.problem:
            self.tell(offers.problem)
        self._show_choices()
        self._changed()
        self.make()

    def _first(self, offers: Offers) -> Source:
        """What is shown where nothing was asked for: the first thing on side A, the second on side B."""
        known = [text for text in offers.sources() if text not in (PARTICLE, UPLOAD)]
        number = 1 if self.letter == "B" and len(known) > 1 else 0
        return Source.parse(known[number]) if known else Source(PARTICLE, str(number))

    def _not_listed(self, error: Exception) -> None:
        self.offers = None
        self.side = replace(self.side, source=None, problem=sentence(error))
        self._show_choices()
        self._changed()
        self.make()

    def _show_choices(self) -> None:
        """Put the widgets where the side is."""
        source, groups = self.side.source, dict(self.offers.choices) if self.offers is not None else {}
        if source is None:
            groups = {"Not found": {"nothing chosen": MISSING}} | groups
        shown = MISSING if source is None else source.kind if source.kind in (PARTICLE, UPLOAD) else str(source)
        place = str(self.side.place)
        places = self._places if place in self._places.values() else {f"another run: {place}": place} | self._places
        self._is_setting = True
        self.place.param.update(options=places, value=place)
        self.source.param.update(groups=groups, value=shown)
        self.source.param.trigger("value")  # the same choice may have another label in another run
        self.how.value = self.side.how
        if source is not None and source.kind == PARTICLE:
            self.number.value = int(source.name)
        self._is_setting = False
        self._show_widgets()

    def _show_widgets(self) -> None:
        source = self.side.source
        self.how.visible = source is not None and source.is_group
        self.number.visible = source is not None and source.kind == PARTICLE
        self.upload.visible = source is not None and source.kind == UPLOAD

    def _place_chosen(self, place: str) -> None:
        """Of another run the same is shown, where it has such a thing."""
        if not self._is_setting:
            self.side = Side(Place.parse(place), self.side.source, self.side.how)
            self._clear(WAITING)
            place_asked = self.side.place
            self._listing.ask(lambda: offers_of(self.services.data, place_asked), self._listed_anew)

    def _listed_anew(self, offers: Offers) -> None:
        source = self.side.source
        if source is not None and source.kind != PARTICLE and str(source) not in offers.sources():
            self.side = replace(self.side, source=None)
        self._listed(offers)

    def _source_chosen(self, text: str) -> None:
        if not self._is_setting and text != MISSING:
            self._choose(source=Source(PARTICLE, str(self.number.value or 0)) if text == PARTICLE else Source.parse(text))

    def _number_chosen(self, number: int | None) -> None:
        if self._is_setting or number is None or self.offers is None:
            return
        try:
            self.offers.check(Source(PARTICLE, str(number)))
        except Exception as error:  # noqa: BLE001  # a number that no particle has
            self.tell(sentence(error))
            return
        self._choose(source=Source(PARTICLE, str(number)))

    def _choose(self, **chosen: Any) -> None:
        if self._is_setting:
            return
        self.side = replace(self.side, **chosen, deviations=None, problem="")
        self._show_widgets()
        self._changed()
        self.make()

    def _clear(self, message: str) -> None:
        self.map, self._order, self.facts.object = None, None, ""
        self.contour.clear(message)
        self._changed()

    def _uploaded(self) -> None:
        if self.upload.value:
            self.own = (str(self.upload.filename or "the uploaded map"), self.upload.value)
            self._choose(source=Source(UPLOAD))

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
        if self.side.deviations is not None:
            self.put(self.side.deviations)
        self._made()

    def _failed(self, order: Order, error: Exception) -> None:
        if order is self._order:
            self.contour.clear(sentence(error))

    def _name(self, order: Order) -> str:
        return f"{self.letter}: {order.name}"

    def _level_moved(self, _: float) -> None:
        self.side = replace(self.side, deviations=self.deviations())
