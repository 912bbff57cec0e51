"""The latent picture of a million particles on the server: first picture, zoom, lasso, memory.

    .venv/bin/python benchmarks/million.py -o /tmp/million [--count 1000000]

The run is fabricated: 120 clusters of random latents. What the server does for a page is done here without a browser; times are
the median of ten, memory is resident memory of the process with everything that the web server imports.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import psutil

import cryohype_app.server.app  # noqa: F401  # its memory counts
from cryohype_app.lasso import under_polygon
from cryohype_app.plots.look import look_of, pictures
from cryohype_app.plots.raster import View
from cryohype_app.state import Chosen
from cryohype_app.store import DataStore
from cryohype_model.config import RunConfig
from cryohype_model.runs.latents import LatentWriter
from cryohype_model.runs.run import create_run

CLUSTERS, COMPONENTS = 120, 32
WIDTH_PX, HEIGHT_PX = 900, 600


def fabricate(folder: Path, count: int) -> None:
    """A run with latents of so many particles."""
    if folder.exists():
        return
    run = create_run(folder, RunConfig(), ["benchmark"], "none", lambda path: path.touch(), particles=count)
    rng = np.random.default_rng(0)
    cluster = rng.integers(0, CLUSTERS, count)
    centres = rng.uniform(-20, 20, (CLUSTERS, 2)).astype(np.float32)
    umap = centres[cluster] + rng.normal(size=(count, 2)).astype(np.float32)
    writer = LatentWriter(run, "step-00000001", count, COMPONENTS)
    for start in range(0, count, 100_000):
        rows = np.arange(start, min(count, start + 100_000))
        writer.write(rows, rng.normal(size=(len(rows), COMPONENTS)).astype(np.float32), rng.random(len(rows)))
    table = {"umap_x": umap[:, 0], "umap_y": umap[:, 1], "cluster": cluster, "defocus_um": rng.random(count).astype(np.float32)}
    writer.finish(pd.DataFrame(table), {"components": np.eye(COMPONENTS)}, {"medoids": {}, "explained_variance": []})


def median_ms(work: Callable[[], Any], times: int = 10) -> float:
    """Milliseconds."""
    taken = []
    for _ in range(times):
        began = time.perf_counter()
        work()
        taken.append(time.perf_counter() - began)
    return round(1000 * float(np.median(taken)), 1)


def measure(folder: Path) -> dict[str, Any]:
    """What a page asks of the server."""
    process = psutil.Process()
    facts: dict[str, Any] = {"memory_before_gb": round(process.memory_info().rss / 1e9, 2)}
    data = DataStore((folder,))
    (run_id,) = (found.manifest.id for found in data.runs() if found.manifest is not None)
    whole = View((-25.0, 25.0), (-25.0, 25.0), WIDTH_PX, HEIGHT_PX)
    zoomed = View((-8.0, 4.0), (-3.0, 9.0), WIDTH_PX, HEIGHT_PX)
    began = time.perf_counter()
    frame = data.frame(run_id)
    pictures(frame, "umap_x", "umap_y", "cluster", whole, Chosen())
    facts["first_picture_ms_with_compilation"] = round(1000 * (time.perf_counter() - began), 1)
    data.frame(run_id).points("umap_x", "umap_y", "")
    for colour in ("cluster", "defocus_um", ""):
        name = colour or "density"
        pictures(frame, "umap_x", "umap_y", colour, whole, Chosen())
        facts[f"whole_{name}_ms"] = median_ms(lambda colour=colour: pictures(frame, "umap_x", "umap_y", colour, whole, Chosen()))
        facts[f"zoom_{name}_ms"] = median_ms(lambda colour=colour: pictures(frame, "umap_x", "umap_y", colour, zoomed, Chosen()))
    facts["look_ms"] = median_ms(lambda: look_of(frame, "umap_x", "umap_y", "cluster", dark=True))
    angle = np.linspace(0, 2 * np.pi, 80)
    lasso = [(float(6 * np.cos(a) + np.sin(5 * a)), float(6 * np.sin(a))) for a in angle]
    x, y = frame.column("umap_x"), frame.column("umap_y")
    facts["lasso_ms"] = median_ms(lambda: under_polygon(x, y, lasso))
    rows = under_polygon(x, y, lasso)
    facts["lasso_particles"] = len(rows)
    facts["lasso_particles_by_matplotlib"] = by_matplotlib(x, y, lasso)
    facts["picture_with_selection_ms"] = median_ms(lambda: pictures(frame, "umap_x", "umap_y", "cluster", whole, Chosen(rows)))
    facts["memory_after_gb"] = round(process.memory_info().rss / 1e9, 2)
    return facts


def by_matplotlib(x: Any, y: Any, lasso: list[tuple[float, float]]) -> int:
    """How many are inside by another program."""
    from matplotlib.path import Path as Outline

    return int(Outline(lasso).contains_points(np.stack([x, y], axis=1).astype(np.float64)).sum())


def main() -> None:
    """Fabricate, measure, print one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("-o", "--output", type=Path, required=True)
    parser.add_argument("--count", type=int, default=1_000_000)
    args = parser.parse_args()
    fabricate(args.output / "run", args.count)
    print(json.dumps({"particles": args.count, **measure(args.output / "run")}))


if __name__ == "__main__":
    main()
