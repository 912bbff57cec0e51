"""More particles in an analysed run: what was there stays bit for bit, what joins is encoded alone, and nothing is half made."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cryohype_model.analysis import extend as module
from cryohype_model.analysis.analyze import Parts, analyze
from cryohype_model.analysis.extend import open_analysed_run
from cryohype_model.analysis.newcomers import clusters_of
from cryohype_model.analysis.progress import Silent
from cryohype_model.cli import main
from cryohype_model.config import AnalysisConfig
from cryohype_model.imaging.particles import Particles
from cryohype_model.inference.trained import open_trained_run
from cryohype_model.io.join import joined
from cryohype_model.io.particles import read_particles
from cryohype_model.io.write import write_star
from cryohype_model.runs.latents import LatentSpace, read_latents
from cryohype_model.runs.layout import Run
from cryohype_model.runs.manifest import read_manifest
from cryohype_model.runs.metrics_log import read_metrics
from cryohype_model.runs.selections import read_selection, write_selection
from cryohype_model.runs.store import RunStore, check_run
from cryohype_model.runs.volumes import list_volume_series, read_volume_series
from cryohype_model.simulate.config import MixtureConfig
from cryohype_model.simulate.mixture import simulate_mixture
from cryohype_model.simulate.procedural import procedural_complex
from cryohype_model.training.prepare import table_fingerprint

CHECKPOINT = "step-00000007"
Extend = Callable[..., Run]


@pytest.fixture(scope="module")
def more(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """particles.star of 16 further images of the mixture."""
    config = MixtureConfig(8, 16, 12.0, 30.0, snr=1.0, max_shift_px=1.0, seed=5)
    structures = [procedural_complex(index) for index in range(2)]
    return simulate_mixture(structures, tmp_path_factory.mktemp("more") / "mixture", config)


def _analyse(run: Run, umap: bool = True, **changes: object) -> None:
    """All but the pictures; two components stand for the UMAP, which takes long to compile."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("cryohype_model.analysis.analyze.umap_coordinates", lambda pca, *_: np.asarray(pca[:, 2:4]) * 3)
        patch.setattr("cryohype_model.analysis.analyze.write_pictures", lambda *_: [])
        trained = open_trained_run(run.path, accelerator="cpu")
        parts = Parts(umap=umap, mean_volumes=True, quality=False)
        analyze(trained, trained.config.analysis.model_copy(update=changes), Silent(), parts)


@pytest.fixture(scope="module")
def _analysed(pristine_run: Run, tmp_path_factory: pytest.TempPathFactory) -> Run:
    folder = tmp_path_factory.mktemp("analysed") / "run"
    shutil.copytree(pristine_run.path, folder)
    run = Run(folder)
    _analyse(run)
    write_selection(run, "few", [3, 1], {"kind": "rows"})
    return run


@pytest.fixture
def old(_analysed: Run, tmp_path: Path) -> Run:
    """An analysed run of the test's own."""
    shutil.copytree(_analysed.path, tmp_path / "old")
    return Run(tmp_path / "old")


@pytest.fixture
def extend(old: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Extend:
    """``cryohype extend`` without pictures, into tmp_path / name."""
    monkeypatch.setattr(module, "write_pictures", lambda *_: [])

    def run(particles: Path, name: str = "new", of: Run = old, *options: str) -> Run:
        words = ["extend", str(of.path), str(particles), "-o", str(tmp_path / name), "--accelerator", "cpu", *options]
        assert main(words) == 0
        return Run(tmp_path / name)

    return run


def _refused(old: Run, particles: Path, output: Path, capsys: pytest.CaptureFixture[str]) -> str:
    """The sentence, where nothing was made."""
    before = sorted(output.parent.iterdir())
    assert main(["extend", str(old.path), str(particles), "-o", str(output), "--accelerator", "cpu"]) == 2
    assert sorted(output.parent.iterdir()) == before
    error = capsys.readouterr().err
    assert "Traceback" not in error
    return error


def _files(run: Run) -> dict[str, bytes]:
    return {str(path.relative_to(run.path)): path.read_bytes() for path in run.path.rglob("*") if path.is_file()}


def test_nothing_that_was_there_moves(old: Run, more: Path, extend: Extend) -> None:
    files = _files(old)
    before, now = read_latents(old), read_latents(extend(more))
    assert _files(old) == files
    assert len(now) == 76 and now.checkpoint == CHECKPOINT
    np.testing.assert_array_equal(now.pca[:60], before.pca)
    assert now.table[:60].equals(before.table[list(now.table)])
    assert now.table["index"].tolist() == list(range(76))
    for name, array in before.basis.items():
        np.testing.assert_array_equal(now.basis[name], array)


def test_what_joins_is_encoded_with_the_stored_basis(old: Run, more: Path, extend: Extend) -> None:
    now = read_latents(extend(more))
    trained, table = open_trained_run(old.path, accelerator="cpu"), read_particles(more)
    latent, loss = trained.encode(Particles(table).batch(np.arange(16)))
    expected = (latent.flatten(1).numpy() - now.basis["mean"]) @ now.basis["components"].T
    np.testing.assert_allclose(now.pca[60:], expected, atol=1e-4)
    np.testing.assert_allclose(now.table["loss"][60:], loss.numpy(), rtol=1e-4)
    np.testing.assert_array_equal(now.label[60:], table.label)
    assert np.isfinite(now.table.to_numpy(float)).all()


def test_the_same_images_again_would_be_where_they_are(old: Run) -> None:
    """The rules by which particles join, asked of those that are there."""
    before = read_latents(old)
    found = clusters_of(before, np.asarray(before.pca), AnalysisConfig())
    assert (found == before.cluster).mean() > 0.95


def test_the_run_is_whole_and_its_manifest_tells_of_both(old: Run, more: Path, extend: Extend) -> None:
    new = extend(more)
    assert check_run(new) == []
    was, manifest = read_manifest(old), read_manifest(new)
    table = read_particles(new.particles_star)
    assert len(table) == manifest.particles == 76
    assert manifest.id != was.id and manifest.data_fingerprint == table_fingerprint(table)
    assert (manifest.box_px, manifest.pixel_size_angstrom) == (was.box_px, was.pixel_size_angstrom)
    assert was.id in manifest.note and str(more) in manifest.note
    assert {found.run.path for found in RunStore(old.path.parent).list_runs()} == {old.path, new.path}
    np.testing.assert_array_equal(table.frame[60:], read_particles(more).frame)
    assert (new.checkpoints / "last.ckpt").samefile(old.checkpoints / "last.ckpt")
    assert len(read_metrics(new)) == len(read_metrics(old)) == 8
    assert read_selection(new, "few").tolist() == [1, 3]


def test_maps_that_are_still_true_come_along(old: Run, more: Path, extend: Extend) -> None:
    assert main(["volumes", str(old.path), "--particles", "4,7", "--accelerator", "cpu"]) == 0
    assert main(["volumes", str(old.path), "--particles", "4", "--method", "neighbours", "--accelerator", "cpu"]) == 0
    new = extend(more)
    assert list_volume_series(new) == [f"medoids-{CHECKPOINT}", "particles-4-7-particle"]
    taken, meta = read_volume_series(new, f"medoids-{CHECKPOINT}"), read_latents(new).meta
    assert taken.entries == read_volume_series(old, taken.name).entries
    assert taken.meta["partition"] == meta["partition"] != read_latents(old).meta["partition"]
    assert {str(entry.cluster): entry.particle for entry in taken.entries} == meta["medoids"]
    assert sum(meta["cluster_sizes"]) == 76 and meta["clusters"] == 2
    assert 0.5 <= meta["accuracy"] <= 1


def test_images_that_are_in_the_run_are_left_out(
    old: Run, mixture: Path, more: Path, extend: Extend, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    star = tmp_path / "some.star"
    write_star(joined(read_particles(mixture)[np.arange(10, 20)], read_particles(more), star), star)
    new = extend(star, "new", old, "--json")
    told = capsys.readouterr()
    record = json.loads(told.out.splitlines()[-1])
    assert (record["particles"], record["added"], record["left_out"]) == (76, 16, 10)
    assert sum(record["added_by_cluster"].values()) == 16 and record["run"] == str(new.path)
    loss = read_latents(new).table["loss"]
    assert record["mean_loss_added"] == pytest.approx(loss[60:].mean()) and record["mean_loss_before"] == pytest.approx(
        loss[:60].mean()
    )
    assert "10 of 26 images are in the run already and are left out" in told.err


def test_nothing_new_is_refused(old: Run, mixture: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "all 60 images" in _refused(old, mixture, tmp_path / "new", capsys)


def test_a_run_is_extended_again(old: Run, more: Path, extend: Extend, tmp_path: Path) -> None:
    table = read_particles(more)
    parts = [table[np.arange(0, 10)], table[np.arange(10, 16)]]
    for number, part in enumerate(parts):
        write_star(part, tmp_path / f"part{number}.star")
    first = extend(tmp_path / "part0.star", "first")
    second = extend(tmp_path / "part1.star", "second", first)
    at_once = read_latents(extend(more, "once"))
    found = read_latents(second)
    np.testing.assert_allclose(found.pca, at_once.pca, atol=1e-4)
    columns = ["umap_x", "umap_y"]
    np.testing.assert_allclose(found.table[columns], at_once.table[columns], atol=1e-2)
    assert found.meta["analysed_particles"] == 60 and check_run(second) == []


def test_particles_without_labels_and_ctf(old: Run, more: Path, extend: Extend, tmp_path: Path) -> None:
    table = read_particles(old.particles_star)
    write_star(replace(table, ctf=None, label=None), old.particles_star)
    _analyse(old, clusters=2)
    new = extend(more)
    space = read_latents(new)
    assert read_particles(new.particles_star).ctf is None and "defocus_um" not in space.table
    assert (space.label[:60] == -1).all() and (space.label[60:] >= 0).all()
    assert check_run(new) == []


@pytest.mark.parametrize("method", ["gmm", "hdbscan"])
def test_other_clusters_are_those_of_the_neighbours(old: Run, more: Path, extend: Extend, method: str) -> None:
    _analyse(old, cluster_method=method)
    new = read_latents(extend(more))
    known = set(read_latents(old).cluster.tolist())
    assert set(new.cluster[60:].tolist()) <= known
    assert new.meta["noise"] + sum(new.meta["cluster_sizes"]) == 76


def test_an_analysis_without_umap_is_extended_without(old: Run, more: Path, extend: Extend) -> None:
    _analyse(old, umap=False)
    assert "umap_x" not in read_latents(extend(more)).table


@pytest.mark.parametrize("step", ["extend_latents", "inherit_maps", "write_pictures"])
def test_a_stop_leaves_nothing(old: Run, more: Path, tmp_path: Path, step: str, monkeypatch: pytest.MonkeyPatch) -> None:
    files = _files(old)

    def stopped(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(module, "write_pictures", lambda *_: [])
    monkeypatch.setattr(module, step, stopped)
    assert main(["extend", str(old.path), str(more), "-o", str(tmp_path / "new"), "--accelerator", "cpu"]) == 130
    assert [path.name for path in tmp_path.iterdir()] == ["old"]
    assert _files(old) == files


def _change(star: Path, path: Path, **changes: Any) -> Path:
    write_star(replace(read_particles(star), **changes), path)
    return path


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"rotation": None}, "has no poses"),
        ({"ctf": None}, "has no CTF"),
        ({"pixel_size_angstrom": np.full(16, 6.0, np.float32)}, "pixels of 6 Å"),
        ({"contrast_known": -1}, "density is dark in its images"),
    ],
)
def test_other_particles_get_a_sentence(
    old: Run, more: Path, changes: dict[str, Any], sentence: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    star = _change(more, tmp_path / "other.star", **changes)
    assert sentence in _refused(old, star, tmp_path / "new", capsys)


def test_a_folder_that_is_taken_gets_a_sentence(old: Run, more: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "already holds a run" in _refused(old, more, old.path, capsys)


def test_a_run_that_was_not_analysed_gets_a_sentence(run: Run, more: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "cryohype analyze" in _refused(run, more, run.path.parent / "new", capsys)


def test_networks_that_are_gone_get_a_sentence(old: Run, more: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    os.rename(old.latents / CHECKPOINT, old.latents / "step-00000003")
    assert "are no longer in" in _refused(old, more, tmp_path / "new", capsys)


def test_the_networks_are_found_by_their_step(old: Run) -> None:
    (old.checkpoints / f"{CHECKPOINT}.ckpt").unlink()
    trained, space = open_analysed_run(old.path, None, "cpu")
    assert trained.checkpoint == space.checkpoint == CHECKPOINT


def test_images_of_the_old_run_need_not_be_there(old: Run, more: Path, extend: Extend) -> None:
    text = old.particles_star.read_text(encoding="utf-8")
    stack = read_particles(old.particles_star).stacks[0]
    old.particles_star.write_text(text.replace(str(stack), str(stack.parent / "gone" / stack.name)), encoding="utf-8")
    assert len(LatentSpace(extend(more).latents / CHECKPOINT)) == 76


def test_the_other_commands_go_on_with_it(
    old: Run, more: Path, extend: Extend, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    new = extend(more)
    assert main(["volumes", str(new.path), "--particles", "70", "--accelerator", "cpu"]) == 0
    assert main(["export", str(new.path), "--cluster", "0", "-o", str(tmp_path / "zero.star")]) == 0
    table = read_particles(tmp_path / "zero.star")
    assert len(table) == (read_latents(new).cluster == 0).sum()
    assert main(["runs", "check", str(new.path)]) == 0
    _analyse(new)
    assert len(read_latents(new)) == 76 and "analysed_particles" not in read_latents(new).meta


def test_the_dashboard_opens_it(old: Run, more: Path, extend: Extend) -> None:
    from cryohype_app.store import DataStore

    new = extend(more)
    store, run_id = DataStore((old.path.parent,)), read_manifest(new).id
    frame = store.frame(run_id)
    assert len(frame.space) == len(store.table(run_id)) == 76
    assert len(frame.particles.read("rlnDefocusU").values) == 76
    assert store.latents(run_id) == [CHECKPOINT]


def test_training_goes_on_with_all_particles(old: Run, more: Path, extend: Extend) -> None:
    new, files = extend(more), _files(old)
    assert main(["train", "--resume", str(new.path), "--epochs", "2"]) == 0
    steps = read_metrics(new)["step"].max()
    assert steps == 7 + 10  # 76 particles in batches of 8
    assert _files(old) == files
