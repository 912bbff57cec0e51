"""What `cryohype evaluate` compares: maps with truths, clusters and latents with labels, from a run or from a folder."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from rich.progress import Progress

from cryohype_model.cli.output import console
from cryohype_model.errors import InputFileError

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from cryohype_model.metrics.classification import ClassificationResult
    from cryohype_model.metrics.pairs import MapPair

    Integers = npt.NDArray[np.int64]


def is_run(source: Path) -> bool:
    """True for a run folder, False for a folder of maps."""
    return (source / "manifest.json").is_file()


def run_pairs(args: argparse.Namespace, volumes: Path) -> tuple[list[MapPair], str]:
    """Generate maps from single images of each structure and pair them with the truth by label."""
    from cryohype_model.inference.evaluate_run import write_structure_maps
    from cryohype_model.metrics.pairs import labelled_truths, pair_labels

    truths = labelled_truths(args.truth)
    volumes.mkdir()
    with Progress(console=console, transient=True) as bar:
        task = bar.add_task("generating maps", total=None)
        maps = write_structure_maps(
            args.source,
            volumes,
            args.images_per_structure,
            args.checkpoint,
            args.average,
            lambda done, total: bar.update(task, completed=done, total=total),
        )
    latent = "its own latent" if args.average == 1 else f"the mean latent of the {args.average} nearest particles"
    return pair_labels(maps, truths), f"maps generated from {args.images_per_structure} image(s) a structure, by {latent}"


def folder_pairs(args: argparse.Namespace) -> tuple[list[MapPair], str]:
    """Maps of any program with the truth: by the CSV file, by name, or by order."""
    from cryohype_model.metrics.pairs import list_maps, pair_folders, read_pairs

    if args.pairs is not None:
        return read_pairs(args.pairs, args.source, args.truth), f"maps paired with truths by {args.pairs.name}"
    return pair_folders(list_maps(args.source), truth_maps(args.truth))


def truth_maps(folder: Path) -> list[Path]:
    """The true maps: in the order of their labels where truth.json lies in the folder, else in natural order."""
    from cryohype_model.metrics.pairs import labelled_truths, list_maps

    if (folder / "truth.json").is_file():
        return [path for _, (_, path) in sorted(labelled_truths(folder).items())]
    return list_maps(folder)


def classification(args: argparse.Namespace) -> ClassificationResult | None:
    """Clusters and latents (the run's, or --clusters) against labels (the run's, or --labels); None without labels."""
    from cryohype_model.metrics.classification import classify

    labels, clusters, latents = _run_latents(args.source) if is_run(args.source) else (None, None, None)
    labels = labels if args.labels is None else _read_integers(args.labels)
    clusters = clusters if args.clusters is None else _read_integers(args.clusters)
    if labels is None or (clusters is None and latents is None):
        return None
    return classify(labels, clusters, latents)


def _run_latents(source: Path) -> tuple[Integers | None, Integers | None, npt.NDArray[np.float32] | None]:
    """Labels, clusters and PCA of the newest latents of a run; None each where it was never analysed."""
    from cryohype_model.errors import RunError
    from cryohype_model.runs.latents import read_latents
    from cryohype_model.runs.layout import Run

    try:
        space = read_latents(Run(source))
    except RunError as error:
        console.print(f"No classification: {error}", markup=False, highlight=False, soft_wrap=True)
        return None, None, None
    return space.label, space.cluster, space.pca


def _read_integers(path: Path) -> Integers:
    """One integer a particle, from .npy or text."""
    import numpy as np

    try:
        values = np.load(path, allow_pickle=False) if path.suffix == ".npy" else np.loadtxt(path, ndmin=1)
    except (OSError, ValueError) as error:
        raise InputFileError(f"{path} cannot be read ({error}); give a .npy array, or text with one integer a line") from error
    if values.ndim != 1 or not np.array_equal(values, values.astype(np.int64)):
        raise InputFileError(
            f"{path} must hold one integer a particle, not {values.dtype} of shape {values.shape}; write the classes as integers"
        )
    return values.astype(np.int64)
