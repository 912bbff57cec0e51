from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.sharing import CASES, main, told


def test_every_case_is_measured_and_the_table_is_kept(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["-o", str(tmp_path), "--images", "30", "--rounds", "1", "--patience", "0.2"]) == 0
    table = capsys.readouterr().out
    assert table in (tmp_path / "results.md").read_text()
    assert all(f"| {case} | > 0 s" in table for case in CASES)  # nothing is trained in so short a time
    assert not any((tmp_path / "runs").rglob("*.ckpt"))


def test_what_was_stopped_is_no_time() -> None:
    assert told([10.0, 12.0, 20.0], 200) == "12 s (10 to 20)"
    assert told([10.0, None], 200) == "> 105 s (10 to > 200)"
