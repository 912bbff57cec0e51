"""How every figure looks: no logo, quiet axes, colours that can be read on a dark and on a light ground."""

from __future__ import annotations

from typing import Any

INK = "#8b949e"  # contrast above 3 on both grounds
GRID = "#8b949e"


def plain_axes(figure: Any, grid: bool = True) -> None:
    """Transparent ground, grey axes without minor ticks, faint grid or none."""
    figure.toolbar.logo = None
    figure.update(background_fill_color=None, border_fill_color=None, outline_line_color=GRID, outline_line_alpha=0.4)
    for lines in (figure.xgrid, figure.ygrid):
        lines.visible = grid
        lines.grid_line_color, lines.grid_line_alpha = GRID, 0.2
    for axis in (*figure.xaxis, *figure.yaxis):
        axis.update(
            axis_label_text_color=INK, major_label_text_color=INK, axis_line_color=GRID, axis_line_alpha=0.4,
            major_tick_line_color=GRID, minor_tick_line_color=None, axis_label_text_font_style="normal",
        )  # fmt: skip
