"""How the latent picture looks for a choice of axes, colour and theme: ranges, palette, legend, medoids."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from cryohype_app.frame import DIRECTION, LatentFrame, split_axis
from cryohype_app.plots.latent import medoid_px, no_medoids, spread
from cryohype_app.plots.legend import Legend, legend_of
from cryohype_app.plots.palette import (
    category_colour,
    category_palette,
    cyclic_palette,
    density_palette,
    direction_palette,
    quantity_palette,
)
from cryohype_app.plots.raster import Image, Kind, Range, View, rasterize
from cryohype_app.state import Chosen


@dataclass(frozen=True, eq=False)
class Look:
    """Everything of the picture that does not depend on what is in view or selected.

    Attributes
    ----------
    medoids : columns of LatentFigure.medoids, the largest cluster first. clusters : theirs.
    """

    x: str
    y: str
    colour: str
    titles: tuple[str, str]
    ranges: tuple[Range, Range]
    palette: list[str]
    legend: Legend
    medoids: dict[str, Any]
    clusters: tuple[int, ...]

    @property
    def space(self) -> str:
        """The selection whose embedding is shown; empty for all particles."""
        return split_axis(self.x)[0]


def look_of(frame: LatentFrame, x: str, y: str, colour: str, dark: bool) -> Look:
    """The look of a picture; may read columns of files, so not for the event loop.

    Raises
    ------
    CryoHypeError : a column is not there or cannot be read.
    """
    ranges = (spread(frame.column(x)), spread(frame.column(y)))
    medoids, clusters = _medoids(frame, x, y, dark)
    return Look(
        x, y, colour, (frame.title(x), frame.title(y)), ranges, _palette(frame, colour, dark),
        legend_of(frame, x, y, colour, dark), medoids, clusters,
    )  # fmt: skip


def pictures(frame: LatentFrame, x: str, y: str, colour: str, view: View, chosen: Chosen) -> tuple[Image, Image | None]:
    """Pictures of all particles that have a place, and of the selected ones, if any."""
    points = frame.points(x, y, colour)
    kind, limits = _how(frame, colour)
    everything = rasterize(points, view, kind, limits)
    if not len(chosen):
        return everything, None
    is_chosen = np.zeros(len(frame), bool)
    is_chosen[chosen.rows] = True
    return everything, rasterize(points[is_chosen[points.index.to_numpy()]], view, kind, limits)


def _how(frame: LatentFrame, colour: str) -> tuple[Kind, Range | None]:
    if not colour:
        return "density", None
    kind = frame.kind(colour)
    if kind in {"category", DIRECTION}:
        return "category", None
    return ("cyclic" if kind == "cyclic" else "quantity"), frame.limits(colour)


def _palette(frame: LatentFrame, colour: str, dark: bool) -> list[str]:
    if not colour:
        return density_palette(dark)
    kind = frame.kind(colour)
    if kind == "category":
        return category_palette(dark)
    if kind == DIRECTION:
        return direction_palette(dark)
    return cyclic_palette() if kind == "cyclic" else quantity_palette(dark)


def _medoids(frame: LatentFrame, x: str, y: str, dark: bool) -> tuple[dict[str, Any], tuple[int, ...]]:
    """Those that have a place in the picture."""
    rows = np.array([medoid.row for medoid in frame.medoids], np.int64)
    across, up = frame.column(x)[rows], frame.column(y)[rows]
    sizes = frame.sizes("cluster") if "cluster" in frame.colours else {}
    shown = [place for place in range(len(rows)) if np.isfinite(across[place]) and np.isfinite(up[place])]
    shown.sort(key=lambda place: -sizes.get(frame.medoids[place].cluster, 0))
    clusters = tuple(frame.medoids[place].cluster for place in shown)
    counts = [sizes.get(cluster, 0) for cluster in clusters]
    if not clusters:
        return no_medoids(), ()
    return {
        "x": across[shown],
        "y": up[shown],
        "name": [str(cluster) for cluster in clusters],
        "colour": [category_colour(cluster, dark) for cluster in clusters],
        "count": counts,
        "share": [count / len(frame) for count in counts],
        "size": [medoid_px(len(clusters))] * len(clusters),
    }, clusters
