"""An evaluation as tables for the terminal: this one, the bound, the perfect score, the paper's rows."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from cryohype_model.metrics.published import Spread

if TYPE_CHECKING:
    from cryohype_model.metrics.classification import ClassificationResult
    from cryohype_model.metrics.evaluation import EvaluationTable
    from cryohype_model.metrics.report import Evaluation

MOST_STRUCTURES_LISTED = 25
WIDTH_WITH_SPREAD = 150  # columns of a terminal that holds mean (std) / median; a narrower one gets the means
DASH = "–"


def print_evaluation(console: Console, evaluation: Evaluation) -> None:
    """Print everything that was found, with the policies behind the numbers.

    Parameters
    ----------
    console : standard error, for `cryohype`.
    evaluation : what was found.
    """
    table = evaluation.table
    if len(table.rows) <= MOST_STRUCTURES_LISTED:
        console.print(_structures(table))
    console.print(_summary(evaluation, spread=console.width >= WIDTH_WITH_SPREAD))
    if evaluation.classification is not None:
        console.print(_classification(evaluation.classification))
    for sentence in _notes(evaluation):
        console.print(sentence, markup=False, highlight=False, soft_wrap=True)


def _notes(evaluation: Evaluation) -> list[str]:
    """What a reader must know to compare the numbers with others."""
    table = evaluation.table
    notes = [
        f"FSC {'with the mask' if table.masked else 'without a mask'}, CryoBench's shells; "
        f"a perfect map scores FSC-AUC {table.perfect:.4f} in this box of {table.box_px} px.",
        "0.5 and 0.143: resolution where the FSC falls below; CD: Chamfer distance; vIoU: overlap of the volumes.",
        f"Levels for vIoU and Chamfer distance: {table.policy}.",
        f"Pairs: {evaluation.pairing}.",
    ]
    undefined = [row for row in table.rows if row.note]
    if undefined:
        first = undefined[0]
        notes.append(f"Shape not defined for {len(undefined)} of {len(table.rows)}, such as {first.name}: {first.note}.")
    if any(row.chamfer for row in evaluation.published):
        notes.append("The paper's Chamfer distances are in its scaled voxel coordinate, its levels were chosen by eye.")
    return notes


def _structures(table: EvaluationTable) -> Table:
    """One line a structure."""
    printed = Table(title="Structures", title_justify="left", box=box.SIMPLE_HEAD)
    printed.add_column("structure")
    for heading in ("FSC-AUC", "0.5 (px)", "0.5 (Å)", "0.143 (Å)", "vIoU", "CD (Å)"):
        printed.add_column(heading, justify="right", no_wrap=True)
    for row in table.rows:
        numbers = (row.resolution_fsc05_px, row.resolution_fsc05_angstrom, row.resolution_fsc0143_angstrom)
        printed.add_row(
            escape(row.name),
            _number(row.fsc_auc, 3),
            *(_number(n, 2) for n in numbers),
            _number(row.viou, 3),
            _number(row.chamfer_angstrom, 2),
        )
    return printed


def _summary(evaluation: Evaluation, spread: bool) -> Table:
    """Each set of maps, the perfect score, and the published rows: mean (std) / median, or means only."""
    printed = Table(
        title=f"{'Mean (std) / median' if spread else 'Mean'} over {len(evaluation.table.rows)} structures",
        title_justify="left",
        box=box.SIMPLE_HEAD,
    )
    printed.add_column("")
    for heading in ("FSC-AUC", "0.5 (px)", "0.5 (Å)", "vIoU", "CD (Å)", "accuracy"):
        printed.add_column(heading, justify="right", no_wrap=True)
    metrics = (
        ("fsc_auc", 3),
        ("resolution_fsc05_px", 2),
        ("resolution_fsc05_angstrom", 2),
        ("viou", 3),
        ("chamfer_angstrom", 2),
    )
    for name, table in evaluation.tables.items():
        summary = table.summary()
        found = [Spread(summary[metric]["mean"], summary[metric]["std"], summary[metric]["median"]) for metric, _ in metrics]
        cells = [_cell(value, digits, spread) for value, (_, digits) in zip(found, metrics, strict=True)]
        classes = evaluation.classification if table is evaluation.table else None
        accuracy = _number(classes.by_clusters.accuracy, 3) if classes and classes.by_clusters else DASH
        printed.add_row(name, *cells, accuracy, style="bold")
    angstrom = _number(2 * evaluation.table.pixel_size_angstrom, 2)
    printed.add_row("perfect", _number(evaluation.table.perfect, 3), "2.00", angstrom, "1.000", "0.00", "1.000", style="dim")
    if evaluation.published:
        printed.add_section()
    for row in evaluation.published:
        resolution, viou, chamfer = _cell(row.resolution_px, 2, spread), _cell(row.viou, 3, spread), _cell(row.chamfer, 2, spread)
        accuracy = DASH if row.accuracy is None else _number(row.accuracy, 3)
        printed.add_row(f"paper: {row.method}", _cell(row.fsc_auc, 3, spread), resolution, DASH, viou, chamfer, accuracy)
    return printed


def _classification(classes: ClassificationResult) -> Table:
    """Clusters and neighbours against the known classes."""
    printed = Table(title=f"Classification of {len(classes.labels):,} particles", title_justify="left", box=box.SIMPLE_HEAD)
    printed.add_column("by")
    for heading in ("accuracy", "precision", "recall", "F1", "adjusted Rand"):
        printed.add_column(heading, justify="right", no_wrap=True)
    vote = f"vote of {classes.neighbours} neighbours ({classes.queried:,} asked)"
    for name, scores, rand in (
        (f"{classes.cluster_count} clusters, matched one to one", classes.by_clusters, classes.adjusted_rand_index),
        (vote, classes.by_neighbours, None),
    ):
        if scores is not None:
            numbers = (scores.accuracy, scores.precision, scores.recall, scores.f1)
            printed.add_row(name, *(_number(n, 3) for n in numbers), DASH if rand is None else _number(rand, 3))
    return printed


def _cell(value: Spread | None, digits: int, spread: bool) -> str:
    """``mean (std) / median``, parts left out where they are not known or not wanted."""
    if value is None:
        return DASH
    if not spread:
        return _number(value.mean, digits)
    std = "" if value.std is None else f" ({_number(value.std, digits)})"
    return _number(value.mean, digits) + std + ("" if value.median is None else f" / {_number(value.median, digits)}")


def _number(value: float, digits: int) -> str:
    """Fixed digits, or a dash where not defined."""
    return f"{value:.{digits}f}" if math.isfinite(value) else DASH
