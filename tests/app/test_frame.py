"""Columns of a latent space: of the analysis, of embeddings of selections, of the particles' files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from cryohype_app.frame import ROT_BINS, TILT_BINS, LatentFrame, directions
from cryohype_app.lasso import nearest_point, under_box, under_polygon
from cryohype_app.query import rows_where
from cryohype_app.store import DataStore
from cryohype_model.errors import RunError
from cryohype_model.runs.embeddings import write_embedding
from cryohype_model.runs.latents import read_latents
from cryohype_model.runs.layout import Run
from cryohype_model.runs.manifest import read_manifest
from cryohype_model.runs.selections import delete_selection, write_selection

ROWS = np.arange(5, 60, 5)


def embed(run: Run, name: str = "every fifth", shift: float = 0.0) -> None:
    """Eleven particles along a line."""
    write_selection(run, name, ROWS, {})
    along = np.arange(len(ROWS), dtype=np.float32) + shift
    table = pd.DataFrame({"index": ROWS, "umap_x": along, "umap_y": -along, "pc1": 2 * along})
    write_embedding(read_latents(run), name, table, {"explained_variance": [0.75]})


@pytest.fixture
def frame(store: Path, analysed: Run) -> LatentFrame:
    embed(analysed)
    made: LatentFrame = DataStore((store,)).frame(read_manifest(analysed).id)
    return made


def test_an_embedding_is_a_space_with_axes_of_its_own(frame: LatentFrame) -> None:
    assert frame.spaces() == ("every fifth",)
    assert frame.axes_of("every fifth") == ("every fifth/umap_x", "every fifth/umap_y", "every fifth/pc1")
    assert frame.axes_of("") == frame.axes
    assert [frame.title(axis) for axis in frame.axes_of("every fifth")] == ["UMAP 1", "UMAP 2", "PC 1 (75.0%)"]
    with pytest.raises(RunError, match="no embedding of the selection 'other'"):
        frame.axes_of("other")
    with pytest.raises(RunError, match="no axis 'pc9'"):
        frame.column("every fifth/pc9")


def test_particles_outside_of_an_embedding_have_no_place_in_it(frame: LatentFrame) -> None:
    x, y = frame.column("every fifth/umap_x"), frame.column("every fifth/umap_y")
    assert x.dtype == np.float32 and np.flatnonzero(np.isfinite(x)).tolist() == ROWS.tolist()
    points = frame.points("every fifth/umap_x", "every fifth/umap_y", "cluster")
    assert sorted(points.index) == ROWS.tolist(), "numbers of the whole run"
    assert np.array_equal(points["value"], frame.column("cluster")[points.index])
    assert np.array_equal(points["x"], x[points.index])
    assert under_polygon(x, y, [(-9.0, -9.0), (2.5, -9.0), (2.5, 9.0), (-9.0, 9.0)]).tolist() == [5, 10, 15]
    assert under_box(x, y, (1.5, -99, 99, 99)).tolist() == ROWS[2:].tolist()
    assert nearest_point(x, y, (3.2, -3.1)) == 20


def test_what_was_embedded_anew_or_has_gone_is_forgotten(frame: LatentFrame, analysed: Run) -> None:
    frame.spaces()
    before = frame.column("every fifth/umap_x")
    frame.points("every fifth/umap_x", "every fifth/umap_y")
    assert frame.spaces() == ("every fifth",) and frame.column("every fifth/umap_x") is before
    embed(analysed, shift=100)
    meta = next((read_latents(analysed).path / "embeddings").glob("*.json"))
    meta.write_text(meta.read_text().replace('"created": "', '"created": "2'))  # times are of whole seconds
    assert frame.spaces() == ("every fifth",)
    assert np.nanmin(frame.column("every fifth/umap_x")) == 100
    assert frame.points("every fifth/umap_x", "every fifth/umap_y")["x"].min() == 100
    delete_selection(analysed, "every fifth")
    assert frame.spaces() == ()
    with pytest.raises(RunError):
        frame.column("every fifth/umap_x")


def test_columns_of_the_particles_are_colours_and_conditions_too(frame: LatentFrame, analysed: Run) -> None:
    assert {"direction", "rlnAngleRot", "rlnAngleTilt", "rlnDefocusU", "rlnOpticsGroup"} <= set(frame.particle_colours)
    assert not set(frame.particle_colours) & set(frame.colours)
    tilt = frame.column("rlnAngleTilt")
    assert tilt.shape == (60,) and 0 <= tilt.min() < tilt.max() <= 180
    assert np.array_equal(
        rows_where(frame, "rlnAngleTilt > 90 and cluster == 1"), np.flatnonzero((tilt > 90) & (frame.column("cluster") == 1))
    )
    kinds = {name: frame.kind(name) for name in ("rlnAngleRot", "rlnAngleTilt", "rlnOpticsGroup", "direction", "rlnDefocusU")}
    assert kinds == {
        "rlnAngleRot": "cyclic", "rlnAngleTilt": "quantity", "rlnOpticsGroup": "category", "direction": "direction",
        "rlnDefocusU": "quantity",
    }  # fmt: skip
    assert frame.limits("rlnAngleRot") == (-180, 180) and frame.limits("rlnDefocusAngle") == (0, 180)
    assert frame.title("rlnAngleRot") == "rot (°)"
    with pytest.raises(RunError, match=r"no column 'rlnNothing'; there are .*cluster.*rlnAngleRot"):
        rows_where(frame, "rlnNothing > 1")


def test_a_column_of_words_is_a_category_with_names(analysed: Run, store: Path) -> None:
    star = analysed.particles_star
    head, rows = star.read_text().rsplit("_cryohypeSourceRow", 1)
    number, *lines = rows.splitlines()
    lines = [f"{line} mics/{place % 3}.mrc" if line.strip() else line for place, line in enumerate(lines)]
    star.write_text("\n".join([head + "_cryohypeSourceRow" + number, "_rlnMicrographName #99", *lines]) + "\n")
    frame = DataStore((store,)).frame(read_manifest(analysed).id)
    assert frame.kind("rlnMicrographName") == "category" and set(frame.names("rlnMicrographName")) == {
        f"mics/{k}.mrc" for k in range(3)
    }
    codes = frame.column("rlnMicrographName")
    chosen = rows_where(frame, "rlnMicrographName == '2.mrc' or rlnMicrographName in ('mics/0.mrc', 'absent')")
    assert len(chosen) == 40
    assert {frame.names("rlnMicrographName")[code] for code in codes[chosen]} == {"mics/0.mrc", "mics/2.mrc"}
    assert len(rows_where(frame, "rlnMicrographName != '2.mrc'")) == 40
    for condition in ("cluster == 'a'", "rlnMicrographName < 'a'", "'a' == rlnMicrographName"):
        with pytest.raises(RunError):
            rows_where(frame, condition)


def test_equal_areas_of_the_sphere_are_equal_fields() -> None:
    rng = np.random.default_rng(0)
    rot, tilt = rng.uniform(-180, 180, 200_000), np.rad2deg(np.arccos(rng.uniform(-1, 1, 200_000)))
    counts = np.bincount(directions(rot, tilt), minlength=ROT_BINS * TILT_BINS)
    assert counts.min() > 0.8 * counts.mean() and counts.max() < 1.2 * counts.mean()
    assert len(counts) <= 254, "a byte of the picture each"
    assert directions(np.array([-180.0, 180.0, 179.9]), np.array([0.0, 180.0, 90.1])).tolist() == [
        0, (TILT_BINS - 1) * ROT_BINS, TILT_BINS // 2 * ROT_BINS + ROT_BINS - 1,
    ]  # fmt: skip


def test_a_latent_space_alone_has_no_particles(analysed: Run) -> None:
    frame = LatentFrame(read_latents(analysed))
    assert frame.particle_colours == () and frame.names("rlnAngleRot") == ()
    with pytest.raises(RunError, match="no column 'rlnAngleRot'"):
        frame.column("rlnAngleRot")
