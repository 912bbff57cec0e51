"""The histogram of a map with its level, and the FSC of two maps, in the colours of napari's theme."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.backends.backend_qtagg import FigureCanvasQTAgg
from matplotlib.figure import Figure
from qtpy.QtCore import Qt, Signal

from cryohype_app.napari_plugin.inspection.densities import Densities
from cryohype_app.napari_plugin.inspection.theme import Colours

Curve = npt.NDArray[np.float64]
SIZE_PT = 8
HISTOGRAM_PX, TICKS_PX, FSC_PX = 130, 22, 220
THRESHOLDS = (0.5, 0.143)


class _Canvas(FigureCanvasQTAgg):
    """A picture of fixed height whose colours can be changed."""

    def __init__(self, figure: Figure, height_px: int, says: str) -> None:
        super().__init__(figure)  # type: ignore[no-untyped-call]  # matplotlib's is not annotated
        self.setFixedHeight(height_px)
        self.setMinimumWidth(120)
        self.setAccessibleName(says)
        self.axes: Axes = self.figure.add_subplot()
        self.colours: Colours | None = None

    def wheelEvent(self, event: Any) -> None:  # noqa: N802  # Qt's name
        """The wheel scrolls the widget that the picture is in."""
        event.ignore()

    def paint(self, colours: Colours) -> None:
        """Take the colours of a theme."""
        self.colours = colours
        self.refresh()

    def refresh(self) -> None:
        """Draw everything anew."""
        raise NotImplementedError

    def draw_soon(self) -> None:
        """Draw when the window has time."""
        self.draw_idle()  # type: ignore[no-untyped-call]  # matplotlib's is not annotated

    def begin(self) -> Colours | None:
        """Empty axes in the theme's colours; None before there is a theme."""
        self.figure.clear()
        self.axes = self.figure.add_subplot()
        if self.colours is not None:
            dress(self.figure, self.axes, self.colours)
        return self.colours


class HistogramCanvas(_Canvas):
    """Counts of the densities, and a line at the level that follows the mouse and the arrow keys."""

    moved = Signal(float)

    def __init__(self) -> None:
        super().__init__(Figure(), HISTOGRAM_PX, "histogram of the densities; the arrow keys move the level")
        self.setToolTip("Click or drag: the level of the surface. Counts are on a logarithmic axis.")
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.densities: Densities | None = None
        self.level = 0.0
        self.line: Any = None
        self.mpl_connect("button_press_event", self._touched)
        self.mpl_connect("motion_notify_event", self._touched)

    def show_densities(self, densities: Densities | None) -> None:
        """The histogram of another map, or of none."""
        self.densities = densities
        self.refresh()

    def show_level(self, level: float) -> None:
        """Move the line."""
        self.level = level
        if self.line is not None:
            self.line.set_xdata([level, level])
            self.draw_soon()

    def refresh(self) -> None:
        """Draw everything anew."""
        colours, found = self.begin(), self.densities
        self.line = None
        if colours is not None and found is not None:
            self.axes.stairs(np.maximum(found.counts, 0.5), found.edges, fill=True, color=colours.faint, baseline=0.5)
            self.axes.set_yscale("log")
            self.axes.set_ylim(0.5, max(2.0, 2.0 * float(found.counts.max())))
            margin = 0.02 * (found.high - found.low) or 1.0
            self.axes.set_xlim(found.low - margin, found.high + margin)
            self.line = self.axes.axvline(self.level, color=colours.accent, linewidth=2)
        self.axes.set_yticks([])
        self.axes.minorticks_off()
        self.figure.subplots_adjust(0.03, TICKS_PX / HISTOGRAM_PX, 0.97, 0.98)  # no layout to be found at every step of the line
        self.axes.spines["left"].set_visible(False)
        self.draw_soon()

    def keyPressEvent(self, event: Any) -> None:  # noqa: N802  # Qt's name
        """Left and right move the level by a hundredth of the range."""
        steps = {Qt.Key.Key_Left: -1, Qt.Key.Key_Right: 1}.get(event.key())
        if steps is None or self.densities is None:
            event.ignore()
            return
        self.moved.emit(self.level + steps * 0.01 * (self.densities.high - self.densities.low))

    def _touched(self, event: Any) -> None:
        is_held = event.button == 1 if event.name == "button_press_event" else 1 in (getattr(event, "buttons", None) or ())
        if is_held and event.inaxes is self.axes and self.densities is not None:
            self.moved.emit(float(event.xdata))


class FscCanvas(_Canvas):
    """FSC against spatial frequency, with the two usual thresholds."""

    def __init__(self) -> None:
        super().__init__(Figure(layout="constrained"), FSC_PX, "Fourier shell correlation of the two maps")
        self.frequency: Curve | None = None
        self.curve: Curve | None = None

    def show_curve(self, frequency: Curve | None, curve: Curve | None) -> None:
        """(n,) spatial frequencies in 1/Å and correlations."""
        self.frequency, self.curve = frequency, curve
        self.refresh()

    def refresh(self) -> None:
        """Draw everything anew."""
        colours = self.begin()
        if colours is not None and self.frequency is not None and self.curve is not None:
            draw_fsc(self.axes, self.frequency, self.curve, colours)
        self.draw_soon()


def draw_fsc(axes: Axes, frequency: Curve, curve: Curve, colours: Colours) -> None:
    """The curve, lines at 0.5 and 0.143, 1/Å below and Å above."""
    for threshold in THRESHOLDS:
        axes.axhline(threshold, color=colours.faint, linewidth=1, linestyle=(0, (4, 3)))
        axes.annotate(f"{threshold}", (0, threshold), xycoords=("axes fraction", "data"), xytext=(3, 2), color=colours.text,
                      textcoords="offset points", fontsize=SIZE_PT - 1)  # fmt: skip
    axes.axhline(0, color=colours.faint, linewidth=0.8)
    axes.plot(frequency[1:], curve[1:], color=colours.accent, linewidth=1.8)
    nyquist = float(frequency[-1])
    axes.set_xlim(0, nyquist)
    axes.set_ylim(min(-0.03, float(curve[1:].min()) - 0.03), 1.04)
    axes.set_xlabel("spatial frequency (1/Å)", fontsize=SIZE_PT)
    axes.set_ylabel("FSC", fontsize=SIZE_PT)
    top = axes.secondary_xaxis("top")
    ticks = np.linspace(0, nyquist, 5)[1:]
    top.set_xticks(ticks, [f"{1 / tick:.3g} Å" for tick in ticks])
    top.tick_params(labelsize=SIZE_PT, color=colours.faint, labelcolor=colours.text)
    top.spines["top"].set_visible(False)


def dress(figure: Figure, axes: Axes, colours: Colours) -> None:
    """The theme's colours, small letters, no frame where there is no scale."""
    figure.set_facecolor(colours.background)
    axes.set_facecolor(colours.background)
    axes.tick_params(labelsize=SIZE_PT, color=colours.faint, labelcolor=colours.text)
    for name, spine in axes.spines.items():
        spine.set_visible(name == "bottom" or name == "left")
        spine.set_color(colours.faint)
    for label in (axes.xaxis.label, axes.yaxis.label):
        label.set_color(colours.text)
