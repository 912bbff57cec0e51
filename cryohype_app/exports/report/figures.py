"""Figures of the report: the course of training, the latent space, FSC curves."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from html import escape
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import ndimage
from skimage.measure import find_contours

from cryohype_app.exports.findings import Finding
from cryohype_app.exports.items import Item
from cryohype_app.frame import LatentFrame
from cryohype_app.plots.latent import spread
from cryohype_app.plots.palette import category_colour, category_palette, density_palette
from cryohype_app.plots.particles import png
from cryohype_app.plots.raster import View, rasterize
from cryohype_app.plots.svg import Line, line_chart

BLUE, ORANGE, GREEN, GREY = "#0072B2", "#D55E00", "#117733", "#6b7280"
LATENT_PX = (860, 560)
CELLS = 96  # of the lattice on which outlines are drawn
ENCLOSED = 0.9  # of the particles of a selection, inside its outline
FEWEST_OUTLINED = 8  # fewer are marked one by one
THRESHOLDS = (0.5, 0.143)


def training_chart(curve: pd.DataFrame) -> str:
    """Loss of steps and epochs, and the noise floor."""
    steps, epochs = ((curve[curve["split"] == split] if "split" in curve else curve.iloc[:0]) for split in ("step", "epoch"))
    lines = [
        Line("steps", *_columns(steps, "loss"), BLUE, width=1, opacity=0.45),
        Line("epochs", *_columns(epochs, "loss"), BLUE),
        Line("noise floor", *_columns(epochs, "noise_floor"), ORANGE, dash="5 3"),
    ]
    shown = [line for line in lines if len(line.x)]
    return line_chart(shown, "step", "loss", "training loss", size=(420, 280))


def fsc_chart(found: Finding) -> str:
    """The curves that are known of a structure."""
    lines: list[Line] = []
    made, metrics, truth = found.backprojection, found.metrics, found.truth
    if made is not None:
        lines.append(Line("half maps", made.frequency_per_angstrom, made.fsc, ORANGE, dash="6 3"))
    if made is not None and metrics is not None and metrics.fsc is not None and metrics.frequency_per_angstrom is not None:
        lines.append(Line("map and back-projection", metrics.frequency_per_angstrom, metrics.fsc, BLUE))
    if truth is not None and truth.fsc is not None and truth.frequency_per_angstrom is not None:
        lines.append(Line("map and truth", truth.frequency_per_angstrom, truth.fsc, GREEN, dash="2 2"))
    if not lines:
        return '<p class="none">No FSC: a single particle has nothing to be compared with.</p>'
    lowest = min(0.0, *(float(np.nanmin(line.y)) for line in lines))
    return line_chart(
        lines, "spatial frequency (1/Å)", "FSC", f"FSC of {found.item.name}",
        y_range=(max(-1.0, lowest - 0.03), 1.03), levels=THRESHOLDS, size=(420, 240),
    )  # fmt: skip


def latent_picture(frame: LatentFrame, items: Sequence[Item]) -> str:
    """All particles, coloured by cluster; medoids by their numbers; outlines of the selections, rings around single particles."""
    x_axis, y_axis = frame.axes[0], frame.axes[min(1, len(frame.axes) - 1)]
    x, y = frame.column(x_axis), frame.column(y_axis)
    width, height = LATENT_PX
    view = View(spread(x), spread(y), width, height)
    has_clusters = "cluster" in frame.colours
    points = frame.points(x_axis, y_axis, "cluster" if has_clusters else "")
    image = rasterize(points, view, "category" if has_clusters else "density")
    palette = category_palette(dark=False) if has_clusters else density_palette(dark=False)
    data = base64.b64encode(png(_coloured(image, palette))).decode()
    parts = [f'<image href="data:image/png;base64,{data}" width="{width}" height="{height}"/>']
    parts += [part for item in items if item.kind != "cluster" for part in _marked(item, x, y, view)]
    parts += [_medoid(view, float(x[m.row]), float(y[m.row]), m.cluster) for m in frame.medoids]
    what = f"{len(frame):,} particles in the latent space, {frame.title(x_axis)} across, {frame.title(y_axis)} up"
    caption = f'<text x="{width / 2:.0f}" y="{height - 4}" text-anchor="middle">{escape(frame.title(x_axis))}</text>'
    side = f'<text x="12" y="{height / 2:.0f}" text-anchor="middle" transform="rotate(-90 12 {height / 2:.0f})">'
    caption += f"{side}{escape(frame.title(y_axis))}</text>"
    return (
        f'<svg viewBox="0 0 {width} {height}" role="img" aria-label="{escape(what)}" font-size="13" '
        f'font-family="system-ui, sans-serif" fill="{GREY}">{"".join(parts)}{caption}</svg>'
    )


def _columns(table: pd.DataFrame, name: str) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    if name not in table or "step" not in table:
        return np.empty(0), np.empty(0)
    return table["step"].to_numpy(np.float64), table[name].to_numpy(np.float64)


def _coloured(image: npt.NDArray[np.uint8], palette: Sequence[str]) -> npt.NDArray[np.uint8]:
    """(h, w, 4), row 0 on top, of levels whose row 0 is at the bottom; level 0 is empty."""
    colours = np.array([[int(colour[at : at + 2], 16) for at in (1, 3, 5)] + [255] for colour in palette], np.uint8)
    colours[0] = 0
    return colours[image[::-1]]


def _place(view: View, x: Any, y: Any) -> tuple[Any, Any]:
    """Pixels of the picture, y downwards."""
    across = (x - view.x[0]) / (view.x[1] - view.x[0]) * view.width_px
    return across, view.height_px - (y - view.y[0]) / (view.y[1] - view.y[0]) * view.height_px


def _marked(item: Item, x: npt.NDArray[Any], y: npt.NDArray[Any], view: View) -> list[str]:
    """Outlines of where most of an item's particles are; of a few particles, a ring around each."""
    across, up = x[item.rows], y[item.rows]
    if len(item.rows) < FEWEST_OUTLINED:
        places = [_place(view, float(a), float(b)) for a, b in zip(across, up, strict=True)]
        rings = [
            f'<circle cx="{a:.1f}" cy="{b:.1f}" r="7" fill="none" stroke="{item.colour}" stroke-width="2.5"/>' for a, b in places
        ]
        return [*rings, _named(item, *places[0])]
    outlines = [_place(view, *line) for line in _outlines(across, up, view)]
    lines = [
        f'<polygon points="{" ".join(f"{a:.1f},{b:.1f}" for a, b in zip(*line, strict=True))}" fill="none" '
        f'stroke="#fff" stroke-width="4.5" opacity="0.7"/>'
        f'<polygon points="{" ".join(f"{a:.1f},{b:.1f}" for a, b in zip(*line, strict=True))}" fill="none" '
        f'stroke="{item.colour}" stroke-width="2.4"/>'
        for line in outlines
    ]
    if not lines:
        return []
    longest = max(outlines, key=lambda line: len(line[0]))
    top = int(np.argmin(longest[1]))
    return [*lines, _named(item, float(longest[0][top]), float(longest[1][top]))]


def _outlines(
    x: npt.NDArray[Any], y: npt.NDArray[Any], view: View
) -> list[tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]]:
    """Contours of the smoothed density of points that enclose most of them."""
    counts, x_edges, y_edges = np.histogram2d(x, y, bins=CELLS, range=(view.x, view.y))
    density = ndimage.gaussian_filter(counts, 1.2)
    column, row = (np.clip(np.digitize(values, edges) - 1, 0, CELLS - 1) for values, edges in ((x, x_edges), (y, y_edges)))
    level = float(np.quantile(density[column, row], 1 - ENCLOSED)) * 0.999
    lines = find_contours(np.pad(density, 1), level)
    step = [(edges[1] - edges[0]) for edges in (x_edges, y_edges)]
    first = [(edges[0] + edges[1]) / 2 for edges in (x_edges, y_edges)]
    return [(first[0] + (line[:, 0] - 1) * step[0], first[1] + (line[:, 1] - 1) * step[1]) for line in lines]


def _named(item: Item, x: float, y: float) -> str:
    """The name above a place, all of it inside of the picture."""
    share = x / LATENT_PX[0]
    anchor = "start" if share < 0.15 else "end" if share > 0.85 else "middle"
    return (
        f'<text x="{x:.1f}" y="{max(14.0, y - 10):.1f}" fill="{item.colour}" font-weight="600" stroke="#fff" stroke-width="3" '
        f'paint-order="stroke" text-anchor="{anchor}">{escape(item.name)}</text>'
    )


def _medoid(view: View, x: float, y: float, cluster: int) -> str:
    across, up = _place(view, x, y)
    colour = category_colour(cluster, dark=False)
    return (
        f'<circle cx="{across:.1f}" cy="{up:.1f}" r="6" fill="{colour}" stroke="#fff" stroke-width="1.5"/>'
        f'<text x="{across + 9:.1f}" y="{up - 4:.1f}" fill="#1f2328" font-weight="600" stroke="#fff" stroke-width="3" '
        f'paint-order="stroke">{cluster}</text>'
    )
