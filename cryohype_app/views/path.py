"""A path through the latent space: particles along it, and their molecules as a series that plays."""

from __future__ import annotations

import asyncio
import itertools
import uuid
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import panel as pn
import panel_material_ui as pmui
from panel.viewable import Viewer

from cryohype_app.background import Latest, on_document
from cryohype_app.components.mesh import Geometry, Mesh
from cryohype_app.components.viewer3d import VolumeViewer
from cryohype_app.frame import LatentFrame
from cryohype_app.state import AppState, Rows
from cryohype_app.store import sentence
from cryohype_app.stream import Shown
from cryohype_app.views.napari import Label, Napari, Sending
from cryohype_app.views.page import Tell
from cryohype_app.views.words import Words
from cryohype_app.wire import SeriesPlace
from cryohype_app.worker.client import VolumeWorker
from cryohype_app.worker.errors import Superseded
from cryohype_app.worker.request import VolumeRequest
from cryohype_app.worker.results import MeshResult, StageResult
from cryohype_model.errors import RunError
from cryohype_model.runs.layout import Run
from cryohype_model.runs.traversal import path_along, path_between, path_under_stroke
from cryohype_model.runs.volumes import VolumeEntry, list_volume_series, start_volume_series, write_volume_series

DRAW, CLUSTERS, COMPONENT = "drawn line", "between clusters", "component"
STEPS = (5, 10, 20, 40)
WHOLE_AT_ONCE = 1 << 20  # the coarsest box of a request that wants no coarse stage
FRAME_FACES = 40_000  # of a frame's surface: a series goes over the wire as one
COLOUR = "#e3b341"  # that of the path in the latent picture
NAMES = {"drawn": "drawn path", "between": "path between clusters", "component": "path along a component"}
BUSY = "molecule along the path:"
SMALL: dict[str, Any] = {"size": "small", "margin": (4, 4)}


@dataclass(frozen=True, eq=False)
class Step:
    """One map of the series. ``level`` is the first map's, so that all surfaces mean the same density."""

    row: int
    stage: StageResult
    mesh: MeshResult
    level: float

    @property
    def told(self) -> str:
        """How it was made."""
        return f"mean of {self.stage.rows_used} neighbours of particle {self.row}"


class PathView(Viewer):
    """How the path is chosen, and the player.

    Parameters
    ----------
    viewer : the 3-D view that plays. restore : called when the path is closed, to show the selection's molecule again.
    napari : takes the series to desktop viewers.
    """

    def __init__(
        self, worker: VolumeWorker, run: Run, frame: LatentFrame, state: AppState, viewer: VolumeViewer,
        restore: Callable[[], None], napari: Napari, tell: Tell,
    ) -> None:  # fmt: skip
        super().__init__()
        self.worker, self.run, self.data, self.state = worker, run, frame, state
        self.viewer, self.restore, self.tell = viewer, restore, tell
        self.document = pn.state.curdoc
        self.slot, self.series_id = uuid.uuid4().hex, ""
        self.steps: list[Step] = []
        self.facts: dict[str, Any] = {}
        self._task: asyncio.Task[None] | None = None
        self._finding = Latest(self.document, self._failed)
        self._meshing = Latest(self.document, self._tell_failure)  # the series that was made stays
        self._saving = Latest(self.document, self._tell_failure)
        self._make_choices()
        self._make_player(napari)
        state.param.watch(lambda _: self._stroked(), "stroke")
        state.param.watch(lambda _: self._drawing_changed(), "drawing")
        state.param.watch(lambda _: self.close(), "chosen")

    def __panel__(self) -> Any:
        return pn.Column(
            pn.Row(self.kind, self.count, self.draw, self.first, self.last, self.component, self.make, self.stop, margin=0),
            self.told,
            self.player,
            sizing_mode="stretch_width",
            margin=4,
        )

    def _make_choices(self) -> None:
        clusters = {f"cluster {medoid.cluster}": medoid.row for medoid in self.data.medoids}
        rows = list(clusters.values())
        components = {self.data.title(f"pc{number + 1}"): number for number in range(self.data.space.pca.shape[1])}
        kinds = [DRAW, *([CLUSTERS] if len(rows) > 1 else []), COMPONENT]
        self.kind = pmui.Select(label="Path", options=kinds, value=DRAW, width=140, **SMALL)
        self.count = pmui.Select(label="Steps", options=list(STEPS), value=10, width=70, **SMALL)
        self.first = pmui.Select(label="From", options=clusters, value=rows[0] if rows else None, width=112, **SMALL)
        self.last = pmui.Select(label="To", options=clusters, value=rows[-1] if rows else None, width=112, **SMALL)
        self.component = pmui.Select(label="Component", options=components, value=0, width=130, **SMALL)
        self.draw = pmui.Toggle(label="Draw in the picture", icon="gesture", value=False, size="small", height=34, margin=(10, 4))
        self.make = pmui.Button(label="Make", icon="movie", variant="outlined", size="small", margin=(10, 4))
        self.stop = pmui.Button(label="Stop", icon="stop", variant="text", size="small", margin=(10, 4), visible=False)
        self.told = Words("", variant="caption", margin=(2, 6))
        self.kind.param.watch(lambda _: self._show_choices(), "value")
        self.draw.param.watch(lambda event: setattr(self.state, "drawing", "path" if event.new else "selection"), "value")
        self.make.on_click(lambda _: self._asked())
        self.stop.on_click(lambda _: self._stop())
        self._show_choices()

    def _make_player(self, napari: Napari) -> None:
        self.play = pmui.ToggleIcon(
            icon="play_arrow", active_icon="pause", description="Play or rest", value=False, size="small", margin=(8, 2)
        )
        self.place = pmui.IntSlider(
            label="Frame", start=1, end=2, value=1, size="small", sizing_mode="stretch_width", margin=(0, 12)
        )
        self.speed = pmui.Select(label="Frames/s", options=[1, 2, 4, 8], value=4, width=84, **SMALL)
        self.contour = pmui.FloatSlider(
            label="Contour, of the first map's level", start=0.4, end=2.5, step=0.05, value=1.0, size="small",
            sizing_mode="stretch_width", margin=(0, 12),
        )  # fmt: skip
        self.label = pmui.TextInput(label="Name of the series", width=150, **SMALL)
        save = pmui.Button(label="Save the series", icon="save", variant="outlined", size="small", margin=(10, 4))
        close = pmui.Button(label="Close the path", icon="close", variant="text", size="small", margin=(10, 4))
        self.play.param.watch(lambda event: setattr(self.viewer, "playing", bool(event.new)), "value")
        self.place.param.watch(lambda event: setattr(self.viewer, "frame", int(event.new) - 1), "value")
        self.speed.param.watch(lambda event: setattr(self.viewer, "frames_per_second", float(event.new)), "value")
        self.contour.param.watch(lambda _: self._recontour(), "value")
        self.viewer.param.watch(lambda _: self._follow_viewer(), ["frame", "playing"])
        save.on_click(lambda _: self.save())
        close.on_click(lambda _: self._closed())
        send = napari.button(self._to_send, margin=(10, 4))
        self.player = pn.Column(
            pn.Row(self.play, self.place, self.speed, send, sizing_mode="stretch_width", margin=0),
            pn.Row(self.contour, self.label, save, close, sizing_mode="stretch_width", margin=0),
            sizing_mode="stretch_width", margin=0, visible=False,
        )  # fmt: skip

    def _show_choices(self) -> None:
        kind = self.kind.value
        self.draw.visible = kind == DRAW
        self.first.visible = self.last.visible = kind == CLUSTERS
        self.component.visible = kind == COMPONENT
        self.make.visible = kind != DRAW

    def _drawing_changed(self) -> None:
        self.draw.value = self.state.drawing == "path"
        if self.draw.value:
            self.told.object = "Draw a line through the particles with the lasso; it need not close."

    def _asked(self) -> None:
        count, pca = int(self.count.value), self.data.space.pca
        if self.kind.value == CLUSTERS:
            first, last = int(self.first.value), int(self.last.value)
            if first == last:
                self.tell("The path begins where it ends; choose two clusters.")
                return
            facts = {"path": "between", "first": first, "last": last}
            self._finding.ask(lambda: path_between(pca, first, last, count), lambda rows: self.show(rows, facts))
        else:
            component = int(self.component.value)
            facts = {"path": "component", "component": component + 1}
            self._finding.ask(lambda: path_along(pca, component, count), lambda rows: self.show(rows, facts))

    def _stroked(self) -> None:
        stroke, count = list(self.state.stroke), int(self.count.value)
        x, y, data = self.state.x_axis, self.state.y_axis, self.data
        facts = {"path": "drawn", "stroke": stroke, "x_axis": x, "y_axis": y}
        self._finding.ask(
            lambda: path_under_stroke(data.column(x), data.column(y), stroke, count), lambda rows: self.show(rows, facts)
        )

    def show(self, rows: Rows, facts: dict[str, Any]) -> None:
        """Make the molecules along a path, and play them."""
        self.close()
        self.facts = facts
        self.state.path = rows
        self.contour.value = 1.0
        self.stop.visible = True
        self._task = asyncio.get_running_loop().create_task(self._make(rows))

    async def _make(self, rows: Rows) -> None:
        try:
            steps: list[Step] = []
            for row in rows:
                step = await self._step(int(row), steps[0].level if steps else None)
                steps.append(step)
                done = len(steps)
                on_document(self.document, lambda step=step, done=done: self._preview(rows, step, done))  # type: ignore[misc]
            on_document(self.document, lambda: self._finish(rows, steps))
        except (asyncio.CancelledError, Superseded):
            return
        except Exception as error:  # noqa: BLE001  # whatever ends a series is told, and the page goes on
            on_document(self.document, lambda error=error: self._failed(error))  # type: ignore[misc]

    async def _step(self, row: int, level: float | None) -> Step:
        request = VolumeRequest(self.slot, np.array([row]), "neighbours", coarsest_px=WHOLE_AT_ONCE)
        made = None
        async for stage in self.worker.stages(request):
            made = stage
        level = made.level if level is None and made is not None else level
        if made is None or level is None:
            raise RunError(f"the map of particle {row} is empty; choose another path")
        return Step(row, made, await self.worker.mesh(made.volume_id, level, decimate_to=FRAME_FACES), level)

    def _preview(self, rows: Rows, step: Step, done: int) -> None:
        if rows is not self.state.path:
            return  # it was closed while this was on its way
        count = len(rows)
        self.viewer.box_angstrom = step.stage.array.shape[0] * step.stage.pixel_size_angstrom
        self.viewer.param.update(meshes=[_mesh(step)], message="", busy=f"{BUSY} {done} of {count}", progress=done / count)

    def _finish(self, rows: Rows, steps: list[Step]) -> None:
        if rows is not self.state.path:
            return
        self._task = None
        self.steps, self.series_id = steps, uuid.uuid4().hex
        self.stop.visible, self.player.visible = False, True
        self.place.param.update(end=max(2, len(steps)), value=1)
        self.viewer.param.update(busy="", progress=None, series=[_mesh(step) for step in steps], frame=0, playing=True)
        self._follow_viewer()

    def _follow_viewer(self) -> None:
        if not self.steps:
            return
        number = min(self.viewer.frame, len(self.steps) - 1)
        self.play.value = self.viewer.playing
        self.place.value = number + 1
        step = self.steps[number]
        size = f"{step.stage.array.shape[0]} px at {step.stage.pixel_size_angstrom:.2f} Å"
        self.told.object = f"{number + 1} of {len(self.steps)}: {step.told} · {size}"

    def _recontour(self) -> None:
        steps, share = self.steps, float(self.contour.value)
        if steps:
            self._meshing.ask_async(lambda: self._meshes(steps, share), self._recontoured)

    async def _meshes(self, steps: list[Step], share: float) -> list[Step]:
        return [
            replace(step, mesh=await self.worker.mesh(step.stage.volume_id, share * step.level, decimate_to=FRAME_FACES))
            for step in steps
        ]

    def _recontoured(self, steps: list[Step]) -> None:
        if [step.stage.volume_id for step in steps] == [step.stage.volume_id for step in self.steps]:
            self.steps = steps
            self.viewer.series = [_mesh(step) for step in steps]

    def save(self) -> None:
        """Keep the maps as a volume series of the run; one that is there already stays as it is."""
        name, steps, facts = self.label.value_input.strip(), self.steps, self.facts
        if steps:
            self._saving.ask_async(lambda: self._save(name, steps, facts), lambda path: self.tell(f"Saved in {path}.", "success"))

    async def _save(self, name: str, steps: list[Step], facts: dict[str, Any]) -> str:
        name = await asyncio.to_thread(self._free_name, name)
        folder = await asyncio.to_thread(start_volume_series, self.run, name)
        entries = []
        for number, step in enumerate(steps):
            file, made = f"path_{number:04d}.mrc", {"checkpoint": step.stage.checkpoint, "level": step.level}
            size = step.stage.pixel_size_angstrom
            entries.append(VolumeEntry(file=file, particle=step.row, method="neighbours", pixel_size_angstrom=size, **made))
            await self.worker.save(step.stage.volume_id, folder / file)
        series = await asyncio.to_thread(write_volume_series, self.run, name, entries, facts)
        return str(series.path)

    def _free_name(self, wanted: str) -> str:
        known = list_volume_series(self.run)
        if wanted in known:
            raise RunError(f"the run has a volume series {wanted!r} already; give another name")
        return wanted or next(name for number in itertools.count(1) if (name := f"path {number}") not in known)

    def _to_send(self) -> Sending | None:
        """All maps of the series, at the level that is drawn."""
        if not self.steps:
            return None
        name = self.label.value_input.strip() or NAMES[str(self.facts["path"])]
        share, run = float(self.contour.value), (self.state.run_id, self.run.path.name)
        shown = [
            _shown(
                step,
                Label(name, COLOUR, *run, f"{step.told} · {step.stage.checkpoint}", share * step.level),
                SeriesPlace(id=self.series_id, number=number, count=len(self.steps)),
            )
            for number, step in enumerate(self.steps)
        ]

        async def maps() -> list[Shown]:
            return shown

        return Sending(maps)

    def close(self) -> None:
        """Give up the series; the view is free for a selection's molecule."""
        if self._task is not None:
            self._task.cancel()
            self._task = None
        if not len(self.state.path):
            return
        self.steps = []
        self.stop.visible = self.player.visible = False
        self.told.object = ""
        is_ours = self.viewer.busy.startswith(BUSY)
        self.viewer.param.update(series=[], playing=False, progress=None, busy="" if is_ours else self.viewer.busy)
        self.state.path = np.empty(0, np.int64)

    def _closed(self) -> None:
        self.close()
        self.restore()

    def _stop(self) -> None:
        self._closed()
        self.told.object = "Stopped."

    def _failed(self, error: Exception) -> None:
        self.close()
        self._tell_failure(error)

    def _tell_failure(self, error: Exception) -> None:
        self.tell(sentence(error))


def _mesh(step: Step) -> Mesh:
    geometry = Geometry.from_arrays(step.mesh.vertices, step.mesh.normals, step.mesh.faces)
    return Mesh(f"path {step.row}", geometry, name=f"particle {step.row}", colour=COLOUR)


def _shown(step: Step, label: Label, place: SeriesPlace) -> Shown:
    stage = step.stage
    head = label.head(
        slot=f"series-{place.id}-{place.number}", pinned=True, volume_id=stage.volume_id, shape=stage.array.shape,
        pixel_size_angstrom=stage.pixel_size_angstrom, ready=stage.ready, series=place,
    )  # fmt: skip
    return Shown(head, stage.array)
