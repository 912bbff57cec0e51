"""Correlations of FSC-AUC with the other metrics."""

import json
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from cryohype_model.metrics.correlation import correlation_words, metric_correlations
from cryohype_model.metrics.evaluation import EvaluationTable, StructureRow
from cryohype_model.metrics.report import Evaluation, write_report
from cryohype_model.metrics.threshold import ThresholdPolicy


def _table(areas: list[float], chamfers: list[float], overlaps: list[float]) -> EvaluationTable:
    rows = tuple(
        StructureRow(f"s{number}", area, 4.0, 20.0, 3.0, 15.0, overlap, chamfer, 0.1, 0.1)
        for number, (area, chamfer, overlap) in enumerate(zip(areas, chamfers, overlaps, strict=True))
    )
    return EvaluationTable(rows, np.ones((len(rows), 9)), 16, 5.0, ThresholdPolicy.parse("best"), False)


def test_known_coefficients() -> None:
    areas = [0.1, 0.2, 0.3, 0.4]
    found = metric_correlations(_table(areas, [8.0, 4.0, 2.0, 1.0], [0.2, 0.4, 0.6, 0.8]))
    # by hand: mean of x 2.5, of y 3.75 in units of 0.1; covariance -11.5 / sqrt(5 · 28.75)
    assert found["chamfer_angstrom"]["pearson"] == pytest.approx(-11.5 / math.sqrt(5 * 28.75))
    assert found["chamfer_angstrom"]["spearman"] == pytest.approx(-1.0)
    assert found["viou"] == {"pearson": pytest.approx(1.0), "spearman": pytest.approx(1.0), "count": 4}
    assert found["resolution_fsc05_angstrom"] == {"pearson": None, "spearman": None, "count": 4}  # all alike
    assert correlation_words(found["chamfer_angstrom"]) == "Pearson -0.96, Spearman -1.00"


def test_what_is_not_defined_is_left_out() -> None:
    found = metric_correlations(_table([0.1, 0.2, 0.3, 0.4], [8.0, math.nan, 2.0, 1.0], [math.nan, math.nan, 0.6, 0.8]))
    assert found["chamfer_angstrom"]["count"] == 3
    assert found["chamfer_angstrom"]["spearman"] == pytest.approx(-1.0)
    assert found["viou"] == {"pearson": None, "spearman": None, "count": 2}
    assert correlation_words(found["viou"]) == "no correlation defined"


def test_summary_has_them_for_maps_and_bound(tmp_path: Path) -> None:
    table = _table([0.1, 0.2, 0.3], [3.0, 2.0, 1.0], [0.1, 0.3, 0.2])
    bound = replace(table, rows=table.rows[:2], curves=table.curves[:2])
    write_report(tmp_path, Evaluation(table, bound, None, (), "by hand"))
    content = json.loads((tmp_path / "summary.json").read_text())["correlations"]
    assert content["maps"]["viou"]["spearman"] == pytest.approx(0.5)
    assert content["back-projection"]["viou"]["pearson"] is None
