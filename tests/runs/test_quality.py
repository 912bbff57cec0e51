"""quality.json beside the latents: written whole, read back, refused when damaged."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest

from cryohype_model.errors import RunError
from cryohype_model.runs.latents import LatentSpace
from cryohype_model.runs.quality import ClusterQuality, ConfirmedShare, read_quality, write_quality

CURVES = pd.DataFrame({"cluster": [0, 0], "method": "medoid", "frequency_1_per_angstrom": [0.01, 0.02], "half_fsc": [0.9, None]})


def entry(cluster: int, warned: bool = False, carried: float | None = 12.5) -> ClusterQuality:
    return ClusterQuality(
        cluster=cluster,
        method="medoid",
        series="medoids-step-1",
        file=f"cluster_{cluster:04d}.mrc",
        particles=100,
        carried_angstrom=carried,
        agreed_angstrom=carried,
        agreement=carried and 0.9,
        within=None,
        beyond=ConfirmedShare(value=0.1, error=0.05, coarsest_angstrom=12.0, finest_angstrom=8.0) if warned else None,
        beyond_power=None,
        warned=warned,
        verdicts=("unsupported detail",) if warned else ("supported",),
        sentence="told",
    )


@pytest.fixture
def space(tmp_path: Path) -> LatentSpace:
    folder = tmp_path / "latents" / "step-1"
    folder.mkdir(parents=True)
    return LatentSpace(folder)


def test_what_is_written_is_read(space: LatentSpace) -> None:
    maps = [entry(0), entry(1, warned=True), entry(2, carried=None)]
    written = write_quality(space, maps, CURVES, {"seed": 3})
    table = read_quality(space)
    assert table.maps == written.maps == tuple(maps)
    assert table.meta["seed"] == 3 and table.meta["checkpoint"] == "step-1" and table.meta["format_version"] == 1
    assert [one.cluster for one in table.warned] == [1] and [one.cluster for one in table.defined] == [0, 1]
    pd.testing.assert_frame_equal(table.read_curves(), CURVES)


def test_a_run_without_it_says_how_to_make_it(space: LatentSpace) -> None:
    with pytest.raises(RunError, match="make it with `cryohype analyze`"):
        read_quality(space)


def test_damage_and_other_versions_are_told(space: LatentSpace) -> None:
    table = write_quality(space, [entry(0)], CURVES, {})
    content = json.loads(table.path.read_text(encoding="utf-8"))
    for broken in ("{", "[1]", json.dumps(content | {"maps": [{"cluster": -1}]}), '{"format_version": 1}'):
        table.path.write_text(broken, encoding="utf-8")
        with pytest.raises(RunError, match="damaged"):
            read_quality(space)
    table.path.write_text(json.dumps(content | {"format_version": 9}), encoding="utf-8")
    with pytest.raises(RunError, match="format version 9"):
        read_quality(space)
    table.path.with_name("quality_curves.csv").unlink()
    with pytest.raises(RunError, match=r"quality_curves\.csv is missing"):
        table.read_curves()
