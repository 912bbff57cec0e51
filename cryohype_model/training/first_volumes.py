"""What is fitted before the networks learn: basis volumes on a grid, and the volumes of classes."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from cryohype_model.config import RunConfig
from cryohype_model.imaging.preprocess import Preprocessor
from cryohype_model.nets.grid_volumes import GridVolumes
from cryohype_model.nets.inputs import ObservedSlices
from cryohype_model.nets.loss import SliceLoss
from cryohype_model.training.basis_fit import fit_basis_volumes
from cryohype_model.training.class_fit import fit_class_volumes
from cryohype_model.training.prepare import TrainingSet

IMAGES_AT_ONCE = 250


class _StoppedError(Exception):
    """No more images are wanted."""


def fit_volumes(volumes: GridVolumes, data: TrainingSet, config: RunConfig, report: Callable[[str | None], bool]) -> bool:
    """Fit them in place; whether they are fitted.

    Parameters
    ----------
    volumes : on the CPU.
    report : called with a line after each pass, and with None between images; where it answers False, fitting ends, unfinished.
    """
    try:
        _fit_basis(volumes, data, config, report)
        if volumes.classes is not None:
            _fit_classes(volumes, data, config, report)
    except _StoppedError:
        return False
    return True


def _fit_basis(volumes: GridVolumes, data: TrainingSet, config: RunConfig, report: Callable[[str | None], bool]) -> None:
    options = config.training
    images = list(_observed(data, config, options.basis_particles, report))
    told = _told("basis volumes", options.basis_passes, report)
    if not fit_basis_volumes(volumes, images, options.basis_passes, options.seed, told):
        raise _StoppedError


def _fit_classes(volumes: GridVolumes, data: TrainingSet, config: RunConfig, report: Callable[[str | None], bool]) -> None:
    options, count = config.training, len(data.particles)
    few = min(count, options.class_particles)
    many = min(count, max(few, options.class_particles_last))
    report(f"volumes of {config.model.basis_classes} classes: {few:,} images, in the last passes {many:,}")
    told = _told("volumes of classes", options.class_passes, report)
    if not fit_class_volumes(
        volumes,
        lambda: _observed(data, config, few, report),
        options.class_passes,
        options.seed,
        told,
        last=lambda: _observed(data, config, many, report),
    ):
        raise _StoppedError


def _told(what: str, passes: int, report: Callable[[str | None], bool]) -> Callable[[int, float], bool]:
    return lambda number, noise: report(f"{what}: pass {number}/{passes}  noise {noise:.4f}")


def _observed(
    data: TrainingSet, config: RunConfig, particles: int, report: Callable[[str | None], bool]
) -> Iterator[ObservedSlices]:
    """So many random particles as the basis volumes see them, on the CPU."""
    rows = np.random.default_rng([config.training.seed, 5]).permutation(len(data.particles))[:particles]
    parts = np.array_split(np.sort(rows), -(-len(rows) // IMAGES_AT_ONCE))
    loss = SliceLoss(Preprocessor(data.scale, "cpu"), config.model)
    for batch in data.particles.prefetch(parts):
        if not report(None):
            raise _StoppedError
        slices = loss.encoder_input(batch)[1].slices
        assert slices is not None  # where there are basis volumes
        yield slices
