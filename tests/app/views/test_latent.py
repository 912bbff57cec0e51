"""The latent picture without a browser: what is chosen by taps, legends and spaces, and what an error leaves."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from cryohype_app.plots.raster import View
from cryohype_app.state import AppState
from cryohype_app.store import DataStore
from cryohype_app.views.latent import LatentView
from cryohype_model.runs.layout import Run
from cryohype_model.runs.manifest import read_manifest
from cryohype_model.runs.selections import delete_selection
from tests.app.test_frame import ROWS, embed

SPACE = "every fifth"
IN_SPACE = (f"{SPACE}/umap_x", f"{SPACE}/umap_y")


@pytest.fixture
def look_at(
    store: Path, analysed: Run, monkeypatch: pytest.MonkeyPatch
) -> Callable[[Callable[..., Awaitable[None]]], LatentView]:
    """A function that makes the view as on a page laid out by a browser and does something with it."""
    embed(analysed)
    run_id = read_manifest(analysed).id
    size = View((-5.0, 15.0), (-5.0, 15.0), 300, 200)

    def run(use: Callable[[LatentView], Awaitable[None]]) -> LatentView:
        async def go() -> LatentView:
            said: list[str] = []
            made = LatentView(
                DataStore((store,)).frame(run_id), AppState(run_id=run_id), lambda text, *_: said.append(text), True
            )
            made.said = said
            monkeypatch.setattr(
                type(made.parts),
                "view",
                property(
                    lambda parts: View(_range(parts.figure.x_range), _range(parts.figure.y_range), size.width_px, size.height_px)
                ),
            )
            await until(lambda: made.look is not None and made.space.visible and len(made.colour.options) > 8)
            await use(made)
            return made

        return asyncio.run(go())

    return run


def _range(found: Any) -> tuple[float, float]:
    return found.start, found.end


async def until(condition: Callable[[], Any]) -> None:
    for _ in range(400):
        if condition():
            return
        await asyncio.sleep(0.02)
    raise AssertionError("it never came")


def test_a_space_of_its_own_and_the_way_back(look_at: Any, analysed: Run) -> None:
    async def use(view: LatentView) -> None:
        assert view.space.options == {"all particles": "", SPACE: SPACE} and not view.back.visible
        before = view.parts.figure.x_range.end
        view.space.value = SPACE
        await until(lambda: view.axes == IN_SPACE)
        assert view.back.visible and list(view.x.options) == ["UMAP 1", "UMAP 2", "PC 1 (75.0%)"]
        assert 10 < view.parts.figure.x_range.end < 11, "the frame is that of the eleven particles"
        view._drawn(SimpleNamespace(geometry={"type": "poly", "x": [-1, 2.5, 2.5, -1], "y": [-99, -99, 99, 99]}))
        await until(lambda: len(view.state.chosen))
        assert view.state.chosen.rows.tolist() == ROWS[:3].tolist(), "numbers of the whole run"
        origin = view.state.chosen.origin
        assert (origin["kind"], origin["embedding"], origin["x_axis"]) == ("lasso", SPACE, IN_SPACE[0])
        view._tapped(SimpleNamespace(x=4.1, y=-4.0))
        await until(lambda: len(view.state.chosen) == 1)
        assert view.state.chosen.rows.tolist() == [25]
        view.show_space("")
        await until(lambda: view.axes == ("umap_x", "umap_y"))
        assert not view.back.visible and view.parts.figure.x_range.end == before
        delete_selection(analysed, SPACE)
        view.state.saved += 1
        await until(lambda: not view.space.visible)

    look_at(use)


def test_a_deleted_selection_takes_its_picture_along(look_at: Any, analysed: Run) -> None:
    async def use(view: LatentView) -> None:
        view.show_space(SPACE)
        await until(lambda: view.axes == IN_SPACE)
        delete_selection(analysed, SPACE)
        view.state.saved += 1
        await until(lambda: view.axes == ("umap_x", "umap_y"))
        assert view.space.value == "" and not view.space.visible
        assert view.said == []

    look_at(use)


def test_what_was_embedded_anew_is_drawn_anew(look_at: Any, analysed: Run) -> None:
    async def use(view: LatentView) -> None:
        view.show_space(SPACE)
        await until(lambda: view.axes == IN_SPACE)
        embed(analysed, shift=100)
        meta = next(analysed.latents.glob("*/embeddings/*.json"))
        meta.write_text(meta.read_text().replace('"created": "', '"created": "2'))
        view.show_space(SPACE)
        await until(lambda: view.parts.figure.x_range.end > 100)

    look_at(use)


def test_a_group_of_the_legend_is_selected_where_it_is_seen(look_at: Any) -> None:
    async def use(view: LatentView) -> None:
        cluster = view.data.column("cluster")
        view._picked(1)
        await until(lambda: len(view.state.chosen))
        assert np.array_equal(view.state.chosen.rows, np.flatnonzero(cluster == 1))
        assert (view.state.chosen.name, view.state.chosen.origin["kind"]) == ("cluster 1", "cluster")
        view.state.colour = "rlnOpticsGroup"
        await until(lambda: view.look is not None and view.look.colour == "rlnOpticsGroup")
        assert view.legend.facts["title"] == "optics group"
        view._picked(1)
        await until(lambda: len(view.state.chosen) == 60)
        assert view.state.chosen.origin["column"] == "rlnOpticsGroup"
        view.show_space(SPACE)
        await until(lambda: view.axes == IN_SPACE)
        view.choose_group("cluster", int(cluster[5]))
        await until(lambda: len(view.state.chosen) < 12)
        assert view.state.chosen.rows.tolist() == [row for row in ROWS if cluster[row] == cluster[5]]

    look_at(use)


def test_a_medoid_stands_for_its_cluster(look_at: Any) -> None:
    async def use(view: LatentView) -> None:
        marks = view.look.medoids
        view._tapped(SimpleNamespace(x=float(marks["x"][1]), y=float(marks["y"][1])))
        await until(lambda: len(view.state.chosen) > 1)
        assert view.state.chosen.name == f"cluster {view.look.clusters[1]}"
        assert set(marks["count"]) == set(view.data.sizes("cluster").values())

    look_at(use)


def test_a_column_that_cannot_be_read_leaves_the_picture_as_it_was(look_at: Any, analysed: Run) -> None:
    async def use(view: LatentView) -> None:
        analysed.particles_star.unlink()
        view.state.colour = "rlnAngleTilt"
        assert "reading" in view.legend.facts["title"]
        await until(lambda: view.said)
        assert len(view.said) == 1 and "cannot be read" in view.said[0]
        assert view.state.colour == "cluster" and view.legend.facts["title"] == "cluster"

    look_at(use)


def test_what_is_shown_follows_colour_and_theme(look_at: Any) -> None:
    async def use(view: LatentView) -> None:
        assert list(view.colour.options)[:2] == ["density", "cluster"] and "viewing direction" in view.colour.options
        dark = view.parts.mapper.palette
        view.set_theme(False)
        await until(lambda: view.parts.mapper.palette != dark)
        assert view.parts.label_glyph.background_fill_color == "#ffffff"
        view.state.colour = "direction"
        await until(lambda: view.legend.facts["kind"] == "map")
        assert len(view.parts.labels.data["name"]) == 3

    look_at(use)
