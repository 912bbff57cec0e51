"""Maps for the plugin's tests; the window is in the conftest of the app, for the tests with a browser use it too."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from cryohype_model.io.mrc import write_volume
from cryohype_model.runs.layout import Run
from cryohype_model.runs.volumes import start_volume_series, write_volume_series

pytest.importorskip("napari", reason="the plugin is for napari: pip install cryohype[napari]")


@pytest.fixture(autouse=True)
def _display(display: None) -> None:
    """Every test here may open a window."""


@pytest.fixture
def unseen(make_napari_viewer: Callable[..., Any]) -> Any:
    """A viewer whose window is not shown: nothing is drawn, which takes long without a GPU."""
    return make_napari_viewer()


@pytest.fixture
def save_series(chiral: npt.NDArray[np.float32]) -> Callable[..., Path]:
    """Writes a finished series: (run or folder, name, entries, **facts); each map is brighter than the one before."""

    def save(place: Run | Path, name: str, entries: Sequence[dict[str, Any]], **facts: Any) -> Path:
        folder = start_volume_series(place, name)
        made = {"pixel_size_angstrom": 1.5, "checkpoint": "step-00000007"}
        for number, entry in enumerate(entries):
            write_volume(folder / entry["file"], (number + 1) * chiral, 1.5)
        return write_volume_series(place, name, [made | entry for entry in entries], facts).path

    return save


@pytest.fixture
def chiral() -> npt.NDArray[np.float32]:
    """(24, 24, 24) three bars of different length along +x, +y and +z: no mirror image of it is itself."""
    volume = np.zeros((24, 24, 24), np.float32)
    volume[11:14, 11:14, 11:23] = 1
    volume[11:14, 11:20, 11:14] = 1
    volume[11:17, 11:14, 11:14] = 1
    return volume
