"""The picture of an imported table: a few particles, defocus, and where they are seen from."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from cryohype_model.io.atomic import written_whole
from cryohype_model.io.images import ImageStacks
from cryohype_model.io.rotation import matrix_to_euler
from cryohype_model.io.table import ParticleTable

SHOWN = 12
LARGEST_SHOWN_PX = 64


def draw_table(table: ParticleTable, path: Path, with_images: bool = True) -> None:
    """Write a PNG with a montage, a histogram of defocus and a map of viewing directions.

    Parameters
    ----------
    table : the particles.
    path : the .png file; an existing one is replaced.
    with_images : False where the images are not there.
    """
    figure = Figure(figsize=(12, 4), layout="constrained")
    FigureCanvasAgg(figure)
    left, middle, right = figure.subplots(1, 3)
    _draw_montage(left, table, with_images)
    _draw_defocus(middle, table)
    _draw_directions(right, table)
    figure.suptitle(f"{table.source.path.name}: {len(table)} particles, {table.box_px} px")
    with written_whole(path) as beside:
        figure.savefig(beside, format="png", dpi=110)


def _draw_montage(axes: Any, table: ParticleTable, with_images: bool) -> None:
    axes.set_axis_off()
    if not with_images:
        axes.set_title("images not read")
        return
    rows = np.unique(np.linspace(0, len(table) - 1, SHOWN).astype(np.int64))
    axes.imshow(montage(ImageStacks(table).read(rows)), cmap="gray")
    axes.set_title(f"{len(rows)} particles, averaged to at most {LARGEST_SHOWN_PX} px")


def montage(images: npt.NDArray[np.float32], columns: int = 4) -> npt.NDArray[np.float32]:
    """Images (b, y, x) side by side, each stretched between its 1st and 99th percentile, binned to a size that a screen shows.

    Returns
    -------
    one image, ``columns`` particles wide, values in 0..1.
    """
    factor = -(-images.shape[-1] // LARGEST_SHOWN_PX)
    side = images.shape[-1] // factor
    kept = images[:, : side * factor, : side * factor]
    binned = kept.reshape(len(images), side, factor, side, factor).mean(axis=(2, 4))
    low, high = np.percentile(binned, [1, 99], axis=(1, 2), keepdims=True)
    stretched = np.clip((binned - low) / np.maximum(high - low, 1e-12), 0, 1)
    framed = side + 1  # a white line between neighbours
    filled = np.ones((-(-len(images) // columns) * columns, framed, framed), dtype=np.float32)
    filled[: len(images), :side, :side] = stretched
    return filled.reshape(-1, columns, framed, framed).transpose(0, 2, 1, 3).reshape(-1, columns * framed)


def _draw_defocus(axes: Any, table: ParticleTable) -> None:
    if table.ctf is None:
        axes.set_axis_off()
        axes.set_title("no CTF")
        return
    defocus_um = (table.ctf.defocus_u_angstrom + table.ctf.defocus_v_angstrom) / 2e4
    axes.hist(defocus_um, bins=min(50, max(5, len(table) // 5)), color="tab:blue")
    axes.set(xlabel="defocus (µm)", ylabel="particles", title="defocus")


def _draw_directions(axes: Any, table: ParticleTable) -> None:
    if table.rotation is None:
        axes.set_axis_off()
        axes.set_title("no poses")
        return
    angles = matrix_to_euler(table.rotation)
    height = np.cos(np.deg2rad(angles[:, 1]))  # equal areas on the sphere are equal areas here
    if len(table) > 2000:
        axes.hexbin(angles[:, 0], height, gridsize=40, cmap="viridis", extent=(-180, 180, -1, 1))
    else:
        axes.plot(angles[:, 0], height, ".", markersize=4, color="tab:blue")
    axes.set(xlabel="rot (°)", ylabel="cos(tilt)", xlim=(-180, 180), ylim=(-1.05, 1.05), title="viewing directions")
