"""The viewer in Chromium: what is seen, done and said. A page that complains or asks another host fails in the fixture."""

from __future__ import annotations

import dataclasses
import io
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
import panel as pn
import pytest
from PIL import Image

from cryohype_app.components.mesh import Mesh
from cryohype_app.components.viewer3d import VolumeViewer

if TYPE_CHECKING:
    from conftest import Shown

Show = Callable[..., "Shown"]
DARK, LIGHT = (0x10, 0x15, 0x1C), (0xFF, 0xFF, 0xFF)


def _viewer(**params: object) -> VolumeViewer:
    return VolumeViewer(box_angstrom=100.0, sizing_mode="stretch_both", min_height=200, **params)


def _covered(pixels: np.ndarray, background: tuple[int, int, int]) -> float:
    """Part of the picture's middle that is not background."""
    height, width = pixels.shape[:2]
    middle = pixels[height // 4 : 3 * height // 4, width // 4 : 3 * width // 4]
    return float(np.mean(np.abs(middle - background).max(axis=-1) > 8))


def test_a_surface_appears_and_is_described(show: Show, cube: Mesh) -> None:
    viewer = _viewer()
    shown = show(viewer)
    assert _covered(shown.pixels(), DARK) == 0
    viewer.meshes = [cube]
    shown.until("viewer.memory().geometries === 1")
    assert _covered(shown.pixels(), DARK) > 0.2
    picture = shown.page.get_by_role("img")
    assert picture.get_attribute("aria-label") == "box cube, 12 triangles, 40 × 40 × 40 Å"


def test_the_picture_is_not_mirrored(show: Show, box: Callable[..., Mesh]) -> None:
    """Arms of three lengths and colours: x to the right, y up, and z = x × y towards the viewer."""
    arms = [
        box("x", (0, -2, -2), (40, 2, 2), colour="#ff0000"),
        box("y", (-2, 0, -2), (2, 30, 2), colour="#00ff00"),
        box("z", (-2, -2, 0), (2, 2, 20), colour="#0000ff"),
    ]
    shown = show(_viewer(meshes=arms, axes=False, scale_bar=False, depth_cue=False))
    origin, x, y, z = (shown.ask(f"viewer.project({point})") for point in ([0, 0, 0], [35, 0, 0], [0, 25, 0], [0, 0, 20]))
    assert x["x"] > origin["x"] + 20 and abs(x["y"] - origin["y"]) < 1
    assert y["y"] < origin["y"] - 20 and abs(y["x"] - origin["x"]) < 1
    assert z["depth"] < origin["depth"], "nearer"
    pixels = shown.pixels()
    seen = [int(np.argmax(pixels[round(spot["y"]), round(spot["x"])])) for spot in (x, y, z)]
    assert seen == [0, 1, 2], "red, green and blue are drawn where they are projected"


@pytest.mark.parametrize(("key", "right", "up"), [("x", 1, 2), ("y", 2, 0), ("z", 0, 1)])
def test_axis_views_are_right_handed(show: Show, cube: Mesh, key: str, right: int, up: int) -> None:
    """The axis of the key comes towards the viewer, the next one points right, the one after it up."""
    shown = show(_viewer(meshes=[cube]))
    shown.page.get_by_role("img").press(key)
    spots = [shown.ask(f"viewer.project({point})") for point in np.eye(3).astype(int).tolist()]
    origin = shown.ask("viewer.project([0, 0, 0])")
    assert spots["xyz".index(key)]["depth"] < origin["depth"]
    assert spots[right]["x"] > origin["x"] + 1 and spots[up]["y"] < origin["y"] - 1


def test_keys_turn_zoom_and_reset(show: Show, cube: Mesh) -> None:
    viewer = _viewer(meshes=[cube])
    shown = show(viewer)
    picture = shown.page.get_by_role("img")
    front = shown.ask("viewer.project([20, 20, 20])")
    picture.press("ArrowLeft")
    turned = shown.ask("viewer.project([20, 20, 20])")
    assert turned["x"] < front["x"] - 1, "the left arrow turns the near side to the left"
    picture.press("+")
    shown.until("viewer.pose.toJSON().zoom > 1.1")
    shown.told(lambda: viewer.camera.get("zoom") == pytest.approx(1.15))
    picture.press("r")
    assert shown.ask("viewer.project([20, 20, 20])") == front
    shown.told(lambda: viewer.camera == {})


def test_the_focus_is_seen_by_who_uses_keys(show: Show, cube: Mesh) -> None:
    shown = show(_viewer(meshes=[cube]))
    shown.page.set_viewport_size({"width": 600, "height": 360})
    ring = "getComputedStyle(viewer.page.picture, '::after').borderTopWidth"
    assert shown.ask(ring) != "2px" and not shown.page.locator(".keys").is_visible()
    shown.page.keyboard.press("Tab")
    assert shown.ask(ring) == "2px" and shown.page.locator(".keys").is_visible()


def test_mouse_turns_pans_and_zooms(show: Show, cube: Mesh) -> None:
    shown = show(_viewer(meshes=[cube]))
    mouse = shown.page.mouse
    before = shown.ask("viewer.project([0, 0, 20])")
    mouse.move(240, 180)
    mouse.down()
    mouse.move(260, 180, steps=4)
    mouse.up()
    after = shown.ask("viewer.project([0, 0, 20])")
    assert after["x"] > before["x"] + 1, "the near side follows the pointer"
    mouse.down(button="right")
    mouse.move(300, 150, steps=4)
    mouse.up(button="right")
    centre = shown.ask("viewer.project([0, 0, 0])")
    width, height = shown.ask("[viewer.page.size.width, viewer.page.size.height]")
    assert (centre["x"], centre["y"]) == pytest.approx((width / 2 + 40, height / 2 - 30), abs=2), "pixel for pixel"
    mouse.wheel(0, -200)
    shown.until("viewer.pose.toJSON().zoom > 1.2")


def test_two_fingers_zoom(show: Show, cube: Mesh) -> None:
    shown = show(_viewer(meshes=[cube]), has_touch=True)
    wire = shown.page.context.new_cdp_session(shown.page)

    def touch(kind: str, *xs: int) -> None:
        points = [{"x": x, "y": 180, "id": number} for number, x in enumerate(xs)]
        wire.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})

    touch("touchStart", 220, 260)
    touch("touchMove", 200, 280)
    touch("touchEnd")
    assert shown.ask("viewer.pose.toJSON().zoom") == pytest.approx(2, rel=0.05)


def test_it_fills_its_container_and_follows_it(show: Show, cube: Mesh) -> None:
    shown = show(_viewer(meshes=[cube]))
    small = shown.ask("[viewer.stage.canvas.width, viewer.stage.canvas.height]")
    shown.page.set_viewport_size({"width": 700, "height": 500})
    shown.until(f"viewer.stage.canvas.width > {small[0]} + 200")
    shown.until("Math.abs(viewer.stage.canvas.height - viewer.page.root.getBoundingClientRect().height) <= 1")
    assert _covered(shown.pixels(), DARK) > 0.2


def test_a_colour_comes_without_the_geometry(show: Show, box: Callable[..., Mesh]) -> None:
    mesh = box("plate", (-40, -40, -1), (40, 40, 1), colour="#d04040")
    viewer = _viewer(meshes=[mesh])
    shown = show(viewer)
    shown.received.clear()
    red = shown.pixels()[180, 240]
    viewer.meshes = [dataclasses.replace(mesh, colour="#4040d0")]
    shown.until("viewer.surfaces.all()[0].mesh.material.uniforms.colour.value.b > 0.5")
    blue = shown.pixels()[180, 240]
    assert red[0] > red[2] + 50 and blue[2] > blue[0] + 50
    assert shown.ask("viewer.memory().uploads") == 1
    assert not any(isinstance(frame, bytes) for frame in shown.received) and sum(map(len, shown.received)) < 2000


def test_a_translucent_surface_shows_what_is_inside(show: Show, box: Callable[..., Mesh]) -> None:
    core = box("core", (-10, -10, -10), (10, 10, 10), colour="#ff0000")
    hull = box("hull", (-30, -30, -30), (30, 30, 30), colour="#0000ff")
    viewer = _viewer(meshes=[core, hull])
    shown = show(viewer)
    assert shown.pixels()[180, 240][0] < 60, "hidden by the hull"
    viewer.meshes = [core, dataclasses.replace(hull, opacity=0.3)]
    shown.until("viewer.surfaces.all()[1].translucent")
    assert shown.pixels()[180, 240][0] > 100
    viewer.meshes = [core, dataclasses.replace(hull, opacity=0.0)]
    shown.until("viewer.surfaces.visible().length === 1")
    assert shown.pixels()[180, 240][2] < 60


def test_a_wireframe_is_seen_through(show: Show, cube: Mesh) -> None:
    viewer = _viewer(meshes=[cube])
    shown = show(viewer)
    solid = _covered(shown.pixels(), DARK)
    viewer.meshes = [dataclasses.replace(cube, wireframe=True)]
    shown.until("viewer.surfaces.all()[0].mesh.material.wireframe")
    assert 0.01 < _covered(shown.pixels(), DARK) < solid / 2


def test_dark_and_light(show: Show, cube: Mesh) -> None:
    viewer = _viewer(meshes=[cube])
    shown = show(viewer)
    assert tuple(shown.pixels()[5, 100]) == DARK
    viewer.dark = False
    shown.until("viewer.colours.background === '#ffffff'")
    assert tuple(shown.pixels()[5, 100]) == LIGHT and _covered(shown.pixels(), LIGHT) > 0.2


def test_scale_bar_and_axes_can_be_put_away(show: Show) -> None:
    viewer = _viewer()
    shown = show(viewer)
    height = shown.ask("viewer.page.size.height")
    corners = (slice(height - 80, height - 5), slice(5, 100)), (slice(height - 40, height - 5), slice(300, 470))
    pixels = shown.pixels()
    assert all(np.abs(pixels[corner] - DARK).max() > 60 for corner in corners)
    viewer.param.update(scale_bar=False, axes=False)
    shown.until("!viewer.model.axes && viewer.frame === undefined")
    assert np.abs(shown.pixels() - DARK).max() == 0


def test_the_scale_bar_is_true(show: Show) -> None:
    """50 Å of a 100 Å box that fills the shorter side."""
    shown = show(_viewer(axes=False))
    height = shown.ask("viewer.page.size.height")
    bar = np.flatnonzero(np.abs(shown.pixels()[height - 16] - DARK).max(axis=-1) > 60)
    measured = shown.ask("viewer.pose.angstromPerPx(viewer.page.size.width, viewer.page.size.height)") * len(bar)
    assert measured == pytest.approx(20, rel=0.05), "20 Å is the longest of 1, 2, 5 that fits in 130 px"
    left, right = (shown.ask(f"viewer.project([{x}, 0, 0])")["x"] for x in (-10, 10))
    assert right - left == pytest.approx(len(bar), abs=2)


def test_progress_and_sentences(show: Show, cube: Mesh) -> None:
    viewer = _viewer(message="Select particles to see their structure.")
    shown = show(viewer)
    assert shown.page.get_by_text("Select particles").is_visible()
    viewer.param.update(busy="32 px of 128", progress=0.25, message="", meshes=[cube])
    shown.page.get_by_text("32 px of 128").wait_for()
    assert shown.page.locator(".done").evaluate("line => line.style.transform") == "scaleX(0.25)"
    assert not shown.page.get_by_text("Select particles").is_visible()
    viewer.param.update(busy="", progress=None)
    shown.page.get_by_text("32 px of 128").wait_for(state="hidden")


def test_snapshot_comes_to_python_and_as_a_download(show: Show, cube: Mesh) -> None:
    viewer = _viewer(meshes=[cube])
    shown = show(viewer)
    png = shown.site.run(viewer.snapshot())
    with Image.open(io.BytesIO(png)) as picture:
        assert picture.format == "PNG"
        assert picture.size == tuple(shown.ask("[viewer.stage.canvas.width, viewer.stage.canvas.height]"))
        assert _covered(np.asarray(picture.convert("RGB"), dtype=int), DARK) > 0.2
    with shown.page.expect_download() as download:
        viewer.download("map.png")
    assert download.value.suggested_filename == "map.png"
    with Image.open(download.value.path()) as picture:
        assert picture.format == "PNG"


def test_linked_viewers_share_the_camera_and_others_do_not(show: Show, cube: Mesh) -> None:
    a, b, alone = (_viewer(meshes=[cube], link_group=group) for group in ("pair", "pair", ""))
    shown = show(pn.Column(a, b, alone, sizing_mode="stretch_both"))
    poses = ["JSON.stringify(viewer.pose.toJSON())"] * 3
    shown.page.get_by_role("img").nth(1).press("x")
    first, second, third = (shown.ask(pose, number) for number, pose in enumerate(poses))
    assert first == second != third == "{}", "at once, without the server"
    shown.told(lambda: a.camera == b.camera != {})
    assert alone.camera == {}
    alone.link_group = "pair"
    shown.until(f"JSON.stringify(viewer.pose.toJSON()) === '{first}'", 2)


def test_python_can_set_the_camera(show: Show, cube: Mesh) -> None:
    a, b = _viewer(meshes=[cube]), _viewer(meshes=[cube])
    shown = show(pn.Row(a, b, sizing_mode="stretch_both"))
    shown.page.get_by_role("img").nth(0).press("ArrowUp")
    shown.page.get_by_role("img").nth(0).press("+")
    shown.told(lambda: a.camera.get("zoom") == pytest.approx(1.15))
    b.camera = a.camera
    shown.until("viewer.pose.toJSON().zoom > 1.1", 1)
    near = [shown.ask("viewer.project([10, 5, 3])", number) for number in range(2)]
    assert near[0] == pytest.approx(near[1], abs=0.01)
    b.reset_view()
    shown.until("viewer.pose.framed", 1)


def test_the_camera_is_told_four_times_a_second_at_most(show: Show, cube: Mesh) -> None:
    viewer = _viewer(meshes=[cube])
    shown = show(viewer)
    told: list[float] = []
    viewer.param.watch(lambda event: told.append(event.new["zoom"]), "camera")
    duration = shown.ask("""new Promise((done) => { const start = performance.now(); const timer = setInterval(() => {
        viewer.pose.zoom(1.01); viewer.moved(); if (performance.now() - start > 1500) { clearInterval(timer);
        setTimeout(() => done(performance.now() - start), 400) } }, 10) })""")
    last = shown.ask("viewer.pose.toJSON().zoom")
    shown.told(lambda: told[-1:] == [pytest.approx(last)])
    assert 2 <= len(told) <= duration / 250 + 1


def test_a_finer_stage_and_another_box_leave_the_camera(show: Show, cube: Mesh, box: Callable[..., Mesh]) -> None:
    viewer = _viewer(meshes=[cube])
    shown = show(viewer)
    shown.page.get_by_role("img").press("ArrowLeft")
    before = shown.ask("viewer.project([10, 5, 3])")
    viewer.param.update(meshes=[box("cube", (-19, -20, -20), (20, 20, 20))], box_angstrom=200.0)
    shown.until("viewer.memory().uploads === 2")
    after = shown.ask("viewer.project([10, 5, 3])")
    assert (after["x"], after["y"]) == pytest.approx((before["x"], before["y"]), abs=0.01)
    viewer.reset_view()
    shown.until("viewer.pose.distance > 300")
