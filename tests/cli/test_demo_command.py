"""`cryohype demo`, as small as it goes: every step, the record, the report."""

from __future__ import annotations

import base64
import json
import re
from pathlib import Path

import pytest

from cryohype_model.cli import main


def test_demo_from_nothing_to_a_report(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "demo"
    assert main(["demo", "-o", str(folder), "--structures", "2", "--images", "20", "--epochs", "1", "--json"]) == 0
    *before, last = capsys.readouterr().out.splitlines()
    record = json.loads(last)
    assert before == []  # the steps print no JSON of their own
    assert (record["structures"], record["images"]) == (2, 40)
    for name in ("accuracy", "fsc_auc", "fsc_auc_bound", "viou", "chamfer_angstrom", "seconds"):
        assert isinstance(record[name], float), name
    assert 0.5 <= record["accuracy"] <= 1 and record["fsc_auc"] < record["fsc_auc_bound"] < 1
    _check_report(folder / "report.html")
    words = ["demo", "-o", str(folder), "--structures", "2", "--images", "20"]
    assert main(words) == 2
    assert "replace it with --overwrite" in capsys.readouterr().err


def _check_report(path: Path) -> None:
    """Self-contained: pictures inside, nothing fetched."""
    page = path.read_text(encoding="utf-8")
    pictures = re.findall(r"<img alt='[^']+' src='data:image/png;base64,([^']+)'>", page)
    assert len(pictures) >= 6
    assert all(base64.b64decode(data).startswith(b"\x89PNG") for data in pictures)
    assert len(pictures) == page.count("<img")
    assert not re.search(r"https?://|<script|<link|src='(?!data:)", page)
    assert "are the maps in their particles?" in page and page.count("medoid</td>") == 2
    assert "cryohype train" in page and "nan" not in re.sub(r"base64,[^']+", "", page).lower()


def test_somebody_elses_folder_is_left_alone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "thesis.doc").touch()
    assert main(["demo", "-o", str(tmp_path), "--overwrite"]) == 2
    assert "holds no demo; choose another folder" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.doc"]


@pytest.mark.parametrize("options", [["--structures", "1"], ["--images", "9"]])
def test_too_little_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str], options: list[str]) -> None:
    assert main(["demo", "-o", str(tmp_path / "demo"), *options]) == 2
    assert "at least 2 structures of 10 images each" in capsys.readouterr().err
    assert not (tmp_path / "demo").exists()
