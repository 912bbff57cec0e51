"""The figure of the latent space: a picture of all particles, one of the selected ones above it, medoids and a lasso."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
from bokeh.core.property.descriptors import UnsetValueError
from bokeh.models import (
    BoxSelectTool,
    BoxZoomTool,
    ColumnDataSource,
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


@dataclass
class LatentFigure:
    """The bokeh figure and its parts."""

    figure: Any = None
    everything: ColumnDataSource = field(default_factory=lambda: _image_source())
    selected: ColumnDataSource = field(default_factory=lambda: _image_source())
    medoids: ColumnDataSource = field(default_factory=lambda: ColumnDataSource({"x": [], "y": [], "name": [], "colour": []}))
    outline: ColumnDataSource = field(default_factory=lambda: ColumnDataSource({"x": [], "y": []}))
    path: ColumnDataSource = field(default_factory=lambda: ColumnDataSource({"x": [], "y": []}))
    mapper: LinearColorMapper = field(default_factory=lambda: LinearColorMapper(palette=["#000000"] * 256, low=0, high=255))
    all_renderer: Any = None

    def draw(self, everything: Image, selected: Image | None, view: View) -> None:
        """Show pictures of a view."""
        place = {"x": [view.x[0]], "y": [view.y[0]], "dw": [view.x[1] - view.x[0]], "dh": [view.y[1] - view.y[0]]}
        self.everything.data = {"image": [everything], **place}
        shown = np.zeros((1, 1), np.uint8) if selected is None else selected
        self.selected.data = {"image": [shown], **place}
        self.all_renderer.glyph.global_alpha = 1.0 if selected is None else FADED

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
    zoom = WheelZoomTool()
    tools = [lasso, BoxSelectTool(continuous=False), TapTool(), PanTool(), BoxZoomTool(), zoom, ResetTool()]
    parts.figure = figure(
        x_range=Range1d(0, 1), y_range=Range1d(0, 1), tools=tools, active_drag=lasso, active_scroll=zoom,
        toolbar_location="above", sizing_mode="stretch_both", min_height=220, lod_threshold=None, output_backend="canvas",
    )  # fmt: skip
    plain_axes(parts.figure, grid=False)
    picture = {"x": "x", "y": "y", "dw": "dw", "dh": "dh", "color_mapper": parts.mapper, "level": "image"}
    parts.all_renderer = parts.figure.image("image", source=parts.everything, **picture)
    parts.figure.image("image", source=parts.selected, **picture)
    parts.figure.patch("x", "y", source=parts.outline, fill_alpha=0.0, line_color=INK, line_dash="dashed", line_alpha=0.8)
    parts.figure.line("x", "y", source=parts.path, line_color=PATH_INK, line_width=2)
    parts.figure.scatter("x", "y", source=parts.path, size=7, fill_color=PATH_INK, line_color="#ffffff")
    marks = {"source": parts.medoids, "x": "x", "y": "y"}
    parts.figure.scatter(size=13, fill_color="colour", line_color="#ffffff", line_width=1.5, **marks)
    parts.figure.text(
        text="name",
        text_color="#ffffff",
        text_font_size="11px",
        text_font_style="bold",
        x_offset=9,
        y_offset=-4,
        text_outline_color="#30363d",
        **marks,
    )
    return parts


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
