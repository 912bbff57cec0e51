"""What is announced is what is written."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from cryohype_app.exports.desk import check
from cryohype_app.exports.pace import Pace, measure_pace, total_seconds
from cryohype_app.exports.plan import planned_steps
from cryohype_app.exports.source import ExportSource
from cryohype_app.exports.wish import Wish

EVERYTHING = {"maps", "halves", "star", "pkl", "script", "report"}
CHOSEN = {"selections": ("bent & <b>bold", "few"), "clusters": (0, 1), "particles": (7, 17)}


def _written(folder: Path) -> dict[str, int]:
    return {str(path.relative_to(folder)): path.stat().st_size for path in folder.rglob("*") if path.is_file()}


def test_every_file_is_announced_and_none_else(exporter: Any, source: ExportSource) -> None:
    wish = Wish(forms=EVERYTHING, box_px=24, **CHOSEN)
    announced = {file.path: file for file in check(source, wish).files}
    written = _written(exporter.make(forms=EVERYTHING, box_px=24, **CHOSEN))
    assert set(written) == set(announced)
    for path, size in written.items():
        planned = announced[path]
        assert planned.bytes == size if planned.exact else 0.3 * size < planned.bytes + 600, path
    assert sum(file.bytes for file in announced.values()) > 0.7 * sum(written.values())


def test_single_particles_share_a_file_and_have_no_half_maps(source: ExportSource) -> None:
    files = {file.path for file in check(source, Wish(particles=(3, 4), forms={"halves", "star"})).files}
    assert files == {"README.txt", "meta.json", "particles/single_particles.star"}


def test_seconds_follow_the_particles_that_are_encoded(source: ExportSource) -> None:
    pace = Pace("cpu", map=2.0, image=0.1, backprojection=1.0, inserted=0.01)

    def seconds(forms: set[str], method: str = "automatic", **chosen: Any) -> float:
        wish = Wish(forms=forms, method=method, **chosen)
        return total_seconds(planned_steps(wish, check(source, wish).items), pace, wish.method)

    few = {"selections": ("few",)}
    assert seconds({"maps"}, **few) == pytest.approx(2.0 + 3 * 0.1)
    assert seconds({"maps"}, "medoid", **few) == seconds({"maps"}, particles=(3,)) == pytest.approx(2.0 + 0.1)
    assert seconds({"maps"}, "neighbours", **few) == pytest.approx(2.0 + 50 * 0.1)
    assert seconds({"halves"}, **few) == pytest.approx(1.0 + 3 * 0.01)
    assert seconds({"maps"}, clusters=(0, 1)) == pytest.approx(2 * (2.0 + 0.1))


def test_the_pace_is_measured_on_the_worker(source: ExportSource, play: Any) -> None:
    pace = play(measure_pace(source.worker, 24, backprojects=True))
    assert pace.device == "cpu"
    assert pace.map > 0
    assert pace.backprojection + 60 * pace.inserted > 0
    assert min(pace.image, pace.inserted) >= 0
