"""The figure of the latent space: a picture of all particles, one of the selected ones above it, medoids and a lasso."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
from bokeh.core.property.descriptors import UnsetValueError
from bokeh.models import (
    BoxSelectTool,
    BoxZoomTool,
    ColumnDataSource,
    HoverTool,
    LassoSelectTool,
    LinearColorMapper,
    PanTool,
    Range1d,
    ResetTool,
    TapTool,
    WheelZoomTool,
)
from bokeh.plotting import figure

from cryohype_app.plots.figure import INK, plain_axes
from cryohype_app.plots.raster import Image, Range, View

MARGIN = 0.04  # of the spread, around the particles
PATH_INK = "#e3b341"
FADED = 0.28  # opacity of what is not selected
CROWDED = 60  # of more medoids, labels that would cover another are left out
LETTER_PX, LABEL_HEIGHT_PX = 7, 17


@dataclass
class LatentFigure:
    """The bokeh figure and its parts."""

    figure: Any = None
    everything: ColumnDataSource = field(default_factory=lambda: _image_source())
    selected: ColumnDataSource = field(default_factory=lambda: _image_source())
    medoids: ColumnDataSource = field(default_factory=lambda: ColumnDataSource(no_medoids()))
    labels: ColumnDataSource = field(default_factory=lambda: ColumnDataSource(no_medoids()))
    outline: ColumnDataSource = field(default_factory=lambda: ColumnDataSource({"x": [], "y": []}))
    path: ColumnDataSource = field(default_factory=lambda: ColumnDataSource({"x": [], "y": []}))
    mapper: LinearColorMapper = field(default_factory=lambda: LinearColorMapper(palette=["#000000"] * 256, low=0, high=255))
    all_renderer: Any = None
    label_glyph: Any = None

    def draw(self, everything: Image, selected: Image | None, view: View) -> None:
        """Show pictures of a view; one that is shown already is not sent again."""
        place = {"x": [view.x[0]], "y": [view.y[0]], "dw": [view.x[1] - view.x[0]], "dh": [view.y[1] - view.y[0]]}
        shown = np.zeros((1, 1), np.uint8) if selected is None else selected
        for source, picture in ((self.everything, everything), (self.selected, shown)):
            if {name: list(source.data[name]) for name in place} != place or not np.array_equal(source.data["image"][0], picture):
                source.data = {"image": [picture], **place}
        self.all_renderer.glyph.global_alpha = 1.0 if selected is None else FADED

    def set_dark(self, dark: bool) -> None:
        """Labels that can be read above the particles on the ground of the theme."""
        ground, ink = ("#0d1117", "#ffffff") if dark else ("#ffffff", "#1f2328")
        self.label_glyph.update(background_fill_color=ground, text_color=ink)

    def frame(self, x: Range, y: Range) -> None:
        """Show this part of the plane, and come back to it on reset."""
        for axis, (low, high) in ((self.figure.x_range, x), (self.figure.y_range, y)):
            axis.update(start=low, end=high, reset_start=low, reset_end=high)

    @property
    def view(self) -> View:
        """What is shown now."""
        x, y = self.figure.x_range, self.figure.y_range
        try:
            size = (int(self.figure.inner_width), int(self.figure.inner_height))
        except UnsetValueError:  # the browser has not laid the page out yet
            size = (0, 0)
        return View((x.start, x.end), (y.start, y.end), *size)


def latent_figure() -> LatentFigure:
    """An empty figure with its tools."""
    parts = LatentFigure()
    lasso = LassoSelectTool(continuous=False, description="Lasso: select every particle under it")
    box = BoxSelectTool(continuous=False, description="Box: select every particle in it")
    zoom = WheelZoomTool(visible=False)
    tools = [lasso, box, TapTool(visible=False), PanTool(), BoxZoomTool(), zoom, ResetTool(description="Show everything")]
    parts.figure = figure(
        x_range=Range1d(0, 1), y_range=Range1d(0, 1), tools=tools, active_drag=lasso, active_scroll=zoom,
        toolbar_location="right", sizing_mode="stretch_both", min_height=200, lod_threshold=None, output_backend="canvas",
    )  # fmt: skip
    plain_axes(parts.figure, grid=False)
    picture = {"x": "x", "y": "y", "dw": "dw", "dh": "dh", "color_mapper": parts.mapper, "level": "image"}
    parts.all_renderer = parts.figure.image("image", source=parts.everything, **picture)
    parts.figure.image("image", source=parts.selected, **picture)
    parts.figure.patch("x", "y", source=parts.outline, fill_alpha=0.0, line_color=INK, line_dash="dashed", line_alpha=0.8)
    parts.figure.line("x", "y", source=parts.path, line_color=PATH_INK, line_width=2)
    parts.figure.scatter("x", "y", source=parts.path, size=7, fill_color=PATH_INK, line_color="#ffffff")
    _draw_medoids(parts)
    for renderer in parts.figure.renderers:
        renderer.nonselection_glyph = None  # bokeh's own selection means nothing here and would fade what it leaves out
    return parts


def _draw_medoids(parts: LatentFigure) -> None:
    """Dots, which tell of their cluster, and its number in a box of its colour."""
    look = {"size": "size", "fill_color": "colour", "line_color": "#ffffff", "line_width": 1.2}
    dots = parts.figure.scatter("x", "y", source=parts.medoids, **look)
    labels = parts.figure.text(
        "x", "y", "name", source=parts.labels, text_font_size="12px", text_font_style="bold", text_baseline="middle",
        x_offset=9, background_fill_alpha=0.82, border_line_color="colour", border_line_width=1.5, border_radius=4, padding=2,
    )  # fmt: skip
    parts.label_glyph = labels.glyph
    told = [("cluster", "@name"), ("particles", "@count{0,0}"), ("share", "@share{0.0%}")]
    parts.figure.add_tools(HoverTool(renderers=[dots], tooltips=told, visible=False))
    parts.set_dark(True)


def no_medoids() -> dict[str, Any]:
    """Columns of the sources of medoids and their labels."""
    return {"x": [], "y": [], "name": [], "colour": [], "count": [], "share": [], "size": []}


def medoid_px(count: int) -> int:
    """Diameter of the dots of so many medoids."""
    return 11 if count <= CROWDED else 8 if count <= 4 * CROWDED else 5


def uncovered(x: npt.NDArray[np.float32], y: npt.NDArray[np.float32], names: Sequence[str], view: View) -> npt.NDArray[np.bool_]:
    """(n,) which labels to draw: all of few; of more than CROWDED those that cover none of the labels before them."""
    if len(names) <= CROWDED or view.is_empty:
        return np.ones(len(names), bool)
    left = (np.asarray(x, np.float64) - view.x[0]) / (view.x[1] - view.x[0]) * view.width_px
    up = (np.asarray(y, np.float64) - view.y[0]) / (view.y[1] - view.y[0]) * view.height_px
    right = left + [LETTER_PX * len(name) + 8 for name in names]
    seen = (right > 0) & (left < view.width_px) & (up > 0) & (up < view.height_px)
    drawn = np.zeros(len(names), bool)
    for place in np.flatnonzero(seen):
        near = (np.abs(up - up[place]) < LABEL_HEIGHT_PX) & (left < right[place]) & (right > left[place])
        drawn[place] = not (near & drawn).any()
    return drawn


def spread(values: npt.NDArray[np.float32]) -> Range:
    """The range that shows every value, with a margin."""
    finite = values[np.isfinite(values)]
    if not len(finite):
        return 0.0, 1.0
    low, high = float(finite.min()), float(finite.max())
    margin = MARGIN * (high - low) or 0.5
    return low - margin, high + margin


def _image_source() -> ColumnDataSource:
    return ColumnDataSource({"image": [np.zeros((1, 1), np.uint8)], "x": [0], "y": [0], "dw": [1], "dh": [1]})
