"""What is known of particles beforehand, and how clusters agree with it."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from cryohype_model.io.table import ParticleTable
from cryohype_model.metrics.classification import adjusted_rand_index, match_clusters

Rows = npt.NDArray[np.int64]


def known_columns(table: ParticleTable) -> dict[str, npt.NDArray[Any]]:
    """Columns of the analysis' table: label, and defocus in micrometres."""
    columns: dict[str, npt.NDArray[Any]] = {}
    if table.label is not None:
        columns["label"] = table.label
    if table.ctf is not None:
        columns["defocus_um"] = (table.ctf.defocus_u_angstrom + table.ctf.defocus_v_angstrom) / np.float32(2e4)
    return columns


def agreement(assignment: Rows, labels: Rows | None) -> tuple[float | None, float | None]:
    """Accuracy and adjusted Rand index of the clusters over the particles of known label."""
    known = np.empty(0, np.int64) if labels is None else np.flatnonzero(labels >= 0)
    if labels is None or not len(known):
        return None, None
    found, truth = assignment[known], labels[known]
    return float(np.mean(match_clusters(found, truth) == truth)), adjusted_rand_index(found, truth)
