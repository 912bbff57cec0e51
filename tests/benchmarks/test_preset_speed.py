"""The benchmark of a preset on a device does all that it tells of, and its verdicts are those of its figures."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from benchmarks.preset_speed import Figures, _verdict, main

TINY = ["--preset", "cpu-small", "--box", "16", "--images", "40", "--steps", "1", "--encoded", "8", "--rounds", "2"]
NETWORKS = [word for key, value in {"model.dim": 32, "model.heads": 2, "model.head_dim": 16, "model.mlp_dim": 64,
            "model.inr.hidden": 32, "model.inr.frequencies": 16, "training.batch_size": 8}.items()
            for word in ("--set", f"{key}={value}")]  # fmt: skip


def test_a_preset_is_measured_on_the_cpu(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["-o", str(tmp_path), "--device", "cpu", "--no-compile", *TINY, *NETWORKS]) == 0
    told = capsys.readouterr().out
    assert (tmp_path / "results.md").read_text() in told
    for row in ("training", "training, images on the device already", "encoding, latents alone", "map of 16³, on the CPU",
                "arithmetic limit of training", "waiting for data"):  # fmt: skip
        assert f"| {row} |" in told
    assert ": missed" not in told and ": met" not in told  # nothing is promised of these sizes
    found = json.loads((tmp_path / "results.json").read_text())
    assert {name: len(seconds) for name, seconds in found["seconds"].items()} == dict.fromkeys(
        ("train", "resident", "encode", "latents", "volume", "first"), 2
    )
    assert found["facts"]["step_flops"] > found["facts"]["map_flops"] > 0
    assert "aten::" in (tmp_path / "profile-train.txt").read_text() and "aten::" in (tmp_path / "profile-volume.txt").read_text()


@pytest.mark.parametrize(
    ("name", "seconds", "count", "expected"),
    [
        ("train", 1.0, 2499, "≥ 2,500: missed"),
        ("train", 1.0, 2500, "≥ 2,500: met"),
        ("encode", 2.0, 16001, "≥ 8,000: met"),
        ("volume", 0.0601, 1, "≤ 60: missed"),
        ("volume", 0.0599, 1, "≤ 60: met"),
        ("first", 1.0, 1, "–"),
    ],
)
def test_verdicts(name: str, seconds: float, count: int, expected: str) -> None:
    figures = Figures({name: [seconds]})
    assert _verdict(figures, name, count, promised=True) == expected
    assert _verdict(figures, name, count, promised=False) == "–"


@pytest.mark.parametrize(
    ("words", "sentence"),
    [(["--what", "train,speed"], "there is no part 'speed'"), (["--device", "cuda"], "PyTorch sees no GPU here")],
)
def test_what_cannot_be_measured_is_one_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, words: list[str], sentence: str
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert main(["-o", str(tmp_path), "--device", "cpu", *TINY, *words]) == 2
    said = capsys.readouterr().err
    assert sentence in said and said.count("\n") == 1
