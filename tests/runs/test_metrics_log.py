"""The metrics log survives a kill in the middle of a line."""

from __future__ import annotations

import json
import math

import numpy as np

from cryohype_model.runs.layout import Run
from cryohype_model.runs.metrics_log import append_metrics, read_metrics, torn_lines, truncate_metrics


def _fill(run: Run, steps: int) -> None:
    for step in range(steps):
        append_metrics(run, {"step": step, "epoch": 0, "split": "train", "loss": 1.0 / (step + 1)})


def test_round_trip(run: Run) -> None:
    _fill(run, 3)
    frame = read_metrics(run)
    assert frame["step"].tolist() == [0, 1, 2]
    assert frame["loss"].tolist() == [1.0, 0.5, 1 / 3]


def test_no_log_gives_an_empty_table(run: Run) -> None:
    frame = read_metrics(run)
    assert len(frame) == 0
    assert "loss" in frame


def test_a_torn_last_line_is_left_out_and_closed(run: Run) -> None:
    _fill(run, 2)
    with run.metrics_log.open("a") as file:
        file.write('{"step": 2, "lo')
    assert read_metrics(run)["step"].tolist() == [0, 1]
    append_metrics(run, {"step": 3})
    assert read_metrics(run)["step"].tolist() == [0, 1, 3]
    assert torn_lines(run) == 1


def test_a_character_torn_in_half_is_left_out(run: Run) -> None:
    _fill(run, 1)
    with run.metrics_log.open("ab") as file:
        file.write('{"note": "Å'.encode()[:-1])
    assert read_metrics(run)["step"].tolist() == [0]


def test_numbers_of_any_kind_stay_valid_json(run: Run) -> None:
    append_metrics(run, {"step": np.int64(1), "loss": np.float32("nan"), "lr": math.inf, "ok": np.float32(0.5)})
    assert json.loads(run.metrics_log.read_text()) == {"step": 1, "loss": None, "lr": None, "ok": 0.5}
    frame = read_metrics(run)
    assert math.isnan(frame["loss"][0])
    assert frame["loss"].dtype == np.float64


def test_truncate_keeps_the_checkpoints_step(run: Run) -> None:
    append_metrics(run, {"note": "began"})
    _fill(run, 5)
    with run.metrics_log.open("a") as file:
        file.write("{torn")
    truncate_metrics(run, 2)
    assert read_metrics(run)["step"].dropna().tolist() == [0, 1, 2]
    assert len(read_metrics(run)) == 4
    assert torn_lines(run) == 0


def test_truncate_without_a_log_makes_none(run: Run) -> None:
    truncate_metrics(run, 2)
    assert not run.metrics_log.exists()
