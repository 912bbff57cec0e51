"""Pictures of how far particles support the maps of their clusters: pure functions, data -> Figure (no display needed)."""

from __future__ import annotations

from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from cryohype_model.analysis.figures import DPI
from cryohype_model.palette import GREY
from cryohype_model.runs.quality import ClusterQuality, QualityTable

MOST_PANELS = 24
ACROSS = 4  # panels in a row
HALVES, RIGHT, CLAIMED, WARNED = "#D55E00", "#8a93a3", "#CC79A7", "#b3261e"
MAPS = {"medoid": ("#0072B2", "map of the medoid"), "mean": ("#009E73", "map of the mean latent"),
        "linear": ("#E69F00", "map by the basis volumes")}  # fmt: skip
NAMES = ("half maps of the particles", "a right map", *(name for _, name in MAPS.values()), "if all of its power were true")


def quality_figure(table: QualityTable, curves: pd.DataFrame) -> Figure:
    """A panel a cluster: FSC of the half maps, what a right map reaches, and what the maps of the network reach.

    Parameters
    ----------
    table : at least one map; of more than MOST_PANELS clusters those with warnings come first, then the largest.
    curves : of its maps, see QualityTable.read_curves.
    """
    clusters = _shown(table)
    columns = min(ACROSS, len(clusters))
    lines = -(-len(clusters) // columns)
    figure = Figure(figsize=(3.1 * columns + 0.3, 2.35 * lines + 1.0), dpi=DPI, layout="constrained")
    grid = figure.subplots(lines, columns, squeeze=False, sharex=True, sharey=True)
    for axes in grid.flat[len(clusters) :]:
        axes.set_axis_off()
    for axes, cluster in zip(grid.flat, clusters, strict=False):
        maps = [one for one in table.maps if one.cluster == cluster]
        _draw(axes, maps, curves[curves["cluster"] == cluster])
    for axes in grid[:, 0]:
        axes.set_ylabel("FSC", fontsize=8)
    for axes in grid.flat[max(0, len(clusters) - columns) : len(clusters)]:
        axes.set_xlabel("spatial frequency (1/Å)", fontsize=8)
        axes.tick_params(labelbottom=True)
    handles: dict[str, Any] = {}
    for axes in grid.flat[: len(clusters)]:
        handles |= {str(line.get_label()): line for line in axes.get_lines()}
    names = [name for name in NAMES if name in handles]
    place: dict[str, Any] = {"loc": "outside lower center", "ncols": min(len(names), columns + 1)}
    figure.legend([handles[name] for name in names], names, fontsize=8, frameon=False, **place)
    total = len({one.cluster for one in table.maps})
    left_out = f"; {len(clusters)} of {total} clusters, warnings first" if len(clusters) < total else ""
    figure.suptitle(f"Are the maps in their particles?{left_out}", fontsize=10)
    return figure


def _shown(table: QualityTable) -> list[int]:
    """The clusters that have a panel, ascending."""
    warned = {one.cluster for one in table.warned}
    size = {one.cluster: one.particles for one in table.maps}
    order = sorted(size, key=lambda cluster: (cluster not in warned, -size[cluster]))
    return sorted(order[:MOST_PANELS])


def _draw(axes: Axes, maps: list[ClusterQuality], curves: pd.DataFrame) -> None:
    """One cluster."""
    axes.axhline(0, color="#e5e7eb", linewidth=0.8)
    for threshold in (0.5, 0.143):
        axes.axhline(threshold, color=GREY, linewidth=0.6, linestyle=(0, (4, 3)), alpha=0.6)
    first = curves[curves["method"] == maps[0].method]
    frequency = first["frequency_1_per_angstrom"]
    if not first["half_fsc"].isna().all():
        axes.plot(frequency, first["half_fsc"], color=HALVES, linewidth=1.2, label=NAMES[0])
        axes.plot(frequency, first["ceiling"], color=RIGHT, linewidth=3.5, alpha=0.45, label=NAMES[1])
    for one in maps:
        colour, name = MAPS[one.method]
        own = curves[curves["method"] == one.method]
        axes.plot(frequency, own["map_fsc"], color=colour, linewidth=1.5, linestyle="-" if one is maps[0] else "--", label=name)
        if one.method == maps[0].method:
            claimed = own["claimed_fsc"].clip(upper=1)
            axes.plot(frequency, claimed, color=CLAIMED, linewidth=1, linestyle=":", label=NAMES[-1])
    carried = maps[0].carried_angstrom
    if carried is not None:
        axes.axvspan(1 / carried, float(frequency.max()), color="#6b7280", alpha=0.08, linewidth=0)
    axes.set(xlim=(0, float(frequency.max())), ylim=(-0.15, 1.04))
    axes.set_title(f"cluster {maps[0].cluster}  ({maps[0].particles:,})", fontsize=8.5, pad=14)
    warned = any(one.warned for one in maps)
    axes.annotate(_short(maps), (0.5, 1.0), xycoords="axes fraction", xytext=(0, 3), textcoords="offset points", ha="center",
                  va="bottom", fontsize=7, color=WARNED if warned else GREY)  # fmt: skip
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(labelsize=7)


def _short(maps: list[ClusterQuality]) -> str:
    """The verdicts of a cluster's maps; once, where they are the same."""
    told = [", ".join(one.verdicts) for one in maps]
    if len(set(told)) == 1:
        return told[0]
    return "; ".join(f"{one.method}: {words}" for one, words in zip(maps, told, strict=True))
