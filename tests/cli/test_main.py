"""The command itself: help, version, what a full disk looks like."""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
import weakref
from pathlib import Path

import numpy as np
import pytest

from cryohype_model.cli import config_command, main
from cryohype_model.cli import runs_command as runs
from cryohype_model.housekeeping import collect_now


def _write_bytes() -> None:
    with open("/dev/full", "wb") as file:
        file.write(bytes(100))


def _write_array() -> None:
    with open("/dev/full", "wb") as file:
        np.ones(1_000_000).tofile(file)  # its OSError has no number


@pytest.mark.parametrize("write", [_write_bytes, _write_array])
def test_a_full_disk_is_one_sentence(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], write: object) -> None:
    monkeypatch.setattr(runs, "run", lambda _args: write())
    assert main(["runs", "list"]) == 2
    said = capsys.readouterr().err
    assert "the disk is full" in said and said.count("\n") == 1


def test_another_failure_of_the_system_is_not_called_a_full_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    def run(_args: argparse.Namespace) -> int:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(config_command, "run", run)
    with pytest.raises(OSError, match="Input/output"):
        main(["config", "schema"])


def test_without_a_command_the_overview_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 0
    assert "cryohype COMMAND --help" in capsys.readouterr().out


@pytest.mark.parametrize("command", ["cryohype", "cryohype-app"])
def test_the_installed_command_collects_garbage_rarely(command: str, tmp_path: Path) -> None:
    """Searching through what PyTorch's import leaves is a quarter of a small command's time."""
    (tmp_path / "sitecustomize.py").write_text(
        "import atexit, gc, sys\n"
        "atexit.register(lambda: print(gc.get_threshold()[0], file=sys.stderr))\n"
        "atexit.register(lambda: print(gc.get_freeze_count(), file=sys.stderr))\n"
    )
    script = Path(sys.executable).parent / command
    environment = {"PYTHONPATH": str(tmp_path), "PATH": "/usr/bin:/bin"}
    done = subprocess.run([script, "--help"], env=environment, capture_output=True, text=True, check=True)
    frozen, threshold = (int(line) for line in done.stderr.split())
    assert threshold > 10_000
    assert frozen > 1_000


@pytest.mark.skipif(sys.platform != "linux", reason="PyTorch comes with GNU OpenMP on Linux only")
@pytest.mark.parametrize(
    ("own", "spins"), [({}, "300"), ({"GOMP_SPINCOUNT": "77"}, "77"), ({"OMP_WAIT_POLICY": "active"}, "30000000000")]
)
def test_threads_that_wait_soon_sleep_unless_told_otherwise(own: dict[str, str], spins: str) -> None:
    """As GNU OpenMP says itself when PyTorch loads it."""
    script = "from cryohype_model.housekeeping import begin_process; begin_process(); import torch"
    environment = {"OMP_DISPLAY_ENV": "VERBOSE", "PATH": "/usr/bin:/bin", **own}
    done = subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=True)
    assert set(re.findall(r"GOMP_SPINCOUNT = '(\w+)'", done.stderr)) == {spins}


def test_what_is_no_longer_used_is_freed_at_once() -> None:
    class Node:
        other: Node

    one, two = Node(), Node()
    one.other, two.other = two, one
    gone = weakref.ref(one)
    del one, two
    collect_now()
    assert gone() is None
