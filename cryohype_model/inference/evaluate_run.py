"""Maps of a run for its evaluation: the paper's protocol, one image a structure (docs/metrics.md)."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from cryohype_model.errors import RunError
from cryohype_model.inference.trained import TrainedRun, open_trained_run
from cryohype_model.io.mrc import write_volume
from cryohype_model.runs.latents import read_latents
from cryohype_model.runs.neighbours import Rows, nearest


def write_structure_maps(
    run_dir: Path,
    out_dir: Path,
    images_per_structure: int = 1,
    checkpoint: str = "last",
    average: int = 1,
    report: Callable[[int, int], None] | None = None,
) -> list[tuple[int, Path]]:
    """Maps of each labelled structure, every one generated from a single image.

    Parameters
    ----------
    images_per_structure : the first so many particles of each label.
    average : decode the mean latent of this many nearest particles instead of the image's own (1: its own).
    report : called after each map with the maps done and those in all.

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
    generator = trained.generator
    pixel_size = trained.scale.pixel_size_angstrom
    wanted = [
        (int(label), number, int(row))
        for label in np.unique(labels[labels >= 0])
        for number, row in enumerate(np.flatnonzero(labels == label)[:images_per_structure])
    ]
    written = []
    for label, number, row in wanted:
        latent = trained.mean_latent(neighbours_of(trained, row, average))
        path = out_dir / f"structure_{label:04d}_image_{number:02d}.mrc"
        write_volume(path, generator.volume(latent), pixel_size)
        written.append((label, path))
        if report is not None:
            report(len(written), len(wanted))
    return written


def neighbours_of(trained: TrainedRun, row: int, count: int) -> Rows:
    """A particle and its nearest ones in the PCA space of its run, ``count`` in all, the particle itself first."""
    return np.array([row]) if count <= 1 else nearest(read_latents(trained.run, trained.checkpoint).pca, row, count)
