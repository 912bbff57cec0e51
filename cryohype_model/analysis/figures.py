"""Pictures of a latent space and of the training behind it: pure functions, data -> Figure (no display needed)."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure

from cryohype_model.palette import GREY, category_colours

DPI = 150
SCATTER_MOST = 50_000  # beyond, points hide each other and files grow: one colour a cell instead
CELLS = 320  # across such a picture
MOST_NAMED = 40  # numbers written into the picture
MOST_IN_LEGEND = 16

Points = npt.NDArray[np.float32]
Rows = npt.NDArray[np.int64]


def latent_figure(points: Points, classes: Rows | None, what: str, axis_names: tuple[str, str], title: str) -> Figure:
    """Two coordinates of every particle, coloured by class; density alone where there is none.

    Parameters
    ----------
    points : (N, 2). classes : (N,) int64, below 0 for noise or unknown, or None.
    what : "cluster" or "label". axis_names : of the two coordinates.
    """
    figure = Figure(figsize=(6.8, 5.6), dpi=DPI, layout="constrained")
    axes = figure.subplots()
    axes.set(xlabel=axis_names[0], ylabel=axis_names[1])
    axes.set_title(title, fontsize=11)
    axes.spines[["top", "right"]].set_visible(False)
    if classes is None:
        picture = axes.hexbin(*points.T, gridsize=80, bins="log", mincnt=1, cmap="cividis", linewidths=0)
        figure.colorbar(picture, ax=axes, label="particles in a cell", shrink=0.8)
        return figure
    names = np.unique(classes)
    if len(points) > SCATTER_MOST:
        _draw_cells(axes, points, classes, names)
    else:
        size = float(np.clip(20_000 / len(points), 1.5, 28))
        order = np.random.default_rng(0).permutation(len(points))  # no class lies on top of the others
        colour_of = dict(zip(names.tolist(), category_colours(names), strict=True))
        colours = [colour_of[name] for name in classes[order].tolist()]
        axes.scatter(points[order, 0], points[order, 1], s=size, c=colours, alpha=0.75, linewidth=0)
    _name_classes(axes, points, classes, names, what)
    return figure


def _draw_cells(axes: Axes, points: Points, classes: Rows, names: Rows) -> None:
    """Each cell in the colour of its commonest class, the stronger the more particles it holds."""
    low, high = points.min(axis=0), points.max(axis=0)
    column, row = (np.clip((points - low) / np.maximum(high - low, 1e-12) * CELLS, 0, CELLS - 1).astype(np.int64)).T
    pair = (row * CELLS + column) * len(names) + np.searchsorted(names, classes)
    pairs, counts = np.unique(pair, return_counts=True)
    order = np.lexsort((counts, pairs // len(names)))  # the last pair of a cell is its commonest class
    cell = pairs[order] // len(names)
    last = np.append(cell[1:] != cell[:-1], True)
    total = np.bincount(pairs // len(names), weights=counts, minlength=CELLS**2)
    image = np.zeros((CELLS**2, 4))
    colours = np.array([to_rgb(colour) for colour in category_colours(names)])
    image[cell[last], :3] = colours[pairs[order][last] % len(names)]
    image[:, 3] = np.where(total > 0, 0.25 + 0.75 * np.log1p(total) / np.log1p(total.max()), 0)
    extent = (float(low[0]), float(high[0]), float(low[1]), float(high[1]))
    axes.imshow(image.reshape(CELLS, CELLS, 4), origin="lower", extent=extent, aspect="auto", interpolation="nearest")


def _name_classes(axes: Axes, points: Points, classes: Rows, names: Rows, what: str) -> None:
    """The number of each class at its middle particle, and a legend where it stays short."""
    real = names[names >= 0]
    if len(real) <= MOST_NAMED:
        box = {"boxstyle": "round,pad=0.15", "facecolor": "white", "edgecolor": "none", "alpha": 0.75}
        for name in real:
            members = points[classes == name]
            x, y = members[((members - np.median(members, axis=0)) ** 2).sum(axis=1).argmin()]  # never between two islands
            axes.text(x, y, str(name), fontsize=9, fontweight="bold", ha="center", va="center", bbox=box)
    if len(names) <= MOST_IN_LEGEND:
        counts = [int((classes == name).sum()) for name in names]
        for name, colour, count in zip(names, category_colours(names), counts, strict=True):
            none = "noise" if what == "cluster" else "unknown"
            axes.plot([], [], "o", markersize=6, color=colour, label=f"{none if name < 0 else f'{what} {name}'} ({count:,})")
        axes.legend(frameon=False, fontsize=8, loc="center left", bbox_to_anchor=(1.0, 0.5))


def loss_figure(metrics: pd.DataFrame, noise_floor: float) -> Figure:
    """Training loss against epochs, thin each logged step and thick each epoch, and the noise floor below it.

    Parameters
    ----------
    metrics : rows of metrics.jsonl: step, epoch, split, loss.
    noise_floor : mean square of the outermost coefficients: no honest loss goes below it.
    """
    figure = Figure(figsize=(6.4, 3.8), dpi=DPI, layout="constrained")
    axes = figure.subplots()
    steps, epochs = (metrics[metrics["split"] == split] for split in ("step", "epoch"))
    axes.plot(steps["step"], steps["loss"], color="#0072B2", linewidth=0.8, alpha=0.5, label="one step")
    axes.plot(epochs["step"], epochs["loss"], color="#0072B2", linewidth=2, marker="o", markersize=3, label="mean of an epoch")
    axes.axhline(noise_floor, color="#D55E00", linestyle=(0, (4, 3)), linewidth=1.2, label=f"noise floor {noise_floor:.3f}")
    axes.set(xlabel="optimiser step", ylabel="loss")
    axes.set_title("Training loss", fontsize=11)
    axes.legend(frameon=False, fontsize=9)
    axes.spines[["top", "right"]].set_visible(False)
    return figure


def particle_loss_figure(loss: npt.NDArray[np.float32], noise_floor: float) -> Figure:
    """How the loss is distributed over the particles; the far right are images to look at."""
    figure = Figure(figsize=(6.4, 3.8), dpi=DPI, layout="constrained")
    axes = figure.subplots()
    finite = loss[np.isfinite(loss)]
    low, high = np.percentile(finite, [0, 99.5])
    beyond = int((finite > high).sum())
    bins = np.linspace(low, max(high, low + 1e-6), int(np.clip(len(finite) ** 0.5, 8, 80)) + 1)
    axes.hist(np.minimum(finite, high), bins=bins.tolist(), color="#0072B2")
    axes.axvline(noise_floor, color="#D55E00", linestyle=(0, (4, 3)), linewidth=1.2, label=f"noise floor {noise_floor:.3f}")
    axes.axvline(float(np.median(finite)), color="#333333", linewidth=1.2, label=f"median {np.median(finite):.3f}")
    axes.set(xlabel=f"loss of a particle (the last bar holds {beyond:,} that are larger)", ylabel="particles")
    axes.set_title("Loss of each particle", fontsize=11)
    axes.legend(frameon=False, fontsize=9)
    axes.spines[["top", "right"]].set_visible(False)
    return figure


def cluster_size_figure(sizes: list[int], noise: int) -> Figure:
    """How many particles each cluster holds."""
    figure = Figure(figsize=(float(np.clip(0.3 * len(sizes) + 2.5, 4.5, 12)), 3.6), dpi=DPI, layout="constrained")
    axes = figure.subplots()
    axes.bar(range(len(sizes)), sizes, color=category_colours(np.arange(len(sizes))), width=0.8)
    if len(sizes) <= MOST_NAMED:
        axes.set_xticks(range(len(sizes)))
    axes.set(xlabel="cluster", ylabel="particles")
    aside = f", {noise:,} particles in none" if noise else ""
    axes.set_title(f"{len(sizes)} clusters{aside}", fontsize=11)
    axes.spines[["top", "right"]].set_visible(False)
    axes.margins(x=0.02)
    if len(sizes) > 1 and max(sizes) > 50 * max(1, min(sizes)):
        axes.set_yscale("log")
    axes.tick_params(colors=GREY, labelcolor="black")
    return figure
