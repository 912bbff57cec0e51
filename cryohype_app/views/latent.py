"""The latent space of every particle, or of a selection alone: coloured, zoomed, lassoed, tapped."""

from __future__ import annotations

from typing import Any

import numpy as np
import panel as pn
import panel_material_ui as pmui
from bokeh.events import RangesUpdate, Reset, SelectionGeometry, Tap
from panel.viewable import Viewer

from cryohype_app.background import Latest, on_document
from cryohype_app.components.keys import FigureKeys
from cryohype_app.components.legend import LegendStrip
from cryohype_app.frame import LatentFrame, split_axis
from cryohype_app.lasso import nearest_point, under_box, under_polygon
from cryohype_app.plots.latent import latent_figure, spread, uncovered
from cryohype_app.plots.look import Look, look_of, pictures
from cryohype_app.plots.raster import Image, View
from cryohype_app.state import AppState, Rows
from cryohype_app.store import sentence
from cryohype_app.views.page import Tell

DENSITY = ""
EVERYTHING, WHOLE = "", "all particles"  # the space of the analysis
TAP_REACH_PX = 12  # a medoid is chosen when the tap is as near as this
KEYS = "Latent space: arrows pan, + and − zoom, 0 shows everything; draw around particles with the mouse"
CHOICES_PX, LEGEND_PX = 37, 48  # held free from the start: every new height of the figure is a new picture of it
SMALL: dict[str, Any] = {"size": "small", "margin": (4, 4)}


class LatentView(Viewer):
    """The scatter picture of one latent space and the controls of its axes and colours.

    Parameters
    ----------
    frame : the latent space. state : of the session. tell : shows a sentence to the user.
    """

    def __init__(self, frame: LatentFrame, state: AppState, tell: Tell, dark: bool) -> None:
        super().__init__()
        self.data, self.state, self.tell, self.dark = frame, state, tell, dark
        self.document = pn.state.curdoc
        self.look: Look | None = None
        self._drawing = Latest(self.document, lambda error: tell(sentence(error)))
        self._looking = Latest(self.document, self._not_seen)
        self._finding = Latest(self.document, lambda error: tell(sentence(error)))
        self._listing = Latest(self.document, lambda error: tell(sentence(error)))
        self._entering = Latest(self.document, lambda error: tell(sentence(error)))
        self.parts = latent_figure()
        self._choose_axes()
        self._make_controls()
        self._watch()
        self._begin()

    def __panel__(self) -> Any:
        pane = pn.pane.Bokeh(self.parts.figure, sizing_mode="stretch_both", margin=0)
        row: dict[str, Any] = {"sizing_mode": "stretch_width", "margin": 0}
        choices = pn.Row(self.back, self.space, self.x, self.y, self.colour, min_height=CHOICES_PX, **row)
        keys = FigureKeys(figure=self.parts.figure.id, label=KEYS)
        below = pn.Row(self.how, self.legend, keys, min_height=LEGEND_PX, **row)
        return pn.Column(choices, pane, below, sizing_mode="stretch_both", margin=0)

    def set_theme(self, dark: bool) -> None:
        """Colours that can be told from the ground of the theme."""
        self.dark = dark
        on_document(self.document, lambda: self.parts.set_dark(dark))
        self._relook()

    def redraw(self) -> None:
        """A new picture of what is in view; of several requests the last one is drawn."""
        look, view, chosen = self.look, self.parts.view, self.state.chosen
        if view.is_empty or look is None:
            return  # the browser has not laid the page out yet
        self._drawing.ask(
            lambda: pictures(self.data, look.x, look.y, look.colour, view, chosen),
            lambda drawn: self._show(look, view, *drawn),
        )

    def show_space(self, name: str) -> None:
        """Look at the embedding of a selection, or at all particles for an empty name."""
        self._listing.ask(self.data.spaces, lambda names: self._list_spaces(names, name))

    def choose_cluster(self, cluster: int) -> None:
        """Select the particles of a cluster, in the picture or not."""
        origin = {"kind": "cluster", "cluster": cluster, "checkpoint": self.data.space.checkpoint}
        column = self.data.column("cluster")
        self._finding.ask(lambda: np.flatnonzero(column == cluster), lambda rows: self._found(rows, origin, f"cluster {cluster}"))

    def choose_group(self, column: str, value: int) -> None:
        """Select the particles of a group that are in the picture."""
        x, y = self.axes
        space, data = split_axis(x)[0], self.data
        origin: dict[str, Any] = {"kind": "group", "column": column, "value": value, "checkpoint": data.space.checkpoint}
        if column == "cluster":
            origin = {"kind": "cluster", "cluster": value, "checkpoint": data.space.checkpoint}
        origin |= {"embedding": space} if space else {}

        def find() -> tuple[Rows, str]:
            points, names = data.points(x, y, column), data.names(column)
            name = names[value] if names else str(value)
            return np.sort(points.index.to_numpy()[points["value"].to_numpy() == value]), f"{data.title(column)} {name}"

        self._finding.ask(find, lambda found: self._found(found[0], origin, found[1]))

    @property
    def axes(self) -> tuple[str, str]:
        """Those of the picture that is shown; they follow what was chosen once it has been read."""
        return (self.look.x, self.look.y) if self.look is not None else (self.state.x_axis, self.state.y_axis)

    def _choose_axes(self) -> None:
        axes = self.data.axes
        if self.state.x_axis not in axes or self.state.y_axis not in axes:
            self.state.param.update(x_axis=axes[0], y_axis=axes[min(1, len(axes) - 1)])
        if self.state.colour not in (DENSITY, *self.data.colours):
            self.state.colour = DENSITY
        if not self.state.colour and "cluster" in self.data.colours:
            self.state.colour = "cluster"

    def _make_controls(self) -> None:
        axes = {self.data.title(name): name for name in self.data.axes}
        x, y = self.state.x_axis, self.state.y_axis
        self.back = pmui.IconButton(icon="arrow_back", description="Back to all particles", size="small", visible=False, margin=4)
        self.space = pmui.Select(label="Space", options={WHOLE: EVERYTHING}, value=EVERYTHING, visible=False, width=104, **SMALL)
        self.x = pmui.Select(label="x", options=axes, value=x, width=112, **SMALL)
        self.y = pmui.Select(label="y", options=axes, value=y, width=112, **SMALL)
        self.colour = pmui.Select.from_param(
            self.state.param.colour,
            label="Colour",
            options=self._colours(()),
            width=150,
            searchable=True,
            description=None,
            **SMALL,
        )
        self.how = pmui.RadioButtonGroup.from_param(
            self.state.param.operation, label="", size="small", margin=(3, 8),
            options={"new": "replace", "+": "add", "−": "subtract", "∩": "intersect"},
        )  # fmt: skip
        self.legend = LegendStrip(self._picked, sizing_mode="stretch_width", height=LEGEND_PX, margin=0)

    def _watch(self) -> None:
        self.parts.figure.on_event(RangesUpdate, lambda _: self.redraw())
        self.parts.figure.on_event(Reset, lambda _: self.redraw())
        self.parts.figure.on_event(SelectionGeometry, self._drawn)
        self.parts.figure.on_event(Tap, self._tapped)
        self.parts.figure.on_change("inner_width", self._resized)
        self.parts.figure.on_change("inner_height", self._resized)
        self.back.on_click(lambda _: self.show_space(EVERYTHING))
        self.space.param.watch(lambda event: self._enter(event.new), "value")
        self.x.param.watch(lambda event: setattr(self.state, "x_axis", event.new), "value")
        self.y.param.watch(lambda event: setattr(self.state, "y_axis", event.new), "value")
        state = self.state
        state.param.watch(lambda _: self._relook(), ["x_axis", "y_axis", "colour"])
        state.param.watch(lambda _: self.redraw(), "chosen")
        state.param.watch(lambda _: on_document(self.document, self._draw_path), "path")
        state.param.watch(lambda _: self.show_space(self.space.value), "saved")

    def _begin(self) -> None:
        """The frame of the picture at once, or the first lasso would be drawn in another one; the rest as soon as it is read."""
        x, y = self.state.x_axis, self.state.y_axis
        self.parts.set_dark(self.dark)
        self.parts.frame(spread(self.data.column(x)), spread(self.data.column(y)))
        self.parts.figure.xaxis.axis_label, self.parts.figure.yaxis.axis_label = self.data.title(x), self.data.title(y)
        self._relook()
        pn.state.onload(self._built)

    def _built(self) -> None:
        """The browser has built the page; what a component was told before may not have reached it."""
        facts = self.legend.facts
        self.legend.facts = {}
        self.legend.facts = facts
        self.show_space(EVERYTHING)
        naming = Latest(self.document, lambda error: self.tell(sentence(error)))
        naming.ask(lambda: self._colours(self.data.particle_colours), lambda options: self.colour.param.update(options=options))

    def _colours(self, particle_columns: tuple[str, ...]) -> dict[str, str]:
        """Choices of colour by their titles, each once."""
        options = {"density": DENSITY}
        for name in (*self.data.colours, *particle_columns):
            title = self.data.title(name)
            options[title if title not in options else f"{title} · {name}"] = name
        return options

    def _list_spaces(self, names: tuple[str, ...], wanted: str) -> None:
        """Offer what there is, and look at one of them, or at everything where it has gone."""
        shown = wanted if wanted in names else EVERYTHING
        self.space.param.update(options={WHOLE: EVERYTHING} | {name: name for name in names}, value=shown, visible=bool(names))
        if shown and shown == split_axis(self.state.x_axis)[0]:
            self._relook()  # it may have been made anew

    def _enter(self, space: str) -> None:
        if split_axis(self.state.x_axis)[0] != space:
            self._entering.ask(
                lambda: {self.data.title(axis): axis for axis in self.data.axes_of(space)},
                lambda axes: self._take_axes(space, axes),
            )

    def _take_axes(self, space: str, axes: dict[str, str]) -> None:
        first, second, *_ = axes.values()
        self.back.visible = bool(space)
        self.x.param.update(options=axes, value=first)
        self.y.param.update(options=axes, value=second)

    def _relook(self) -> None:
        """Read what the picture needs, show it when it is there."""
        x, y, colour, dark = self.state.x_axis, self.state.y_axis, self.state.colour, self.dark
        if colour not in (DENSITY, *self.data.colours) and (self.look is None or colour != self.look.colour):
            self.legend.facts = {"kind": "wait", "title": f"{self.data.title(colour)}: reading the particles' file …"}
        self._looking.ask(lambda: look_of(self.data, x, y, colour, dark), self._see)

    def _see(self, look: Look) -> None:
        before, self.look = self.look, look
        if before is not None and (look.x, look.y, look.ranges) != (before.x, before.y, before.ranges):
            self.parts.figure.xaxis.axis_label, self.parts.figure.yaxis.axis_label = look.titles
            self.parts.outline.data = {"x": [], "y": []}
            self.parts.frame(*look.ranges)
            self._draw_path()
        self.parts.medoids.data = look.medoids
        self.legend.facts = look.legend.plain()
        self.redraw()

    def _not_seen(self, error: Exception) -> None:
        """Back to what could be shown."""
        self.tell(sentence(error))
        if self.look is None:
            return
        self.legend.facts = self.look.legend.plain()
        if split_axis(self.state.x_axis)[0] != self.look.space:
            self.space.value = self.look.space
        else:
            self.state.colour = self.look.colour

    def _show(self, look: Look, view: View, everything: Image, selected: Image | None) -> None:
        self.parts.mapper.palette = look.palette
        self.parts.draw(everything, selected, view)
        shown = uncovered(look.medoids["x"], look.medoids["y"], look.medoids["name"], view)
        self.parts.labels.data = {
            name: [value for value, is_shown in zip(values, shown, strict=True) if is_shown]
            for name, values in look.medoids.items()
        }

    def _resized(self, attr: str, old: object, new: object) -> None:  # noqa: ARG002  # bokeh calls it with these three
        self.redraw()

    def _draw_path(self) -> None:
        x, y = (self.data.column(axis)[self.state.path] for axis in self.axes)
        self.parts.path.data = {"x": x, "y": y}

    def _drawn(self, event: SelectionGeometry) -> None:
        """A lasso or a box was drawn."""
        geometry, (x_axis, y_axis) = event.geometry, self.axes
        x, y, space = self.data.column(x_axis), self.data.column(y_axis), split_axis(x_axis)[0]
        axes = {"x_axis": x_axis, "y_axis": y_axis, "checkpoint": self.data.space.checkpoint}
        axes |= {"embedding": space} if space else {}
        if geometry["type"] == "poly":
            corners = [(float(a), float(b)) for a, b in zip(geometry["x"], geometry["y"], strict=True)]
            if self.state.drawing == "path":
                self.state.param.update(stroke=corners, drawing="selection")
                return
            self.parts.outline.data = {"x": [a for a, _ in corners], "y": [b for _, b in corners]}
            origin = {"kind": "lasso", "polygon": corners, **axes}
            self._finding.ask(lambda: under_polygon(x, y, corners), lambda rows: self._found(rows, origin))
        elif geometry["type"] == "rect":
            box = (geometry["x0"], geometry["y0"], geometry["x1"], geometry["y1"])
            self.parts.outline.data = {"x": [box[0], box[2], box[2], box[0]], "y": [box[1], box[1], box[3], box[3]]}
            origin = {"kind": "box", "box": np.array(box, np.float64).tolist(), **axes}
            self._finding.ask(lambda: under_box(x, y, box), lambda rows: self._found(rows, origin))

    def _tapped(self, event: Tap) -> None:
        """A medoid stands for its cluster; elsewhere the nearest particle is meant."""
        view = self.parts.view
        if view.is_empty or event.x is None or event.y is None:
            return
        unit = ((view.x[1] - view.x[0]) / view.width_px, (view.y[1] - view.y[0]) / view.height_px)
        at = (float(event.x), float(event.y))
        marks = {} if self.look is None else self.look.medoids
        if self.look is not None and len(marks["name"]):
            nearest = nearest_point(marks["x"], marks["y"], at, unit)
            away = np.hypot((marks["x"][nearest] - at[0]) / unit[0], (marks["y"][nearest] - at[1]) / unit[1])
            if away <= TAP_REACH_PX:
                self.choose_group("cluster", self.look.clusters[nearest])
                return
        x, y = (self.data.column(axis) for axis in self.axes)
        self._finding.ask(
            lambda: nearest_point(x, y, at, unit),
            lambda row: self._found(np.array([row], np.int64), {"kind": "particle", "particle": row}, f"particle {row}"),
        )

    def _picked(self, value: int) -> None:
        """A group of the legend was clicked."""
        if self.look is not None:
            self.choose_group(self.look.colour, value)

    def _found(self, rows: Any, origin: dict[str, Any], name: str = "") -> None:
        if not len(rows) and self.state.operation == "replace":
            self.tell("No particle lies there; draw around some.")
            return
        self.state.select(rows, origin, name)
