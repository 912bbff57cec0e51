"""How well two maps agree: their FSC, numbers of both, and numbers between them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from html import escape
from typing import Any

import panel as pn
from panel.viewable import Viewer

from cryohype_app.background import on_document
from cryohype_app.plots.curves import fsc_figure, show_curve
from cryohype_app.worker.results import HistogramResult, MetricsResult

LOWEST_FSC = -0.1  # of the plot, where the curve goes no lower


@dataclass(frozen=True, eq=False)
class Facts:
    """What is known of one map.

    Attributes
    ----------
    particles : that it stands for, None for none. level : of its contour. shape : at that level, None while it is measured.
    """

    name: str
    particles: int | None
    densities: HistogramResult
    level: float
    shape: MetricsResult | None = None


class AgreementView(Viewer):
    """FSC and a table; each part is shown as it comes."""

    def __init__(self) -> None:
        super().__init__()
        self.document = pn.state.curdoc
        self.plot, self.curve, self.halves = fsc_figure()
        self.plot.yaxis.axis_label = "FSC of A and B"
        self.table = pn.pane.HTML("", sizing_mode="stretch_width", margin=(2, 10))
        self._metrics: MetricsResult | None = None

    def __panel__(self) -> Any:
        left = pn.Column(pn.pane.Bokeh(self.plot, sizing_mode="stretch_both", margin=0), sizing_mode="stretch_both", margin=0)
        right = pn.Column(self.table, sizing_mode="stretch_both", margin=0)
        left.styles = {"flex": "2 1 0", "minWidth": "0"}
        right.styles = {"flex": "3 1 0", "minWidth": "0", "overflow": "auto"}
        return pn.Row(left, right, sizing_mode="stretch_both", margin=0)

    def show_fsc(self, found: MetricsResult | None) -> None:
        """Draw the curve between the maps, and of the half maps where one is a back-projection; none empties the plot."""

        def draw() -> None:
            seen = found or MetricsResult("", None)
            show_curve(self.plot, self.halves, seen.half_frequency_per_angstrom, seen.half_fsc)
            show_curve(self.plot, self.curve, seen.frequency_per_angstrom, seen.fsc)
            self.plot.y_range.start = min(LOWEST_FSC, float(seen.fsc.min()) - 0.05) if seen.fsc is not None else LOWEST_FSC

        on_document(self.document, draw)

    def show_numbers(self, a: Facts | None, b: Facts | None, shared: int | None, between: MetricsResult | None) -> None:
        """Fill the table with what is known so far."""
        self.table.object = numbers_table(a, b, shared, between)


def numbers_table(a: Facts | None, b: Facts | None, shared: int | None, between: MetricsResult | None) -> str:
    """HTML of the numbers of both maps side by side, then of the numbers between them."""
    if a is None and b is None:
        return ""
    head = [("", *(f"<b>{letter}</b> {escape(facts.name)}" if facts else letter for letter, facts in (("A", a), ("B", b))))]
    rows = [*head, *_both(a, b)]
    numbers = _between(a, b, shared, between)
    return _html(rows) + (_html([("<b>between A and B</b>", ""), *numbers]) if numbers else "") + _notes(between)


def _both(a: Facts | None, b: Facts | None) -> list[tuple[str, str, str]]:
    names = ("particles", "box", "contour", "volume", "radius of gyration")
    columns = [_column(facts) if facts is not None else [""] * len(names) for facts in (a, b)]
    return [(name, one, other) for name, one, other in zip(names, *columns, strict=True)]


def _column(facts: Facts) -> list[str]:
    shape, found = facts.shape, facts.densities
    sigma = (facts.level - found.mean) / found.deviation if found.deviation > 0 else 0.0
    return [
        f"{facts.particles:,}" if facts.particles is not None else "–",
        f"{found.box_px} px at {found.pixel_size_angstrom:.2f} Å",
        f"{facts.level:.3g} ({sigma:.1f} σ)",
        _told(shape.enclosed_volume_angstrom3 if shape else None, 1e-3, "× 10³ Å³"),
        _told(shape.radius_of_gyration_angstrom if shape else None, 1, "Å"),
    ]


def _between(a: Facts | None, b: Facts | None, shared: int | None, found: MetricsResult | None) -> list[tuple[str, str]]:
    rows = []
    if shared is not None and a is not None and b is not None:
        least = min(a.particles or 0, b.particles or 0)
        rows.append(("particles in both", f"{shared:,}" + (f" ({shared / least:.0%} of the smaller)" if least else "")))
    if found is None:
        return rows
    perfect = f" of {found.perfect_auc:.3f}" if found.perfect_auc else ""
    return [
        *rows,
        ("resolution, FSC 0.5", _told(found.resolution_05_angstrom, 1, "Å")),
        ("resolution, FSC 0.143", _told(found.resolution_0143_angstrom, 1, "Å")),
        ("FSC-AUC", _told(found.fsc_auc, 1, "", 3) + perfect),
        ("vIoU, best levels", _told(found.viou, 1, "", 3)),
        ("Chamfer distance", _told(found.chamfer_angstrom, 1, "Å")),
        ("common grid", f"{found.box_px} px at {found.pixel_size_angstrom:.2f} Å" if found.box_px else "–"),
    ]


def _told(value: float | None, factor: float, unit: str, digits: int = 3) -> str:
    return "–" if value is None else f"{value * factor:.{digits}g} {unit}".strip()


def _html(rows: Iterable[tuple[str, ...]]) -> str:
    """An HTML table of cells that are HTML already; the first of a row names it."""
    lines = "".join(
        f'<tr><th style="text-align:left;font-weight:400;opacity:.75;padding:1px 14px 1px 0">{name}</th>'
        + "".join(f'<td style="padding:1px 14px 1px 0">{cell}</td>' for cell in cells)
        + "</tr>"
        for name, *cells in rows
    )
    return f'<table style="font-size:.8rem;border-collapse:collapse;display:inline-table;vertical-align:top">{lines}</table>'


def _notes(found: MetricsResult | None) -> str:
    return "".join(f'<div style="font-size:.75rem;opacity:.75">{escape(note)}</div>' for note in (found.notes if found else ()))
