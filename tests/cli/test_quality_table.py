"""The table of the maps' quality in the terminal, and its record."""

from __future__ import annotations

import io
import json
from pathlib import Path

from rich.console import Console

from cryohype_model.cli.quality_table import MOST_LISTED, print_quality, quality_record
from cryohype_model.runs.quality import QualityTable
from tests.runs.test_quality import entry


def printed(table: QualityTable, width: int = 100) -> str:
    console = Console(file=io.StringIO(), width=width)
    print_quality(console, table)
    return console.file.getvalue()  # type: ignore[attr-defined]  # it is the StringIO given


def test_each_map_has_its_line() -> None:
    text = printed(QualityTable(Path("quality.json"), (entry(0), entry(1, warned=True), entry(2, carried=None))))
    lines = [line.split() for line in text.splitlines()]
    assert ["0", "medoid", "100", "12.5", "12.5", "0.90", "supported"] in lines
    assert ["1", "medoid", "100", "12.5", "12.5", "0.90", "unsupported", "detail"] in lines
    assert ["2", "medoid", "100", "–", "–", "–", "supported"] in lines
    assert "WARNING: 1 of 3 maps show what their particles do not" in text and "cluster 1, medoid: told" in text


def test_an_ordinary_terminal_shows_all_of_it() -> None:
    text = printed(QualityTable(Path("quality.json"), (entry(1, warned=True),)), width=80)
    assert all(word in text for word in ("12.5", "agreement", "0.90", "unsupported", "particles"))


def test_of_many_maps_the_warned_ones_are_listed() -> None:
    maps = tuple(entry(cluster, warned=cluster >= 95) for cluster in range(100))
    text = printed(QualityTable(Path("quality.json"), maps))
    assert f"{100 - MOST_LISTED} more in quality.json" in text and "WARNING: 5 of 100" in text
    assert all(f"cluster {cluster}, medoid: told" in text for cluster in range(95, 100))
    assert "WARNING" not in printed(QualityTable(Path("quality.json"), (entry(0),)))


def test_the_record_is_json() -> None:
    record = quality_record(QualityTable(Path("quality.json"), (entry(0), entry(1, warned=True), entry(2, carried=None))))
    assert json.loads(json.dumps(record)) == record
    assert (record["maps"], record["defined"], record["warned"]) == (3, 2, [{"cluster": 1, "method": "medoid"}])
    assert record["per_map"][1]["verdicts"] == ["unsupported detail"] and record["per_map"][2]["agreement"] is None
