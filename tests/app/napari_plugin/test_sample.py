from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from cryohype_app.napari_plugin.sample import antibody
from cryohype_model.errors import RunError


def test_the_samples_open_without_a_server_or_a_run(unseen: Any) -> None:
    (layer,) = unseen.open_sample("cryohype", "antibody")
    assert layer.name == "antibody" and layer.data.ndim == 3 and layer.scale[0] > 1
    found = unseen.open_sample("cryohype", "medoids")
    assert [layer.name for layer in found] == [f"cluster {number}" for number in reversed(range(6))]
    assert [layer.visible for layer in found] == [False] * 5 + [True] and unseen.dims.ndisplay == 3


def test_a_damaged_archive_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    damaged = tmp_path / "demo-run.zip"
    damaged.write_bytes(b"PK")
    monkeypatch.setattr("cryohype_app.napari_plugin.sample.archive_path", lambda: damaged)
    with pytest.raises(RunError, match=r"demo-run\.zip, is missing or damaged .*install CryoHype again"):
        antibody()
