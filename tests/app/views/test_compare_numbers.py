"""What is told of two maps and of two runs, and how a difference is drawn."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from cryohype_app.plots.trainings import training_curves
from cryohype_app.store import DataStore
from cryohype_app.views.compare.address import Place
from cryohype_app.views.compare.agreement import Facts, numbers_table
from cryohype_app.views.compare.runs import differing, newest_evaluation, run_facts, runs_table, settings_of
from cryohype_app.views.compare.together import inside_out
from cryohype_app.views.contour import in_deviations
from cryohype_app.worker.mesh import surface
from cryohype_app.worker.results import HistogramResult, MeshResult, MetricsResult
from cryohype_model.runs.layout import Run
from cryohype_model.runs.manifest import read_manifest
from cryohype_model.runs.run import read_config

DENSITIES = HistogramResult("v", np.ones(2, np.int64), np.array([-1.0, 1.0, 3.0]), 0.5, 0.25, 1.0, 16, 2.0)
FACTS = Facts("cluster <b>0</b>", 30, DENSITIES, 1.5)


def test_a_level_is_told_from_the_mean_in_standard_deviations() -> None:
    assert in_deviations(1.5, DENSITIES) == " · 4.0 σ"
    assert in_deviations(1.5, replace(DENSITIES, deviation=0.0)) == ""
    assert in_deviations(1.5, None) == ""


def test_numbers_come_as_they_are_known_and_names_are_no_html() -> None:
    assert numbers_table(None, None, None, None) == ""
    alone = numbers_table(FACTS, None, None, None)
    assert "cluster &lt;b&gt;0&lt;/b&gt;" in alone
    assert "1.5 (4.0 σ)" in alone
    assert "between" not in alone
    between = MetricsResult("v", 1.0, resolution_0143_angstrom=8.25, fsc_auc=0.4, perfect_auc=0.469, notes=("A <is> small",))
    both = numbers_table(FACTS, Facts("B", 20, DENSITIES, 1.5), 5, between)
    assert "5 (25% of the smaller)" in both
    assert "8.25 Å" in both
    assert "0.4 of 0.469" in both
    assert "A &lt;is&gt; small" in both


def test_the_surface_of_a_pit_looks_outwards() -> None:
    z, y, x = np.mgrid[:24, :24, :24] - 12
    pit = -np.exp(-(x**2 + y**2 + z**2) / 30).astype(np.float32)
    found = surface(pit, -0.5, 1.0)
    geometry = inside_out(MeshResult("v", -0.5, found.vertices, found.normals, found.faces, 1))
    points = np.frombuffer(geometry.vertices, "<f4").reshape(-1, 3)
    normals = np.frombuffer(geometry.normals, "<f4").reshape(-1, 3)
    corners = points[np.frombuffer(geometry.faces, "<u4").reshape(-1, 3)]
    assert ((points * normals).sum(axis=1) > 0).all()
    volume = np.einsum("ni,ni->n", corners[:, 0], np.cross(corners[:, 1], corners[:, 2])).sum() / 6
    assert volume == pytest.approx(4 / 3 * np.pi * (30 * np.log(2)) ** 1.5, rel=0.03), "counter-clockwise from outside"


def test_only_settings_that_differ_are_told(run: Run) -> None:
    config = read_config(run)
    other = config.model_copy(update={"training": config.training.model_copy(update={"epochs": 99})})
    before = settings_of(config)
    assert "model.inr.layers" in before, "sections within sections"
    assert differing(before, settings_of(other)) == [("training.epochs", str(config.training.epochs), "99")]
    assert differing({"a": None, "b": 1}, {"b": 1, "c": (1, 2)}) == [("c", "not set", "1, 2")]


def test_two_runs_in_a_table(store: Path, run: Run) -> None:
    facts = run_facts(DataStore((store,)), Place(read_manifest(run).id))
    named = replace(facts, name="<script>", measures={"viou": 0.5})
    table = runs_table(facts, named, ("#111111", "#222222"))
    assert "&lt;script&gt;" in table
    assert "Settings that differ" not in table, "there are none"
    assert table.index("vIoU") < table.index("0.500")
    assert newest_evaluation(run) == {}


def test_an_evaluation_that_cannot_be_read_is_none(run: Run) -> None:
    folder = run.evaluation / "last"
    folder.mkdir(parents=True)
    (folder / "meta.json").write_text("{}")
    (folder / "summary.json").write_text('{"means": {"viou": 0.75, "fsc_auc": null, "levels": "best"}}')
    assert newest_evaluation(run) == {"viou": 0.75}
    (folder / "summary.json").write_text('{"means": ')
    assert newest_evaluation(run) == {}


def test_trainings_of_other_batches_share_an_axis() -> None:
    metrics = pd.DataFrame({"step": [5, 10, 10], "split": ["step", "step", "epoch"], "loss": [3.0, 2.0, 2.5]})
    curves = training_curves(metrics, 10)
    assert curves["step"]["epoch"].tolist() == [0.5, 1.0]
    assert curves["epoch"]["loss"].tolist() == [2.5]
    assert curves["floor"]["loss"].tolist() == []
    assert all(len(part["epoch"]) == 0 for part in training_curves(pd.DataFrame(), 10).values())
