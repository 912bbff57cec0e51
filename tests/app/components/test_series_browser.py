"""A series of surfaces in Chromium: sent once, shown one at a time, played by the browser."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

from cryohype_app.components.mesh import Mesh
from cryohype_app.components.viewer3d import VolumeViewer

if TYPE_CHECKING:
    from conftest import Shown

VISIBLE = "viewer.surfaces.visible().map((surface) => Math.round(surface.radius))"


@pytest.fixture
def cubes(box: Callable[..., Mesh]) -> list[Mesh]:
    """Three of growing size; their radii are 17, 35 and 52 Å."""
    return [box(f"cube {side}", (-side,) * 3, (side,) * 3) for side in (10, 20, 30)]


def test_one_frame_is_shown_and_each_is_sent_once(show: Callable[..., Shown], cubes: list[Mesh]) -> None:
    viewer = VolumeViewer(box_angstrom=100.0, sizing_mode="stretch_both", min_height=200, series=cubes)
    shown = show(viewer)
    shown.until(f"{VISIBLE}.join() === '17'")
    viewer.frame = 2
    shown.until(f"{VISIBLE}.join() === '52'")
    viewer.frame = 1
    shown.until(f"{VISIBLE}.join() === '35'")
    assert shown.ask("viewer.memory().uploads") == 3
    assert shown.page.get_by_role("img").get_attribute("aria-label") == "box cube 20, frame 2 of 3, 12 triangles, 40 × 40 × 40 Å"


def test_it_plays_there_and_back_and_rests(show: Callable[..., Shown], cubes: list[Mesh]) -> None:
    viewer = VolumeViewer(box_angstrom=100.0, sizing_mode="stretch_both", min_height=200, series=cubes, frames_per_second=6.0)
    shown = show(viewer)
    seen: list[int] = []
    viewer.param.watch(lambda event: seen.append(event.new), "frame")
    picture = shown.page.get_by_role("img")
    picture.press(" ")
    shown.told(lambda: len(seen) >= 5)
    picture.press(" ")
    shown.told(lambda: viewer.playing is False)
    count = len(seen)
    shown.page.wait_for_timeout(500)
    assert len(seen) == count, "it rests"
    assert set(seen) == {0, 1, 2} and all(abs(a - b) == 1 for a, b in itertools.pairwise(seen)), "there and back"
    assert viewer.playing is False
    viewer.frame = 0
    shown.until("viewer.model.frame === 0")  # else the key counts from the frame before
    picture.press(".")
    shown.until("viewer.model.frame === 1")
    picture.press(",")
    shown.until("viewer.model.frame === 0")


def test_the_end_of_a_series_shows_the_meshes_again(show: Callable[..., Shown], cubes: list[Mesh], cube: Mesh) -> None:
    viewer = VolumeViewer(
        box_angstrom=100.0, sizing_mode="stretch_both", min_height=200, meshes=[cube], series=cubes, frame=2, playing=True
    )
    shown = show(viewer)
    shown.until("viewer.player.shows")
    viewer.series = []
    shown.until(f"{VISIBLE}.join() === '35'")
    assert viewer.frame == 0 and viewer.playing is False
