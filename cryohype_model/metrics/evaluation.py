"""Every metric for every pair of map and truth, and their summary over structures."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from cryohype_model.errors import InputFileError, MetricError
from cryohype_model.io.mrc import read_volume
from cryohype_model.metrics.fsc import (
    Curve,
    Volume,
    area_under,
    cryobench_curve,
    fourier_shell_correlation,
    perfect_auc,
    resolution,
)
from cryohype_model.metrics.pairs import MapPair
from cryohype_model.metrics.shape import chamfer_distance_angstrom, viou
from cryohype_model.metrics.threshold import ThresholdPolicy

NOT_DEFINED = float("nan")
SAME_PIXEL_SIZE = 1e-3  # relative difference that the rounding of headers can make

SUMMARISED = (
    "fsc_auc",
    "resolution_fsc05_px",
    "resolution_fsc05_angstrom",
    "resolution_fsc0143_px",
    "resolution_fsc0143_angstrom",
    "viou",
    "chamfer_angstrom",
)


@dataclass(frozen=True)
class StructureRow:
    """The metrics of one map against its truth; vIoU and Chamfer distance are NaN, with a note, where not defined."""

    name: str
    fsc_auc: float
    resolution_fsc05_px: float
    resolution_fsc05_angstrom: float
    resolution_fsc0143_px: float
    resolution_fsc0143_angstrom: float
    viou: float
    chamfer_angstrom: float
    map_level: float
    truth_level: float
    note: str = ""


@dataclass(frozen=True)
class EvaluationTable:
    """All structures of one evaluation, which share box and pixel size.

    Attributes
    ----------
    rows : one a pair, in the order given.
    curves : (n, D // 2 + 1) FSC of each pair in rounded shells s / D cycles/pixel.
    box_px, pixel_size_angstrom : of every map.
    policy : how the levels were found.
    masked : whether a real-space mask was applied before the FSC.
    """

    rows: tuple[StructureRow, ...]
    curves: Curve
    box_px: int
    pixel_size_angstrom: float
    policy: ThresholdPolicy
    masked: bool

    @property
    def perfect(self) -> float:
        """The FSC-AUC of identical maps in this box."""
        return perfect_auc(self.box_px)

    def column(self, metric: str) -> npt.NDArray[np.float64]:
        """(n,) one metric of every structure, NaN where not defined."""
        return np.array([getattr(row, metric) for row in self.rows], dtype=np.float64)

    def summary(self) -> dict[str, dict[str, float]]:
        """Mean, standard deviation (over structures, n in the denominator), median and count of each metric, NaN left out."""
        return {metric: _spread(self.column(metric)) for metric in SUMMARISED}

    def as_dicts(self) -> list[dict[str, object]]:
        """The rows as flat dictionaries, columns in the order of the fields."""
        return [asdict(row) for row in self.rows]


def evaluate_maps(
    pairs: Sequence[MapPair],
    policy: ThresholdPolicy,
    mask_path: Path | None = None,
    pixel_size_angstrom: float | None = None,
    progress: Callable[[str], None] | None = None,
) -> EvaluationTable:
    """Compare each map with its truth; one pair is in memory at a time.

    Parameters
    ----------
    pairs : maps and truths.
    policy : how the levels of vIoU and Chamfer distance are found.
    mask_path : map between 0 and 1 that both are multiplied with before the FSC (vIoU and Chamfer go without), or None.
    pixel_size_angstrom : taken instead of what the headers say, or None.
    progress : called with each structure's name when it is done.

    Raises
    ------
    InputFileError : a file cannot be read, is no cube, holds NaN, or states no pixel size.
    MetricError : box or pixel size differ between maps, or there is no pair.
    """
    if not pairs:
        raise MetricError("there is nothing to evaluate: no pair of map and truth was given")
    mask = None if mask_path is None else read_volume(mask_path, cubic=True)[0]
    rows, curves, first = [], [], _read_pair(pairs[0], pixel_size_angstrom)
    box_px, pixel_size = first[0].shape[0], first[2]
    if mask is not None and mask.shape != first[0].shape:
        raise MetricError(f"the mask {mask_path} has box {mask.shape[0]} and {pairs[0].map_path} has {box_px}; resample the mask")
    for number, pair in enumerate(pairs):
        volume, truth, here = first if number == 0 else _read_pair(pair, pixel_size_angstrom)
        _check_as_first(pair, volume, here, pairs[0], box_px, pixel_size)
        row, curve = evaluate_pair(pair.name, volume, truth, pixel_size, policy, mask)
        rows.append(row)
        curves.append(curve)
        if progress is not None:
            progress(pair.name)
    return EvaluationTable(tuple(rows), np.stack(curves), box_px, pixel_size, policy, mask is not None)


def evaluate_pair(
    name: str, volume: Volume, truth: Volume, pixel_size_angstrom: float, policy: ThresholdPolicy, mask: Volume | None = None
) -> tuple[StructureRow, Curve]:
    """Every metric of one map against its truth, and its FSC curve.

    Parameters
    ----------
    name : of the structure.
    volume, truth : (D, D, D).
    pixel_size_angstrom : side of a voxel.
    policy, mask : as in :func:`evaluate_maps`.
    """
    box_px = len(volume)
    curve = fourier_shell_correlation(volume, truth, mask)
    half, seventh = (resolution(curve, threshold, pixel_size_angstrom, box_px) for threshold in (0.5, 0.143))
    auc = area_under(*cryobench_curve(volume, truth, mask))
    overlap = distance = map_level = truth_level = NOT_DEFINED
    note = ""
    try:
        map_level, truth_level = policy.levels(volume, truth, pixel_size_angstrom)
        overlap = viou(volume, truth, map_level, truth_level)
        distance = chamfer_distance_angstrom(volume, truth, map_level, truth_level, pixel_size_angstrom)
    except MetricError as error:
        note = str(error)
    return StructureRow(name, auc, *half, *seventh, overlap, distance, map_level, truth_level, note), curve


def _read_pair(pair: MapPair, pixel_size_angstrom: float | None) -> tuple[Volume, Volume, float]:
    """Map, truth and their common pixel size in Å."""
    volume, map_pixel, _ = read_volume(pair.map_path, cubic=True)
    truth, truth_pixel, _ = read_volume(pair.truth_path, cubic=True)
    if volume.shape != truth.shape:
        raise MetricError(
            f"{pair.map_path} has a box of {len(volume)} and its truth {pair.truth_path} one of {len(truth)}; "
            "bring both to one box first"
        )
    if pixel_size_angstrom is not None:
        return volume, truth, pixel_size_angstrom
    for path, size in ((pair.map_path, map_pixel), (pair.truth_path, truth_pixel)):
        if size <= 0:
            raise InputFileError(f"{path} does not state its pixel size; give it with --pixel-size")
    if not _same(map_pixel, truth_pixel):
        raise MetricError(
            f"{pair.map_path} has a pixel size of {map_pixel:.4g} Å and its truth {pair.truth_path} of {truth_pixel:.4g} Å; "
            "resample one, or give the right value of both with --pixel-size where a header is wrong"
        )
    return volume, truth, truth_pixel


def _check_as_first(
    pair: MapPair, volume: Volume, pixel_size: float, first: MapPair, box_px: int, first_pixel_size: float
) -> None:
    """Refuse to average over structures of different box or pixel size."""
    if len(volume) != box_px or not _same(pixel_size, first_pixel_size):
        raise MetricError(
            f"{pair.map_path} (box {len(volume)}, {pixel_size:.4g} Å) and "
            f"{first.map_path} (box {box_px}, {first_pixel_size:.4g} Å) cannot be summarised together; evaluate them apart"
        )


def _same(first: float, second: float) -> bool:
    """Equal pixel sizes but for rounding."""
    return abs(first - second) <= SAME_PIXEL_SIZE * max(first, second)


def _spread(values: npt.NDArray[np.float64]) -> dict[str, float]:
    """Mean, std, median and count of the values that are defined."""
    defined = values[np.isfinite(values)]
    if not len(defined):
        return {"mean": NOT_DEFINED, "std": NOT_DEFINED, "median": NOT_DEFINED, "count": 0}
    return {
        "mean": float(defined.mean()),
        "std": float(defined.std()),
        "median": float(np.median(defined)),
        "count": len(defined),
    }
