"""The component without a browser: what would be sent, and when."""

from __future__ import annotations

import asyncio
import dataclasses

import numpy as np
import param
import pytest
from bokeh.document import Document

from cryohype_app.components import viewer3d
from cryohype_app.components.mesh import Geometry, Mesh
from cryohype_app.components.viewer3d import VolumeViewer
from cryohype_model.errors import CryoHypeError


def _mesh(id_: str, side_angstrom: float = 10.0) -> Mesh:
    corners = np.array([[0, 0, 0], [side_angstrom, 0, 0], [0, side_angstrom, 0]])
    return Mesh(id_, Geometry.from_arrays(corners, np.tile([0, 0, 1], (3, 1)), np.array([[0, 1, 2]])), name=f"map {id_}")


def _watched(viewer: VolumeViewer) -> list[str]:
    """Names of the parameters for the browser that change from now on, in order."""
    names: list[str] = []
    sent = ["surfaces", *viewer3d.SLOTS]
    viewer.param.watch(lambda *events: names.extend(event.name for event in events), sent)
    return names


def test_each_surface_takes_a_slot_with_its_own_bytes() -> None:
    a, b = _mesh("a"), _mesh("b", 20.0)
    viewer = VolumeViewer(meshes=[a, b])
    assert viewer.slot_1["vertices"] is a.geometry.vertices, "bytes are shared by all sessions, not copied"
    assert viewer.slot_2["faces"] is b.geometry.faces
    assert (viewer.slot_3, viewer.slot_4) == ({}, {})
    assert [(look["id"], look["slot"], look["triangles"], look["size_angstrom"]) for look in viewer.surfaces] == [
        ("a", 1, 1, [10.0, 10.0, 0.0]),
        ("b", 2, 1, [20.0, 20.0, 0.0]),
    ]


def test_another_look_sends_no_geometry() -> None:
    viewer = VolumeViewer(meshes=[_mesh("a"), _mesh("b")])
    names = _watched(viewer)
    viewer.meshes = [dataclasses.replace(mesh, colour="#ff0000", opacity=0.5) for mesh in viewer.meshes]
    assert names == ["surfaces"]


def test_a_finer_stage_sends_its_own_slot_only() -> None:
    viewer = VolumeViewer(meshes=[_mesh("a"), _mesh("b")])
    names = _watched(viewer)
    viewer.meshes = [viewer.meshes[0], _mesh("b", 11.0)]
    assert sorted(names) == ["slot_2", "surfaces"]


def test_what_is_gone_frees_its_slot_and_the_others_stay() -> None:
    viewer = VolumeViewer(meshes=[_mesh("a"), _mesh("b"), _mesh("c")])
    b, c = viewer.meshes[1:]
    viewer.meshes = [c, b]
    assert viewer.slot_1 == {} and [look["slot"] for look in viewer.surfaces] == [3, 2]
    names = _watched(viewer)
    viewer.meshes = [c, b, _mesh("d")]
    assert sorted(names) == ["slot_1", "surfaces"]


def test_more_than_four_or_two_of_one_id_are_refused() -> None:
    with pytest.raises(ValueError, match="length"):
        VolumeViewer(meshes=[_mesh(str(number)) for number in range(5)])
    with pytest.raises(ValueError, match=r"different ids.*'a', 'a'"):
        VolumeViewer(meshes=[_mesh("a"), _mesh("a")])


@pytest.mark.parametrize(("name", "value"), [("box_angstrom", 0), ("progress", 1.5), ("meshes", ["a map"])])
def test_impossible_values_are_refused(name: str, value: object) -> None:
    with pytest.raises((ValueError, TypeError), match=name):
        VolumeViewer(**{name: value})


def test_the_browser_gets_bytes_and_never_the_python_objects() -> None:
    """As buffers beside the JSON: nothing of the geometry is written out as base64."""
    mesh = _mesh("a")
    document = Document()
    document.add_root(VolumeViewer(meshes=[mesh]).get_root(document))
    serialized = document.to_json()
    assert [bytes(buffer.data) for buffer in serialized.buffers] == [
        mesh.geometry.vertices,
        mesh.geometry.normals,
        mesh.geometry.faces,
    ]
    assert "meshes" not in str(serialized.content)


def test_reset_forgets_the_camera() -> None:
    viewer = VolumeViewer(camera={"position": [0, 0, 500], "quaternion": [0, 0, 0, 1], "zoom": 2})
    viewer.reset_view()
    assert viewer.camera == {}


def test_snapshot_without_a_browser_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(viewer3d, "SNAPSHOT_TIMEOUT_S", 0.01)
    with pytest.raises(CryoHypeError, match="open the page that shows the viewer"):
        asyncio.run(VolumeViewer().snapshot())


def test_snapshot_takes_the_answer_to_its_own_question() -> None:
    class Browser(VolumeViewer):
        """Answers another question first, then this one twice, as two open pages would."""

        answers = param.List(default=[b"png", b"later"])

        def _send_msg(self, data: dict[str, str]) -> None:
            self._handle_msg({"type": "snapshot", "request": "another", "png": b"not mine"})
            for png in self.answers:
                self._handle_msg({"type": "snapshot", "request": data["request"], "png": png})

    assert asyncio.run(Browser().snapshot()) == b"png"
    with pytest.raises(CryoHypeError, match="WebGL"):
        asyncio.run(Browser(answers=[None]).snapshot())


def test_a_frame_of_a_series_that_has_ended_is_none() -> None:
    """The browser's word comes late: it was playing when the series was taken away."""
    viewer = VolumeViewer(series=[_mesh("a"), _mesh("b")], frame=1)
    assert viewer.frame == 1
    viewer.series = []
    assert viewer.frame == 0
    viewer._process_events({"frame": 1})
    assert viewer.frame == 0
    viewer.series = [_mesh("a"), _mesh("b"), _mesh("c")]
    viewer._process_events({"frame": 2})
    assert viewer.frame == 2
