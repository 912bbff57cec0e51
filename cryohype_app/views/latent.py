"""The latent space of every particle: coloured, zoomed, lassoed, tapped."""

from __future__ import annotations

from typing import Any

import numpy as np
import panel as pn
import panel_material_ui as pmui
from bokeh.events import RangesUpdate, Reset, SelectionGeometry, Tap
from panel.viewable import Viewer

from cryohype_app.background import Latest, on_document
from cryohype_app.frame import LatentFrame
from cryohype_app.lasso import nearest_point, under_box, under_polygon
from cryohype_app.plots.latent import latent_figure, spread
from cryohype_app.plots.palette import category_colour, category_palette, density_palette, quantity_palette
from cryohype_app.plots.raster import Image, Kind, Range, View, rasterize
from cryohype_app.state import AppState, Chosen
from cryohype_app.store import sentence
from cryohype_app.views.page import Tell

DENSITY = ""
TAP_REACH_PX = 12  # a medoid is chosen when the tap is as near as this


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
        self._drawing = Latest(self.document, lambda error: tell(sentence(error)))
        self._finding = Latest(self.document, lambda error: tell(sentence(error)))
        self.parts = latent_figure()
        self._choose_axes()
        self._controls = self._make_controls()
        self.parts.figure.on_event(RangesUpdate, lambda _: self.redraw())
        self.parts.figure.on_event(Reset, lambda _: self.redraw())
        self.parts.figure.on_event(SelectionGeometry, self._drawn)
        self.parts.figure.on_event(Tap, self._tapped)
        self.parts.figure.on_change("inner_width", self._resized)
        self.parts.figure.on_change("inner_height", self._resized)
        state.param.watch(lambda _: on_document(self.document, self._reframe), ["x_axis", "y_axis"])
        state.param.watch(lambda _: on_document(self.document, self._recolour), "colour")
        state.param.watch(lambda _: self.redraw(), "chosen")
        state.param.watch(lambda _: on_document(self.document, self._draw_path), "path")
        self._reframe()

    def __panel__(self) -> Any:
        pane = pn.pane.Bokeh(self.parts.figure, sizing_mode="stretch_both", margin=0)
        return pmui.Column(self._controls, pane, sizing_mode="stretch_both", margin=0)

    def set_theme(self, dark: bool) -> None:
        """Colours that can be told from the ground of the theme."""
        self.dark = dark
        on_document(self.document, self._recolour)

    def redraw(self) -> None:
        """A new picture of what is in view; of several requests the last one is drawn."""
        view, chosen, colour = self.parts.view, self.state.chosen, self.state.colour
        if view.is_empty:
            return  # the browser has not laid the page out yet
        x, y = self.state.x_axis, self.state.y_axis
        self._drawing.ask(
            lambda: (view, *pictures(self.data, x, y, colour, view, chosen)),
            lambda result: self.parts.draw(result[1], result[2], result[0]),
        )

    def _resized(self, attr: str, old: object, new: object) -> None:  # noqa: ARG002  # bokeh calls it with these three
        self.redraw()

    def _choose_axes(self) -> None:
        axes = self.data.axes
        if self.state.x_axis not in axes or self.state.y_axis not in axes:
            self.state.param.update(x_axis=axes[0], y_axis=axes[min(1, len(axes) - 1)])
        if self.state.colour not in (DENSITY, *self.data.colours):
            self.state.colour = DENSITY
        if not self.state.colour and "cluster" in self.data.colours:
            self.state.colour = "cluster"

    def _make_controls(self) -> Any:
        axes = {self.data.title(name): name for name in self.data.axes}
        colours = {"density": DENSITY} | {self.data.title(name): name for name in self.data.colours}
        small: dict[str, Any] = {"size": "small", "margin": (4, 4), "width": 128}
        selects = [
            pmui.Select.from_param(self.state.param.x_axis, label="x", options=axes, **small),
            pmui.Select.from_param(self.state.param.y_axis, label="y", options=axes, **small),
            pmui.Select.from_param(self.state.param.colour, label="Colour", options=colours, **small),
        ]
        how = pmui.RadioButtonGroup.from_param(
            self.state.param.operation, label="", size="small", margin=(6, 8),
            options={"new": "replace", "+": "add", "−": "subtract", "∩": "intersect"},
        )  # fmt: skip
        return pmui.Row(*selects, how, sizing_mode="stretch_width", margin=0)

    def _reframe(self) -> None:
        x, y = self.state.x_axis, self.state.y_axis
        self.parts.figure.xaxis.axis_label, self.parts.figure.yaxis.axis_label = self.data.title(x), self.data.title(y)
        self.parts.outline.data = {"x": [], "y": []}
        self._draw_path()
        self.parts.frame(spread(self.data.column(x)), spread(self.data.column(y)))
        self._recolour()

    def _recolour(self) -> None:
        colour = self.state.colour
        if not colour:
            self.parts.mapper.palette = density_palette(self.dark)
        elif self.data.kind(colour) == "category":
            self.parts.mapper.palette = category_palette(self.dark)
        else:
            self.parts.mapper.palette = quantity_palette(self.dark)
        rows = np.array([medoid.row for medoid in self.data.medoids], np.int64)
        numbers = [medoid.cluster for medoid in self.data.medoids]
        self.parts.medoids.data = {
            "x": self.data.column(self.state.x_axis)[rows],
            "y": self.data.column(self.state.y_axis)[rows],
            "name": [str(number) for number in numbers],
            "colour": [category_colour(number, self.dark) for number in numbers],
        }
        self.redraw()

    def _draw_path(self) -> None:
        x, y = (self.data.column(axis)[self.state.path] for axis in (self.state.x_axis, self.state.y_axis))
        self.parts.path.data = {"x": x, "y": y}

    def _drawn(self, event: SelectionGeometry) -> None:
        """A lasso or a box was drawn."""
        geometry = event.geometry
        x, y = self.data.column(self.state.x_axis), self.data.column(self.state.y_axis)
        axes = {"x_axis": self.state.x_axis, "y_axis": self.state.y_axis, "checkpoint": self.data.space.checkpoint}
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
            origin = {"kind": "box", "box": [float(value) for value in box], **axes}
            self._finding.ask(lambda: under_box(x, y, box), lambda rows: self._found(rows, origin))

    def _tapped(self, event: Tap) -> None:
        """A medoid stands for its cluster; elsewhere the nearest particle is meant."""
        view = self.parts.view
        if view.is_empty or event.x is None or event.y is None:
            return
        unit = ((view.x[1] - view.x[0]) / view.width_px, (view.y[1] - view.y[0]) / view.height_px)
        at = (float(event.x), float(event.y))
        marks = self.parts.medoids.data
        if len(marks["name"]):
            nearest = nearest_point(np.asarray(marks["x"]), np.asarray(marks["y"]), at, unit)
            away = np.hypot((marks["x"][nearest] - at[0]) / unit[0], (marks["y"][nearest] - at[1]) / unit[1])
            if away <= TAP_REACH_PX:
                self.choose_cluster(self.data.medoids[nearest].cluster)
                return
        x, y = self.data.column(self.state.x_axis), self.data.column(self.state.y_axis)
        self._finding.ask(
            lambda: nearest_point(x, y, at, unit),
            lambda row: self._found(np.array([row], np.int64), {"kind": "particle", "particle": row}, f"particle {row}"),
        )

    def choose_cluster(self, cluster: int) -> None:
        """Select the particles of a cluster."""
        origin = {"kind": "cluster", "cluster": cluster, "checkpoint": self.data.space.checkpoint}
        column = self.data.column("cluster")
        self._finding.ask(lambda: np.flatnonzero(column == cluster), lambda rows: self._found(rows, origin, f"cluster {cluster}"))

    def _found(self, rows: Any, origin: dict[str, Any], name: str = "") -> None:
        if not len(rows) and self.state.operation == "replace":
            self.tell("No particle lies there; draw around some.")
            return
        self.state.select(rows, origin, name)


def pictures(frame: LatentFrame, x: str, y: str, colour: str, view: View, chosen: Chosen) -> tuple[Image, Image | None]:
    """Pictures of all particles, and of the selected ones, if any."""
    points = frame.points(x, y, colour)
    kind, limits = _how(frame, colour)
    everything = rasterize(points, view, kind, limits)
    if not len(chosen):
        return everything, None
    is_chosen = np.zeros(len(frame), bool)
    is_chosen[chosen.rows] = True
    return everything, rasterize(points[is_chosen[frame.order]], view, kind, limits)


def _how(frame: LatentFrame, colour: str) -> tuple[Kind, Range | None]:
    if not colour:
        return "density", None
    if frame.kind(colour) == "category":
        return "category", None
    return "quantity", frame.limits(colour)
