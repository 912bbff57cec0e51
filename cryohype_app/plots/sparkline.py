"""A training curve the size of a word."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

WIDTH, HEIGHT, POINTS = 160, 36, 80


def sparkline(values: npt.NDArray[np.float64], colour: str = "#3b8ee0") -> str:
    """An SVG of a curve, its range the picture's height; empty for fewer than two finite values."""
    finite = values[np.isfinite(values)]
    if len(finite) < 2:
        return ""
    places = np.unique(np.linspace(0, len(finite) - 1, POINTS).astype(np.int64))
    shown = finite[places]
    low, high = float(shown.min()), float(shown.max())
    x = places / (len(finite) - 1) * (WIDTH - 4) + 2
    y = HEIGHT - 3 - (shown - low) / max(high - low, 1e-12) * (HEIGHT - 6)
    points = " ".join(f"{a:.1f},{b:.1f}" for a, b in zip(x, y, strict=True))
    return (
        f'<svg width="{WIDTH}" height="{HEIGHT}" role="img" aria-label="loss from {finite[0]:.3f} to {finite[-1]:.3f}">'
        f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="1.6"/></svg>'
    )
