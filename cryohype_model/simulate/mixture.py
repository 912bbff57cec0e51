"""A data set with known truth: particles.star, particles.mrcs, volumes/, truth.json."""

from __future__ import annotations

import json
import math
import os
import re
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch

from cryohype_model.errors import ConfigError
from cryohype_model.io.mrc import read_volume, write_volume
from cryohype_model.io.stack_writer import StackWriter
from cryohype_model.io.table import ParticleTable
from cryohype_model.io.write import write_star
from cryohype_model.simulate.config import MixtureConfig
from cryohype_model.simulate.folder import TRUTH_NAME, new_folder
from cryohype_model.simulate.images import clean_images
from cryohype_model.simulate.models import Atoms, bounding_side_angstrom
from cryohype_model.simulate.particles import draw_particles
from cryohype_model.simulate.structures import Structure, structure_density

# called with the images done so far and the number of steps in all (every image is made, then written)
Progress = Callable[[int, int], None]


def simulate_mixture(
    structures: Sequence[Structure],
    out_dir: str | Path,
    config: MixtureConfig,
    *,
    device: torch.device | str = "cpu",
    overwrite: bool = False,
    progress: Progress | None = None,
) -> Path:
    """Write the images of a mixture; no more than one structure and one batch is in memory at a time.

    image = CTF · projection of the true map, translated by -shift, + white Gaussian noise. Maps and images are scaled by one
    number so that the noise has variance 1. Clean images wait in a scratch file in the output folder until the variance of
    all is known, so twice the size of the stack must be free on the disk.

    Parameters
    ----------
    structures : what is mixed; their order gives the labels 0, 1, ...
    out_dir : new folder, complete or absent; ``overwrite`` replaces an earlier data set.
    config : the recipe.
    device : where images are made.
    progress : called as images are made and written.

    Returns
    -------
    Path of particles.star.
    """
    if not structures:
        raise ConfigError("there is no structure to simulate; give atomic models or maps, or a number of procedural complexes")
    out_dir = Path(out_dir).absolute()
    star = out_dir / "particles.star"
    with new_folder(out_dir, overwrite) as folder:
        table = draw_particles(len(structures), config, folder / "particles.mrcs", star)
        maps = [folder / "volumes" / f"{i:03d}_{_file_name(s.name)}.mrc" for i, s in enumerate(structures)]
        scratch = folder / "clean.f32"
        variance = _write_clean(structures, maps, scratch, table, config, device, progress)
        scale = 1.0 if math.isinf(config.snr) else math.sqrt(config.snr / variance)
        _write_noisy(scratch, table, config, scale, progress)
        for path in maps:
            volume, pixel_size, _ = read_volume(path)
            write_volume(path, volume * np.float32(scale), pixel_size)
        write_star(table, folder / star.name)
        truth = _truth(structures, maps, config, scale, variance * scale**2)
        (folder / TRUTH_NAME).write_text(json.dumps(truth, indent=1) + "\n")
    return star


def _write_clean(
    structures: Sequence[Structure],
    maps: Sequence[Path],
    scratch: Path,
    table: ParticleTable,
    config: MixtureConfig,
    device: torch.device | str,
    progress: Progress | None,
) -> float:
    """Write maps and clean images, each image at its place; return the mean variance of the images."""
    assert table.label is not None
    image_bytes = 4 * config.box_px**2
    total_variance, done = 0.0, 0
    maps[0].parent.mkdir()
    with scratch.open("wb") as stream:
        for label, (structure, path) in enumerate(zip(structures, maps, strict=True)):
            density = structure_density(structure, config, device)
            write_volume(path, density.cpu().numpy(), config.pixel_size_angstrom)
            rows = np.flatnonzero(table.label == label)
            for batch in clean_images(density, table[rows], config.batch):
                total_variance += float(batch.var(dim=(1, 2), correction=0).sum(dtype=torch.float64))
                for row, image in zip(rows, batch.cpu().numpy(), strict=False):
                    os.pwrite(stream.fileno(), image.tobytes(), int(row) * image_bytes)
                rows, done = rows[len(batch) :], done + len(batch)
                if progress is not None:
                    progress(done, 2 * len(table))
    if not total_variance > 0:
        raise ConfigError("the clean images are empty everywhere; check that the maps hold density and the box is large enough")
    return total_variance / len(table)


def _write_noisy(scratch: Path, table: ParticleTable, config: MixtureConfig, scale: float, progress: Progress | None) -> None:
    """Stream the clean images, scaled, with noise of variance 1, into the stack; remove the scratch file."""
    noise = torch.Generator().manual_seed(config.seed)
    sigma = 0.0 if math.isinf(config.snr) else 1.0
    side, count = config.box_px, len(table)
    with StackWriter(table.stacks[0], count, side, config.pixel_size_angstrom) as stack, scratch.open("rb") as stream:
        for start in range(0, count, config.batch):
            clean = np.fromfile(stream, np.float32, min(config.batch, count - start) * side**2).reshape(-1, side, side)
            stack.append(clean * np.float32(scale) + sigma * torch.randn(clean.shape, generator=noise).numpy())
            if progress is not None:
                progress(count + stack.written, 2 * count)
    scratch.unlink()


def _file_name(name: str) -> str:
    """The name with anything but letters, digits, + - . _ replaced."""
    return re.sub(r"[^A-Za-z0-9+.-]+", "_", name)


def _truth(
    structures: Sequence[Structure], maps: Sequence[Path], config: MixtureConfig, scale: float, clean_variance: float
) -> dict[str, Any]:
    """What truth.json says: the recipe and, for every label, name, map and size."""
    recipe = asdict(config)
    recipe["snr"] = None if math.isinf(config.snr) else config.snr
    return {
        "format": 1,
        "config": recipe,
        "density_scale": scale,
        "clean_variance": clean_variance,
        "noise_variance": 0.0 if math.isinf(config.snr) else 1.0,
        "structures": [_entry(label, s, path) for label, (s, path) in enumerate(zip(structures, maps, strict=True))],
    }


def _entry(label: int, structure: Structure, path: Path) -> dict[str, Any]:
    """One structure in truth.json."""
    entry: dict[str, Any] = {"label": label, "name": structure.name, "map": f"{path.parent.name}/{path.name}"}
    if isinstance(structure, Atoms):
        entry |= {"atoms": len(structure), "side_angstrom": round(bounding_side_angstrom(structure), 1)}
    return entry
