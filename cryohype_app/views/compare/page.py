"""The page: both sides, the third picture, the numbers, and the runs behind; everything is in the address."""

from __future__ import annotations

import asyncio
import uuid
from dataclasses import replace
from typing import Any

import panel as pn
import panel_material_ui as pmui
from panel.viewable import Viewer

from cryohype_app.background import Latest
from cryohype_app.components.address import Address
from cryohype_app.components.mesh import Mesh
from cryohype_app.plots.curves import BLUE, ORANGE
from cryohype_app.services import Services
from cryohype_app.store import sentence
from cryohype_app.views.compare.address import Comparison, Place, Side, read_address, write_address
from cryohype_app.views.compare.agreement import AgreementView, Facts
from cryohype_app.views.compare.maps import Made, brought, shared, suitable_scaling
from cryohype_app.views.compare.offers import places_of
from cryohype_app.views.compare.runs import RunsView
from cryohype_app.views.compare.side import SideView
from cryohype_app.views.compare.together import SUBTRACTING, Difference, Together, subtract
from cryohype_app.views.napari import Label, Napari, Sending, held_map
from cryohype_app.views.page import Frame, argument, panel
from cryohype_app.views.tabs import tabs_of
from cryohype_app.worker.errors import VolumeGone
from cryohype_app.worker.results import MetricsResult

COLOURS = (BLUE, ORANGE)
LOW_TABS = {"& .MuiTabs-root, & .MuiTab-root": {"minHeight": 34}}
NO_RUN = "There is no trained run to compare yet. Train one first, or wait for its first checkpoint."


def compare_page(services: Services, frame: Frame) -> None:
    """Two maps, named by the address; without names, the first two of the newest run."""
    places = places_of(services.data)
    newest = next(iter(places.values()), Place())
    comparison = read_address(argument, newest.run_id)
    frame.keep_run(comparison.a.place.run_id)
    if not places:
        frame.show_problem(NO_RUN)
        return
    frame.show(CompareView(services, comparison, places, frame))


class CompareView(Viewer):
    """Two sides and what is between them; a new choice on one side leaves the other as it is."""

    def __init__(self, services: Services, comparison: Comparison, places: dict[str, Place], frame: Frame) -> None:
        super().__init__()
        self.frame = frame
        self.address = Address()
        self._pair: tuple[Made, Made] | None = None
        self._between: MetricsResult | None = None
        self._shared: int | None = None
        self._facts: list[Facts | None] = [None, None]
        document = pn.state.curdoc
        self._bringing, self._measuring = (Latest(document, self._failed) for _ in range(2))
        self._shaping = [Latest(document, self._not_shaped) for _ in range(2)]
        self._make_parts(services, comparison, places)

    def _make_parts(self, services: Services, comparison: Comparison, places: dict[str, Place]) -> None:
        frame, group = self.frame, uuid.uuid4().hex
        self.napari = Napari(services, frame.tell)
        self.together = Together(
            comparison.together, comparison.lobes, comparison.scaling, COLOURS, group, frame.tell, frame.dark,
            self._tell_address, self._compare, self.napari.button(self._to_send),
        )  # fmt: skip
        self.agreement = AgreementView()
        self.runs = RunsView(services.data, COLOURS, frame.tell)
        self.linked = pmui.Checkbox(label="same σ for both", value=comparison.linked, size="small", margin=(2, 8))
        self.swap = pmui.Button(label="Swap", icon="swap_horiz", variant="text", size="small", margin=(4, 2))
        self.sides = tuple(
            self._made_side(services, number, side, places) for number, side in enumerate((comparison.a, comparison.b))
        )
        for side in self.sides:
            side.contour.viewer.link_group = group
            frame.on_theme(side.set_theme)
        frame.on_theme(self.together.set_theme)
        self.linked.param.watch(lambda event: self._link(event.new), "value")
        self.swap.on_click(lambda _: self._swap())

    def _made_side(self, services: Services, number: int, side: Side, places: dict[str, Place]) -> SideView:
        made = SideView(
            services, "AB"[number], COLOURS[number], places, side, self.napari, self.frame.tell, self.frame.dark,
            lambda: self._changed(number), lambda: self._came(number),
        )  # fmt: skip
        made.contour.on_drawn(lambda surface: self._drawn(number, surface))
        made.contour.on_moved(lambda _: self._moved(number))
        return made

    def __panel__(self) -> Any:
        a, b = (_coloured(panel("", side), colour) for side, colour in zip(self.sides, COLOURS, strict=True))
        both = self.together
        between = pn.Column(
            both.controls, pn.Row(self.swap, self.linked, both.scaling, margin=0), both.viewer,
            pn.Row(both.legend, both.send, sizing_mode="stretch_width", margin=0),
            sizing_mode="stretch_both", margin=0,
        )  # fmt: skip
        pictures = pn.Row(a, b, panel("", between), sizing_mode="stretch_both", margin=0)
        maps = pn.Column(_grown(pictures, 5), panel("", self.agreement, grow=3), sizing_mode="stretch_both", margin=0)
        tabs = tabs_of({"Maps": lambda: maps, "Runs": lambda: self.runs}, sx=LOW_TABS)
        parts = (tabs, self.address, self.napari.dialog)
        return pn.Column(*parts, sizing_mode="stretch_both", margin=4, styles={"height": "calc(100vh - 58px)"})

    @property
    def comparison(self) -> Comparison:
        """What is shown, as the address keeps it."""
        a, b = (side.side for side in self.sides)
        both = self.together
        shown = (both.mode.value, float(both.level.value), str(both.scaling.value))
        return Comparison(a, b, *shown, bool(self.linked.value))

    def _tell_address(self) -> None:
        self.address.query = write_address(self.comparison, {} if self.frame.dark else {"theme": "light"})

    def _changed(self, number: int) -> None:
        """Something else was chosen on a side: what was between the maps is no more."""
        self._pair, self._between, self._shared, self._facts[number] = None, None, None, None
        self.together.clear()
        self.agreement.show_fsc(None)
        self._show_numbers()
        self._tell_address()
        if all(side.choice.offers is not None for side in self.sides):
            self.runs.show(*(side.side.place for side in self.sides))

    def _drawn(self, number: int, surface: Mesh | None) -> None:
        box = max(side.contour.box_angstrom for side in self.sides)
        for viewer in (self.together.viewer, *(side.contour.viewer for side in self.sides)):
            viewer.box_angstrom = box or viewer.box_angstrom  # linked cameras frame the same
        self.together.surface(number, surface)
        if surface is not None:
            self._measure_shape(number)

    def _came(self, number: int) -> None:
        """A side has its whole map."""
        if self.linked.value:
            self._follow(number)
        self._measure_shape(number)
        self._compare()

    def _compare(self) -> None:
        """Bring both maps to one worker, then measure and subtract them there."""
        a, b = (side.map for side in self.sides)
        if a is None or b is None:
            return
        pair = self._pair = (a, b)
        self.together.clear(SUBTRACTING)
        self._bringing.ask_async(lambda: _brought(*pair), lambda found: self._met(pair, *found))

    def _met(self, pair: tuple[Made, Made], id_b: str, common: int | None) -> None:
        if pair is not self._pair:
            return
        self._shared = common
        host, id_a = pair[0].worker, pair[0].volume_id
        scaling: Any = self.together.scaling.value or suitable_scaling(*pair)
        self._measuring.ask_async(lambda: host.metrics(id_a, {"volume": id_b}), lambda found: self._measured(pair, found))
        self._bringing.ask_async(lambda: subtract(host, id_a, id_b, scaling), lambda found: self._subtracted(pair, found))

    def _measured(self, pair: tuple[Made, Made], found: MetricsResult) -> None:
        if pair is self._pair:
            self._between = found
            self.agreement.show_fsc(found)
            self._show_numbers()

    def _subtracted(self, pair: tuple[Made, Made], found: Difference) -> None:
        if pair is self._pair:
            self.together.show(found)

    def _to_send(self) -> Sending | None:
        """The difference, at the level where it is drawn."""
        difference, pair = self.together.difference, self._pair
        if difference is None or pair is None:
            return None
        a, b = pair
        level = float(self.together.level.value) * difference.densities.deviation
        how = f"A − B, B × {difference.scale:.3g}"
        label = Label(f"{a.name} − {b.name}", COLOURS[0], a.run_id, a.run_name, how, level)
        return Sending(lambda: held_map(difference.worker, difference.volume_id, label), self._compare)

    def _measure_shape(self, number: int) -> None:
        """Volume and radius of gyration of a side, at the level that is drawn."""
        side = self.sides[number]
        made, densities, level = side.map, side.contour.densities, float(side.contour.level.value)
        if made is None or densities is None:
            return
        before, particles = self._facts[number], None if made.rows is None else len(made.rows)
        facts = Facts(made.name, particles, densities, level, before.shape if before else None)
        self._facts[number] = facts
        self._show_numbers()
        self._shaping[number].ask_async(
            lambda: made.worker.metrics(made.volume_id, level=level), lambda found: self._shaped(number, made, facts, found)
        )

    def _shaped(self, number: int, made: Made, facts: Facts, found: MetricsResult) -> None:
        if self.sides[number].map is made:
            self._facts[number] = replace(facts, shape=found)
            self._show_numbers()

    def _show_numbers(self) -> None:
        self.agreement.show_numbers(self._facts[0], self._facts[1], self._shared, self._between)

    def _moved(self, number: int) -> None:
        if self.linked.value:
            self._follow(1 - number)
        self._tell_address()

    def _link(self, is_linked: bool) -> None:
        if is_linked:
            self._follow(1)
        self._tell_address()

    def _follow(self, number: int) -> None:
        """A side takes the level of the other, in standard deviations."""
        side, other = self.sides[number], self.sides[1 - number]
        if (deviations := other.deviations()) is not None:
            side.put(deviations)

    def _swap(self) -> None:
        a, b = (side.choice for side in self.sides)
        before = (a.side, a.own)
        a.show(b.side, b.own)
        b.show(*before)

    def _not_shaped(self, error: Exception) -> None:
        if not isinstance(error, VolumeGone):  # the contour finds that out too, and has the map made again
            self.frame.tell(sentence(error))

    def _failed(self, error: Exception) -> None:
        self.together.viewer.busy = ""
        if isinstance(error, VolumeGone):
            for side in self.sides:
                side.make()
        else:
            self.frame.tell(sentence(error))


async def _brought(a: Made, b: Made) -> tuple[str, int | None]:
    """Id of B in the worker of A, and how many particles both stand for."""
    return await brought(b, a.worker), await asyncio.to_thread(shared, a, b)


def _coloured(part: Any, colour: str) -> Any:
    part.styles = {**part.styles, "borderTop": f"3px solid {colour}"}
    return part


def _grown(part: Any, grow: int) -> Any:
    part.styles = {"flex": f"{grow} 1 0", "minHeight": "0"}
    return part
