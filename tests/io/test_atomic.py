"""A failure in the middle of a write leaves what was there before."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from cryohype_model.io.atomic import replace_folder, write_atomically


def test_write_replaces_text_and_bytes(tmp_path: Path) -> None:
    path = tmp_path / "file"
    write_atomically(path, "Å")
    assert path.read_text(encoding="utf-8") == "Å"
    write_atomically(path, b"\x00\x01")
    assert path.read_bytes() == b"\x00\x01"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("failing", ["fsync", "replace"])
def test_full_disk_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, failing: str) -> None:
    path = tmp_path / "file"
    write_atomically(path, "old")

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, failing, full)
    with pytest.raises(OSError, match="No space left"):
        write_atomically(path, "new")
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_replaced_folder_leaves_nothing_of_the_old(tmp_path: Path) -> None:
    partial, final = tmp_path / "a.partial", tmp_path / "a"
    for folder, name in ((final, "old.txt"), (partial, "new.txt"), (tmp_path / "a.old", "older.txt")):
        folder.mkdir()
        (folder / name).write_text("")
    replace_folder(partial, final)
    assert [path.relative_to(tmp_path).as_posix() for path in sorted(tmp_path.rglob("*"))] == ["a", "a/new.txt"]
