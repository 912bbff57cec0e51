"""The browser's 3-D view: up to four iso-surfaces drawn by three.js; ``viewer3d.bundle.js`` is made of ``frontend/viewer``."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Mapping
from typing import Any, ClassVar

import param
from panel.custom import JSComponent

from cryohype_app.components.mesh import Geometry, Mesh
from cryohype_model.errors import CryoHypeError

SLOTS = ("slot_1", "slot_2", "slot_3", "slot_4")
SNAPSHOT_TIMEOUT_S = 15.0


class VolumeViewer(JSComponent):
    """Iso-surfaces of molecules, turned by mouse, touch and keys.

    All coordinates are Å from the box's centre. The camera stays where it is when a finer stage of a molecule replaces the
    coarse one; :meth:`reset_view` frames anew. Geometry travels as binary frames of the websocket, each surface in a slot of
    its own, and again only when it is another object: a change of colour sends some hundred bytes.
    """

    _bundle: ClassVar[str] = "viewer3d.bundle.js"
    _rename: ClassVar[Mapping[str, str | None]] = {"meshes": None, "series": None}

    meshes = param.List(default=[], item_type=Mesh, bounds=(0, len(SLOTS)), doc="The surfaces shown, of different ids.")
    box_angstrom = param.Number(default=200.0, bounds=(0, None), inclusive_bounds=(False, True), doc="Side of the box framed.")
    series = param.List(default=[], item_type=Mesh, doc="Shown in place of meshes, one at a time; played by the browser.")
    frame = param.Integer(default=0, bounds=(0, None), doc="Of the series, which one is shown.")
    playing = param.Boolean(default=False, doc="Whether the series plays, there and back.")
    frames_per_second = param.Number(default=4.0, bounds=(0.2, 30.0), doc="How fast it plays.")
    camera = param.Dict(
        default={},
        doc="position (Å), quaternion (x, y, z, w) and zoom (1 frames the box), told by the browser at most four times a "
        "second and settable; empty: the front view of the whole box, which then follows box_angstrom.",
    )
    link_group = param.String(default="", doc="Viewers of one page with the same name share the camera, without the server.")
    busy = param.String(default="", doc="What is being computed, beside a thin line, such as '32 px of 128'.")
    progress = param.Number(default=None, bounds=(0, 1), allow_None=True, doc="Part of it that is done, where it is known.")
    message = param.String(default="", doc="A sentence over the picture: an error, or what to do to see something.")
    dark = param.Boolean(default=True, doc="Dark theme.")
    scale_bar = param.Boolean(default=True, doc="A bar in Å, true at the depth of the point that the camera turns about.")
    axes = param.Boolean(default=True, doc="Small axes: x red, y green, z blue.")
    depth_cue = param.Boolean(default=True, doc="What lies far fades into the background.")

    # What the browser gets of `meshes`; a slot is {} or the bytes of vertices, normals and faces.
    surfaces = param.List(default=[], item_type=dict, doc="Derived from meshes: id, slot and look of every surface.")
    slot_1 = param.Dict(default={}, doc="Derived from meshes.")
    slot_2 = param.Dict(default={}, doc="Derived from meshes.")
    slot_3 = param.Dict(default={}, doc="Derived from meshes.")
    slot_4 = param.Dict(default={}, doc="Derived from meshes.")
    frames = param.List(default=[], item_type=dict, doc="Derived from series: look and bytes of every frame.")

    def __init__(self, **params: Any) -> None:
        self._held: dict[str, tuple[str, Geometry]] = {}  # id → its slot and what was put there
        self._pictures: dict[str, asyncio.Future[bytes | None]] = {}
        super().__init__(**params)
        self._fill_slots()
        self._fill_frames()

    @param.depends("meshes", watch=True)
    def _fill_slots(self) -> None:
        ids = [mesh.id for mesh in self.meshes]
        if len(set(ids)) < len(ids):
            raise ValueError(f"surfaces need different ids, but these are {ids}")
        kept = {id_: held for id_, held in self._held.items() if id_ in ids}
        free = [slot for slot in SLOTS if slot not in {slot for slot, _ in kept.values()}]
        slots = {mesh.id: kept[mesh.id][0] if mesh.id in kept else free.pop(0) for mesh in self.meshes}
        changed: dict[str, Any] = {slot: {} for slot in free}
        for mesh in self.meshes:
            if mesh.id not in kept or kept[mesh.id][1] is not mesh.geometry:
                changed[slots[mesh.id]] = _bytes(mesh.geometry)
        self._held = {mesh.id: (slots[mesh.id], mesh.geometry) for mesh in self.meshes}
        self.param.update(surfaces=[_look(mesh) | {"slot": SLOTS.index(slots[mesh.id]) + 1} for mesh in self.meshes], **changed)

    @param.depends("series", watch=True)
    def _fill_frames(self) -> None:
        frames = [_look(mesh) | _bytes(mesh.geometry) for mesh in self.series]
        self.param.update(frames=frames, frame=min(self.frame, max(0, len(frames) - 1)), playing=self.playing and bool(frames))

    @param.depends("frame", watch=True)
    def _keep_frame(self) -> None:
        """What the browser says may be of the series before: it was on its way when that ended."""
        self.frame = min(self.frame, max(0, len(self.series) - 1))

    def reset_view(self) -> None:
        """The whole box from the front: for another molecule, not for a finer stage of the same one."""
        self.camera = {}
        self._send_msg({"type": "reset"})

    def download(self, filename: str) -> None:
        """Let the browser save the picture, a PNG, under this name."""
        self._send_msg({"type": "download", "filename": filename})

    async def snapshot(self) -> bytes:
        """The picture, a PNG, as the browser shows it: surface, scale bar and axes.

        Raises
        ------
        CryoHypeError
            No browser shows the viewer, or its graphics are not available.
        """
        request = uuid.uuid4().hex
        picture = self._pictures[request] = asyncio.get_running_loop().create_future()
        self._send_msg({"type": "snapshot", "request": request})
        try:
            png = await asyncio.wait_for(picture, SNAPSHOT_TIMEOUT_S)
        except (asyncio.TimeoutError, TimeoutError):  # two classes in Python 3.10
            raise CryoHypeError(
                f"no picture came from the browser within {SNAPSHOT_TIMEOUT_S:.0f} s: open the page that shows the viewer"
            ) from None
        finally:
            del self._pictures[request]
        if png is None:
            raise CryoHypeError("the browser has no picture to give: its 3-D graphics (WebGL 2) are not available")
        return png

    def _handle_msg(self, data: dict[str, Any]) -> None:
        picture = self._pictures.get(data.get("request", ""))
        if picture is not None and not picture.done():
            picture.set_result(data["png"])


def _bytes(geometry: Geometry) -> dict[str, bytes]:
    return {"vertices": geometry.vertices, "normals": geometry.normals, "faces": geometry.faces}


def _look(mesh: Mesh) -> dict[str, Any]:
    """What the browser needs of a surface beside its bytes."""
    return {
        "id": mesh.id,
        "name": mesh.name,
        "colour": mesh.colour,
        "opacity": mesh.opacity,
        "wireframe": mesh.wireframe,
        "triangles": mesh.geometry.triangles,
        "size_angstrom": list(mesh.geometry.size_angstrom),
    }
