"""Line charts as SVG: for pages that are read without the dashboard, and printed."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

import numpy as np
import numpy.typing as npt

Numbers = npt.NDArray[np.floating]
Range = tuple[float, float]

LEFT, RIGHT, TOP, BOTTOM = 46, 20, 26, 38  # margins in pixels; the legend is above
INK, FAINT = "#57606a", "#d8dee4"
LETTER_PX = 6.0  # about as wide as a letter of the legend is
MOST_POINTS = 600  # of a line: more than the picture has pixels to show


@dataclass(frozen=True, eq=False)
class Line:
    """One curve: its name in the legend (empty for none), (n,) places and values, and its look."""

    name: str
    x: Numbers
    y: Numbers
    colour: str
    dash: str = ""
    width: float = 1.8
    opacity: float = 1.0


def line_chart(
    lines: Sequence[Line],
    x_label: str,
    y_label: str,
    what: str,
    *,
    y_range: Range | None = None,
    levels: Sequence[float] = (),
    size: tuple[int, int] = (420, 250),
) -> str:
    """An SVG of curves on common axes; values that are not finite are left out.

    Parameters
    ----------
    what : said of the picture to those who cannot see it.
    y_range : None for the range of the values. levels : values with a dashed line across.
    """
    width, height = size
    drawn = [_finite(line) for line in lines]
    xs, ys = (np.concatenate([np.empty(0), *(getattr(line, axis) for line in drawn)]) for axis in "xy")
    if not len(xs):
        return f'<p class="none">{escape(what)}: nothing to draw.</p>'
    x_range, y_shown = _spread(xs, 0.0), y_range or _spread(ys, 0.06)
    place = _Place(x_range, y_shown, width, height)
    parts = [*_axes(place, x_label, y_label), *(_level(place, value) for value in levels)]
    parts += [_polyline(place, line) for line in drawn]
    parts += _legend([line for line in drawn if line.name])
    return (
        f'<svg viewBox="0 0 {width} {height}" role="img" aria-label="{escape(what)}" font-size="11" '
        f'font-family="system-ui, sans-serif" fill="{INK}">{"".join(parts)}</svg>'
    )


def ticks(low: float, high: float, about: int = 5) -> list[float]:
    """Round numbers within a range, about so many."""
    span = high - low
    if not span > 0 or not math.isfinite(span):
        return [low]
    raw = span / about
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(power * factor for factor in (1, 2, 2.5, 5, 10) if power * factor >= raw * 0.999)
    first = math.ceil(low / step - 1e-9)
    return [round(number * step, 12) for number in range(first, math.floor(high / step + 1e-9) + 1)]


@dataclass(frozen=True)
class _Place:
    """From values to pixels."""

    x: Range
    y: Range
    width: int
    height: int

    def across(self, value: float) -> float:
        share = (value - self.x[0]) / (self.x[1] - self.x[0])
        return LEFT + share * (self.width - LEFT - RIGHT)

    def up(self, value: float) -> float:
        share = (value - self.y[0]) / (self.y[1] - self.y[0])
        return self.height - BOTTOM - share * (self.height - TOP - BOTTOM)


def _finite(line: Line) -> Line:
    x, y = np.asarray(line.x, np.float64), np.asarray(line.y, np.float64)
    keep = np.flatnonzero(np.isfinite(x) & np.isfinite(y))
    if len(keep) > MOST_POINTS:
        keep = keep[np.unique(np.linspace(0, len(keep) - 1, MOST_POINTS).astype(np.int64))]
    return Line(line.name, x[keep], y[keep], line.colour, line.dash, line.width, line.opacity)


def _spread(values: Numbers, margin: float) -> Range:
    low, high = float(values.min()), float(values.max())
    room = margin * (high - low)
    return (low - room, high + room) if high > low else (low - 0.5, high + 0.5)


def _axes(place: _Place, x_label: str, y_label: str) -> list[str]:
    floor, right, parts = place.height - BOTTOM, place.width - RIGHT, []
    for value in ticks(*place.y):
        y = place.up(value)
        parts.append(f'<path d="M{LEFT} {y:.1f}H{right}" stroke="{FAINT}"/>')
        parts.append(f'<text x="{LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{value:g}</text>')
    for value in ticks(*place.x):
        x = place.across(value)
        parts.append(f'<path d="M{x:.1f} {floor}v4" stroke="{INK}"/>')
        parts.append(f'<text x="{x:.1f}" y="{floor + 16}" text-anchor="middle">{value:g}</text>')
    middle = (LEFT + right) / 2
    parts.append(f'<path d="M{LEFT} {TOP}V{floor}H{right}" stroke="{INK}" fill="none"/>')
    parts.append(f'<text x="{middle:.0f}" y="{place.height - 6}" text-anchor="middle">{escape(x_label)}</text>')
    up = (TOP + floor) / 2
    turned = f'transform="rotate(-90 11 {up:.0f})"'
    parts.append(f'<text x="11" y="{up:.0f}" text-anchor="middle" {turned}>{escape(y_label)}</text>')
    return parts


def _level(place: _Place, value: float) -> str:
    y = place.up(value)
    line = f'<path d="M{LEFT} {y:.1f}H{place.width - RIGHT}" stroke="{INK}" stroke-dasharray="4 3" opacity="0.7"/>'
    look = 'text-anchor="end" font-size="9" stroke="#fff" stroke-width="3" paint-order="stroke"'
    return line + f'<text x="{place.width - RIGHT}" y="{y - 3:.1f}" {look}>{value:g}</text>'


def _polyline(place: _Place, line: Line) -> str:
    points = " ".join(f"{place.across(x):.1f},{place.up(y):.1f}" for x, y in zip(line.x, line.y, strict=True))
    dash = f' stroke-dasharray="{line.dash}"' if line.dash else ""
    look = f'stroke="{line.colour}" stroke-width="{line.width}" opacity="{line.opacity}"{dash}'
    return f'<polyline points="{points}" fill="none" stroke-linejoin="round" {look}/>'


def _legend(lines: Sequence[Line]) -> list[str]:
    """Names in a row above the axes."""
    parts, x = [], float(LEFT)
    for line in lines:
        dash = f' stroke-dasharray="{line.dash}"' if line.dash else ""
        look = f'stroke="{line.colour}" stroke-width="{line.width + 0.4}" opacity="{line.opacity}"{dash}'
        parts.append(f'<path d="M{x:.0f} 11h20" {look}/><text x="{x + 25:.0f}" y="15">{escape(line.name)}</text>')
        x += 25 + LETTER_PX * len(line.name) + 14
    return parts
