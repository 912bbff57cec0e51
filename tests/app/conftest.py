"""A browser, a napari window, and a run with latents that was made without a network."""

from __future__ import annotations

import os

os.environ.setdefault("BOKEH_RESOURCES", "server")

import atexit
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest

if TYPE_CHECKING:
    from cryohype_model.runs.layout import Run


CHROMIUM = Path("/usr/bin/chromium")
SOFTWARE_WEBGL = ["--no-sandbox", "--use-gl=angle", "--use-angle=swiftshader", "--enable-unsafe-swiftshader"]
NO_GPU = ["--disable-gpu-compositing"]  # WebGL only goes through SwiftShader: a whole page takes it fifteen times as long
NOT_PLAYWRIGHTS = ["--enable-gpu-rasterization"]


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    """The browser of a module's tests: while playwright is there, no other test of the process can call asyncio.run."""
    if not CHROMIUM.is_file():
        pytest.skip(f"{CHROMIUM} is not there, so pages are not looked at: apt-get install chromium")
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright drives the browser: pip install cryohype[dev]")
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(
            executable_path=str(CHROMIUM), args=SOFTWARE_WEBGL + NO_GPU, ignore_default_args=NOT_PLAYWRIGHTS
        )
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def display() -> None:
    """Xvfb, unless there is a display; napari's leaks are errors."""
    pytest.importorskip("napari", reason="the plugin is for napari: pip install cryohype[napari]")
    os.environ["NAPARI_STRICT_QT"] = "1"
    os.environ.setdefault("QT_QPA_PLATFORM", "xcb")
    if os.environ.get("DISPLAY"):
        return
    if shutil.which("Xvfb") is None:
        pytest.skip("there is no display, and no Xvfb to make one: apt-get install xvfb")
    reading, writing = os.pipe()
    words = ["Xvfb", "-displayfd", str(writing), "-screen", "0", "1600x1000x24", "+extension", "GLX", "-nolisten", "tcp"]
    server = subprocess.Popen(words, pass_fds=[writing], stderr=subprocess.DEVNULL)
    os.close(writing)
    with os.fdopen(reading) as told:
        os.environ["DISPLAY"] = f":{told.readline().strip()}"
    atexit.register(server.kill)  # not before: Qt's application lives as long as the process


@pytest.fixture
def viewer(display: None, make_napari_viewer: Callable[..., Any]) -> Any:
    """A napari viewer with its window on the display; widgets that leak fail the test."""
    return make_napari_viewer(show=True)


def write_latents(run: Run, count: int, q: int = 4, checkpoint: str = "step-00000007", clusters: int = 3) -> None:
    """Blobs in the plane, one a cluster."""
    from cryohype_model.runs.latents import LatentWriter

    rng = np.random.default_rng(1)
    cluster = rng.integers(0, clusters, count)
    pca = rng.normal(size=(count, q)).astype(np.float32) + 10 * cluster[:, None]
    writer = LatentWriter(run, checkpoint, count, q)
    writer.write(np.arange(count), pca, rng.random(count))
    umap = {"umap_x": (pca[:, 0] / 3).astype(np.float32), "umap_y": (pca[:, 1] / 3).astype(np.float32)}
    table = pd.DataFrame(umap | {"cluster": cluster, "defocus_um": rng.random(count).astype(np.float32)})
    medoids = {str(number): int(np.flatnonzero(cluster == number)[0]) for number in range(clusters)}
    writer.finish(
        table, {"components": np.eye(q, dtype=np.float32)}, {"medoids": medoids, "explained_variance": [0.4, 0.3, 0.2, 0.1]}
    )


@pytest.fixture
def analysed(run: Run) -> Run:
    """The tiny run with latents of its 60 particles."""
    write_latents(run, 60)
    return run


@pytest.fixture
def store(analysed: Run) -> Path:
    """A folder with that run in it."""
    return analysed.path.parent
