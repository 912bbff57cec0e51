"""What the colours of the latent picture mean: names of groups, a bar of a quantity, a map of directions."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np

from cryohype_app.frame import DIRECTION, ROT_BINS, TILT_BINS, LatentFrame
from cryohype_app.plots.palette import category_colour, cyclic_palette, density_palette, direction_palette, quantity_palette
from cryohype_app.plots.raster import category_level

MOST_ENTRIES = 300  # groups; of more, the largest


@dataclass(frozen=True)
class Entry:
    """A group: its number in the column, what people call it, its colour, its particles in the picture."""

    value: int
    label: str
    colour: str
    count: int


@dataclass(frozen=True)
class Legend:
    """What is drawn beside the picture.

    Attributes
    ----------
    name : of the column in conditions; empty for density. colours : of a bar from left to right, of a map row by row.
    ticks : words at the beginning, the middle and the end of a bar, or of the axes of a map. columns : of a map.
    left_out : groups that are not listed.
    """

    kind: Literal["groups", "bar", "map"]
    title: str
    name: str = ""
    entries: tuple[Entry, ...] = ()
    colours: tuple[str, ...] = ()
    ticks: tuple[str, ...] = ()
    columns: int = 0
    left_out: int = 0

    def plain(self) -> dict[str, Any]:
        """For the browser."""
        return asdict(self)


def legend_of(frame: LatentFrame, x: str, y: str, colour: str, dark: bool) -> Legend:
    """The legend of a picture; may read the column, so not for the event loop.

    Parameters
    ----------
    x, y : axes of the picture: only particles in it are counted. colour : a column, or empty for density.
    """
    if not colour:
        return Legend("bar", "density", "", colours=tuple(density_palette(dark)[1:]), ticks=("few", "", "many"))
    title, kind = frame.title(colour), frame.kind(colour)
    if kind == "category":
        entries, left_out = _groups(frame, x, y, colour, dark)
        return Legend("groups", title, colour, entries, left_out=left_out)
    if kind == DIRECTION:
        palette = direction_palette(dark)
        colours = tuple(palette[category_level(field)] for field in range(ROT_BINS * TILT_BINS))
        sides = ("→ rot −180° to 180°", "↓ tilt 0° to 180°")
        return Legend("map", title, colour, colours=colours, ticks=sides, columns=ROT_BINS)
    low, high = frame.limits(colour)
    ramp = cyclic_palette() if kind == "cyclic" else quantity_palette(dark)
    ticks = tuple(_number(value) for value in (low, (low + high) / 2, high))
    return Legend("bar", title, colour, colours=tuple(ramp[1:]), ticks=ticks if low < high else (_number(low), "", ""))


def _groups(frame: LatentFrame, x: str, y: str, colour: str, dark: bool) -> tuple[tuple[Entry, ...], int]:
    drawn = frame.points(x, y, colour)["value"].to_numpy()
    lowest = int(drawn.min(initial=0))
    counts = np.bincount(drawn - lowest)
    values = np.flatnonzero(counts) + lowest
    counts = counts[counts > 0]
    kept = np.arange(len(values))
    if len(values) > MOST_ENTRIES:
        kept = np.sort(np.argsort(-counts, kind="stable")[:MOST_ENTRIES])
    names = frame.names(colour)
    entries = tuple(
        Entry(int(value), _label(int(value), names), category_colour(int(value), dark), int(count))
        for value, count in zip(values[kept], counts[kept], strict=True)
    )
    return entries, len(values) - len(entries)


def _label(value: int, names: tuple[str, ...]) -> str:
    if names:
        return names[value].rpartition("/")[2] or names[value]
    return str(value) if value >= 0 else "none"


def _number(value: float) -> str:
    """As many digits as can be told apart on a bar."""
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"
