"""A map that a worker holds, as a surface: the 3-D view, and the slider of its level over the histogram of its densities."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import panel as pn
import panel_material_ui as pmui

from cryohype_app.background import Latest, on_document
from cryohype_app.components.mesh import Geometry, Mesh
from cryohype_app.components.viewer3d import VolumeViewer
from cryohype_app.plots.curves import histogram_figure, show_histogram
from cryohype_app.store import sentence
from cryohype_app.views.page import Tell
from cryohype_app.worker.client import VolumeWorker
from cryohype_app.worker.errors import VolumeGone
from cryohype_app.worker.results import HistogramResult, MeshResult

STEPS = 200  # of the slider


class Contour:
    """The surface of one map after another; :attr:`viewer` and :attr:`controls` are what a page shows of it.

    Parameters
    ----------
    worker : holds the maps; a page may put another in its place. tell : shows a sentence to the user.
    message : over the empty picture. title : of the slider. look : colour, opacity and the like of the surface.
    renew : called where the worker no longer holds the map, to make it again; without, the user is told so.
    """

    def __init__(
        self, worker: VolumeWorker | None, tell: Tell, dark: bool, message: str, *,
        title: str = "Contour", renew: Callable[[], None] | None = None, **look: Any,
    ) -> None:  # fmt: skip
        self.worker, self.tell, self.title, self.renew = worker, tell, title, renew
        self.document = pn.state.curdoc
        self.viewer = VolumeViewer(dark=dark, message=message, sizing_mode="stretch_both", min_height=160)
        self.level = pmui.FloatSlider(
            label=title, show_value=False, margin=(0, 8), start=0, end=1, step=0.01, value=0.5, size="small",
            sizing_mode="stretch_width",
        )  # fmt: skip
        self.plot, self.bins, self.mark = histogram_figure()
        bins = pn.pane.Bokeh(self.plot, sizing_mode="stretch_width", height=34, margin=(0, 14))
        self.controls = pn.Column(bins, self.level, margin=0, sizing_mode="stretch_width")
        self.volume_id, self._drawn_id = "", ""
        self.box_angstrom = 0.0
        self.densities: HistogramResult | None = None
        self._surface = Mesh("main", Geometry(), **look)
        self._is_setting = False
        self._moved: list[Callable[[float], None]] = []
        self._drawn: list[Callable[[Mesh | None], None]] = []
        self._contouring = Latest(self.document, self._failed)
        self._counting = Latest(self.document, self._failed)
        self.level.param.watch(lambda _: self._level_moved(), "value")

    def on_moved(self, watch: Callable[[float], None]) -> None:
        """Tell ``watch(level)`` of every level that the user chooses."""
        self._moved.append(watch)

    def on_drawn(self, watch: Callable[[Mesh | None], None]) -> None:
        """Tell ``watch(surface)`` of every surface that is drawn, None when it is taken away."""
        self._drawn.append(watch)

    def clear(self, message: str) -> None:
        """Show a sentence in place of a map."""
        self.volume_id, self._drawn_id, self.densities = "", "", None
        self.viewer.param.update(meshes=[], busy="", message=message)
        self._announce(None)

    @property
    def name(self) -> str:
        """Of the map."""
        return self._surface.name

    @property
    def colour(self) -> str:
        """``#rrggbb`` of its surface."""
        return self._surface.colour

    @property
    def drawn_level(self) -> float | None:
        """Of its surface; None before the densities of the map are known."""
        is_known = self.densities is not None and self.densities.volume_id == self.volume_id
        return float(self.level.value) if is_known else None

    def label(self, name: str, colour: str) -> None:
        """Give the map another name and its surface another colour."""
        self._surface = replace(self._surface, name=name, colour=colour)
        if self.volume_id and self._drawn_id:
            self._put_surface()

    def show(self, volume_id: str, mesh: MeshResult | None, name: str, box_angstrom: float, colour: str = "") -> None:
        """Draw a stage of a map; of one without a surface only name and colour are kept."""
        self.volume_id = volume_id
        self.box_angstrom = self.viewer.box_angstrom = box_angstrom
        self._surface = replace(self._surface, name=name, colour=colour or self.colour)
        if mesh is not None:
            self._draw(mesh)

    def whole(self, volume_id: str, name: str, then: Callable[[HistogramResult], None] | None = None) -> None:
        """The map is all there: its densities are counted and told to ``then``; the slider goes to its level, and it is drawn."""
        self.volume_id = volume_id
        self._surface = replace(self._surface, name=name)
        worker, volume_id = self._held()
        self._counting.ask_async(lambda: worker.histogram(volume_id), lambda found: self._counted(found, then))

    def put(self, level: float) -> None:
        """Draw the surface at a level, as near to it as the slider goes, without telling those who watch."""
        step = float(self.level.step)  # at the very ends there is no surface
        self._set(min(max(level, float(self.level.start) + step), float(self.level.end) - step))
        self._contour()

    def _counted(self, found: HistogramResult, then: Callable[[HistogramResult], None] | None) -> None:
        if found.volume_id != self.volume_id:
            return
        self.densities = found
        self.box_angstrom = self.viewer.box_angstrom = found.box_px * found.pixel_size_angstrom
        show_histogram(self.plot, self.bins, found.counts, found.edges)
        low, high = float(found.edges[0]), float(found.edges[-1])
        level = found.level if found.level is not None else (low + high) / 2
        self._set(level, start=low, end=high, step=(high - low) / STEPS)
        if self._drawn_id != found.volume_id:
            self._contour()
        if then is not None:
            then(found)

    def _set(self, level: float, **limits: float) -> None:
        self._is_setting = True
        self.level.param.update(value=level, **limits)
        self._is_setting = False
        self._mark(level)

    def _mark(self, level: float) -> None:
        self.level.label = f"{self.title} {level:.3g}{in_deviations(level, self.densities)}"
        on_document(self.document, lambda: setattr(self.mark, "location", level))

    def _level_moved(self) -> None:
        level = float(self.level.value)
        if self._is_setting:
            return
        self._mark(level)
        if self.volume_id:
            self._contour()
            for watch in self._moved:
                watch(level)

    def _contour(self) -> None:
        (worker, volume_id), level = self._held(), float(self.level.value)
        self._contouring.ask_async(lambda: worker.mesh(volume_id, level), self._contoured)

    def _held(self) -> tuple[VolumeWorker, str]:
        if self.worker is None:
            raise ValueError("a contour without a worker has no map; set the worker first")
        return self.worker, self.volume_id

    def _contoured(self, mesh: MeshResult) -> None:
        if mesh.volume_id == self.volume_id:
            self._draw(mesh)

    def _draw(self, mesh: MeshResult) -> None:
        self._drawn_id = mesh.volume_id
        self._surface = replace(self._surface, geometry=Geometry.from_arrays(mesh.vertices, mesh.normals, mesh.faces))
        self._put_surface()

    def _put_surface(self) -> None:
        self.viewer.meshes = [self._surface]
        self._announce(self._surface)

    def _announce(self, surface: Mesh | None) -> None:
        for watch in self._drawn:
            watch(surface)

    def _failed(self, error: Exception) -> None:
        self.viewer.busy = ""
        if isinstance(error, VolumeGone) and self.renew is not None:
            self.renew()
        else:
            self.tell(sentence(error))


def in_deviations(level: float, densities: HistogramResult | None) -> str:
    """`` · 3.2 σ``: how far a level is from the mean density, in standard deviations; nothing where that is not known."""
    if densities is None or densities.deviation <= 0:
        return ""
    return f" · {(level - densities.mean) / densities.deviation:.1f} σ"
