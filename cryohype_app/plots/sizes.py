"""How many particles each cluster has: bars from the largest to the smallest, in the clusters' colours."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from bokeh.models import ColumnDataSource, FixedTicker, HoverTool, Range1d
from bokeh.plotting import figure

from cryohype_app.plots.figure import plain_axes
from cryohype_app.plots.palette import category_colour

AT_ONCE = 150  # bars in view; more are reached by dragging
NUMBERED = 40  # so many bars have their number below; of more every tenth
UNEVEN = 100  # largest by smallest: from here on the scale is logarithmic
HEIGHT_PX = 132
PALE = 0.3  # of a bar whose particles are not selected


@dataclass
class SizeBars:
    """The bokeh figure and its bars; ``sizes`` are the particles of each cluster, in the order of the bars."""

    figure: Any
    bars: ColumnDataSource
    sizes: dict[int, int]
    base: float

    def show(self, chosen: Mapping[int, int], dark: bool) -> None:
        """Draw the bars; where particles are selected, their part of each bar is full and the rest pale.

        Parameters
        ----------
        chosen : selected particles of each cluster, empty where nothing is selected.
        """
        total = max(1, sum(self.sizes.values()))
        self.bars.data = {
            "rank": list(range(len(self.sizes))),
            "name": [_name(cluster) for cluster in self.sizes],
            "count": list(self.sizes.values()),
            "share": [count / total for count in self.sizes.values()],
            "chosen": [max(self.base, chosen.get(cluster, 0)) for cluster in self.sizes],
            "chosen_count": [chosen.get(cluster, 0) for cluster in self.sizes],
            "colour": [category_colour(cluster, dark) for cluster in self.sizes],
            "alpha": [PALE if chosen else 1.0] * len(self.sizes),
        }

    def at(self, x: float) -> int | None:
        """The cluster whose bar is at a place along x."""
        clusters = list(self.sizes)
        return clusters[round(x)] if 0 <= round(x) < len(clusters) else None


def size_bars(sizes: Mapping[int, int], dark: bool) -> SizeBars:
    """The picture of the sizes of clusters.

    Parameters
    ----------
    sizes : particles by cluster; -1 are those without one, and come last.
    """
    ordered = dict(sorted(sizes.items(), key=lambda item: (item[0] < 0, -item[1], item[0])))
    counts = [max(1, count) for count in ordered.values()] or [1]
    is_log, base = max(counts) / min(counts) >= UNEVEN, 0.0
    if is_log:
        base = min(counts) / 2
    last = len(ordered) - 0.5
    plot = figure(
        x_range=Range1d(-0.5, min(last, AT_ONCE - 0.5), bounds=(-0.5, max(last, 0.5))), y_range=Range1d(base, 1.08 * max(counts)),
        y_axis_type="log" if is_log else "linear", height=HEIGHT_PX, sizing_mode="stretch_width", toolbar_location=None,
        tools="xpan,xwheel_zoom" if len(ordered) > AT_ONCE else "", active_drag="auto", lod_threshold=None,
    )  # fmt: skip
    plain_axes(plot, grid=False)
    plot.ygrid.visible = True
    _number_bars(plot, list(ordered))
    plot.yaxis.axis_label = "particles"
    said = ["cluster", *([f"{AT_ONCE} of {len(ordered):,}, drag for more"] if len(ordered) > AT_ONCE else [])]
    plot.xaxis.axis_label = " · ".join([*said, *(["logarithmic scale"] if is_log else [])])
    for axis in (*plot.xaxis, *plot.yaxis):
        axis.update(axis_label_text_font_size="11px", axis_label_standoff=2, major_label_text_font_size="11px")
    bars = ColumnDataSource({})
    look = {"source": bars, "x": "rank", "width": 0.82, "bottom": base, "fill_color": "colour", "line_color": None}
    whole = plot.vbar(top="count", fill_alpha="alpha", **look)
    plot.vbar(top="chosen", **look)
    told = [("cluster", "@name"), ("particles", "@count{0,0}"), ("share", "@share{0.0%}"), ("selected", "@chosen_count{0,0}")]
    plot.add_tools(HoverTool(renderers=[whole], tooltips=told, mode="vline", attachment="below"))
    made = SizeBars(plot, bars, ordered, base)
    made.show({}, dark)
    return made


def _number_bars(plot: Any, clusters: list[int]) -> None:
    step = 1 if len(clusters) <= NUMBERED else 10
    ranks = list(range(0, len(clusters), step))
    plot.xaxis.ticker = FixedTicker(ticks=ranks)
    plot.xaxis.major_label_overrides = {rank: _name(clusters[rank]) for rank in ranks}


def _name(cluster: int) -> str:
    return str(cluster) if cluster >= 0 else "none"
