"""What happens once before the first step: open the particles, find the contrast, measure the scale."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from cryohype_model.config import DataConfig
from cryohype_model.errors import ConfigError, TrainingError
from cryohype_model.imaging.particles import Particles
from cryohype_model.imaging.preprocess import ImageScale, Preprocessor, measure_scale
from cryohype_model.inference.contrast import known_contrast
from cryohype_model.io.particles import read_particles
from cryohype_model.io.table import ParticleTable

SCALE_SAMPLE = 512  # images that the scale is measured on


@dataclass(frozen=True)
class TrainingSet:
    """Particles ready to train on. ``notes`` are the sentences that the user should read."""

    particles: Particles
    scale: ImageScale
    notes: tuple[str, ...]


def open_training_set(data: DataConfig) -> TrainingSet:
    """Read the table, check that it can be trained on, find contrast and scale.

    Raises
    ------
    InputFileError : the files are wrong.
    TrainingError : no poses, mixed pixel sizes, empty images.
    ConfigError : a box that the images do not allow.
    """
    table = read_particles(
        Path(data.particles),
        datadir=_path(data.datadir),
        poses=_path(data.poses),
        ctf=_path(data.ctf),
        indices=_path(data.indices),
        labels=_path(data.labels),
        optics_group=data.optics_group,
    )
    check_trainable(table, data.particles)
    particles = Particles(table)
    contrast, sentence = known_contrast(table, data.contrast)
    return TrainingSet(particles, image_scale(particles, data, contrast), (*table.notes, sentence))


def check_trainable(table: ParticleTable, source: str) -> None:
    """TrainingError where the particles lack poses or one common pixel size."""
    if table.rotation is None:
        raise TrainingError(
            f"{source} has no poses, and CryoHype needs a pose for every particle; "
            "run a consensus refinement first and give its .star or .cs file, or pass --poses"
        )
    sizes = np.unique(np.round(table.pixel_size_angstrom, 4))
    if sizes[-1] > 1.01 * sizes[0]:
        groups = {g: float(table.pixel_size_angstrom[table.optics_group == g][0]) for g in np.unique(table.optics_group)}
        listing = ", ".join(f"group {group}: {size:.4g} Å/px" for group, size in groups.items())
        raise TrainingError(f"{source} mixes pixel sizes ({listing}); train one with --set data.optics_group=N")


def image_scale(particles: Particles, data: DataConfig, contrast: int) -> ImageScale:
    """Constants of the data set, measured on a random sample.

    Raises
    ------
    ConfigError : box larger than the images, or odd. TrainingError : images without any signal.
    """
    stored = particles.even_box_px
    box = data.box_px or stored
    if box > stored or box % 2:
        raise ConfigError(
            f"data.box_px = {box} must be even and at most the images' {stored} px; choose a smaller one with --box, "
            f"or keep their size with --box {stored}"
        )
    pixel_size = float(np.median(particles.table.pixel_size_angstrom)) * stored / box
    unit = ImageScale(stored, box, pixel_size, contrast, 1.0, 0.0, data.window_radius, data.window_softness)
    preprocessor = Preprocessor(unit)
    count = min(SCALE_SAMPLE, len(particles))
    rows = np.sort(np.random.default_rng(0).choice(len(particles), count, replace=False))
    batch = particles.batch(rows)
    scale, noise_floor = measure_scale(preprocessor.transform(batch.images, batch.shift_px), preprocessor.grid)
    if scale == 0:
        raise TrainingError("the images are empty: all their coefficients are 0; check the stack with `cryohype import`")
    return ImageScale(stored, box, pixel_size, contrast, scale, noise_floor, data.window_radius, data.window_softness)


def table_fingerprint(table: ParticleTable) -> str:
    """A hash of which images these are, in which order: a resumed run must see the same.

    Stacks count by their names, so that a folder of images may move; poses and CTFs are in particles.star itself.
    """
    used = np.unique(table.stack_index)
    names, code_of_used = np.unique([table.stacks[number].name for number in used], return_inverse=True)
    code = np.zeros(len(table.stacks), np.int64)
    code[used] = code_of_used
    digest = hashlib.sha256("\n".join(names).encode())
    for numbers in (code[table.stack_index], table.frame):
        digest.update(np.asarray(numbers, np.int64).tobytes())
    return digest.hexdigest()[:16]


def _path(text: str | None) -> Path | None:
    return None if text is None else Path(text)
