"""The command itself: help, version, what a full disk looks like."""

from __future__ import annotations

import argparse

import numpy as np
import pytest

from cryohype_model.cli import config_command, main
from cryohype_model.cli import runs_command as runs


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
