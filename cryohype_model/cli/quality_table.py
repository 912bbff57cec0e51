"""How far particles support the maps of their clusters, as a table for the terminal and as one JSON object."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rich import box
from rich.console import Console
from rich.table import Table

if TYPE_CHECKING:
    from cryohype_model.runs.quality import ClusterQuality, QualityTable

MOST_LISTED = 30
DASH = "–"
COLUMNS = ("cluster", "map", "particles", "carry (Å)", "agrees (Å)", "agreement", "verdict")
LEGEND = (
    "What the particles carry: half-map FSC 0.143. The map agrees with them: FSC 0.5. The two are the same in a right map, "
    "and its agreement is 1."
)


def print_quality(console: Console, quality: QualityTable) -> None:
    """Print a line a map, those with warnings first where there are too many.

    Parameters
    ----------
    console : standard error, for `cryohype`.
    """
    order = sorted(quality.maps, key=lambda one: (not one.warned, one.cluster))
    shown = sorted(order[:MOST_LISTED], key=lambda one: (one.cluster, one.method != "medoid"))
    table = Table(box=box.SIMPLE_HEAD, title="Are the maps in their particles?", title_justify="left", pad_edge=False)
    for name in COLUMNS:
        words = name in {"map", "verdict"}
        table.add_column(name, justify="left" if words else "right", min_width=11 if name == "verdict" else None)
    for one in shown:
        table.add_row(*quality_cells(one), ", ".join(one.verdicts), style="yellow" if one.warned else None)
    console.print(table)
    if len(shown) < len(quality.maps):
        _say(console, f"{len(quality.maps) - len(shown)} more in {quality.path}.")
    _say(console, LEGEND)
    if quality.warned:
        counted = f"{len(quality.warned)} of {len(quality.maps)} maps show"
        _say(console, f"WARNING: {counted} what their particles do not (docs/metrics.md).")
        for one in quality.warned[:MOST_LISTED]:
            _say(console, f"  cluster {one.cluster}, {one.method}: {one.sentence}")


def quality_record(quality: QualityTable) -> dict[str, Any]:
    """What ``--json`` prints of it."""
    keep = {"cluster", "method", "particles", "carried_angstrom", "agreed_angstrom", "agreement", "verdicts"}
    return {
        "file": str(quality.path),
        "maps": len(quality.maps),
        "defined": len(quality.defined),
        "warned": [{"cluster": one.cluster, "method": one.method} for one in quality.warned],
        "per_map": [one.model_dump(mode="json", include=keep) for one in quality.maps],
    }


def quality_cells(one: ClusterQuality) -> tuple[str, ...]:
    """Cluster, map, particles, both resolutions and agreement, as text."""
    agreement = DASH if one.agreement is None else f"{one.agreement:.2f}"
    resolutions = (_angstrom(one.carried_angstrom), _angstrom(one.agreed_angstrom))
    return (str(one.cluster), one.method, f"{one.particles:,}", *resolutions, agreement)


def _angstrom(value: float | None) -> str:
    return DASH if value is None else f"{value:.1f}"


def _say(console: Console, sentence: str) -> None:
    console.print(sentence, markup=False, highlight=False, soft_wrap=True)
