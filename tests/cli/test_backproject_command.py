"""`cryohype backproject`: of a particle file, of classes, of a run's selections and clusters."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cryohype_model.cli import main
from cryohype_model.io.mrc import read_volume
from cryohype_model.runs.layout import Run
from cryohype_model.runs.selections import write_selection


def _backproject(capsys: pytest.CaptureFixture[str], *words: str) -> dict[str, Any]:
    assert main(["backproject", *words, "--accelerator", "cpu", "--json"]) == 0
    return dict(json.loads(capsys.readouterr().out.splitlines()[-1]))


def test_a_particle_file(mixture: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    record = _backproject(capsys, str(mixture), "-o", str(tmp_path / "out"), "--box", "12")
    assert (record["particles"], record["box_px"], record["contrast"]) == (60, 12, 1)
    assert record["pixel_size_angstrom"] == pytest.approx(16.0)
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        "backproject.png",
        "halves",
        "map.mrc",
        "map_fsc.csv",
        "meta.json",
    ]
    assert json.loads((tmp_path / "out" / "meta.json").read_text())["maps"][0]["map"] == "map.mrc"
    assert not (tmp_path / "out.partial").exists()


def test_one_map_a_class(mixture: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    record = _backproject(capsys, str(mixture), "--by-label", "-o", str(tmp_path / "out"))
    assert [(m["map"], m["particles"]) for m in record["maps"]] == [("class_0000.mrc", 30), ("class_0001.mrc", 30)]
    truth = sorted((mixture.parent / "volumes").iterdir())
    maps = [read_volume(tmp_path / "out" / m["map"])[0].ravel() for m in record["maps"]]
    agreement = np.array([[np.corrcoef(m, read_volume(t)[0].ravel())[0, 1] for t in truth] for m in maps])
    assert agreement.diagonal().min() > 0.8
    assert (agreement.argmax(axis=1) == [0, 1]).all()


def test_of_a_run(run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_selection(run, "few", range(12), {})
    record = _backproject(capsys, str(run.path), "--selection", "few", "-o", str(tmp_path / "out"))
    assert record["particles"] == 12 and record["box_px"] == 16
    np.savetxt(tmp_path / "rows.txt", np.arange(12), fmt="%d")
    rows = _backproject(capsys, str(run.path), "--rows", str(tmp_path / "rows.txt"), "-o", str(tmp_path / "rows"))
    assert rows["particles"] == 12
    np.testing.assert_array_equal(read_volume(tmp_path / "out/map.mrc")[0], read_volume(tmp_path / "rows/map.mrc")[0])


def test_clusters_of_a_run(run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["backproject", str(run.path), "--by-cluster", "-o", str(tmp_path / "out")]
    assert main(words) == 2
    assert "cryohype analyze" in capsys.readouterr().err
    assert main(["analyze", str(run.path), "--clusters", "2", "--no-umap", "--no-volumes", "--accelerator", "cpu"]) == 0
    capsys.readouterr()
    record = _backproject(capsys, *words[1:])
    assert [m["map"] for m in record["maps"]] == ["cluster_0000.mrc", "cluster_0001.mrc"]
    assert sum(m["particles"] for m in record["maps"]) == 60


def test_an_earlier_one_is_replaced_only_when_asked_and_others_never(
    mixture: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = [str(mixture), "-o", str(tmp_path / "out"), "--accelerator", "cpu"]
    assert main(["backproject", *words]) == 0
    assert main(["backproject", *words]) == 2
    assert "replace it with --overwrite" in capsys.readouterr().err
    assert main(["backproject", *words, "--by-label", "--overwrite"]) == 0
    assert not (tmp_path / "out" / "map.mrc").exists()
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "notes.txt").touch()
    capsys.readouterr()
    assert main(["backproject", str(mixture), "-o", str(tmp_path / "mine"), "--overwrite"]) == 2
    assert "is not a back-projection" in capsys.readouterr().err
    assert [path.name for path in (tmp_path / "mine").iterdir()] == ["notes.txt"]


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["--selection", "few"], "--selection and --by-cluster are of a run"),
        (["--rows", "ROWS"], "names particle 60, but there are 60, numbered from 0"),
        (["--box", "18"], "18"),
        (["--box", "7"], "7"),
    ],
)
def test_a_bad_request_is_one_sentence_and_leaves_nothing(
    mixture: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], options: list[str], sentence: str
) -> None:
    (tmp_path / "rows.txt").write_text("3\n60\n")
    options = [word.replace("ROWS", str(tmp_path / "rows.txt")) for word in options]
    assert main(["backproject", str(mixture), "-o", str(tmp_path / "out"), *options]) == 2
    said = capsys.readouterr().err
    assert sentence in said and "Traceback" not in said
    assert [path.name for path in tmp_path.iterdir()] == ["rows.txt"]
