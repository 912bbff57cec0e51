"""Pictures of an evaluation, as pure functions data -> Figure; importing this module imports matplotlib (no display needed)."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from cryohype_model.metrics.classification import UNASSIGNED, contingency
from cryohype_model.metrics.correlation import correlation_words, metric_correlations
from cryohype_model.metrics.evaluation import EvaluationTable

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7")  # Okabe & Ito: told apart without colour vision too
GREY = "#6b7280"
DPI = 160
MOST_NAMED_CLASSES = 30  # with more, tick labels run into each other

Tables = Mapping[str, EvaluationTable]


def fsc_figure(tables: Tables) -> Figure:
    """Mean FSC against spatial frequency, with the range that holds the middle 68 % of the structures (the paper's Fig. 10).

    Parameters
    ----------
    tables : evaluations by name; each becomes one line.
    """
    figure = Figure(figsize=(6.4, 4.2), dpi=DPI, layout="constrained")
    axes = figure.subplots()
    for colour, (name, table) in zip(COLOURS, tables.items(), strict=False):
        frequency = np.arange(table.curves.shape[1]) / (table.box_px * table.pixel_size_angstrom)
        low, mean, high = (
            np.percentile(table.curves, 16, axis=0),
            table.curves.mean(axis=0),
            np.percentile(table.curves, 84, axis=0),
        )
        axes.fill_between(frequency[1:], low[1:], high[1:], color=colour, alpha=0.18, linewidth=0)
        auc = table.summary()["fsc_auc"]["mean"]
        axes.plot(frequency[1:], mean[1:], color=colour, linewidth=2, label=f"{name} (n = {len(table.rows)}, FSC-AUC {auc:.3f})")
    for threshold in (0.5, 0.143):
        axes.axhline(threshold, color=GREY, linewidth=0.9, linestyle=(0, (4, 3)))
        axes.annotate(f"{threshold}", (1, threshold), xycoords=("axes fraction", "data"), xytext=(4, 0),
                      textcoords="offset points", va="center", color=GREY, fontsize=9)  # fmt: skip
    nyquist = max(0.5 / table.pixel_size_angstrom for table in tables.values())
    lowest = min(0.0, *(float(table.curves[:, 1:].mean(axis=0).min()) for table in tables.values()))
    axes.set(xlim=(0, nyquist), ylim=(lowest - 0.02, 1.03), xlabel="spatial frequency (1/Å)", ylabel="Fourier shell correlation")
    axes.set_title("Map against truth: mean over structures, middle 68 % shaded", fontsize=11)
    axes.legend(frameon=False, fontsize=9, loc="lower left")
    _resolution_axis(axes, nyquist)
    _plain(axes, keep_top=True)
    return figure


def histogram_figure(tables: Tables) -> Figure:
    """How each metric is distributed over the structures (the paper's Fig. 12).

    Parameters
    ----------
    tables : evaluations by name; each becomes one colour.
    """
    figure = Figure(figsize=(8.4, 5.6), dpi=DPI, layout="constrained")
    panels = (
        ("fsc_auc", "FSC-AUC (higher is better)"),
        ("resolution_fsc05_angstrom", "resolution at FSC 0.5 (Å, lower is better)"),
        ("viou", "vIoU (higher is better)"),
        ("chamfer_angstrom", "Chamfer distance (Å, lower is better)"),
    )
    for axes, (metric, label) in zip(figure.subplots(2, 2).flat, panels, strict=True):
        values = {name: table.column(metric)[np.isfinite(table.column(metric))] for name, table in tables.items()}
        _histogram(axes, values)
        axes.set(xlabel=label, ylabel="structures")
        _plain(axes)
    first, perfect = figure.axes[0], next(iter(tables.values())).perfect
    first.axvline(perfect, color=GREY, linestyle=(0, (4, 3)), linewidth=0.9)
    first.annotate(f"perfect {perfect:.3f}", (perfect, 1), xycoords=("data", "axes fraction"), xytext=(-3, -3),
                   textcoords="offset points", ha="right", va="top", fontsize=8, color=GREY, rotation=90)  # fmt: skip
    handles, names = first.get_legend_handles_labels()
    figure.legend(
        handles,
        names,
        loc="outside upper center",
        ncols=len(names),
        frameon=False,
        fontsize=9,
        title="lines: medians",
        title_fontsize=8,
    )
    return figure


def relation_figure(tables: Tables) -> Figure:
    """FSC-AUC against Chamfer distance, vIoU and resolution, one point a structure, with its correlations (the paper's Fig. 13).

    Parameters
    ----------
    tables : evaluations by name; each becomes one colour.
    """
    figure = Figure(figsize=(10.4, 4.0), dpi=DPI, layout="constrained")
    panels = (
        ("chamfer_angstrom", "Chamfer distance (Å)"),
        ("viou", "vIoU"),
        ("resolution_fsc05_angstrom", "resolution at FSC 0.5 (Å)"),
    )
    first, *_ = every = figure.subplots(1, 3, sharey=True)
    for axes, (metric, label) in zip(every, panels, strict=True):
        coefficients = []
        for colour, (name, table) in zip(COLOURS, tables.items(), strict=False):
            axes.scatter(table.column(metric), table.column("fsc_auc"), s=26, color=colour, alpha=0.75, edgecolor="white",
                         linewidth=0.5, label=name)  # fmt: skip
            coefficients.append(f"{name}: {correlation_words(metric_correlations(table)[metric])}")
        axes.set_title("\n".join(coefficients), fontsize=8, color=GREY)
        axes.set(xlabel=label)
        axes.grid(color="#e5e7eb", linewidth=0.6)
        axes.set_axisbelow(True)
        _plain(axes)
    first.set(ylabel="FSC-AUC (cycles/pixel)")
    handles, names = first.get_legend_handles_labels()
    figure.legend(handles, names, loc="outside upper center", ncols=len(names), frameon=False, fontsize=9)
    return figure


def confusion_figure(predicted: npt.NDArray[np.int64], labels: npt.NDArray[np.int64]) -> Figure:
    """Which class the particles of each known class were put in, rows summing to 1; the last column holds the unassigned.

    Parameters
    ----------
    predicted, labels : (n,) predicted and known classes.
    """
    table, columns, rows = contingency(predicted, labels)
    order = [*(i for i, name in enumerate(columns) if name != UNASSIGNED), *np.flatnonzero(columns == UNASSIGNED)]
    share = (table / table.sum(axis=0)).T[:, order]
    side = float(np.clip(1.8 + 0.35 * len(rows), 4.0, 8.0))
    figure = Figure(figsize=(side + 0.9, side), dpi=DPI, layout="constrained")
    axes = figure.subplots()
    picture = axes.imshow(share, cmap="Blues", vmin=0, vmax=1, aspect="equal" if len(order) <= 2 * len(rows) else "auto")
    axes.set(xlabel="class found (clusters matched one to one)", ylabel="known class")
    axes.set_title(f"{np.mean(predicted == labels):.1%} of {len(labels):,} particles in their class", fontsize=11)
    if max(share.shape) <= MOST_NAMED_CLASSES:
        names = ["none" if columns[i] == UNASSIGNED else str(columns[i]) for i in order]
        axes.set_xticks(range(len(order)), names)
        axes.set_yticks(range(len(rows)), [str(name) for name in rows])
    if max(share.shape) <= 12:
        for row, column in np.ndindex(*share.shape):
            if share[row, column] >= 0.005:
                colour = "white" if share[row, column] > 0.6 else "#1f2937"
                axes.text(column, row, f"{share[row, column]:.2f}", ha="center", va="center", fontsize=8, color=colour)
    figure.colorbar(picture, ax=axes, label="share of the known class", shrink=0.8)
    return figure


def _histogram(axes: Axes, values: Mapping[str, npt.NDArray[np.float64]]) -> None:
    """Histograms on common bins, medians as lines; says so where nothing is defined."""
    together = np.concatenate(list(values.values()))
    if not len(together):
        axes.text(0.5, 0.5, "not defined", transform=axes.transAxes, ha="center", va="center", color=GREY)
        return
    low, high = float(together.min()), float(together.max())
    margin = 0.5 * max(abs(low) * 0.02, 1e-3) if low == high else 0.0
    edges = np.linspace(low - margin, high + margin, int(np.clip(len(together) ** 0.5 * 2, 6, 30)) + 1)
    for colour, (name, data) in zip(COLOURS, values.items(), strict=False):
        axes.hist(data, bins=edges.tolist(), color=colour, alpha=0.55, label=name, edgecolor="white", linewidth=0.5)
        if len(data):
            axes.axvline(float(np.median(data)), color=colour, linewidth=1.6)
    axes.yaxis.set_major_locator(MaxNLocator(nbins=6, integer=True))


def _resolution_axis(axes: Axes, nyquist: float) -> None:
    """A second scale on top that says Å where the lower one says 1/Å."""
    ticks = np.linspace(0, nyquist, 6)[1:]
    top = axes.secondary_xaxis("top")
    top.set_xticks(ticks, [f"{1 / tick:.3g}" for tick in ticks])
    top.set_xlabel("resolution (Å)")
    top.spines["top"].set_visible(False)


def _plain(axes: Axes, keep_top: bool = False) -> None:
    """No frame where there is no scale."""
    axes.spines["right"].set_visible(False)
    if not keep_top:
        axes.spines["top"].set_visible(False)
