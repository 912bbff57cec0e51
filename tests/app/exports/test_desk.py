"""An export is complete or nothing of it is there: cancelled, failed, on a full disk, or when the worker dies."""

from __future__ import annotations

import asyncio
import errno
import os
import signal
import socket
import time
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from cryohype_app.exports import maker, shelf
from cryohype_app.exports.desk import ExportDesk, Making, check
from cryohype_app.exports.progress import Progress
from cryohype_app.exports.source import ExportSource
from cryohype_app.exports.wish import Wish
from cryohype_app.worker.client import VolumeWorker
from cryohype_model.errors import RunError

CLUSTERS = Wish(name="mine", clusters=(0, 1), forms={"maps", "halves", "star"})


def _left(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def _made(play: Any, source: ExportSource, folder: Path, wish: Wish, meanwhile: Callable[..., Any] | None = None) -> Making:
    """Make one; ``meanwhile(desk, step)`` is called when a step has begun, until it answers True."""

    async def run() -> Making:
        desk, happened, begin = ExportDesk(), meanwhile is None, Progress.begin

        def tell(step: str) -> None:
            nonlocal happened
            happened = happened or bool(meanwhile and meanwhile(desk, step))

        def told(progress: Progress, doing: str, expected: float) -> None:
            begin(progress, doing, expected)
            asyncio.get_running_loop().call_soon(tell, doing)  # the step is on its way then, however short it is

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(Progress, "begin", told)
            making = desk.start(source, check(source, wish), folder)
            while making.status == "making":
                await asyncio.sleep(0.005)
        assert happened, "what was to happen meanwhile never did"
        return making

    return play(run())


def test_a_zip_holds_the_folder(exporter: Any, source: ExportSource) -> None:
    path = exporter.make(clusters=(0,), forms={"maps", "star"}, place="zip")
    assert path.suffix == ".zip"
    with zipfile.ZipFile(path) as file:
        assert file.testzip() is None
        names = file.namelist()
        assert {name.split("/")[0] for name in names} == {path.stem}
        assert file.getinfo(f"{path.stem}/maps/cluster_0000.mrc").compress_type == zipfile.ZIP_STORED
        assert file.getinfo(f"{path.stem}/particles/cluster_0000.star").compress_type == zipfile.ZIP_DEFLATED
    folder = exporter.make(clusters=(0,), forms={"maps", "star"})
    assert {f"{path.stem}/{item.relative_to(folder)}" for item in folder.rglob("*") if item.is_file()} == set(names)
    assert _left(exporter.folder) == sorted([path.name, folder.name])


def test_nothing_is_overwritten(exporter: Any) -> None:
    first = exporter.make(clusters=(0,), forms={"pkl"})
    (first / "mine.txt").write_text("a note")
    second = exporter.make(clusters=(0,), forms={"pkl"})
    assert second.name == f"{first.name}-2"
    assert (first / "mine.txt").exists()


@pytest.mark.parametrize(
    ("place", "step"),
    [("zip", "map of"), ("zip", "packing"), ("folder", "map of"), ("folder", "back-projection of"), ("folder", ".star of")],
)
def test_a_cancelled_export_leaves_nothing(
    source: ExportSource, play: Any, tmp_path: Path, place: str, step: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    wish = CLUSTERS.model_copy(update={"place": place})
    write = zipfile.ZipFile.write

    def slow(*given: Any, **how: Any) -> None:
        time.sleep(0.05)
        write(*given, **how)

    monkeypatch.setattr(zipfile.ZipFile, "write", slow)

    def cancel(desk: ExportDesk, doing: str) -> bool:
        if doing.startswith(step):
            desk.cancel(source.run_id)
            return True
        return False

    making = _made(play, source, tmp_path / "exports", wish, cancel)
    assert (making.status, making.name) == ("cancelled", "")
    assert making.message == "The export was cancelled; nothing of it was kept."
    assert _left(tmp_path / "exports") == []


def test_a_worker_that_dies_is_one_sentence_and_the_next_export_works(source: ExportSource, play: Any, tmp_path: Path) -> None:
    worker = VolumeWorker(source.run.path, source.checkpoint, "cpu", log=tmp_path / "worker.log")
    own = ExportSource(source.data, source.run_id, source.frame, worker)

    def kill(_: ExportDesk, doing: str) -> bool:
        if doing == "back-projection of cluster 0" and worker.pid is not None:
            os.kill(worker.pid, signal.SIGKILL)
            return True
        return False

    making = _made(play, own, tmp_path / "exports", CLUSTERS, kill)
    assert making.status == "failed"
    assert "The volume worker ended unexpectedly (killed by SIGKILL" in making.message
    assert _left(tmp_path / "exports") == []
    again = _made(play, own, tmp_path / "exports", CLUSTERS.model_copy(update={"place": "folder", "clusters": (0,)}))
    assert again.status == "finished"
    play(worker.close())


def test_too_small_a_disk_is_told_before_anything_is_made(
    source: ExportSource, play: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shelf.shutil, "disk_usage", lambda _: type("Usage", (), {"free": 1000}))
    making = _made(play, source, tmp_path / "exports", CLUSTERS)
    assert making.status == "failed"
    assert "has 0 MB left; free some room, or export less" in making.message
    assert _left(tmp_path / "exports") == []


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
def test_a_disk_that_fills_up_is_one_sentence(
    source: ExportSource, play: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    def full(*_: Any) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(maker, "export_selection", full)
    making = _made(play, source, tmp_path / "exports", CLUSTERS)
    assert making.status == "failed"
    assert making.message.startswith(f"the disk of {tmp_path / 'exports'} is full; free some room")
    assert _left(tmp_path / "exports") == []


def test_a_run_that_is_analysed_anew_meanwhile_is_not_mixed(
    source: ExportSource, play: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(source.frame.space.meta, "created", "yesterday")
    making = _made(play, source, tmp_path / "exports", CLUSTERS)
    assert making.message == "first was analysed anew while it was exported; export it again"
    assert _left(tmp_path / "exports") == []


@pytest.mark.parametrize("turns", [0, 1, 4])
def test_one_at_a_time_of_a_run_and_the_server_may_end(source: ExportSource, play: Any, tmp_path: Path, turns: int) -> None:
    async def run() -> tuple[Making, str]:
        desk, checked = ExportDesk(), check(source, CLUSTERS)
        making = desk.start(source, checked, tmp_path / "exports")
        with pytest.raises(RunError) as caught:
            desk.start(source, checked, tmp_path / "exports")
        for _ in range(turns):
            await asyncio.sleep(0)
        await desk.close()
        return making, str(caught.value)

    making, sentence = play(run())
    assert sentence == "an export of this run is being made already; wait for it, or cancel it"
    assert making.status == "cancelled"
    assert not (tmp_path / "exports").exists() or _left(tmp_path / "exports") == []


def test_what_a_killed_server_left_is_swept_and_a_living_ones_is_not(exporter: Any) -> None:
    exporter.folder.mkdir()
    host = socket.gethostname()
    dead, living = (exporter.folder / f".a-2026.{host}.{pid}.partial" for pid in (2**22 + 1, os.getppid()))
    for folder in (dead, living):
        (folder / "a-2026").mkdir(parents=True)
    exporter.make(clusters=(0,), forms={"pkl"})
    assert not dead.exists()
    assert living.exists()
