"""The clusters of the analysis: how many particles each has, and its medoid's molecule in three projections."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import panel as pn
import panel_material_ui as pmui
from panel.viewable import Viewer

from cryohype_app.background import Latest
from cryohype_app.frame import LatentFrame, Medoid
from cryohype_app.plots.palette import category_colour
from cryohype_app.plots.particles import grey, img_tag, montage
from cryohype_app.store import sentence
from cryohype_app.views.page import Tell
from cryohype_model.io.mrc import read_volume
from cryohype_model.runs.layout import Run
from cryohype_model.runs.volumes import list_volume_series, read_volume_series

MOST_SHOWN = 200


class ClustersView(Viewer):
    """A card for each cluster; a click selects its particles."""

    def __init__(self, run: Run, frame: LatentFrame, choose: Callable[[int], None], tell: Tell, dark: bool) -> None:
        super().__init__()
        self.run, self.data, self.choose, self.dark = run, frame, choose, dark
        self._reading = Latest(pn.state.curdoc, lambda error: tell(sentence(error)))
        self.cards = pmui.FlexBox(sizing_mode="stretch_width", margin=4)
        self._is_drawn = False

    def __panel__(self) -> Any:
        return self.cards

    def open(self, is_open: bool) -> None:
        """Maps are read when the panel is first looked at."""
        if is_open and not self._is_drawn:
            self._is_drawn = True
            self._reading.ask(lambda: medoid_projections(self.run, self.data), self._show)

    def _show(self, pictures: dict[int, npt.NDArray[np.uint8]]) -> None:
        sizes = self.data.sizes("cluster") if "cluster" in self.data.colours else {}
        self.cards.objects = [self._card(medoid, sizes, pictures) for medoid in self.data.medoids[:MOST_SHOWN]] or [
            pmui.Typography("The analysis made no clusters.", margin=8)
        ]

    def _card(self, medoid: Medoid, sizes: dict[int, int], pictures: dict[int, npt.NDArray[np.uint8]]) -> Any:
        count = sizes.get(medoid.cluster, 0)
        label = f"{medoid.cluster} · {count:,} ({count / len(self.data):.1%})"
        button = pmui.Button(label=label, variant="text", size="small", margin=0, sizing_mode="stretch_width")
        button.on_click(lambda _: self.choose(medoid.cluster))
        parts: list[Any] = [button]
        if medoid.cluster in pictures:
            tag = img_tag(pictures[medoid.cluster], f"projections of cluster {medoid.cluster}'s medoid along z, y and x")
            parts.insert(0, pn.pane.HTML(tag, width=196, margin=2))
        border = f"2px solid {category_colour(medoid.cluster, self.dark)}"
        return pmui.Paper(*parts, width=202, margin=4, elevation=0, styles={"border": border})


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
