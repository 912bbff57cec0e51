"""Panels of the Explore page without a browser."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from cryohype_app.plots.raster import View
from cryohype_app.state import AppState, Chosen
from cryohype_app.store import DataStore
from cryohype_app.views.clusters import ClustersView, medoid_projections, medoid_quality
from cryohype_app.views.latent import pictures
from cryohype_app.views.particles import some_of
from cryohype_app.views.train import facts_table
from cryohype_model.io.mrc import write_volume
from cryohype_model.runs.layout import Run
from cryohype_model.runs.manifest import read_manifest
from cryohype_model.runs.quality import ClusterQuality, write_quality
from cryohype_model.runs.volumes import start_volume_series, write_volume_series

VIEW = View((-5.0, 15.0), (-5.0, 15.0), 120, 90)


def test_the_selected_are_drawn_of_the_same_colours_above_all(store: Path, analysed: Run) -> None:
    frame = DataStore((store,)).frame(read_manifest(analysed).id)
    rows = np.flatnonzero(frame.column("cluster") == 1)
    everything, none = pictures(frame, "umap_x", "umap_y", "cluster", VIEW, Chosen())
    _, selected = pictures(frame, "umap_x", "umap_y", "cluster", VIEW, Chosen(rows))
    assert none is None
    assert selected is not None
    assert set(np.unique(selected)) == {0, 2}
    assert {2} < set(np.unique(everything))


def test_clusters_show_the_maps_of_their_medoids(store: Path, analysed: Run) -> None:
    frame = DataStore((store,)).frame(read_manifest(analysed).id)
    assert medoid_projections(analysed, frame) == {}
    folder = start_volume_series(analysed, "medoids-step-00000007")
    volume = np.zeros((8, 8, 8), np.float32)
    volume[2, 3, 4] = 1
    write_volume(folder / "cluster_0001.mrc", volume, 2.0)
    entry = {
        "file": "cluster_0001.mrc",
        "cluster": 1,
        "method": "medoid",
        "pixel_size_angstrom": 2.0,
        "checkpoint": "step-00000007",
    }
    write_volume_series(analysed, "medoids-step-00000007", [entry], {})
    (sheet,) = medoid_projections(analysed, frame).values()
    assert np.argwhere(sheet == 255).tolist() == [[2, 14], [2, 23], [3, 4]], "along z: (3, 4); along y: (2, 4); along x: (2, 3)"


def test_clusters_tell_what_supports_their_maps(store: Path, analysed: Run) -> None:
    frame = DataStore((store,)).frame(read_manifest(analysed).id)
    assert medoid_quality(frame) == {}, "an analysis without it is no error"
    maps = [_quality(cluster, method) for cluster in (0, 1) for method in ("mean", "medoid")]
    write_quality(frame.space, maps, pd.DataFrame(), {})
    found = medoid_quality(frame)
    assert {cluster: one.sentence for cluster, one in found.items()} == {0: "0 medoid", 1: "1 medoid"}
    view = ClustersView(analysed, frame, AppState(), print, print, dark=False)
    view._came(({}, found))
    told = [card[-1] for card in view.cards.objects]
    assert [(text.object, text.color) for text in told[:2]] == [("0 medoid", None), ("1 medoid", "error")]


def _quality(cluster: int, method: str) -> ClusterQuality:
    """Warned of cluster 1."""
    facts = {"cluster": cluster, "method": method, "series": "a", "file": "b.mrc", "particles": 9, "warned": cluster == 1}
    measured = dict.fromkeys(("carried_angstrom", "agreed_angstrom", "agreement", "within", "beyond", "beyond_power"))
    return ClusterQuality.model_validate(facts | measured | {"verdicts": (), "sentence": f"{cluster} {method}"})


def test_a_few_of_many_are_spread_evenly() -> None:
    rows = np.arange(1000, dtype=np.int64) * 7
    few = some_of(rows, 5)
    assert len(few) == 5
    assert few[0] == rows[0]
    assert few[-1] == rows[-1]
    assert some_of(rows[:3], 5).tolist() == [0, 7, 14]


def test_what_a_file_says_cannot_become_a_script() -> None:
    assert "<script>" not in facts_table([("note", "<script>alert(1)</script>")])
