"""`cryohype volumes`: maps of particles, clusters and selections."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from cryohype_model.cli import main
from cryohype_model.inference.generate import VolumeGenerator
from cryohype_model.inference.trained import open_trained_run
from cryohype_model.io.arrays import load_integers
from cryohype_model.io.mrc import read_volume
from cryohype_model.runs.latents import read_latents
from cryohype_model.runs.layout import Run
from cryohype_model.runs.selections import write_selection
from cryohype_model.runs.volumes import list_volume_series, read_volume_series


@pytest.fixture(scope="module")
def _analysed(pristine_run: Run, tmp_path_factory: pytest.TempPathFactory) -> Path:
    import shutil

    folder = tmp_path_factory.mktemp("analysed") / "run"
    shutil.copytree(pristine_run.path, folder)
    words = ["--clusters", "2", "--no-umap", "--no-volumes", "--accelerator", "cpu"]
    assert main(["analyze", str(folder), *words]) == 0
    return folder


@pytest.fixture
def analysed(_analysed: Path, tmp_path: Path) -> Run:
    """An analysed run of the test's own."""
    import shutil

    shutil.copytree(_analysed, tmp_path / "analysed")
    return Run(tmp_path / "analysed")


def _volumes(run: Run, capsys: pytest.CaptureFixture[str], *options: str) -> dict[str, Any]:
    assert main(["volumes", str(run.path), "--accelerator", "cpu", "--json", *options]) == 0
    return dict(json.loads(capsys.readouterr().out.splitlines()[-1]))


def _decoded(run: Run, rows: list[int], box_px: int | None = None) -> np.ndarray:
    trained = open_trained_run(run.path, accelerator="cpu")
    return VolumeGenerator(trained.model, trained.scale).volume(trained.mean_latent(rows), box_px)


def test_a_map_of_a_particle_loads_what_it_needs(analysed: Run, tmp_path: Path) -> None:
    """The time of the command is that of its imports."""
    code = """
import sys
from cryohype_model.cli import main
assert main(sys.argv[1:]) == 0
print(*{"pandas", "pyarrow", "sklearn", "scipy", "matplotlib", "umap"} & {name.partition(".")[0] for name in sys.modules})
"""
    words = ["volumes", str(analysed.path), "--particles", "3", "--accelerator", "cpu", "-o", str(tmp_path / "maps")]
    done = subprocess.run([sys.executable, "-c", code, *words], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == ""


def test_particles(analysed: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    record = _volumes(analysed, capsys, "--particles", "3,17", "--box", "24", "-o", str(tmp_path / "maps"))
    assert record["folder"] == str(tmp_path / "maps")
    assert [(m["file"], m["particle"], m["method"]) for m in record["maps"]] == [
        ("particle_0000003.mrc", 3, "particle"),
        ("particle_0000017.mrc", 17, "particle"),
    ]
    volume, pixel_angstrom, _ = read_volume(tmp_path / "maps" / "particle_0000017.mrc")
    assert volume.shape == (24, 24, 24) and pixel_angstrom == pytest.approx(8.0)  # 16 px of 12 Å
    np.testing.assert_allclose(volume, _decoded(analysed, [17], 24), atol=1e-5)
    assert record["maps"][0]["checkpoint"] == "step-00000007"


def test_a_cluster_by_its_medoid_its_mean_and_neighbours(analysed: Run, capsys: pytest.CaptureFixture[str]) -> None:
    space = read_latents(analysed)
    members = np.flatnonzero(space.cluster == 1)
    for method in ("medoid", "mean", "neighbours"):
        record = _volumes(analysed, capsys, "--cluster", "1", "--method", method, "--neighbours", "5")
        assert record["folder"] == str(analysed.volumes / f"cluster-1-{method}")
        (entry,) = record["maps"]
        assert entry["cluster"] == 1 and entry["method"] == method
        volume = read_volume(analysed.volumes / f"cluster-1-{method}" / entry["file"])[0]
        pca = np.asarray(space.pca)
        medoid = space.meta["medoids"]["1"]  # the same particle that the analysis made its map of
        nearest = np.argsort(np.square(pca - pca[medoid]).sum(1))[:5]
        rows = {"medoid": [medoid], "mean": members, "neighbours": nearest}[method]
        np.testing.assert_allclose(volume, _decoded(analysed, list(rows)), atol=1e-4)
        assert entry.get("particle") == (None if method == "mean" else medoid)


def test_a_path_between_two_particles(analysed: Run, capsys: pytest.CaptureFixture[str]) -> None:
    record = _volumes(analysed, capsys, "--path", "3,17", "--steps", "6", "--method", "particle")
    assert record["folder"] == str(analysed.volumes / "path-3-17-particle")
    particles = [entry["particle"] for entry in record["maps"]]
    assert (particles[0], particles[-1]) == (3, 17) and 2 <= len(particles) == len(set(particles)) <= 6
    assert read_volume_series(analysed, "path-3-17-particle").is_path
    volume = read_volume(Path(record["folder"]) / "path_0000.mrc")[0]
    np.testing.assert_allclose(volume, _decoded(analysed, [3]), atol=1e-5)


def test_all_clusters(analysed: Run, capsys: pytest.CaptureFixture[str]) -> None:
    record = _volumes(analysed, capsys, "--cluster", "all")
    assert [entry["cluster"] for entry in record["maps"]] == [0, 1]
    assert list_volume_series(analysed) == ["cluster-all-medoid"]
    assert len(read_volume_series(analysed, "cluster-all-medoid").entries) == 2


def test_a_selection_is_the_mean_of_its_latents(analysed: Run, capsys: pytest.CaptureFixture[str]) -> None:
    write_selection(analysed, "bent ones", [1, 5, 8], {})
    record = _volumes(analysed, capsys, "--selection", "bent ones")
    (entry,) = record["maps"]
    assert (entry["file"], entry["selection"], entry["method"]) == ("bent_ones.mrc", "bent ones", "mean")
    volume = read_volume(Path(record["folder"]) / entry["file"])[0]
    np.testing.assert_allclose(volume, _decoded(analysed, [1, 5, 8]), atol=1e-5)


def test_without_analysis_particles_can_still_be_seen(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    assert len(_volumes(run, capsys, "--particles", "0")["maps"]) == 1
    assert main(["volumes", str(run.path), "--cluster", "0"]) == 2
    assert "cryohype analyze" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["--cluster", "7"], "there is no cluster '7'; the run has 0 to 1, or say all"),
        (["--cluster", "x"], "there is no cluster 'x'"),
        (["--particles", "60"], "there is no particle 60; the run has 60, numbered 0 to 59"),
        (["--particles", "3,-1"], "there is no particle -1"),
        (["--particles", "3;4"], "--particles wants numbers such as 3,17"),
        (["--selection", "none"], "has no selection 'none'"),
        (["--path", "3"], "--path wants two particles"),
        (["--path", "3,3"], "--path wants two particles"),
        (["--path", "3,99"], "there is no particle 99"),
        (["--path", "3,4", "--steps", "1"], "at least 2 --steps"),
        (["--particles", "1", "--checkpoint", "step-1"], "there is no checkpoint"),
        (["--particles", "1", "--neighbours", "0"], "--neighbours must be at least 1"),
        (["--particles", "1", "--box", "15"], "must be even and at least 8 px, not 15"),
    ],
)
def test_a_bad_request_is_one_sentence_and_leaves_nothing(
    analysed: Run, capsys: pytest.CaptureFixture[str], options: list[str], sentence: str
) -> None:
    assert main(["volumes", str(analysed.path), "--accelerator", "cpu", *options]) == 2
    said = capsys.readouterr()
    assert sentence in said.err and said.out == ""
    assert list(analysed.volumes.iterdir()) == []


def test_no_cluster_and_an_empty_selection(analysed: Run, capsys: pytest.CaptureFixture[str]) -> None:
    write_selection(analysed, "none", [], {})
    assert main(["volumes", str(analysed.path), "--selection", "none", "--method", "medoid"]) == 2
    assert "'none' holds no particle" in capsys.readouterr().err
    table = next(analysed.latents.glob("*/table.parquet"))
    pd.read_parquet(table).assign(cluster=-1).to_parquet(table)  # HDBSCAN may call all of them noise
    assert main(["volumes", str(analysed.path), "--cluster", "all"]) == 2
    assert "found no cluster" in capsys.readouterr().err


def test_clusters_are_exported_to_a_star_file(analysed: Run, tmp_path: Path) -> None:
    cluster = read_latents(analysed).cluster
    assert cluster is not None
    assert main(["export", str(analysed.path), "--cluster", "1", "-o", str(tmp_path / "one.pkl")]) == 0
    written = load_integers(tmp_path / "one.pkl")
    assert written.tolist() == np.flatnonzero(cluster == 1).tolist()


def test_an_unknown_cluster_is_not_exported(analysed: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["export", str(analysed.path), "--cluster", "7", "-o", str(tmp_path / "one.star")]) == 2
    assert "--cluster 7 is not among the clusters" in capsys.readouterr().err
    assert not (tmp_path / "one.star").exists()
