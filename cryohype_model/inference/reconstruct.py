"""Back-projections written as files: a map, its halves, their FSC."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from cryohype_model.errors import ConfigError
from cryohype_model.imaging.particles import Particles
from cryohype_model.imaging.preprocess import ImageScale
from cryohype_model.inference.backproject import Reconstruction
from cryohype_model.io.mrc import write_volume
from cryohype_model.io.table import ParticleTable


def reconstruction_scale(table: ParticleTable, box_px: int | None, contrast: int) -> ImageScale:
    """Constants for a back-projection without a run: nothing is normalised, so that the map is density.

    Parameters
    ----------
    box_px : Fourier-downsample to this even box; None keeps the stored one.

    Raises
    ------
    ConfigError : a box that the images do not allow.
    """
    stored = Particles(table).even_box_px
    box = stored if box_px is None else box_px
    if box < 8 or box > stored or box % 2:
        raise ConfigError(f"the box of a back-projection must be even, at least 8 and at most the images' {stored} px, not {box}")
    pixel_size = float(np.median(table.pixel_size_angstrom)) * stored / box
    return ImageScale(stored, box, pixel_size, contrast, 1.0, 0.0, window_radius=0.7, window_softness=0.3)


def write_reconstruction(result: Reconstruction, folder: Path, name: str) -> dict[str, Any]:
    """Write ``name.mrc``, ``halves/name_half1.mrc`` and ``_half2``, ``name_fsc.csv``; return the facts.

    Parameters
    ----------
    folder : exists.
    """
    halves = folder / "halves"
    halves.mkdir(exist_ok=True)
    write_volume(folder / f"{name}.mrc", result.volume, result.pixel_size_angstrom)
    for number, half in enumerate(result.halves, start=1):
        write_volume(halves / f"{name}_half{number}.mrc", half, result.pixel_size_angstrom)
    box = result.volume.shape[0]
    frequency = np.arange(len(result.fsc)) / (box * result.pixel_size_angstrom)
    table = np.stack([frequency, result.fsc], axis=1)
    np.savetxt(folder / f"{name}_fsc.csv", table, delimiter=",", header="frequency_1_per_angstrom,fsc", comments="", fmt="%.6f")
    return {
        "map": f"{name}.mrc",
        "particles": result.count,
        "box_px": box,
        "pixel_size_angstrom": result.pixel_size_angstrom,
        "resolution_0143_angstrom": result.resolution_angstrom(0.143),
        "resolution_05_angstrom": result.resolution_angstrom(0.5),
    }


def write_facts(folder: Path, facts: dict[str, Any]) -> None:
    """meta.json, written last: the folder is complete."""
    (folder / "meta.json").write_text(json.dumps(facts, indent=2) + "\n", encoding="utf-8")


def reconstruction_figure(results: dict[str, Reconstruction], most: int = 8) -> Any:
    """Half-map FSC curves, and the projections of the first maps along z, y and x (matplotlib Figure)."""
    from matplotlib.figure import Figure

    shown = dict(list(results.items())[:most])
    figure: Any = Figure(figsize=(11, max(3.2, 1.6 * len(shown))), layout="constrained")
    left, right = figure.subfigures(1, 2, width_ratios=(1.1, 1))
    axes = left.subplots()
    for name, result in shown.items():
        box, pixel = result.volume.shape[0], result.pixel_size_angstrom
        axes.plot(np.arange(len(result.fsc)) / (box * pixel), result.fsc, label=f"{name} ({result.count})")
    for threshold in (0.143, 0.5):
        axes.axhline(threshold, color="0.6", linewidth=0.8, linestyle="--")
    axes.set(xlabel="spatial frequency (1/Å)", ylabel="FSC of the half maps", ylim=(-0.1, 1.02))
    axes.legend(fontsize=8, frameon=False)
    grid = right.subplots(len(shown), 3, squeeze=False)
    for row, (name, result) in zip(grid, shown.items(), strict=True):
        for axis, (panel, label) in enumerate(zip(row, ("along z", "along y", "along x"), strict=True)):
            panel.imshow(result.volume.sum(axis=axis), cmap="gray", origin="lower")
            panel.set_axis_off()
            panel.set_title(f"{name} {label}" if axis == 0 else label, fontsize=8)
    return figure
