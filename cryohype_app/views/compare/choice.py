"""What one side of a comparison shows: widgets for run, map and how it is made, kept equal to a :class:`Side`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import panel as pn
import panel_material_ui as pmui

from cryohype_app.background import Latest
from cryohype_app.store import DataStore, sentence
from cryohype_app.views.compare.address import How, Place, Side, Source
from cryohype_app.views.compare.offers import PARTICLE, UPLOAD, Offers, offers_of
from cryohype_app.views.decoding import possible
from cryohype_app.views.page import Tell
from cryohype_model.errors import CryoHypeError

HOWS: dict[str, How] = {
    "mean latent": "mean", "medoid": "medoid", "mean of 50 neighbours": "neighbours", "basis volumes": "linear",
    "back-projection": "backprojection",
}  # fmt: skip
NOTHING = "nothing"
SMALL: dict[str, Any] = {"size": "small", "margin": (3, 4)}
ONE_LINE = {"& span, & p": {"overflow": "hidden", "textOverflow": "ellipsis", "whiteSpace": "nowrap"}}


class Choice:
    """The widgets of a side; a page places :attr:`what` and :attr:`how_made`.

    Attributes
    ----------
    side : what is chosen. own : name and bytes of the map that the user uploaded.
    offers : of the run, None before it was looked at, or where there is no such run.

    Parameters
    ----------
    letter : "A" or "B". places : runs to choose from, by name. side : to begin with.
    chosen : called after every change of ``side``.
    """

    def __init__(
        self, data: DataStore, letter: str, places: dict[str, Place], side: Side, tell: Tell, chosen: Callable[[], None]
    ) -> None:
        self.data, self.letter, self.tell, self.chosen = data, letter, tell, chosen
        self.side = side
        self.own: tuple[str, bytes] | None = None
        self.offers: Offers | None = None
        self._is_setting = False
        self._listing = Latest(pn.state.curdoc, self._not_listed)
        self._places = {name: str(place) for name, place in places.items()}
        self._make_widgets()

    def show(self, side: Side, own: tuple[str, bytes] | None) -> None:
        """Choose something else, which may be a map of the user's own."""
        self.side, self.own = side, own
        self.look()

    def look(self) -> None:
        """Look at the run of the side; then its choices are shown, and what is not there is told in the side."""
        self.offers = None
        self.chosen()
        place = self.side.place
        self._listing.ask(lambda: offers_of(self.data, place), self._listed)

    def _make_widgets(self) -> None:
        letter, stretched = self.letter, {**SMALL, "sizing_mode": "stretch_width"}
        first = next((place for place in self._places.values() if Place.parse(place).run_id == self.side.place.run_id), None)
        self.place = pmui.Select(
            label=f"Run {letter}", options=self._places, value=first, searchable=len(self._places) > 8, **stretched
        )  # fmt: skip
        self.source = pmui.Select(label=f"Map {letter}", groups={}, searchable=True, **stretched)
        self.how = pmui.Select(label=f"Made by {letter}", options=HOWS, value="mean", width=150, **SMALL)
        self.number = pmui.IntInput(label=f"Particle {letter}", value=0, start=0, width=110, visible=False, **SMALL)
        self.upload = pmui.FileInput(
            accept=".mrc,.map", label=f"File {letter}", width=150, visible=False, margin=(6, 4), variant="outlined", size="small",
            sx=ONE_LINE,
        )  # fmt: skip
        self.place.param.watch(lambda event: self._place_chosen(event.new), "value")
        self.source.param.watch(lambda event: self._source_chosen(event.new), "value")
        self.how.param.watch(lambda event: self._choose(how=event.new), "value")
        self.number.param.watch(lambda event: self._number_chosen(event.new), "value")
        self.upload.param.watch(lambda _: self._uploaded(), "value")
        self.what = pn.Row(self.place, self.source, sizing_mode="stretch_width", margin=(6, 0, 0, 0))
        self.how_made = pn.Row(self.how, self.number, self.upload, margin=0)

    def _listed(self, offers: Offers) -> None:
        self.offers = offers
        side = replace(self.side, place=offers.place)
        try:
            if side.source is not None:
                offers.check(side.source)
            elif not side.problem:
                side = replace(side, source=self._first(offers))
        except CryoHypeError as error:
            side = replace(side, source=None, problem=sentence(error))
        if offers.problem:
            self.tell(offers.problem)
        self._settle(side)

    def _not_listed(self, error: Exception) -> None:
        self._settle(replace(self.side, source=None, problem=sentence(error)))

    def _first(self, offers: Offers) -> Source:
        """What is shown where nothing was asked for: the first thing on side A, the second on side B."""
        known = [text for text in offers.sources() if text not in (PARTICLE, UPLOAD)]
        number = 1 if self.letter == "B" and len(known) > 1 else 0
        return Source.parse(known[number]) if known else Source(PARTICLE, str(number))

    def _settle(self, side: Side) -> None:
        """Put the widgets where the side is."""
        self.side = side
        source, groups = side.source, dict(self.offers.choices) if self.offers is not None else {}
        if source is None:
            groups = {"Not found": {"nothing chosen": NOTHING}} | groups
        place = str(side.place)
        places = self._places if place in self._places.values() else {f"another run: {place}": place} | self._places
        self._is_setting = True
        self.place.param.update(options=places, value=place)
        self.source.param.update(groups=groups, value=_listed_as(source))
        self.source.param.trigger("value")  # the same choice may have another label in another run
        hows = HOWS if self.offers is None or side.how == "linear" else possible(HOWS, self.offers.run)
        self.how.param.update(options=hows, value=side.how)
        self._is_setting = False
        self._settle_number()
        self._show_widgets()
        self.chosen()

    def _show_widgets(self) -> None:
        source = self.side.source
        self.how.visible = source is not None and source.is_group
        self.number.visible = source is not None and source.kind == PARTICLE
        self.upload.visible = source is not None and source.kind == UPLOAD

    def _place_chosen(self, place: str) -> None:
        """Of another run the same is shown, where it has such a thing."""
        if not self._is_setting:
            self.side = Side(Place.parse(place), self.side.source, self.side.how)
            self.offers = None
            self.chosen()
            asked = self.side.place
            self._listing.ask(lambda: offers_of(self.data, asked), self._listed_anew)

    def _listed_anew(self, offers: Offers) -> None:
        source = self.side.source
        if source is not None and source.kind != PARTICLE and str(source) not in offers.sources():
            self.side = replace(self.side, source=None)
        self._listed(offers)

    def _source_chosen(self, text: str) -> None:
        if not self._is_setting and text != NOTHING:
            self._choose(source=Source(PARTICLE, str(self.number.value or 0)) if text == PARTICLE else Source.parse(text))

    def _number_chosen(self, number: int | None) -> None:
        if self._is_setting or number is None or self.offers is None:
            return
        source = Source(PARTICLE, str(number))
        try:
            self.offers.check(source)
        except CryoHypeError as error:
            self.tell(sentence(error))
            self._settle_number()
        else:
            self._choose(source=source)

    def _settle_number(self) -> None:
        source = self.side.source
        if source is not None and source.kind == PARTICLE:
            self._is_setting = True
            self.number.value = int(source.name)
            self._is_setting = False

    def _uploaded(self) -> None:
        if self.upload.value:
            self.own = (str(self.upload.filename or "the uploaded map"), self.upload.value)
            self._choose(source=Source(UPLOAD))

    def _choose(self, **chosen: Any) -> None:
        if not self._is_setting:
            self.side = replace(self.side, **chosen, deviations=None, problem="")
            self._show_widgets()
            self.chosen()


def _listed_as(source: Source | None) -> str:
    """The entry of the list that stands for a source."""
    if source is None:
        return NOTHING
    return source.kind if source.kind in (PARTICLE, UPLOAD) else str(source)
