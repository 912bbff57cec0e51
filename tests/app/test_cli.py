"""What can be mended ends with one sentence and exit code 2."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import pytest

from cryohype_app.cli import main


def told(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    assert main(words) == 2
    said = capsys.readouterr().err
    assert said.startswith("cryohype-app: ") and said.count("\n") == 1
    return said


@pytest.fixture
def absent(monkeypatch: pytest.MonkeyPatch) -> Any:
    """A function after which a package is not installed."""
    find = importlib.util.find_spec

    def remove(name: str) -> None:
        monkeypatch.setattr(importlib.util, "find_spec", lambda wanted, *rest: None if wanted == name else find(wanted, *rest))

    return remove


def test_a_laptop_without_the_dashboard_is_told_how_to_get_it(capsys: pytest.CaptureFixture[str], absent: Any) -> None:
    absent("panel")
    assert "'.[all]'" in told(capsys, "serve", ".")


def test_a_server_without_napari_is_told_how_to_get_it(capsys: pytest.CaptureFixture[str], absent: Any) -> None:
    absent("napari")
    assert "'.[napari]'" in told(capsys, "napari")


def test_without_a_display_the_way_to_one_is_told(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("napari", reason="the viewer is wanted: pip install cryohype[napari]")
    for name in ("DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("sys.platform", "linux")
    assert "SSH tunnel" in told(capsys, "napari")


def test_a_file_that_is_not_there_is_named(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    pytest.importorskip("napari", reason="the viewer is wanted: pip install cryohype[napari]")
    monkeypatch.setenv("DISPLAY", ":0")
    assert "none.mrc does not exist" in told(capsys, "napari", "http://localhost:8050", str(tmp_path / "none.mrc"))
