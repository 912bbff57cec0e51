"""The results as Markdown and JSON."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

DASH = "–"
HEAD = 3  # sentence, heading and rule of the table of classes
Runs = Sequence[dict[str, Any]]  # of one method, one a seed


def quality_table(results: Mapping[str, Runs], bound: float | None) -> str:
    """A row a method: means over seeds, ± their standard deviation where there is more than one.

    Parameters
    ----------
    results : the scores of each method's runs. bound : FSC-AUC of the back-projection, None where it was not asked for.
    """
    lines = [
        "| method | seeds | FSC-AUC | / bound | averaged over 50 | / bound | vIoU | Chamfer (Å) | 0.5 (Å) |",
        "|---" * 9 + "|",
    ]
    for name, runs in results.items():
        cells = []
        for key in ("fsc_auc", "fsc_auc_average"):
            cells += [spread(runs, key, 3), _ratio(runs, key, bound)]
        cells += [spread(runs, *key) for key in (("viou", 3), ("chamfer_angstrom", 2), ("resolution_fsc05_angstrom", 1))]
        lines.append(f"| {name} | {len(runs)} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def class_table(results: Mapping[str, Runs]) -> str:
    """The paper's Table 7, and what training took; nothing where no method has latents."""
    lines = [
        "Classes by clusters (k-means, their number known) and by 10 nearest neighbours; macro means of precision, recall, F1.\n",
        "| method | accuracy | precision | recall | F1 | ARI | kNN accuracy | kNN F1 | epochs | training (s) | processor (s) "
        "| images/s |",
        "|---" * 12 + "|",
    ]
    keys = (("accuracy", 3), ("precision", 3), ("recall", 3), ("f1", 3), ("adjusted_rand_index", 3), ("knn_accuracy", 3),
            ("knn_f1", 3), ("epochs", 1), ("training_s", 0), ("training_cpu_s", 0), ("images_per_s", 0))  # fmt: skip
    for name, runs in results.items():
        if any(key in runs[0] for key, _ in keys):
            lines.append(f"| {name} | " + " | ".join(spread(runs, *key) for key in keys) + " |")
    return "\n".join(lines) if len(lines) > HEAD else ""


def correlation_table(results: Mapping[str, Runs]) -> str:
    """Pearson / Spearman of FSC-AUC with the other metrics, over the maps of the first seed."""
    metrics = ("chamfer_angstrom", "viou", "resolution_fsc05_angstrom")
    lines = ["| method | maps | Chamfer distance | vIoU | resolution at FSC 0.5 |", "|---" * 5 + "|"]
    for name, runs in results.items():
        cells = [_coefficients(runs[0]["correlations"][metric]) for metric in metrics]
        lines.append(f"| {name} | {runs[0]['maps']} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def pair_tables(results: Mapping[str, Runs]) -> str:
    """One table a pair: maps against their own truth and the twin's, and the confusion within the pair (first seed)."""
    first = next(iter(results.values()))[0]
    parts = []
    for number, pair in enumerate(first.get("within_pairs", [])):
        one, other = pair["names"]
        parts.append(
            f"**{one} / {other}**: FSC-AUC between the two truths {pair['fsc_auc_between_truths']:.3f}\n\n"
            f"| method | FSC-AUC | against the twin | nearer to its own | {one} found as {one}, {other} "
            f"| {other} found as {one}, {other} |\n" + "|---" * 6 + "|"
        )
        for name, runs in results.items():
            found = runs[0]["within_pairs"][number]
            rows = [", ".join(map(str, row)) for row in found.get("confusion", [])] or [DASH, DASH]
            parts.append(
                f"| {name} | {found['fsc_auc']:.3f} | {found['fsc_auc_against_twin']:.3f} | {found['nearer_to_own']:.0%} "
                f"| {' | '.join(rows)} |"
            )
        parts.append("")
    return "\n".join(parts)


def spread(runs: Runs, key: str, digits: int) -> str:
    """Mean ± standard deviation over seeds; the mean alone of one; a dash where nothing is defined."""
    values = np.array([run[key] for run in runs if run.get(key) is not None], dtype=np.float64)
    values = values[np.isfinite(values)]
    if not len(values):
        return DASH
    text = f"{values.mean():.{digits}f}"
    return text if len(values) == 1 else f"{text} ± {values.std(ddof=1):.{digits}f}"


def _ratio(runs: Runs, key: str, bound: float | None) -> str:
    """The mean as a share of the bound."""
    values = [run[key] for run in runs if run.get(key) is not None]
    return DASH if not values or not bound else f"{np.mean(values) / bound:.2f}"


def _coefficients(found: dict[str, Any]) -> str:
    """Pearson / Spearman."""
    return DASH if found["pearson"] is None else f"{found['pearson']:.2f} / {found['spearman']:.2f}"
