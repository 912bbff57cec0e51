"""The analysis measures every map that it made, and says so in files and figures."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from cryohype_model.analysis import quality as module
from cryohype_model.analysis.analyze import AnalysisResult, Parts, analyze
from cryohype_model.analysis.curves import MOST_PANELS, quality_figure
from cryohype_model.analysis.progress import Silent
from cryohype_model.errors import RunError
from cryohype_model.inference.trained import TrainedRun, open_trained_run
from cryohype_model.io.mrc import read_volume, write_volume
from cryohype_model.metrics.quality import DISAGREES, SUPPORTED, TOO_FEW
from cryohype_model.runs.latents import read_latents
from cryohype_model.runs.layout import Run
from cryohype_model.runs.quality import QualityTable, read_quality
from tests.runs.test_quality import entry

COLUMNS = ["cluster", "method", "frequency_1_per_angstrom", "half_fsc", "ceiling", "map_fsc", "claimed_fsc"]


class Counted(Silent):
    """A progress that keeps its stages."""

    def __init__(self) -> None:
        self.total: dict[str, int] = {}
        self.done: dict[str, int] = {}

    def begin(self, stage: str, total: int) -> None:
        """Keep its length."""
        self.stage, self.total[stage], self.done[stage] = stage, total, 0

    def advance(self, count: int) -> None:
        """Count."""
        self.done[self.stage] += count


def analyse(opened: TrainedRun, parts: Parts, progress: Silent | None = None, clusters: int = 2) -> AnalysisResult:
    config = opened.config.analysis.model_copy(update={"clusters": clusters})
    return analyze(opened, config, progress or Silent(), parts)


def test_every_map_is_measured(run: Run) -> None:
    progress = Counted()
    result = analyse(open_trained_run(run.path, accelerator="cpu"), Parts(umap=False, mean_volumes=True), progress)
    table = read_quality(read_latents(run))
    assert result.quality is not None and table.maps == result.quality.maps
    assert [(one.cluster, one.method) for one in table.maps] == [(c, m) for c in (0, 1) for m in ("medoid", "mean")]
    assert [one.particles for one in table.maps[::2]] == result.clustering.sizes
    assert all((run.volumes / one.series / one.file).is_file() for one in table.maps)
    assert table.meta["partition"] == result.latents.meta["partition"]
    curves = table.read_curves()
    assert list(curves) == COLUMNS and len(curves) == 4 * 7  # shells 1 to 7 of 16 px
    assert curves["frequency_1_per_angstrom"].max() == pytest.approx(7 / (16 * 12.0))
    assert (run.latents / result.latents.checkpoint / "figures" / "quality.png").is_file()
    assert progress.total == progress.done and progress.total["particles behind the maps"] == 60


def test_it_is_left_out_when_not_wanted_or_without_maps(run: Run) -> None:
    opened = open_trained_run(run.path, accelerator="cpu")
    for parts in (Parts(umap=False, quality=False), Parts(umap=False, medoid_volumes=False)):
        assert analyse(opened, parts).quality is None
        with pytest.raises(RunError, match="cryohype analyze"):
            read_quality(read_latents(run))


def test_clusters_are_told_apart_by_their_particles(run: Run) -> None:
    """With the true maps in place of the network's: each is supported by its own cluster, and swapped by neither."""
    opened = open_trained_run(run.path, accelerator="cpu")
    result = analyse(opened, Parts(umap=False, quality=False))
    labels = opened.particles.table.label
    assert labels is not None
    series = result.series[0]
    truth = sorted((opened.particles.table.stacks[0].parent / "volumes").glob("*.mrc"))

    def measured(order: tuple[int, int]) -> QualityTable:
        for one, source in zip(series.entries, order, strict=True):
            write_volume(series.map_path(one), read_volume(truth[source])[0], 12.0)
        return module.measure_quality(opened, result.latents, labels, [series], 0, Silent())

    assert [one.verdicts for one in measured((0, 1)).maps] == [(SUPPORTED,), (SUPPORTED,)]
    swapped = measured((1, 0)).maps
    assert all(DISAGREES in one.verdicts and one.warned and one.agreement < 0.7 for one in swapped)


def test_a_small_cluster_is_not_defined(run: Run) -> None:
    opened = open_trained_run(run.path, accelerator="cpu")
    result = analyse(opened, Parts(umap=False, quality=False))
    assignment = np.zeros(60, np.int64)
    assignment[:5] = 1
    small = module.measure_quality(opened, result.latents, assignment, result.series, 0, Silent()).maps[1]
    assert small.verdicts == (TOO_FEW,) and small.agreement is None and not small.warned
    assert "5 particles" in small.sentence


def curves_of(count: int) -> pd.DataFrame:
    shells = np.linspace(0.01, 0.05, 9)
    one = pd.DataFrame({"method": "medoid", "frequency_1_per_angstrom": shells} | dict.fromkeys(COLUMNS[3:], 1 - 10 * shells))
    return pd.concat([one.assign(cluster=cluster) for cluster in range(count)])


def test_the_picture_shows_warnings_first(run: Run) -> None:
    maps = tuple(entry(cluster, warned=cluster == 39) for cluster in range(40))
    figure = quality_figure(QualityTable(run.path, maps), curves_of(40))
    titles = [axes.get_title() for axes in figure.axes]
    assert len([title for title in titles if title]) == MOST_PANELS and titles[MOST_PANELS - 1].startswith("cluster 39")
    assert f"{MOST_PANELS} of 40 clusters" in figure.get_suptitle()


def test_a_cluster_without_numbers_has_a_panel(run: Run) -> None:
    maps = (entry(0), entry(1, carried=None))
    curves = curves_of(2)
    curves.loc[curves["cluster"] == 1, COLUMNS[3:]] = np.nan
    figure = quality_figure(QualityTable(run.path, maps), curves)
    assert [axes.get_title() for axes in figure.axes] == ["cluster 0  (100)", "cluster 1  (100)"]
    labels = [text.get_text() for text in figure.legends[0].get_texts()]
    assert labels == ["half maps of the particles", "a right map", "map of the medoid", "if all of its power were true"]
