"""Training curves of two runs in one figure."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from bokeh.models import ColumnDataSource, HoverTool
from bokeh.plotting import figure

from cryohype_app.plots.figure import GRID, plain_axes

MOST_POINTS = 2000  # of a curve
PARTS = ("step", "epoch", "floor")


def trainings_figure(names: tuple[str, str], colours: tuple[str, str]) -> tuple[Any, list[dict[str, ColumnDataSource]]]:
    """An empty loss plot over epochs; for each run the sources ``step``, ``epoch`` and ``floor`` take epoch and loss."""
    plot = figure(
        x_range=(0, 1), y_range=(0, 1), sizing_mode="stretch_both", min_height=200, tools="pan,box_zoom,wheel_zoom,reset,save"
    )
    plain_axes(plot)
    plot.xaxis.axis_label, plot.yaxis.axis_label = "epoch", "loss"
    plot.toolbar.autohide = True
    found = []
    for name, colour in zip(names, colours, strict=True):
        sources = {part: ColumnDataSource({"epoch": [], "loss": []}) for part in PARTS}
        plot.line("epoch", "loss", source=sources["step"], color=colour, alpha=0.35)
        main = plot.line("epoch", "loss", source=sources["epoch"], color=colour, line_width=2, legend_label=name)
        plot.scatter("epoch", "loss", source=sources["epoch"], color=colour, size=5, legend_label=name)
        plot.line("epoch", "loss", source=sources["floor"], color=colour, line_dash="dashed", legend_label=f"noise floor {name}")
        tips = [("", name), ("epoch", "@epoch{0.0}"), ("loss", "@loss{0.0000}")]
        plot.add_tools(HoverTool(renderers=[main], tooltips=tips))
        found.append(sources)
    plot.legend.update(background_fill_alpha=0, border_line_alpha=0, label_text_color=GRID, location="top_right", padding=2)
    return plot, found


def show_trainings(plot: Any, sources: list[dict[str, ColumnDataSource]], curves: list[dict[str, dict[str, Any]]]) -> None:
    """Draw what :func:`training_curves` gave of each run, over the whole range of both."""
    for run, found in zip(sources, curves, strict=True):
        for part in PARTS:
            run[part].data = found[part]
    for limits, column in ((plot.x_range, "epoch"), (plot.y_range, "loss")):
        values = np.concatenate([found[part][column] for found in curves for part in PARTS])
        values = values[np.isfinite(values)]
        low, high = (float(values.min()), float(values.max())) if len(values) else (0.0, 1.0)
        room = 0.03 * max(high - low, 1e-9)
        limits.update(start=low - room, end=high + room, reset_start=low - room, reset_end=high + room)


def training_curves(metrics: pd.DataFrame, steps_per_epoch: float) -> dict[str, dict[str, Any]]:
    """Columns for the sources of a run in :func:`trainings_figure`.

    Parameters
    ----------
    metrics : the run's log. steps_per_epoch : of the run: runs of other batches or particles share an axis then.
    """
    empty = {"epoch": np.empty(0), "loss": np.empty(0)}
    if not len(metrics) or "split" not in metrics:
        return dict.fromkeys(PARTS, empty)
    steps, epochs = (metrics[metrics["split"] == split] for split in ("step", "epoch"))
    columns = (("step", steps, "loss"), ("epoch", epochs, "loss"), ("floor", epochs, "noise_floor"))
    return {part: _curve(table, column, steps_per_epoch) if column in table else empty for part, table, column in columns}


def _curve(table: pd.DataFrame, column: str, steps_per_epoch: float) -> dict[str, Any]:
    thinned = table.iloc[:: max(1, len(table) // MOST_POINTS)]
    return {
        "epoch": thinned["step"].to_numpy(np.float64) / max(steps_per_epoch, 1.0),
        "loss": thinned[column].to_numpy(np.float64),
    }
