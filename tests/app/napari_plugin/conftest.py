"""A real napari window, on a display in memory where there is none."""

from __future__ import annotations

import atexit
import os
import shutil
import subprocess
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

pytest.importorskip("napari", reason="the plugin is for napari: pip install cryohype[napari]")


@pytest.fixture(scope="session", autouse=True)
def display() -> None:
    """Xvfb, unless there is a display; napari's leaks are errors."""
    os.environ["NAPARI_STRICT_QT"] = "1"
    os.environ.setdefault("QT_QPA_PLATFORM", "xcb")
    if os.environ.get("DISPLAY"):
        return
    if shutil.which("Xvfb") is None:
        pytest.skip("there is no display, and no Xvfb to make one: apt-get install xvfb")
    reading, writing = os.pipe()
    words = ["Xvfb", "-displayfd", str(writing), "-screen", "0", "1600x1000x24", "+extension", "GLX", "-nolisten", "tcp"]
    server = subprocess.Popen(words, pass_fds=[writing], stderr=subprocess.DEVNULL)
    os.close(writing)
    with os.fdopen(reading) as told:
        os.environ["DISPLAY"] = f":{told.readline().strip()}"
    atexit.register(server.kill)  # not before: Qt's application lives as long as the process


@pytest.fixture
def viewer(make_napari_viewer: Callable[..., Any]) -> Any:
    """A napari viewer with its window on the display; widgets that leak fail the test."""
    return make_napari_viewer(show=True)


@pytest.fixture
def chiral() -> npt.NDArray[np.float32]:
    """(24, 24, 24) three bars of different length along +x, +y and +z: no mirror image of it is itself."""
    volume = np.zeros((24, 24, 24), np.float32)
    volume[11:14, 11:14, 11:23] = 1
    volume[11:14, 11:20, 11:14] = 1
    volume[11:17, 11:14, 11:14] = 1
    return volume
