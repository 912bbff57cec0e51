from __future__ import annotations

import json
import os
import signal
from pathlib import Path
from typing import Any

import pytest

from cryohype_model.cli import main
from cryohype_model.runs.latents import read_latents
from cryohype_model.runs.layout import Run
from cryohype_model.runs.volumes import list_volume_series

CHECKPOINT = "step-00000007"


def analyse(run: Run, capsys: pytest.CaptureFixture[str], *options: str) -> dict[str, Any]:
    assert main(["analyze", str(run.path), "--accelerator", "cpu", "--no-umap", "--json", *options]) == 0
    *before, last = capsys.readouterr().out.splitlines()
    assert before == []
    record: dict[str, Any] = json.loads(last)
    return record


def test_the_record_tells_what_was_found(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    record = analyse(run, capsys)
    assert (record["particles"], record["q"], record["clusters"]) == (60, 8, 2)
    assert sum(record["cluster_sizes"]) == 60 and 0 < record["explained_variance"] <= 1
    assert 0.5 <= record["accuracy"] <= 1 and -1 <= record["ari"] <= 1
    assert record["folder"] == str(run.latents / CHECKPOINT) and record["seconds"] > 0
    assert [Path(path).name for path in record["volumes"]] == [f"medoids-{CHECKPOINT}"]


def test_the_maps_are_measured_unless_told_otherwise(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    quality = analyse(run, capsys)["quality"]
    assert Path(quality["file"]) == run.latents / CHECKPOINT / "quality.json" and quality["maps"] == 2
    assert [one["cluster"] for one in quality["per_map"]] == [0, 1]
    assert analyse(run, capsys, "--no-quality")["quality"] is None
    assert not (run.latents / CHECKPOINT / "quality.json").exists()


def test_options_reach_the_analysis(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    options = ["--clusters", "3", "--method", "gmm", "--components", "4", "--mean", "--checkpoint", "best"]
    record = analyse(run, capsys, *options)
    assert (record["q"], record["clusters"], record["method"]) == (4, 3, "gmm")
    assert list_volume_series(run) == [f"cluster-means-{CHECKPOINT}", f"medoids-{CHECKPOINT}"]
    assert read_latents(run).meta["config"]["clusters"] == 3
    assert "umap_x" not in read_latents(run).table


def test_running_again_replaces(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    analyse(run, capsys, "--clusters", "5", "--no-volumes")
    analyse(run, capsys, "--clusters", "2", "--no-volumes")
    assert read_latents(run).cluster.max() == 1
    assert [path.name for path in run.latents.iterdir()] == [CHECKPOINT]


def test_a_job_that_is_asked_to_stop_leaves_nothing(
    run: Run, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    before = signal.getsignal(signal.SIGTERM)
    monkeypatch.setattr("cryohype_model.analysis.analyze.medoids", lambda *_: os.kill(os.getpid(), signal.SIGTERM))
    assert main(["analyze", str(run.path), "--accelerator", "cpu", "--no-umap"]) == 130
    assert capsys.readouterr().err.splitlines()[-1] == "cryohype analyze: stopped"
    assert list(run.latents.iterdir()) == [] and signal.getsignal(signal.SIGTERM) == before


def test_progress_and_facts_go_to_standard_error(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["analyze", str(run.path), "--accelerator", "cpu", "--no-umap", "--no-volumes"]) == 0
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "60 particles" in captured.err and "accuracy" in captured.err and "encoding images" in captured.err


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["--clusters", "0"], "analysis.clusters"),
        (["--clusters", "1000"], "1000 clusters cannot be made of 60 particles"),
        (["--components", "1"], "analysis.pca_components"),
        (["--method", "hdbscan", "--clusters", "3"], "HDBSCAN finds the number"),
        (["--checkpoint", "step-00000099"], "there is no checkpoint"),
    ],
)
def test_impossible_options_get_a_sentence(
    run: Run, options: list[str], sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["analyze", str(run.path), "--accelerator", "cpu", "--no-umap", *options]) == 2
    error = capsys.readouterr().err
    assert sentence in error and "Traceback" not in error
    assert list(run.latents.iterdir()) == [] and list(run.volumes.iterdir()) == []


def test_a_folder_that_is_no_run_gets_a_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["analyze", str(tmp_path)]) == 2
    assert "is not a run" in capsys.readouterr().err
