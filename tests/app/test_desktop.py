"""Whether there is a desktop, and what becomes of a napari that is opened on it."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

import psutil
import pytest

from cryohype_app import desktop
from cryohype_app.desktop import Opened, is_desktop, open_napari
from cryohype_app.jobs.process import reap

SSH = {"SSH_CONNECTION": "10.0.0.1 5000 10.0.0.2 22"}


@pytest.mark.parametrize(
    ("environment", "platform", "expected"),
    [
        ({"DISPLAY": ":0"}, "linux", True),
        ({"WAYLAND_DISPLAY": "wayland-0"}, "linux", True),
        ({}, "linux", False),
        ({"DISPLAY": ""}, "linux", False),
        ({"DISPLAY": "localhost:10.0"} | SSH, "linux", False),
        ({"DISPLAY": ":0", "SSH_TTY": "/dev/pts/1"}, "linux", False),
        ({}, "darwin", True),
        (SSH, "darwin", False),
        ({}, "win32", True),
    ],
)
def test_a_desktop_is_where_a_window_is_seen(environment: dict[str, str], platform: str, expected: bool) -> None:
    assert is_desktop(environment, platform) is expected


def test_it_is_found_without_being_imported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(desktop, "is_desktop", lambda: True)
    for installed in (True, False):
        monkeypatch.setattr("importlib.util.find_spec", lambda name, found=installed: (found and name == "napari") or None)
        before = set(sys.modules)
        assert desktop.can_open_napari() is installed
        assert set(sys.modules) == before


def _ended(opened: Opened) -> None:
    deadline = time.monotonic() + 60
    while opened.is_running:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    reap()


def test_what_it_said_last_is_known(tmp_path: Path) -> None:
    log = tmp_path / "store" / ".cryohype" / "napari.log"
    log.parent.mkdir(parents=True)
    log.write_text("of an earlier one\n")
    opened = open_napari(str(tmp_path / "nothing"), log)  # neither a link nor a file
    _ended(opened)
    assert "nothing" in opened.last_words or "napari" in opened.last_words or "display" in opened.last_words
    assert "earlier" not in log.read_text()


def test_it_lives_in_a_session_of_its_own_and_no_secret_is_on_its_command_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    waiting = tmp_path / "python"
    waiting.write_text('#!/bin/sh\necho "$@"\nexec sleep 60\n')
    waiting.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(waiting))
    opened = open_napari("http://localhost:8050/", tmp_path / "napari.log")
    process = psutil.Process(opened.pid)
    assert opened.is_running
    assert os.getsid(opened.pid) == opened.pid != os.getsid(0)
    while not opened.last_words:
        time.sleep(0.02)
    assert opened.last_words == "-m cryohype_app.cli napari http://localhost:8050/"
    process.terminate()
    _ended(opened)
