"""What each simulated particle is: which structure, which pose, shift and defocus."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from cryohype_model.io.rotation import random_rotations
from cryohype_model.io.table import CtfTable, ParticleTable, Source
from cryohype_model.simulate.config import MixtureConfig

ASTIGMATISM_ANGSTROM = 200.0  # defocus U - V is uniform in 0 … this


def draw_particles(structures: int, config: MixtureConfig, stack: Path, star: Path) -> ParticleTable:
    """The table of a mixture in its shuffled order: row i is frame i of the stack.

    Parameters
    ----------
    structures : how many; labels run from 0.
    config : the recipe.
    stack : where the images will be written.
    star : where the table will be found.
    """
    rng = np.random.default_rng(config.seed)
    count = structures * config.images_per_structure
    label = rng.permutation(np.repeat(np.arange(structures), config.images_per_structure)).astype(np.int64)
    shift = rng.uniform(-config.max_shift_px, config.max_shift_px, (count, 2))
    return ParticleTable(
        stacks=(stack,),
        stack_index=np.zeros(count, np.int64),
        frame=np.arange(count, dtype=np.int64),
        box_px=config.box_px,
        pixel_size_angstrom=np.full(count, config.pixel_size_angstrom, np.float32),
        rotation=random_rotations(count, rng).astype(np.float32),
        shift_px=shift.astype(np.float32),
        ctf=_draw_ctf(count, config, rng) if config.ctf else None,
        optics_group=np.ones(count, np.int64),
        label=label,
        source=Source(star, "star", np.arange(count, dtype=np.int64)),
        contrast_known=1,
    )


def _draw_ctf(count: int, config: MixtureConfig, rng: np.random.Generator) -> CtfTable:
    """Defocus uniform in the range, a little astigmatism at any angle, the microscope as given."""
    mean = rng.uniform(*config.defocus_angstrom, count)
    half_difference = rng.uniform(0.0, ASTIGMATISM_ANGSTROM / 2, count)
    angle = rng.uniform(0.0, 180.0, count)

    def constant(value: float) -> np.ndarray:
        return np.full(count, value, np.float32)

    return CtfTable(
        defocus_u_angstrom=(mean + half_difference).astype(np.float32),
        defocus_v_angstrom=(mean - half_difference).astype(np.float32),
        defocus_angle_deg=angle.astype(np.float32),
        voltage_kv=constant(config.voltage_kv),
        cs_mm=constant(config.cs_mm),
        amplitude_contrast=constant(config.amplitude_contrast),
        phase_shift_deg=constant(0.0),
        b_factor_angstrom2=constant(0.0),
        scale=constant(1.0),
    )
