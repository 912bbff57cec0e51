"""Maps of a run for its evaluation: the paper's protocol, one image a structure (docs/metrics.md)."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from cryohype_model.errors import RunError
from cryohype_model.inference.generate import VolumeGenerator
from cryohype_model.inference.trained import TrainedRun, open_trained_run
from cryohype_model.io.mrc import write_volume
from cryohype_model.runs.latents import read_latents


def write_structure_maps(
    run_dir: Path, out_dir: Path, images_per_structure: int = 1, checkpoint: str = "last", average: int = 1
) -> list[tuple[int, Path]]:
    """Maps of each labelled structure, every one generated from a single image.

    Parameters
    ----------
    images_per_structure : the first so many particles of each label.
    average : decode the mean latent of this many nearest particles instead of the image's own (1: its own).

    Returns
    -------
    (label, path of the map) for each map written to ``out_dir``.

    Raises
    ------
    RunError : the run's particles carry no labels.
    """
    trained = open_trained_run(run_dir, checkpoint)
    labels = trained.particles.table.label
    if labels is None:
        raise RunError(f"the particles of {run_dir} carry no labels, so no image can be matched to a true structure")
    generator = VolumeGenerator(trained.model, trained.scale)
    pixel_size = trained.scale.pixel_size_angstrom
    written = []
    for label in np.unique(labels):
        for number, row in enumerate(np.flatnonzero(labels == label)[:images_per_structure]):
            latent = trained.mean_latent(neighbours_of(trained, int(row), average))
            path = out_dir / f"structure_{label:04d}_image_{number:02d}.mrc"
            write_volume(path, generator.volume(latent), pixel_size)
            written.append((int(label), path))
    return written


def neighbours_of(trained: TrainedRun, row: int, count: int) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """A particle and its nearest ones in the PCA space, ``count`` in all, the particle itself first."""
    if count <= 1:
        return np.array([row])
    pca = np.asarray(read_latents(trained.run, trained.checkpoint).pca)
    distance = np.square(pca - pca[row]).sum(axis=1)
    distance[row] = -1.0
    return np.argsort(distance, kind="stable")[:count]
