"""Both maps in one picture: one above the other, or what each has more of than the other."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from html import escape
from typing import Any

import panel as pn
import panel_material_ui as pmui

from cryohype_app.background import Latest
from cryohype_app.components.mesh import Geometry, Mesh
from cryohype_app.components.viewer3d import VolumeViewer
from cryohype_app.store import sentence
from cryohype_app.views.compare.address import FEWEST_DEVIATIONS, MOST_DEVIATIONS, Mode
from cryohype_app.views.page import Tell
from cryohype_app.worker.client import VolumeWorker
from cryohype_app.worker.errors import VolumeGone
from cryohype_app.worker.results import HistogramResult, MeshResult
from cryohype_model.metrics.difference import Scaling

LOOKS: dict[str, dict[str, Any]] = {
    "translucent": {"opacity": 0.55}, "wireframe": {"wireframe": True}, "solid": {},
}  # fmt: skip
SCALINGS = {"suitably": "", "not": "none", "to the same σ": "deviation", "by least squares": "least_squares"}
GHOST: dict[str, Any] = {"opacity": 0.16, "colour": "#9aa4ae"}  # A, around the difference
EMPTY = "Both maps appear here."
SUBTRACTING = "subtracting"


@dataclass(frozen=True, eq=False)
class Difference:
    """A minus B as a worker holds it, and its densities."""

    worker: VolumeWorker
    volume_id: str
    densities: HistogramResult

    @property
    def scale(self) -> float:
        """What B was multiplied by."""
        return float(self.densities.facts["scale"])


async def subtract(worker: VolumeWorker, id_a: str, id_b: str, scaling: Scaling) -> Difference:
    """A minus B, both held by the worker."""
    volume_id = await worker.difference(id_a, id_b, scaling)
    return Difference(worker, volume_id, await worker.histogram(volume_id))


async def lobes(difference: Difference, deviations: float) -> tuple[Geometry | None, Geometry | None]:
    """Surfaces where A has more, and where B has more, by so many standard deviations; None where nowhere is."""
    level = deviations * difference.densities.deviation
    low, high = float(difference.densities.edges[0]), float(difference.densities.edges[-1])
    more_a = await difference.worker.mesh(difference.volume_id, level) if 0 < level < high else None
    more_b = await difference.worker.mesh(difference.volume_id, -level) if low < -level < 0 else None
    return (
        Geometry.from_arrays(more_a.vertices, more_a.normals, more_a.faces) if more_a is not None else None,
        inside_out(more_b) if more_b is not None else None,
    )


def inside_out(mesh: MeshResult) -> Geometry:
    """The surface of a pit: the worker's normals and faces look towards lower density, which here is inside."""
    return Geometry.from_arrays(mesh.vertices, -mesh.normals, mesh.faces[:, ::-1])


class Together:
    """The third picture: its :attr:`controls`, :attr:`viewer` and :attr:`legend` are for a page to place.

    Parameters
    ----------
    colours : of A and B, and of what each has more of. changed : called after a choice. renew : makes the difference again.
    send : a button to be seen where there is a difference.
    """

    def __init__(
        self, mode: Mode, deviations: float, scaling: str, colours: tuple[str, str], group: str, tell: Tell, dark: bool,
        changed: Callable[[], None], renew: Callable[[], None], send: Any,
    ) -> None:  # fmt: skip
        self.colours, self.tell, self.renew, self.send = colours, tell, renew, send
        self.difference: Difference | None = None
        self._meshing = Latest(pn.state.curdoc, self._failed)
        self._surfaces: list[Mesh | None] = [None, None]
        self._lobes: tuple[Geometry | None, Geometry | None] | None = None
        self.viewer = VolumeViewer(
            dark=dark, message=EMPTY, link_group=group, sizing_mode="stretch_both", min_height=160
        )  # fmt: skip
        self.mode = pmui.RadioButtonGroup(
            label="", options={"Overlay": "overlay", "Difference": "difference"}, value=mode, size="small",
            margin=(6, 4), variant="outlined",
        )  # fmt: skip
        self.look = pmui.Select(label="B is", options=list(LOOKS), value="translucent", size="small", width=130, margin=(3, 4))
        self.level = pmui.FloatSlider(
            label=_slider_label(deviations), show_value=False, start=FEWEST_DEVIATIONS, end=MOST_DEVIATIONS, step=0.1,
            value=deviations, size="small", sizing_mode="stretch_width", margin=(0, 12),
        )  # fmt: skip
        self.scaling = pmui.Select(
            label="B is scaled", options=SCALINGS, value=scaling, size="small", width=124, margin=(3, 4)
        )  # fmt: skip
        self.legend = pn.pane.HTML("", sizing_mode="stretch_width", margin=(0, 8))
        for widget in (self.mode, self.look):
            widget.param.watch(lambda _: self._draw(), "value")
        self.level.param.watch(lambda _: self._level_moved(), "value")
        self.scaling.param.watch(lambda _: renew(), "value")
        for widget in (self.mode, self.level, self.scaling):
            widget.param.watch(lambda _: changed(), "value")
        self.controls = pn.Row(self.mode, self.look, self.level, sizing_mode="stretch_width", margin=(6, 0, 0, 0))
        self._draw()

    def set_theme(self, dark: bool) -> None:
        """The ground of the view follows the page."""
        self.viewer.dark = dark

    def clear(self, busy: str = "") -> None:
        """No difference: a map is being made anew."""
        self.difference, self._lobes = None, None
        if self.mode.value == "difference":
            self.viewer.busy = busy
            self._draw()

    def surface(self, number: int, surface: Mesh | None) -> None:
        """The surface of A, number 0, or B as its own picture shows it."""
        self._surfaces[number] = surface
        self._draw()

    def show(self, difference: Difference) -> None:
        """A difference was made."""
        self.difference = difference
        self.viewer.busy = ""
        self._level_moved()

    def _level_moved(self) -> None:
        self.level.label = _slider_label(float(self.level.value))
        difference, deviations = self.difference, float(self.level.value)
        if difference is not None:
            self._meshing.ask_async(lambda: lobes(difference, deviations), lambda found: self._meshed(difference, found))

    def _meshed(self, difference: Difference, found: tuple[Geometry | None, Geometry | None]) -> None:
        if difference is self.difference:
            self._lobes = found
            self._draw()

    def _draw(self) -> None:
        is_difference = self.mode.value == "difference"
        self.look.visible, self.level.visible, self.scaling.visible = not is_difference, is_difference, is_difference
        meshes = self._parts() if is_difference else self._overlay()
        self.send.visible = is_difference and self.difference is not None
        message = "" if meshes else EMPTY
        self.viewer.param.update(meshes=meshes, message=message)
        self.legend.object = self._legend(is_difference)

    def _overlay(self) -> list[Mesh]:
        a, b = self._surfaces
        solid = [replace(a, id="a")] if a is not None else []
        return solid + ([replace(b, id="b", **LOOKS[str(self.look.value)])] if b is not None else [])

    def _parts(self) -> list[Mesh]:
        """What A and what B has more of, and A around it as a ghost."""
        ghost = [replace(self._surfaces[0], id="ghost", **GHOST)] if self._surfaces[0] is not None else []
        if self._lobes is None:
            return []
        named = zip(self._lobes, ("a", "b"), self.colours, strict=True)
        parts = [Mesh(f"more in {letter}", lobe, f"more in {letter.upper()}", colour) for lobe, letter, colour in named if lobe]
        return parts + ghost

    def _legend(self, is_difference: bool) -> str:
        if is_difference and self._lobes is None:
            return ""
        if is_difference and not any(self._lobes or ()):
            return _line("Nowhere is the difference so large; choose a lower level.")
        parts = [(mesh.name, mesh.colour) for mesh in self._surfaces if mesh is not None]
        if is_difference:
            parts = list(zip(("more in A", "more in B"), self.colours, strict=True))
        dots = (f'<span style="color:{colour}">●</span> {escape(name)}' for name, colour in parts)
        scale = f"B × {self.difference.scale:.3g}, maps as they lie" if is_difference and self.difference is not None else ""
        return _line(" &nbsp; ".join([*dots, scale]))

    def _failed(self, error: Exception) -> None:
        self.viewer.busy = ""
        if isinstance(error, VolumeGone):
            self.renew()
        else:
            self.tell(sentence(error))


def _slider_label(deviations: float) -> str:
    return f"Difference at ± {deviations:.1f} σ"


def _line(content: str) -> str:
    return f'<div style="font-size:.75rem;opacity:.85;white-space:nowrap;overflow:hidden;text-overflow:ellipsis">{content}</div>'
