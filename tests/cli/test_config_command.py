"""`cryohype config`: what it writes can be read, what it explains is all there is."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from cryohype_model.cli import main
from cryohype_model.cli.config_command import config_keys
from cryohype_model.config import load_config, preset_names


def test_new_is_the_complete_default(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["config", "new"]) == 0
    path = tmp_path / "run.toml"
    path.write_text(capsys.readouterr().out, encoding="utf-8")
    assert load_config(path) == load_config()


@pytest.mark.parametrize("preset", preset_names())
def test_new_from_a_preset_begins_with_its_command(tmp_path: Path, preset: str) -> None:
    path = tmp_path / "run.toml"
    assert main(["config", "new", "--preset", preset, "-o", str(path)]) == 0
    assert path.read_text(encoding="utf-8").startswith("# cryohype ")
    assert load_config(path) == load_config(preset=preset)


def test_new_overwrites_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "run.toml"
    path.write_text("mine")
    assert main(["config", "new", "-o", str(path)]) == 2
    assert path.read_text() == "mine"
    assert "exists already" in capsys.readouterr().err
    assert main(["config", "new", "-o", str(tmp_path / "no" / "run.toml")]) == 2


def test_explain(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["config", "explain", "training.epochs"]) == 0
    assert capsys.readouterr().out == "training.epochs = 50    (whole number, at least 1)\n    passes over the particles\n"
    assert main(["config", "explain"]) == 0
    explained = capsys.readouterr().out
    assert all(f"{key.name} = " in explained for key in config_keys())


def test_explain_presets_names_each_with_its_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["config", "explain", "presets"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line for line in lines if not line.startswith("#")] == preset_names()
    assert sum(line.startswith("# cryohype ") for line in lines) == len(preset_names())


def test_a_misspelt_key_is_answered_with_the_nearest(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["config", "explain", "trainig.epochs"]) == 2
    assert "nearest valid key is 'training.epochs'" in capsys.readouterr().err


def test_every_key_is_described() -> None:
    keys = list(config_keys())
    assert len(keys) > 50
    assert [key.name for key in keys if not key.description] == []
    kinds = {key.name: key.kind for key in keys}
    assert kinds["data.box_px"] == "whole number or not set, at least 8"
    assert kinds["model.encoder"] == "one of vit, unet, mlp"


def test_schema_is_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["config", "schema"]) == 0
    assert json.loads(capsys.readouterr().out)["title"] == "RunConfig"
