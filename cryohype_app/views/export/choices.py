"""The widgets of the Export page: which structures, in which forms."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, TypeVar

import panel as pn
import panel_material_ui as pmui

from cryohype_app.exports.source import ExportSource
from cryohype_app.exports.wish import Form, Method, Wish
from cryohype_app.views.decoding import possible
from cryohype_model.errors import ConfigError, CryoHypeError
from cryohype_model.runs.selections import list_selections, read_selection_facts

METHODS: dict[str, Method] = {
    "automatic": "automatic", "mean latent": "mean", "medoid": "medoid", "mean of 50 neighbours": "neighbours",
    "basis volumes": "linear",
}  # fmt: skip
METHOD_HELP = "Automatic: the mean of a selection, the medoid of a cluster, a single particle's own latent."
FORMS: dict[Form, tuple[str, str]] = {
    "maps": ("Maps (.mrc)", "what the network sees, each with a .json of how it was made"),
    "script": ("ChimeraX script (.cxc)", "opens all maps with their names, levels and colours"),
    "halves": ("Back-projections with half maps (.mrc)", "from the particles alone, without the network"),
    "star": ("Particles (.star)", "rows of the original file, every column"),
    "cs": ("Particles (.cs)", "rows of the original file, pass-through columns joined"),
    "pkl": ("cryoDRGN indices (.pkl)", "rows of the original file, for --ind"),
    "report": ("Report (.html)", "figures and numbers on one page; back-projects the particles for their FSC"),
}
T = TypeVar("T")
Place = Literal["zip", "folder"]
AT_FIRST = {"maps", "script", "report"}
PAD: dict[str, Any] = {"size": "small", "margin": (4, 8)}


@dataclass(frozen=True)
class Offers:
    """What a run has to export: particles of each selection and cluster, ways to make maps, whether they came from a .cs file."""

    run: str
    selections: dict[str, int]
    clusters: dict[int, int]
    has_cs: bool
    count: int
    box_px: int
    methods: dict[str, Method]


def offers_of(source: ExportSource) -> Offers:
    """Look into the run."""
    selections = {}
    for name in list_selections(source.run):
        try:
            selections[name] = int(read_selection_facts(source.run, name)["count"])
        except CryoHypeError:
            continue  # a damaged one is told of where selections are listed
    sizes = source.frame.sizes("cluster") if "cluster" in source.frame.colours else {}
    clusters = {number: count for number, count in sizes.items() if number >= 0}
    has_cs = source.manifest().source.endswith(".cs")
    ways = possible(METHODS, source.run)
    return Offers(source.run.path.name, selections, clusters, has_cs, len(source.frame), source.box_px(), ways)


class Choices:
    """Two panels of widgets and the wish that they come to.

    Parameters
    ----------
    changed : called after each change.
    """

    def __init__(self, offers: Offers, changed: Callable[[], None]) -> None:
        self.offers = offers
        self.name = pmui.TextInput(label="Name", value=offers.run, sizing_mode="stretch_width", **PAD)
        self.selections = _boxes({f"{name} · {count:,}": name for name, count in offers.selections.items()})
        self.clusters = _boxes({f"{number} · {count:,}": number for number, count in offers.clusters.items()}, inline=True)
        self.selections.value = list(offers.selections)
        if not offers.selections:
            self.clusters.value = list(offers.clusters)
        self.particles = pmui.TextInput(
            label="Single particles", placeholder=f"numbers from 0 to {offers.count - 1}, such as 3, 17",
            sizing_mode="stretch_width", **PAD,
        )  # fmt: skip
        self.method = pmui.Select(
            label="Latent", options=offers.methods, value="automatic", description=METHOD_HELP, width=170, **PAD
        )  # fmt: skip
        self.box = pmui.TextInput(label="Box (px)", placeholder=str(offers.box_px), width=90, **PAD)
        self.low_pass = pmui.TextInput(label="Low-pass (Å)", placeholder="none", width=110, **PAD)
        self.ticks = {form: _tick(form) for form in FORMS if form != "cs" or offers.has_cs}
        watched = (self.name, self.selections, self.clusters, self.particles, self.method, self.box, self.low_pass)
        for widget in (*watched, *self.ticks.values()):
            widget.param.watch(lambda _: self._changed(changed), "value")

    def _changed(self, changed: Callable[[], None]) -> None:
        has_maps = self.ticks["maps"].value
        self.ticks["script"].disabled = not has_maps
        changed()

    @property
    def what(self) -> Any:
        """Selections, clusters, single particles."""
        parts: list[Any] = []
        for title, boxes, none in (
            ("Selections", self.selections, "None is stored; Explore makes them."),
            ("Clusters", self.clusters, "The analysis made none."),
        ):
            parts.append(_head(title, boxes))
            parts.append(boxes if boxes.options else pmui.Typography(none, variant="caption", margin=(0, 8)))
        return pn.Column(*parts, self.particles, sizing_mode="stretch_width", margin=0)

    @property
    def forms(self) -> Any:
        """Forms and how the maps are made."""
        lines: list[Any] = []
        for form, tick in self.ticks.items():
            lines += [tick, pmui.Typography(FORMS[form][1], variant="caption", margin=(-10, 8, 0, 29))]
            if form == "maps":
                lines.append(pmui.FlexBox(self.method, self.box, self.low_pass, margin=(2, 8, 6, 21)))
        return pn.Column(*lines, sizing_mode="stretch_width", margin=0)

    def wish(self, place: Place) -> Wish:
        """What is asked for.

        Raises
        ------
        ConfigError : a value that is no number.
        """
        forms = {form for form, tick in self.ticks.items() if tick.value and not tick.disabled}
        return Wish(
            name=str(self.name.value_input or self.name.value).strip(),
            selections=tuple(self.selections.value), clusters=tuple(self.clusters.value),
            particles=particle_numbers(str(self.particles.value)), forms=frozenset(forms), method=self.method.value,
            box_px=number_of(str(self.box.value), int, "the box"),
            low_pass_angstrom=number_of(str(self.low_pass.value), float, "the low-pass"), place=place,
        )  # fmt: skip


def number_of(text: str, kind: Callable[[str], T], what: str) -> T | None:
    """The number of a text, None of an empty one.

    Raises
    ------
    ConfigError : it is no number.
    """
    try:
        return kind(text.strip()) if text.strip() else None
    except ValueError:
        raise ConfigError(f"{what} must be a number, not {text.strip()!r}; leave it empty for the usual one") from None


def particle_numbers(text: str) -> tuple[int, ...]:
    """Numbers of a text such as ``3, 17``.

    Raises
    ------
    ConfigError : something else is in it.
    """
    words = [word for word in re.split(r"[\s,;]+", text.strip()) if word]
    wrong = next((word for word in words if not word.isdecimal()), None)
    if wrong is not None:
        raise ConfigError(f"{wrong!r} is no particle; write numbers such as 3, 17")
    return tuple(int(word) for word in words)


def _boxes(options: dict[str, Any], inline: bool = False) -> Any:
    return pmui.CheckBoxGroup(label="", options=options, value=[], inline=inline, sizing_mode="stretch_width", margin=(0, 12))


def _tick(form: Form) -> Any:
    return pmui.Checkbox(label=FORMS[form][0], value=form in AT_FIRST, margin=(0, 8), size="small")


def _head(title: str, boxes: Any) -> Any:
    """A title with buttons that tick all or none."""
    look: dict[str, Any] = {"variant": "text", "size": "small", "margin": 0}
    everything, nothing = pmui.Button(label="all", **look), pmui.Button(label="none", **look)
    everything.on_click(lambda _: setattr(boxes, "value", list(boxes.options.values())))
    nothing.on_click(lambda _: setattr(boxes, "value", []))
    shown = [everything, nothing] if boxes.options else []
    return pn.Row(pmui.Typography(title, variant="subtitle2", margin=(6, 8)), *shown, margin=0)
