"""`cryohype runs`: list, show, check."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import starfile

from cryohype_model.cli import main
from cryohype_model.config import RunConfig
from cryohype_model.runs.layout import Run
from cryohype_model.runs.run import create_run
from cryohype_model.runs.selections import write_selection


def _star_writer(path: Path) -> None:
    starfile.write({"particles": pd.DataFrame({"rlnImageName": ["1@a.mrcs", "2@a.mrcs"]})}, path)


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """A run of two particles; its name would be markup to rich."""
    return create_run(tmp_path / "[bold] run", RunConfig(), ["cryohype"], "f", _star_writer, particles=2)


def _json(capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    return dict(json.loads(capsys.readouterr().out.splitlines()[-1]))


def test_list(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    broken = run.path.parent / "broken"
    broken.mkdir()
    (broken / "manifest.json").write_text("{")
    assert main(["runs", "list", str(run.path.parent), "--json"]) == 0
    captured = capsys.readouterr()
    assert "[bold] run" in captured.err
    listed = json.loads(captured.out)["runs"]
    assert [item["path"] for item in listed] == [str(run.path), str(broken)]
    assert "not valid JSON" in listed[1]["problem"]


def test_show(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    write_selection(run, "s", [0], {})
    assert main(["runs", "show", str(run.path), "--json"]) == 0
    shown = _json(capsys)
    assert shown["status"] == "created"
    assert shown["artefacts"] == {"checkpoints": [], "latents": [], "volumes": [], "selections": ["s"], "evaluation": []}


def test_check(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["runs", "check", str(run.path), "--json"]) == 0
    assert _json(capsys)["problems"] == []
    run.particles_star.unlink()
    assert main(["runs", "check", str(run.path), "--json"]) == 1
    assert len(_json(capsys)["problems"]) == 1


@pytest.mark.parametrize("action", ["show", "check"])
def test_no_run_is_one_sentence_and_exit_code_2(tmp_path: Path, capsys: pytest.CaptureFixture[str], action: str) -> None:
    assert main(["runs", action, str(tmp_path)]) == 2
    assert capsys.readouterr().err.startswith(f"cryohype runs: {tmp_path} is not a run")
