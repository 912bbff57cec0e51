"""What the graphics card holds, loses, or never had."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import mrcfile
import numpy as np
import panel as pn
import pytest

from cryohype_app.components.mesh import Geometry, Mesh
from cryohype_app.components.viewer3d import VolumeViewer
from cryohype_app.worker.mesh import surface

if TYPE_CHECKING:
    from conftest import Shown

Show = Callable[..., "Shown"]
NO_WEBGL = """const get = HTMLCanvasElement.prototype.getContext
HTMLCanvasElement.prototype.getContext = function (kind, ...rest) {
  return kind === "2d" ? get.call(this, kind, ...rest) : null }"""


def _viewer(**params: object) -> VolumeViewer:
    return VolumeViewer(box_angstrom=100.0, sizing_mode="stretch_both", min_height=200, **params)


def test_two_hundred_replacements_leak_nothing(show: Show, box: Callable[..., Mesh]) -> None:
    viewer = _viewer(meshes=[box("stage", (-10, -10, -10), (10, 10, 10), wireframe=True)])
    shown = show(viewer)
    before = shown.ask("viewer.memory()")
    for number in range(200):
        side = 10 + number / 20
        viewer.meshes = [box(f"stage {number // 10 % 3}", (-side, -10, -10), (side, 10, 10), wireframe=number % 2 == 0)]
    shown.until("viewer.memory().uploads === 201")
    shown.ask("viewer.draw()")
    after = shown.ask("viewer.memory()")
    assert {**after, "uploads": 0} == {**before, "uploads": 0}
    viewer.meshes = []
    shown.until("viewer.memory().geometries === 0")


def test_a_removed_viewer_gives_its_context_back(show: Show, cube: Mesh) -> None:
    viewer = _viewer(meshes=[cube])
    page = pn.Column(viewer, sizing_mode="stretch_both")
    shown = show(page)
    shown.page.evaluate("root => { window.old = root.__viewer }", shown.roots.first.element_handle())
    page.clear()
    shown.page.wait_for_function("old.disposed && old.memory().geometries === 0")
    assert shown.page.evaluate("old.stage.renderer.getContext().isContextLost()")
    page.append(_viewer(meshes=[cube]))
    shown.roots.first.wait_for()
    shown.until("viewer.draws > 0")


def test_nothing_is_drawn_while_nothing_changes(show: Show, cube: Mesh) -> None:
    shown = show(_viewer(meshes=[cube]))

    def rests() -> bool:
        draws = shown.ask("viewer.draws")
        shown.page.wait_for_timeout(500)
        return bool(shown.ask("viewer.draws") == draws)

    shown.told(rests)


def test_a_lost_context_comes_back(show: Show, cube: Mesh) -> None:
    viewer = _viewer(meshes=[cube])
    shown = show(viewer)
    whole = shown.pixels()
    shown.ask("(window.driver = viewer.stage.renderer.getContext().getExtension('WEBGL_lose_context')).loseContext()")
    shown.page.get_by_text("graphics driver dropped").wait_for()
    shown.ask("driver.restoreContext()")
    shown.page.get_by_text("graphics driver dropped").wait_for(state="hidden")
    assert np.mean(np.abs(shown.pixels() - whole)) < 1


def test_without_webgl_a_sentence_says_so(show: Show, cube: Mesh) -> None:
    viewer = _viewer(meshes=[cube], message="Level 0.3.")
    shown = show(viewer, script=NO_WEBGL, drawn=False)
    assert shown.page.get_by_text("offers no WebGL 2").is_visible()
    assert shown.page.get_by_role("img").get_attribute("aria-label") == "box cube, 12 triangles, 40 × 40 × 40 Å"
    shown.page.get_by_role("img").press("x")
    shown.page.wait_for_function("() => Bokeh.documents[0].is_idle")  # before, Panel may not send what changes
    viewer.param.update(meshes=[], message="Another sentence.")
    shown.page.get_by_text("Another sentence.").wait_for()


def test_a_large_mesh_travels_as_binary_frames(show: Show) -> None:
    """100 000 triangles: the frames are the bytes of the arrays, and the JSON beside them stays small."""
    side = 225
    y, x = np.mgrid[:side, :side]
    vertices = np.stack([x, y, 5 * np.sin(x / 9)], axis=-1).reshape(-1, 3) * (80 / side) - [40, 40, 0]
    first = (y * side + x)[:-1, :-1].ravel()
    turns = ([0, 1, side + 1], [0, side + 1, side])
    faces = np.concatenate([first[:, None] + turn for turn in turns])
    geometry = Geometry.from_arrays(vertices, np.tile([0, 0, 1], (side * side, 1)), faces)
    assert geometry.triangles > 100_000
    viewer = _viewer()
    shown = show(viewer)
    shown.received.clear()
    viewer.meshes = [Mesh("large", geometry)]
    shown.until("viewer.memory().geometries === 1")
    binary = [len(frame) for frame in shown.received if isinstance(frame, bytes)]
    text = sum(len(frame) for frame in shown.received if isinstance(frame, str))
    assert sorted(binary) == sorted([len(geometry.vertices), len(geometry.normals), len(geometry.faces)])
    assert text < 5000


def test_a_real_map(show: Show, shared_data: Path) -> None:
    """GroEL, EMD-1080: a hollow barrel, seen through along its axis of seven."""
    with mrcfile.open(shared_data / "maps" / "emd_1080_groel_11.5A.mrc") as file:
        volume, pixel_angstrom = np.array(file.data), float(file.voxel_size.x)
    found = surface(volume, 0.9, pixel_angstrom)
    mesh = Mesh("groel", Geometry.from_arrays(found.vertices, found.normals, found.faces), name="GroEL")
    shown = show(VolumeViewer(meshes=[mesh], box_angstrom=200.0, sizing_mode="stretch_both", min_height=200, axes=False))
    assert shown.page.get_by_role("img").get_attribute("aria-label") == "GroEL, 64,364 triangles, 141 × 140 × 140 Å"
    middle = shown.ask("viewer.project([0, 0, 0])")
    x, y = round(middle["x"]), round(middle["y"])
    pixels = shown.pixels()
    lit = pixels.max(axis=-1) > 80
    assert 0.2 < lit.mean() < 0.6 and lit[y, x - 70 : x - 45].mean() > 0.9


@pytest.mark.parametrize("fixed", [{"width": 300, "height": 200}, {"sizing_mode": "stretch_width", "height": 200}])
def test_it_has_the_size_that_it_is_given(show: Show, cube: Mesh, fixed: dict[str, object]) -> None:
    shown = show(VolumeViewer(meshes=[cube], box_angstrom=100.0, margin=0, **fixed))
    width, height = shown.ask("[viewer.page.size.width, viewer.page.size.height]")
    assert height == 200 and width >= 300
