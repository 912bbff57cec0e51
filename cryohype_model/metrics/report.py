"""An evaluation as files: per_structure.csv, fsc_curves.csv, summary.json, figures; and as one flat record."""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from cryohype_model.metrics.classification import ClassificationResult
from cryohype_model.metrics.correlation import metric_correlations
from cryohype_model.metrics.evaluation import SUMMARISED, EvaluationTable
from cryohype_model.metrics.published import PublishedRow


@dataclass(frozen=True)
class Evaluation:
    """All that one evaluation found.

    Attributes
    ----------
    table : the maps in question.
    bound : back-projections with true labels against the same truths, the upper bound on simulated data, or None.
    classification : agreement of clusters and neighbours with the labels, or None where no labels are known.
    published : rows of the paper for the same data set.
    pairing : a sentence that says how maps and truths were paired.
    """

    table: EvaluationTable
    bound: EvaluationTable | None
    classification: ClassificationResult | None
    published: tuple[PublishedRow, ...]
    pairing: str

    @property
    def tables(self) -> dict[str, EvaluationTable]:
        """The sets of maps by the name that people see."""
        return {"maps": self.table} | ({} if self.bound is None else {"back-projection": self.bound})


def flat_record(evaluation: Evaluation) -> dict[str, Any]:
    """Means of every metric with the keys that ``--json`` prints; ``*_bound`` are the back-projection's, None without one."""
    summary = evaluation.table.summary()
    bound = None if evaluation.bound is None else evaluation.bound.summary()
    classes = evaluation.classification
    return {
        "structures": len(evaluation.table.rows),
        "fsc_auc_std": summary["fsc_auc"]["std"],
        "fsc_auc_median": summary["fsc_auc"]["median"],
        "fsc_auc_perfect": evaluation.table.perfect,
        **{metric: summary[metric]["mean"] for metric in SUMMARISED},
        **{
            f"{metric}_bound": None if bound is None else bound[metric]["mean"]
            for metric in ("fsc_auc", "viou", "chamfer_angstrom")
        },
        "chamfer_defined": summary["chamfer_angstrom"]["count"],
        "accuracy": None if classes is None or classes.by_clusters is None else classes.by_clusters.accuracy,
        "macro_f1": None if classes is None or classes.by_clusters is None else classes.by_clusters.f1,
        "adjusted_rand_index": None if classes is None else classes.adjusted_rand_index,
        "knn_accuracy": None if classes is None or classes.by_neighbours is None else classes.by_neighbours.accuracy,
        "levels": str(evaluation.table.policy),
        "pairing": evaluation.pairing,
        "box_px": evaluation.table.box_px,
        "pixel_size_angstrom": evaluation.table.pixel_size_angstrom,
    }


def write_report(folder: Path, evaluation: Evaluation) -> None:
    """Write the tables and the summary into an existing folder (figures: :func:`write_figures`).

    Parameters
    ----------
    folder : where the files go.
    evaluation : what was found.
    """
    _write_structures(folder / "per_structure.csv", evaluation.tables)
    _write_curves(folder / "fsc_curves.csv", evaluation.tables)
    classes = evaluation.classification
    content = {
        "means": flat_record(evaluation),
        "correlations": {name: metric_correlations(table) for name, table in evaluation.tables.items()},
        "summary": {name: table.summary() for name, table in evaluation.tables.items()},
        "classification": None if classes is None else classes.as_dict(),
        "published": [asdict(row) for row in evaluation.published],
    }
    (folder / "summary.json").write_text(json.dumps(without_nan(content), indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def write_figures(folder: Path, evaluation: Evaluation) -> list[Path]:
    """Write the pictures as PNG files into an existing folder and return their paths.

    Raises
    ------
    ImportError : matplotlib is not installed.
    """
    from cryohype_model.metrics import figures  # matplotlib only when pictures are wanted

    made = {
        "fsc_curves.png": figures.fsc_figure(evaluation.tables),
        "histograms.png": figures.histogram_figure(evaluation.tables),
        "fsc_auc_against_shape.png": figures.relation_figure(evaluation.tables),
    }
    classes = evaluation.classification
    if classes is not None and classes.matched is not None:
        made["confusion.png"] = figures.confusion_figure(classes.matched, classes.labels)
    for name, figure in made.items():
        figure.savefig(folder / name)
    return [folder / name for name in made]


def _write_structures(path: Path, tables: Mapping[str, EvaluationTable]) -> None:
    """One line a structure and set of maps; an empty cell where a metric is not defined."""
    rows = [{"set": name} | row for name, table in tables.items() for row in table.as_dicts()]
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, fieldnames=list(rows[0]))
        writer.writeheader()
        writer.writerows([{key: "" if value is None else value for key, value in without_nan(row).items()} for row in rows])


def _write_curves(path: Path, tables: Mapping[str, EvaluationTable]) -> None:
    """One line a shell: its frequency in 1/Å, then the FSC of each structure."""
    first = next(iter(tables.values()))
    frequency = np.arange(first.curves.shape[1]) / (first.box_px * first.pixel_size_angstrom)
    columns = [
        (f"{name}: {row.name}", curve)
        for name, table in tables.items()
        for row, curve in zip(table.rows, table.curves, strict=True)
    ]
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["shell", "frequency_per_angstrom", *(title for title, _ in columns)])
        for shell, value in enumerate(frequency):
            writer.writerow([shell, f"{value:.6g}", *(f"{curve[shell]:.6g}" for _, curve in columns)])


def without_nan(value: Any) -> Any:
    """The same tree with None for what is not a finite number: JSON has no NaN."""
    if isinstance(value, dict):
        return {key: without_nan(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [without_nan(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
