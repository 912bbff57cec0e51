"""The comparisons as Markdown."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from benchmarks.speed.asking import Answer
from benchmarks.speed.comparison import Comparison, spread_of

DASH = "–"


def speed_table(comparisons: Sequence[Comparison]) -> str:
    """A row a comparison."""
    lines = [
        "| measured | ours | rival | its figure | times faster | by processor time | target | of the arithmetic limit "
        "| peak memory, its (MiB) |",
        "|---" * 9 + "|",
    ]
    for row in comparisons:
        cells = [
            row.what, figure(row.ours, row), row.rival, figure(row.theirs, row), ratio(row.ratios("wall")),
            ratio(row.ratios("cpu")), verdict(row), share(row.shares_of_limit()), memory(row),
        ]  # fmt: skip
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def figure(answers: Sequence[Answer], row: Comparison) -> str:
    """The median of the rounds: a speed, or seconds of one piece."""
    seconds = float(np.median([answer.wall for answer in answers]))
    if row.unit:
        return f"{_short(row.amount / seconds)} {row.unit}/s"
    return f"{_short(seconds / row.amount)} s"


def ratio(values: npt.NDArray[np.float64]) -> str:
    """Median with lowest and highest."""
    found = spread_of(values)
    return f"**{found['median']:.2f}** ({found['lowest']:.2f} to {found['highest']:.2f})"


def verdict(row: Comparison) -> str:
    """The target and whether it was met."""
    if row.target is None:
        return DASH
    return f"≥ {row.target:g}: {'missed' if row.missed else 'met'}"


def share(values: npt.NDArray[np.float64]) -> str:
    """Of the limit, in percent."""
    if not len(values):
        return DASH
    found = spread_of(values)
    return f"{found['median']:.0%} ({found['lowest']:.0%} to {found['highest']:.0%})"


def memory(row: Comparison) -> str:
    """The largest of the rounds, ours and the rival's."""
    if not row.memory:
        return DASH
    return ", ".join(f"{max(answer.peak_mib for answer in answers):,.0f}" for answers in (row.ours, row.theirs))


def _short(value: float) -> str:
    """Three digits."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"
