"""One evaluation for every method: maps against truth, latents against labels, pairs within themselves."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.cluster import KMeans

from benchmarks.quality.cases import Data
from benchmarks.quality.protocol import LabelledMaps, Outcome, Rows, Space
from cryohype_model.analysis.cluster import cluster_latents
from cryohype_model.io.mrc import read_volume
from cryohype_model.metrics.classification import classify, contingency, match_clusters
from cryohype_model.metrics.correlation import metric_correlations
from cryohype_model.metrics.evaluation import EvaluationTable, evaluate_maps
from cryohype_model.metrics.figures import relation_figure
from cryohype_model.metrics.fsc import area_under, cryobench_curve
from cryohype_model.metrics.pairs import pair_labels
from cryohype_model.metrics.threshold import ThresholdPolicy

POLICY = ThresholdPolicy.parse("best")


def table_of(data: Data, maps: LabelledMaps) -> EvaluationTable:
    """Every metric of every map, by the code of `cryohype evaluate`."""
    return evaluate_maps(pair_labels(maps, data.truths), POLICY)


def write_picture(data: Data, outcome: Outcome, name: str, path: Path) -> None:
    """FSC-AUC of a method's maps against their other metrics (the paper's Fig. 13), as PNG."""
    relation_figure({name: table_of(data, outcome.single)}).savefig(path)


def scores(data: Data, outcome: Outcome, seed: int) -> dict[str, Any]:
    """The numbers of one run of one method.

    Parameters
    ----------
    seed : of the k-means.
    """
    table = table_of(data, outcome.single)
    summary = table.summary()
    found: dict[str, Any] = {
        "maps": len(table.rows),
        "fsc_auc": summary["fsc_auc"]["mean"],
        "fsc_auc_over_maps_std": summary["fsc_auc"]["std"],
        "viou": summary["viou"]["mean"],
        "chamfer_angstrom": summary["chamfer_angstrom"]["mean"],
        "resolution_fsc05_angstrom": summary["resolution_fsc05_angstrom"]["mean"],
        "perfect": table.perfect,
        "correlations": metric_correlations(table),
        "per_map": [[row.name, round(row.fsc_auc, 4)] for row in table.rows],
    }
    if outcome.averaged is not None:
        found["fsc_auc_average"] = table_of(data, outcome.averaged).summary()["fsc_auc"]["mean"]
    if outcome.space is not None:
        found |= classes(outcome.space, data.labels, seed)
    if outcome.cost is not None:
        found |= {"training_s": outcome.cost.wall_s, "training_cpu_s": outcome.cost.cpu_s, "epochs": outcome.cost.epochs,
                  "images_per_s": outcome.cost.images_per_s}  # fmt: skip
    if data.case.kind == "pairs":
        found["within_pairs"] = [within_pair(data, outcome, (2 * pair, 2 * pair + 1), seed)
                                 for pair in range(data.case.structures // 2)]  # fmt: skip
    return found


def classes(space: Space, labels: Rows, seed: int) -> dict[str, Any]:
    """Accuracy, macro precision, recall and F1 (the paper's Table 7) by clusters of known number and by neighbours, and the ARI.

    Latents differ in how their axes are scaled: of two k-means the one of higher accuracy counts, for every method.
    """
    count = len(np.unique(labels))
    results = {name: classify(labels, make(space, count, seed), space) for name, make in CLUSTERINGS.items()}
    name, result = max(results.items(), key=lambda each: each[1].by_clusters.accuracy if each[1].by_clusters else 0.0)
    found: dict[str, Any] = {"adjusted_rand_index": result.adjusted_rand_index, "clustering": name}
    for prefix, each in (("", result.by_clusters), ("knn_", result.by_neighbours)):
        assert each is not None
        found |= {f"{prefix}{name}": getattr(each, name) for name in ("accuracy", "precision", "recall", "f1")}
    return found


def clusters_of(space: Space, count: int, seed: int) -> Rows:
    """k-means as `cryohype analyze` does it, on the principal axes of the latents, so that it does not depend on their basis."""
    return cluster_latents(principal(space), "kmeans", count, None, seed).assignment


def plain_clusters(space: Space, count: int, seed: int) -> Rows:
    """k-means on the latents as they are, as cryoDRGN's own analysis does it."""
    return KMeans(count, n_init=10, random_state=seed).fit_predict(space).astype(np.int64)


def principal(space: Space) -> Space:
    """(n, q) latents turned to their principal axes, nothing left out."""
    centred = space - space.mean(axis=0)
    axes = np.linalg.svd(centred.T.astype(np.float64) @ centred)[0]
    turned: npt.NDArray[np.float32] = (centred @ axes).astype(np.float32)
    return turned


CLUSTERINGS = {"half-whitened": clusters_of, "plain": plain_clusters}


def within_pair(data: Data, outcome: Outcome, pair: tuple[int, int], seed: int) -> dict[str, Any]:
    """How two near-identical structures are told apart.

    Returns
    -------
    FSC-AUC of the maps against their own truth and against the twin's, how many are nearer to their own, the FSC-AUC between
    the two truths, and the (2, 2) confusion of two clusters among the images of the pair, rows known, columns found.
    """
    truths = [read_volume(data.truths[label][1])[0] for label in pair]
    own, twin = [], []
    for label, path in outcome.single:
        if label in pair:
            volume, place = read_volume(path)[0], pair.index(label)
            areas = [area_under(*cryobench_curve(volume, truth)) for truth in (truths[place], truths[1 - place])]
            own.append(areas[0])
            twin.append(areas[1])
    found: dict[str, Any] = {
        "names": [data.truths[label][0] for label in pair],
        "fsc_auc": float(np.mean(own)),
        "fsc_auc_against_twin": float(np.mean(twin)),
        "fsc_auc_between_truths": float(area_under(*cryobench_curve(truths[0], truths[1]))),
        "nearer_to_own": float(np.mean(np.greater(own, twin))),
    }
    if outcome.space is not None:
        rows = np.flatnonzero(np.isin(data.labels, pair))
        found["confusion"] = confusion(outcome.space[rows], data.labels[rows], pair, seed)
    return found


def confusion(space: Space, labels: Rows, names: Sequence[int], seed: int) -> list[list[int]]:
    """Images of each known class (rows) by the class of their cluster (columns), one cluster a class."""
    table, columns, rows = contingency(match_clusters(clusters_of(space, len(names), seed), labels), labels)
    full = np.zeros((len(names), len(names)), dtype=np.int64)
    full[np.ix_([names.index(row) for row in rows], [names.index(column) for column in columns])] = table.T
    return full.tolist()
