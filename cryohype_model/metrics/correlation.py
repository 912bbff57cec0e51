"""How the metrics of maps go together over structures: Pearson and Spearman correlations (the paper's Figs. 12 and 13)."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import stats

from cryohype_model.metrics.evaluation import EvaluationTable

FEWEST = 3  # structures: any two lie on a line
WITH_FSC_AUC = ("chamfer_angstrom", "viou", "resolution_fsc05_angstrom", "resolution_fsc0143_angstrom")


def metric_correlations(table: EvaluationTable) -> dict[str, dict[str, Any]]:
    """FSC-AUC against each other metric, over the structures for which both are defined.

    Returns
    -------
    By metric: ``pearson``, ``spearman`` (None where fewer than three structures remain or one side is constant) and ``count``.
    """
    area = table.column("fsc_auc")
    return {metric: _correlation(area, table.column(metric)) for metric in WITH_FSC_AUC}


def correlation_words(found: dict[str, Any]) -> str:
    """Both coefficients in a few letters."""
    if found["pearson"] is None:
        return "no correlation defined"
    return f"Pearson {found['pearson']:.2f}, Spearman {found['spearman']:.2f}"


def _correlation(first: npt.NDArray[np.float64], second: npt.NDArray[np.float64]) -> dict[str, Any]:
    """Both coefficients of two columns (n,), NaN left out."""
    defined = np.isfinite(first) & np.isfinite(second)
    a, b = first[defined], second[defined]
    if len(a) < FEWEST or np.ptp(a) == 0 or np.ptp(b) == 0:
        return {"pearson": None, "spearman": None, "count": len(a)}
    return {
        "pearson": float(stats.pearsonr(a, b).statistic),
        "spearman": float(stats.spearmanr(a, b).statistic),
        "count": len(a),
    }
