"""The clusters of the analysis: how many particles each has, its medoid's molecule in three projections, and what supports it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import panel as pn
import panel_material_ui as pmui
from bokeh.events import Tap
from panel.viewable import Viewer

from cryohype_app.background import Latest, on_document
from cryohype_app.frame import LatentFrame, Medoid
from cryohype_app.plots.palette import category_colour
from cryohype_app.plots.particles import grey, img_tag, montage
from cryohype_app.plots.sizes import size_bars
from cryohype_app.state import AppState
from cryohype_app.store import sentence
from cryohype_app.views.page import Tell
from cryohype_model.errors import RunError
from cryohype_model.io.mrc import read_volume
from cryohype_model.runs.layout import Run
from cryohype_model.runs.quality import ClusterQuality, read_quality
from cryohype_model.runs.volumes import list_volume_series, read_volume_series

MOST_SHOWN = 200


class ClustersView(Viewer):
    """Bars of the clusters' sizes and a card for each; a click selects its particles.

    Parameters
    ----------
    choose : selects the particles of a cluster.
    """

    def __init__(
        self, run: Run, frame: LatentFrame, state: AppState, choose: Callable[[int], None], tell: Tell, dark: bool
    ) -> None:
        super().__init__()
        self.run, self.data, self.state, self.choose, self.dark = run, frame, state, choose, dark
        self.document = pn.state.curdoc
        self._reading = Latest(self.document, lambda error: tell(sentence(error)))
        self._counting = Latest(self.document, lambda error: tell(sentence(error)))
        self.has_clusters = "cluster" in frame.colours
        self.bars = size_bars(frame.sizes("cluster") if self.has_clusters else {}, dark)
        self.bars.figure.on_event(Tap, self._tapped)
        self.cards = pmui.FlexBox(sizing_mode="stretch_width", margin=4)
        self._pictures: dict[int, npt.NDArray[np.uint8]] | None = None
        self._quality: dict[int, ClusterQuality] = {}
        self._is_open = False
        state.param.watch(lambda _: self._count(), "chosen")

    def __panel__(self) -> Any:
        bars = pn.pane.Bokeh(self.bars.figure, sizing_mode="stretch_width", margin=0, visible=self.has_clusters)
        return pn.Column(bars, self.cards, sizing_mode="stretch_width", margin=0)

    def open(self, is_open: bool) -> None:
        """Maps are read when the panel is first looked at."""
        self._is_open = is_open
        if is_open and self._pictures is None:
            self._pictures = {}
            self._reading.ask(lambda: (medoid_projections(self.run, self.data), medoid_quality(self.data)), self._came)
        self._count()

    def set_theme(self, dark: bool) -> None:
        """Colours that can be told from the ground of the theme."""
        self.dark = dark
        on_document(self.document, lambda: self.bars.show({}, dark))
        self._count()
        if self._pictures is not None:
            self._show(self._pictures)

    def _tapped(self, event: Tap) -> None:
        cluster = None if event.x is None else self.bars.at(float(event.x))
        if cluster is not None:
            self.choose(cluster)

    def _count(self) -> None:
        """What part of each cluster is selected."""
        chosen, dark = self.state.chosen, self.dark
        if self._is_open and self.has_clusters:
            self._counting.ask(lambda: chosen_sizes(self.data, chosen.rows), lambda sizes: self.bars.show(sizes, dark))

    def _came(self, found: tuple[dict[int, npt.NDArray[np.uint8]], dict[int, ClusterQuality]]) -> None:
        self._pictures, self._quality = found
        self._show(self._pictures)

    def _show(self, pictures: dict[int, npt.NDArray[np.uint8]]) -> None:
        self.cards.objects = [self._card(medoid, pictures) for medoid in self.data.medoids[:MOST_SHOWN]] or [
            pmui.Typography("The analysis made no clusters.", margin=8)
        ]

    def _card(self, medoid: Medoid, pictures: dict[int, npt.NDArray[np.uint8]]) -> Any:
        count = self.bars.sizes.get(medoid.cluster, 0)
        label = f"{medoid.cluster} · {count:,} ({count / len(self.data):.1%})"
        button = pmui.Button(label=label, variant="text", size="small", margin=0, sizing_mode="stretch_width")
        button.on_click(lambda _: self.choose(medoid.cluster))
        parts: list[Any] = [button]
        if medoid.cluster in pictures:
            tag = img_tag(pictures[medoid.cluster], f"projections of cluster {medoid.cluster}'s medoid along z, y and x")
            parts.insert(0, pn.pane.HTML(tag, width=160, margin=2))
        if medoid.cluster in self._quality:
            one = self._quality[medoid.cluster]
            colour = "error" if one.warned else None
            parts.append(pmui.Typography(one.sentence, variant="caption", color=colour, margin=(0, 8)))
        line = f"2px solid {category_colour(medoid.cluster, self.dark)}"
        return pmui.Paper(*parts, width=166, margin=5, elevation=0, styles={"outline": line, "borderRadius": "4px"})


def chosen_sizes(frame: LatentFrame, rows: npt.NDArray[np.int64]) -> dict[int, int]:
    """Selected particles of each cluster."""
    clusters, counts = np.unique(frame.column("cluster")[rows], return_counts=True)
    return {int(cluster): int(count) for cluster, count in zip(clusters, counts, strict=True)}


def medoid_quality(frame: LatentFrame) -> dict[int, ClusterQuality]:
    """Cluster by cluster how far its particles support the medoid's map; empty where the analysis did not measure it."""
    try:
        table = read_quality(frame.space)
    except RunError:
        return {}
    return {one.cluster: one for one in table.maps if one.method == "medoid"}


def medoid_projections(run: Run, frame: LatentFrame) -> dict[int, npt.NDArray[np.uint8]]:
    """Cluster by cluster the sums of its medoid's map along z, y and x, side by side; empty where no maps were made."""
    name = f"medoids-{frame.space.checkpoint}"
    if name not in list_volume_series(run):
        return {}
    series = read_volume_series(run, name)
    found: dict[int, npt.NDArray[np.uint8]] = {}
    for entry in series.entries[:MOST_SHOWN]:
        if entry.cluster is not None:
            volume, *_ = read_volume(series.map_path(entry))
            found[entry.cluster] = montage(np.stack([grey(volume.sum(axis=axis)) for axis in range(3)]), 3)
    return found
