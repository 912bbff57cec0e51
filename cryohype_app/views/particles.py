"""The selected particles themselves: some of their images, where they are seen from, their defocus."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import panel as pn
import panel_material_ui as pmui
from panel.viewable import Viewer

from cryohype_app.background import Latest
from cryohype_app.particles import defocus_um, viewing_directions
from cryohype_app.plots.particles import img_tag, montage, spread_figures
from cryohype_app.services import Services
from cryohype_app.state import AppState
from cryohype_app.store import sentence
from cryohype_app.views.page import Tell
from cryohype_app.worker.client import VolumeWorker
from cryohype_model.io.table import ParticleTable

SHOWN = 24
COLUMNS = 12
THUMB_PX = 64
LOW_PASSES = {"no low-pass": 0.0, "10 Å": 10.0, "20 Å": 20.0, "30 Å": 30.0}


class ParticlesView(Viewer):
    """A montage of the selection, and how its poses and defocus are spread.

    Nothing is read until the panel is opened: a session that never looks costs nothing.
    """

    def __init__(self, services: Services, worker: VolumeWorker, state: AppState, tell: Tell) -> None:
        super().__init__()
        self.services, self.worker, self.state = services, worker, state
        self._reading = Latest(pn.state.curdoc, lambda error: tell(sentence(error)))
        self._drawing = Latest(pn.state.curdoc, lambda error: tell(sentence(error)))
        self.flip = pmui.Switch(label="CTF-corrected", value=True, margin=(8, 6))
        self.low_pass = pmui.Select(label="Low-pass", options=LOW_PASSES, value=0.0, size="small", width=130, margin=(8, 4))
        self.pictures = pn.pane.HTML("", sizing_mode="stretch_width", margin=(0, 8))
        self.figures = spread_figures()
        self.is_open = False
        state.param.watch(lambda _: self.refresh(), "chosen")
        for widget in (self.flip, self.low_pass):
            widget.param.watch(lambda _: self.refresh(), "value")

    def __panel__(self) -> Any:
        plots = [pn.pane.Bokeh(plot, sizing_mode="stretch_width") for plot in (self.figures.directions, self.figures.defocus)]
        return pn.Column(
            pn.Row(self.flip, self.low_pass, margin=0), self.pictures, pn.Row(*plots, sizing_mode="stretch_width", margin=0),
            sizing_mode="stretch_width", margin=0,
        )  # fmt: skip

    def open(self, is_open: bool) -> None:
        """Whether the panel can be seen."""
        self.is_open = is_open
        self.refresh()

    def refresh(self) -> None:
        """Read and draw what is selected."""
        rows = self.state.chosen.rows
        if not self.is_open:
            return
        if not len(rows):
            self.pictures.object = "Nothing is selected."
            return
        shown = some_of(rows)
        how = {"flip_ctf": bool(self.flip.value), "low_pass_angstrom": float(self.low_pass.value) or None}
        self._reading.ask_async(lambda: self.worker.montage(shown, THUMB_PX, **how), self._show)  # type: ignore[arg-type]  # a flag and a length
        self._drawing.ask(lambda: self.services.data.table(self.state.run_id)[rows], self._show_spread)

    def _show(self, images: npt.NDArray[np.uint8]) -> None:
        self.pictures.object = img_tag(montage(images, COLUMNS), f"{len(images)} of the selected particles")

    def _show_spread(self, table: ParticleTable) -> None:
        self.figures.show(*viewing_directions(table), defocus_um(table))


def some_of(rows: npt.NDArray[np.int64], count: int = SHOWN) -> npt.NDArray[np.int64]:
    """A few rows spread evenly over many, always the same."""
    return rows[np.unique(np.linspace(0, len(rows) - 1, count).astype(np.int64))]
