"""Curves of the dashboard: FSC, training, histograms."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from bokeh.models import ColumnDataSource, HoverTool, Span
from bokeh.plotting import figure

from cryohype_app.plots.figure import GRID, plain_axes

Curve = npt.NDArray[np.float64]
BLUE, ORANGE, GREEN = "#3b8ee0", "#e08a3b", "#2fa37c"
THRESHOLDS = (0.143, 0.5)


def fsc_figure() -> tuple[Any, ColumnDataSource, ColumnDataSource]:
    """An empty FSC plot; its sources take ``frequency`` (1/Å) and ``fsc``: against the reference, and of its half maps."""
    plot = figure(
        x_range=(0, 0.1),
        y_range=(-0.1, 1.05),
        sizing_mode="stretch_both",
        min_height=110,
        tools="pan,box_zoom,wheel_zoom,reset,save",
    )
    plain_axes(plot)
    plot.xaxis.axis_label, plot.yaxis.axis_label = "spatial frequency (1/Å)", "FSC"
    for threshold in THRESHOLDS:
        plot.add_layout(Span(location=threshold, dimension="width", line_color=GRID, line_dash="dashed", line_width=1))
    curve, halves = ColumnDataSource(_no_curve()), ColumnDataSource(_no_curve())
    main = plot.line("frequency", "fsc", source=curve, color=BLUE, line_width=2, legend_label="of the two maps")
    dashed: dict[str, Any] = {"color": ORANGE, "line_width": 1.5, "line_dash": "dotdash", "legend_label": "of half maps"}
    plot.line("frequency", "fsc", source=halves, **dashed)
    plot.legend.update(
        location="top_right", background_fill_alpha=0, border_line_alpha=0, label_text_color=GRID, spacing=0, padding=2
    )
    plot.add_tools(
        HoverTool(renderers=[main], tooltips=[("1/Å", "@frequency{0.000}"), ("Å", "@angstrom{0.0}"), ("FSC", "@fsc{0.000}")])
    )
    plot.toolbar.autohide = True
    return plot, curve, halves


def show_curve(plot: Any, source: ColumnDataSource, frequency: Curve | None, fsc: Curve | None) -> None:
    """Draw a curve, up to its own last frequency."""
    source.data = _curve_data(frequency, fsc)
    if frequency is not None:
        plot.x_range.update(start=0, end=float(frequency[-1]), reset_start=0, reset_end=float(frequency[-1]))


def _curve_data(frequency: Curve | None, fsc: Curve | None) -> dict[str, Any]:
    """Columns for a source of :func:`fsc_figure`."""
    if frequency is None or fsc is None:
        return _no_curve()
    with np.errstate(divide="ignore"):
        return {"frequency": frequency, "fsc": fsc, "angstrom": 1 / np.asarray(frequency)}


def training_figure() -> tuple[Any, dict[str, ColumnDataSource]]:
    """An empty loss plot; the sources ``step``, ``epoch`` and ``floor`` take step and loss."""
    plot = figure(
        sizing_mode="stretch_both",
        min_height=160,
        tools="pan,box_zoom,wheel_zoom,reset,save",
    )
    plain_axes(plot)
    plot.xaxis.axis_label, plot.yaxis.axis_label = "step", "loss"
    plot.toolbar.autohide = True
    sources = {name: ColumnDataSource({"step": [], "loss": []}) for name in ("step", "epoch", "floor")}
    plot.line("step", "loss", source=sources["step"], color=BLUE, alpha=0.45)
    plot.line("step", "loss", source=sources["epoch"], color=BLUE, line_width=2)
    plot.scatter("step", "loss", source=sources["epoch"], color=BLUE, size=5)
    plot.line("step", "loss", source=sources["floor"], color=ORANGE, line_dash="dashed", legend_label="noise floor")
    plot.legend.update(background_fill_alpha=0, border_line_alpha=0, label_text_color=GRID, location="top_right", padding=2)
    return plot, sources


def histogram_figure() -> tuple[Any, ColumnDataSource, Span]:
    """A small histogram of densities on a logarithmic scale, and the line of the contour level."""
    plot = figure(x_range=(0, 1), y_range=(0, 1), sizing_mode="stretch_width", height=34, tools="", min_border=0)
    plain_axes(plot, grid=False)
    plot.xaxis.visible = plot.yaxis.visible = False
    plot.toolbar_location = None
    plot.outline_line_color = None
    source = ColumnDataSource({"left": [], "right": [], "top": []})
    plot.quad(left="left", right="right", top="top", bottom=0, source=source, color=BLUE, alpha=0.6, line_color=None)
    level = Span(location=0, dimension="height", line_color=ORANGE, line_width=2)
    plot.add_layout(level)
    return plot, source, level


def show_histogram(plot: Any, source: ColumnDataSource, counts: npt.NDArray[np.int64], edges: Curve) -> None:
    """Draw a histogram over the whole width."""
    source.data = _histogram_data(counts, edges)
    plot.x_range.update(start=float(edges[0]), end=float(edges[-1]))


def _histogram_data(counts: npt.NDArray[np.int64], edges: Curve) -> dict[str, Any]:
    """Columns for the source of :func:`histogram_figure`; heights are logarithms, from 0 to 1."""
    height = np.log1p(counts) / max(float(np.log1p(counts.max(initial=1))), 1e-12)
    return {"left": edges[:-1], "right": edges[1:], "top": height}


def _no_curve() -> dict[str, Any]:
    return {"frequency": [], "fsc": [], "angstrom": []}
