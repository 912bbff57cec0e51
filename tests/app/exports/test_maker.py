"""What an export holds: the command line's maps, the original's particles, and where all came from."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import mrcfile
import numpy as np
import pytest

from cryohype_app.exports.source import ExportSource
from cryohype_app.store import DataStore
from cryohype_model.cli import main
from cryohype_model.io.arrays import load_integers
from cryohype_model.io.export import export_selection
from cryohype_model.io.mrc import read_volume
from cryohype_model.io.particles import read_particles
from cryohype_model.io.write import write_star
from cryohype_model.metrics.fsc import fourier_shell_correlation
from cryohype_model.runs.selections import read_selection
from cryohype_model.runs.volumes import list_volume_series, read_volume_series

BENT = "bent & <b>bold"
LABEL = slice(224, 1024)  # of an MRC header: holds the time of writing


def test_maps_are_the_command_lines_to_the_last_byte(exporter: Any, source: ExportSource, tmp_path: Path) -> None:
    made = exporter.make(selections=(BENT,), clusters=(0, 1), particles=(17,), forms={"maps"}, box_px=24)
    run = str(source.run.path)
    for words in (["--selection", BENT], ["--cluster", "all"], ["--particles", "17"]):
        folder = tmp_path / words[0].strip("-")
        assert main(["volumes", run, *words, "--box", "24", "--accelerator", "cpu", "-o", str(folder)]) == 0
        theirs = read_volume_series(tmp_path, folder.name).entries
        ours = {(entry.cluster, entry.selection, entry.method, entry.particle): entry for entry in _series(made).entries}
        for entry in theirs:
            mine = ours[entry.cluster, entry.selection, entry.method, entry.particle]
            assert mine.model_dump(exclude={"file"}) == entry.model_dump(exclude={"file"})
            saved, expected = ((made / "maps" / mine.file).read_bytes(), (folder / entry.file).read_bytes())
            assert saved[: LABEL.start] == expected[: LABEL.start]
            assert saved[LABEL.stop :] == expected[LABEL.stop :]


def _series(made: Path) -> Any:
    return read_volume_series(made, "maps")


def test_maps_are_a_series_of_valid_files_with_their_provenance(exporter: Any, source: ExportSource) -> None:
    made = exporter.make(selections=(BENT,), clusters=(1,), forms={"maps", "script"})
    assert list_volume_series(made) == ["maps"]
    series = _series(made)
    assert series.meta["run_id"] == source.run_id
    for entry in series.entries:
        path = series.map_path(entry)
        assert mrcfile.validate(path, print_file=(said := io.StringIO())), said.getvalue()
        sidecar = json.loads(path.with_suffix(".json").read_text())
        assert sidecar["level"] == entry.level
        assert sidecar["checkpoint"] == source.checkpoint
        assert (sidecar["run_id"], sidecar["cryohype"]) == (source.run_id, "0.1.0")
        assert f'open "maps/{entry.file}"' in (made / "open.cxc").read_text()
    bent = json.loads((made / "maps" / f"{series.entries[0].file[:-4]}.json").read_text())
    assert (bent["name"], bent["method"], bent["particles_used"], bent["particles_total"]) == (BENT, "mean", 20, 20)
    assert bent["chosen_by"] == {"kind": "lasso", "x_axis": "umap_x"}
    assert bent["colour"] == "#882255"


def test_evaluate_reads_the_folder(exporter: Any, mixture: Path, tmp_path: Path) -> None:
    made = exporter.make(clusters=(0, 1), forms={"maps"})
    words = ["evaluate", str(made / "maps"), "--truth", str(mixture.parent), "-o", str(tmp_path / "evaluation")]
    assert main(words) == 0
    assert len((tmp_path / "evaluation" / "per_structure.csv").read_text().splitlines()) == 3, "a head and two structures"


@pytest.mark.parametrize(("method", "used"), [("mean", 20), ("medoid", 1), ("neighbours", 50)])
def test_the_latent_is_the_one_that_was_chosen(exporter: Any, method: str, used: int) -> None:
    made = exporter.make(selections=(BENT,), forms={"maps"}, method=method)
    (entry,) = _series(made).entries
    sidecar = json.loads((made / "maps" / f"{entry.file[:-4]}.json").read_text())
    assert (entry.method, sidecar["particles_used"]) == (method, used)
    assert (entry.particle is None) == (method == "mean")


def test_a_low_pass_takes_the_fine_detail(exporter: Any) -> None:
    sharp, soft = (
        read_volume(exporter.make(clusters=(0,), forms={"maps"}, low_pass_angstrom=cut) / "maps" / "cluster_0000.mrc")[0]
        for cut in (None, 60.0)
    )
    power = [np.abs(np.fft.fftn(volume)) ** 2 for volume in (sharp, soft)]
    at_cut = np.fft.fftfreq(16, 12.0)[3]
    assert power[1][0, 0, 3] / power[0][0, 0, 3] == pytest.approx(0.25 ** (at_cut**2 * 60.0**2), rel=1e-3)


def test_half_maps_and_their_curve(exporter: Any) -> None:
    made = exporter.make(clusters=(0,), particles=(5,), forms={"halves"}) / "backprojections"
    halves = [read_volume(made / "halves" / f"cluster_0000_half{number}.mrc")[0] for number in (1, 2)]
    table = np.loadtxt(made / "cluster_0000_fsc.csv", delimiter=",", skiprows=1)
    np.testing.assert_allclose(table[:, 1], fourier_shell_correlation(*halves), atol=1e-5)
    np.testing.assert_allclose(table[:, 0], np.arange(9) / (16 * 12.0), atol=1e-6)
    (facts,) = json.loads((made / "meta.json").read_text())["maps"]
    assert (facts["cluster"], facts["particles"], facts["map"]) == (0, 29, "cluster_0000.mrc")


def test_particles_come_back_the_same(exporter: Any, source: ExportSource, mixture: Path) -> None:
    made = exporter.make(selections=(BENT,), particles=(9, 3), forms={"star", "pkl"}) / "particles"
    rows = read_selection(source.run, BENT)
    original = read_particles(mixture)[rows]
    again = read_particles(made / "bent_b_bold.star", datadir=mixture.parent)
    np.testing.assert_array_equal(again.frame, original.frame)
    np.testing.assert_array_equal(again.rotation, original.rotation)
    np.testing.assert_array_equal(again.ctf.as_array(), original.ctf.as_array())
    assert load_integers(made / "bent_b_bold.pkl").tolist() == rows.tolist()
    assert load_integers(made / "single_particles.pkl").tolist() == [3, 9]
    assert len(read_particles(made / "single_particles.star", datadir=mixture.parent)) == 2


def test_cs_particles_come_back_with_every_column(
    exporter: Any, source: ExportSource, shared_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    original = shared_data / "particles/meta_cryosparc_2019/cryosparc_P12_J24_001_particles.cs"
    write_star(read_particles(original, need_images=False), tmp_path / "particles.star")
    table = read_particles(tmp_path / "particles.star", need_images=False)
    monkeypatch.setattr(DataStore, "table", lambda *_: table)
    made = exporter.make(selections=(BENT,), forms={"cs", "star", "pkl"}) / "particles"
    before, after = np.load(original), np.load(made / "bent_b_bold.cs")
    rows = read_selection(source.run, BENT)
    assert after.dtype == before.dtype
    assert after.tobytes() == before[rows].tobytes()
    again = read_particles(made / "bent_b_bold.cs", need_images=False)
    np.testing.assert_allclose(again.rotation, table[rows].rotation, atol=1e-6)
    star = read_particles(made / "bent_b_bold.star", need_images=False)
    np.testing.assert_allclose(star.rotation, table[rows].rotation, atol=1e-6)
    export_selection(again, np.arange(len(again)), tmp_path / "twice.cs")
    assert (tmp_path / "twice.cs").read_bytes() == (made / "bent_b_bold.cs").read_bytes()


def test_the_index_tells_what_was_made(exporter: Any, source: ExportSource) -> None:
    made = exporter.make(clusters=(1,), forms={"pkl"})
    facts = json.loads((made / "meta.json").read_text())
    assert facts["run_id"] == source.run_id
    assert facts["wish"]["clusters"] == [1]
    assert facts["structures"] == [{"name": "cluster 1", "kind": "cluster", "particles": 31}]
    assert "cluster 1: 31 particles" in (made / "README.txt").read_text()
    assert "project folder" not in (made / "README.txt").read_text(), "indices do not name images"
