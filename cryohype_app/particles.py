"""What the particle file that the user points at holds, told before anything is trained on it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from cryohype_model.io.images import ImageStacks
from cryohype_model.io.particles import read_particles
from cryohype_model.io.rotation import matrix_to_euler
from cryohype_model.io.table import ParticleTable

SHOWN_IMAGES = 12
THUMB_PX = 96


@dataclass(frozen=True)
class ParticleSummary:
    """Facts for people, in rows of name and text; warnings; and what is drawn."""

    table: ParticleTable
    rows: tuple[tuple[str, str], ...]
    warnings: tuple[str, ...]
    images: npt.NDArray[np.uint8]


def summarize(path: Path, **given: Any) -> ParticleSummary:
    """Read a particle file as training will.

    Parameters
    ----------
    given : the keys of the configuration's data section that say how to read it.

    Raises
    ------
    InputFileError : it cannot be read; the sentence says why.
    """
    table = read_particles(path, **given)
    images = _thumbnails(table)
    return ParticleSummary(table, tuple(_rows(table)), tuple(_warnings(table)), images)


def viewing_directions(table: ParticleTable) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """(N,) RELION's rot in degrees, and the cosine of its tilt: equal areas on the sphere are equal areas in this plane."""
    if table.rotation is None:
        return np.empty(0), np.empty(0)
    angles = matrix_to_euler(table.rotation)
    return angles[:, 0], np.cos(np.deg2rad(angles[:, 1]))


def defocus_um(table: ParticleTable) -> npt.NDArray[np.float32]:
    """(N,) mean defocus in µm, empty without CTF."""
    if table.ctf is None:
        return np.empty(0, np.float32)
    return (table.ctf.defocus_u_angstrom + table.ctf.defocus_v_angstrom) / np.float32(2e4)


def _rows(table: ParticleTable) -> list[tuple[str, str]]:
    sizes = ", ".join(f"{size:g}" for size in np.unique(np.round(table.pixel_size_angstrom, 4)))
    rows = [
        ("particles", f"{len(table):,} in {len(table.stacks):,} stack{'s' if len(table.stacks) != 1 else ''}"),
        ("box", f"{table.box_px} px at {sizes} Å"),
        ("optics groups", f"{len(np.unique(table.optics_group))}"),
        (
            "poses",
            f"yes, shifts up to {np.abs(table.shift_px).max(initial=0.0):.1f} px" if table.rotation is not None else "none",
        ),
        (
            "contrast",
            {1: "bright, as the file says", -1: "dark, as the file says"}.get(table.contrast_known, "found when training begins"),
        ),
    ]
    if table.ctf is not None:
        defocus = defocus_um(table)
        voltage = "/".join(f"{value:g}" for value in np.unique(table.ctf.voltage_kv))
        rows.append(("CTF", f"defocus {defocus.min():.2f} to {defocus.max():.2f} µm, {voltage} kV"))
    if table.label is not None:
        rows.append(("known classes", f"{len(np.unique(table.label))}"))
    return rows


def _warnings(table: ParticleTable) -> list[str]:
    warnings = list(table.notes)
    if table.rotation is None:
        warnings.append("There are no poses: training needs those of a consensus refinement.")
    if table.ctf is None:
        warnings.append("There is no CTF: it is taken as 1.")
    return warnings


def _thumbnails(table: ParticleTable) -> npt.NDArray[np.uint8]:
    """(n, p, p) uint8 of some particles spread over the file, averaged over blocks of pixels."""
    rows = np.unique(np.linspace(0, len(table) - 1, SHOWN_IMAGES).astype(np.int64))
    images = ImageStacks(table).read(rows)
    block = -(-images.shape[1] // THUMB_PX)
    side = images.shape[1] // block * block
    small = images[:, :side, :side].reshape(len(rows), side // block, block, side // block, block).mean(axis=(2, 4))
    low, high = np.percentile(small, (1, 99), axis=(1, 2), keepdims=True)
    return (255 * np.clip((small - low) / np.maximum(high - low, 1e-12), 0, 1)).astype(np.uint8)
