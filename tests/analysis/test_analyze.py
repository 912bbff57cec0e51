"""The whole analysis of a run: every artefact, agreement with itself, and what a kill leaves."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from cryohype_model.analysis import analyze as module
from cryohype_model.analysis.analyze import AnalysisResult, Parts, analyze
from cryohype_model.analysis.maps import series_name
from cryohype_model.analysis.progress import Silent
from cryohype_model.errors import ConfigError, RunError
from cryohype_model.inference.trained import open_trained_run
from cryohype_model.io.mrc import read_volume
from cryohype_model.metrics.classification import adjusted_rand_index
from cryohype_model.runs.latents import read_latents
from cryohype_model.runs.layout import Run
from cryohype_model.runs.store import check_run
from cryohype_model.runs.volumes import list_volume_series, read_volume_series

CHECKPOINT = "step-00000007"
EVERYTHING = Parts(umap=True, medoid_volumes=True, mean_volumes=True, activations=True)
QUICK = Parts(umap=False, medoid_volumes=False)


def analyse(run: Run, parts: Parts = QUICK, **changes: object) -> AnalysisResult:
    opened = open_trained_run(run.path, accelerator="cpu")
    config = opened.config.analysis.model_copy(update=changes)
    return analyze(opened, config, Silent(), parts)


def test_everything_is_there_and_agrees(run: Run) -> None:
    result = analyse(run, EVERYTHING)
    space = read_latents(run)
    assert space.checkpoint == CHECKPOINT and space.pca.shape == (60, 8)
    assert set(space.table) == {"index", "umap_x", "umap_y", "cluster", "label", "loss", "defocus_um"}
    assert np.isfinite(space.table.to_numpy(float)).all()
    assert 0.5 < space.table["defocus_um"].mean() < 3
    assert space.meta["accuracy"] == result.accuracy
    assert result.adjusted_rand_index == adjusted_rand_index(space.cluster, space.label)
    assert space.meta["cluster_sizes"] == np.bincount(space.cluster).tolist() == result.clustering.sizes
    assert set(space.basis) == {"mean", "components", "variance_ratio"}
    assert check_run(run) == []


def test_each_medoid_has_its_map(run: Run) -> None:
    result = analyse(run, Parts(umap=False, mean_volumes=True), clusters=3)
    assert list_volume_series(run) == [f"cluster-means-{CHECKPOINT}", f"medoids-{CHECKPOINT}"]
    series = read_volume_series(run, f"medoids-{CHECKPOINT}")
    assert {entry.cluster: entry.particle for entry in series.entries} == result.medoids
    for entry in series.entries:
        volume, pixel_size, _ = read_volume(series.map_path(entry))
        assert volume.shape == (16, 16, 16) and pixel_size == pytest.approx(12.0, abs=1e-3)
        assert entry.method == "medoid" and volume.min() < entry.level < volume.max()
        assert result.clustering.assignment[entry.particle] == entry.cluster
    means = read_volume_series(run, f"cluster-means-{CHECKPOINT}")
    assert {entry.method for entry in means.entries} == {"mean"} and {entry.particle for entry in means.entries} == {None}
    assert means.meta["particles_averaged"] == {str(i): size for i, size in enumerate(result.clustering.sizes)}


def test_the_pictures_are_in_the_latents_folder(run: Run) -> None:
    result = analyse(run, EVERYTHING)
    names = {path.stem for path in result.figures}
    spaces = {f"{space}_by_{what}" for space in ("umap", "pca", "activations") for what in ("cluster", "label")}
    assert names == spaces | {
        "cluster_sizes",
        "training_loss",
        "particle_loss",
        "medoid_maps",
        "mean_maps",
        "weight_spread",
        "quality",
    }
    for path in result.figures:
        assert path.parent == run.latents / CHECKPOINT / "figures" and path.read_bytes()[:4] == b"\x89PNG"


def test_the_same_seed_gives_the_same_analysis(run: Run) -> None:
    parts = Parts(umap=True, medoid_volumes=False)
    first = analyse(run, parts).latents
    table, pca = first.table, np.array(first.pca)
    second = analyse(run, parts).latents
    np.testing.assert_array_equal(second.pca, pca)
    assert second.table.equals(table)


def test_maps_of_another_partition_are_removed(run: Run) -> None:
    analyse(run, Parts(umap=False, mean_volumes=True), clusters=3)
    analyse(run, QUICK, clusters=3)
    assert len(list_volume_series(run)) == 2  # the same clusters: their maps still hold
    analyse(run, QUICK, clusters=4)
    assert list_volume_series(run) == []


def test_particles_without_labels_are_clustered_all_the_same(run: Run) -> None:
    text = run.particles_star.read_text(encoding="utf-8").replace("_cryohypeLabel", "_someOtherColumn")
    run.particles_star.write_text(text, encoding="utf-8")
    result = analyse(run)
    assert result.accuracy is None and "label" not in result.latents.table
    assert "BIC" in result.latents.meta["cluster_criterion"]


def test_hdbscan_may_find_nothing_at_all(run: Run) -> None:
    result = analyse(run, Parts(umap=False), cluster_method="hdbscan")
    assert result.latents.meta["noise"] + sum(result.clustering.sizes) == 60
    assert len(result.medoids) == result.clustering.count


@pytest.mark.parametrize("step", ["encode_all", "cluster_latents", "medoids"])
def test_a_stop_on_the_way_leaves_the_earlier_analysis(run: Run, step: str, monkeypatch: pytest.MonkeyPatch) -> None:
    analyse(run)
    created = read_latents(run).meta["created"]

    def stopped(*arguments: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(module, step, stopped)
    with pytest.raises(KeyboardInterrupt):
        analyse(run)
    assert [path.name for path in run.latents.iterdir()] == [CHECKPOINT]
    assert read_latents(run).meta["created"] == created
    assert check_run(run) == []


def test_a_stop_while_maps_are_made_leaves_no_half_series(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def stopped(*arguments: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("cryohype_model.analysis.maps.write_volume", stopped)
    with pytest.raises(KeyboardInterrupt):
        analyse(run, Parts(umap=False))
    assert list(run.volumes.iterdir()) == []
    assert len(read_latents(run)) == 60  # these were finished
    assert check_run(run) == []


def test_a_killed_process_leaves_a_run_that_opens(run: Run) -> None:
    (run.latents / f"{CHECKPOINT}.partial").mkdir()
    (run.latents / f"{CHECKPOINT}.partial" / "pca.npy").write_bytes(b"half")
    with pytest.raises(RunError, match="cryohype analyze"):
        read_latents(run)
    analyse(run)
    assert [path.name for path in run.latents.iterdir()] == [CHECKPOINT]


def test_a_diverged_network_is_named(run: Run) -> None:
    opened = open_trained_run(run.path, accelerator="cpu")
    for parameter in opened.model.decoder.parameters():
        parameter.data.fill_(float("nan"))
    with pytest.raises(RunError, match="diverged"):
        analyze(opened, opened.config.analysis, Silent(), Parts(umap=False))
    assert list_volume_series(run) == []


def test_too_many_clusters_are_refused_and_nothing_is_left(run: Run) -> None:
    with pytest.raises(ConfigError, match="61 clusters"):
        analyse(run, clusters=61)
    assert list(run.latents.iterdir()) == []


def test_a_run_without_checkpoint_says_what_to_do(run: Run) -> None:
    for path in run.checkpoints.iterdir():
        path.unlink()
    with pytest.raises(RunError, match="train first"):
        analyse(run)


def test_names_of_series(tmp_path: Path) -> None:
    assert series_name("medoid", CHECKPOINT) == f"medoids-{CHECKPOINT}"
    assert series_name("mean", CHECKPOINT) == f"cluster-means-{CHECKPOINT}"
