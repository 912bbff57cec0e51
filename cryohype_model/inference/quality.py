"""Maps of the network beside the back-projection of the particles that they stand for: a check where no truth is known."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import numpy.typing as npt

from cryohype_model.imaging.preprocess import ImageScale
from cryohype_model.inference.backproject import backproject
from cryohype_model.inference.trained import TrainedRun
from cryohype_model.metrics.mask import sphere_mask
from cryohype_model.metrics.quality import FEWEST_PARTICLES, MapQuality, map_quality, too_few

Volume = npt.NDArray[np.float32]
Rows = npt.NDArray[np.int64]

PADDING = 1  # the finest shells blur a little (in both halves alike), for an eighth of the memory


def selection_quality(
    trained: TrainedRun,
    rows: Rows,
    maps: Mapping[str, Volume],
    seed: int = 0,
    report: Callable[[int], None] | None = None,
) -> dict[str, MapQuality]:
    """How far the particles of a selection, or of a cluster, support each of some maps of it.

    Parameters
    ----------
    rows : particles of the selection. maps : (D, D, D) of the network for it, at the box of the training, by any name.
    seed : of the halves. report : called with the number of images after each batch.

    Raises
    ------
    InputFileError : the particles have no poses. MetricError : maps of another box, or constant ones.
    """
    if len(rows) < FEWEST_PARTICLES:
        if report is not None:
            report(len(rows))
        return {name: too_few(trained.scale.box_px) for name in maps}
    made = backproject(trained.particles, trained.scale, rows, device=trained.device, padding=PADDING, seed=seed, report=report)
    mask = window_mask(trained.scale)
    return {name: map_quality(volume, made.halves, mask, made.pixel_size_angstrom) for name, volume in maps.items()}


def window_mask(scale: ImageScale) -> Volume:
    """(D, D, D) sphere with the radius and the edge of the images' window: outside of it no map knows anything."""
    half = scale.box_px / 2
    # a hard edge would tie distant shells together
    return sphere_mask(scale.box_px, scale.window_radius * half, max(scale.window_softness * half, 2.0))
