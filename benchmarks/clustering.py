"""Accuracy of k-means on the principal components of analysed runs with known labels, by how far they are whitened.

    .venv/bin/python benchmarks/clustering.py RUN...

Whitening by e divides each component by its standard deviation to the power e: 0 leaves them as they are, 1 makes all equal.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from sklearn.cluster import KMeans

from cryohype_model.metrics.classification import match_clusters
from cryohype_model.runs.latents import read_latents
from cryohype_model.runs.run import open_run

EXPONENTS = (0.0, 0.25, 0.5, 0.75, 1.0)


def accuracies(run: Path) -> list[float]:
    """Of each exponent."""
    space = read_latents(open_run(run))
    labels = space.label
    assert labels is not None, f"{run} has no labels"
    pca = np.asarray(space.pca, dtype=np.float64)
    spread = pca.std(axis=0)
    found = []
    for exponent in EXPONENTS:
        clusters = KMeans(len(np.unique(labels)), n_init=10, random_state=0).fit_predict(pca / spread**exponent)
        found.append(float((match_clusters(clusters.astype(np.int64), labels) == labels).mean()))
    return found


def main() -> None:
    """One line a run, and the mean."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("runs", nargs="+", type=Path, metavar="RUN")
    args = parser.parse_args()
    print("| run | " + " | ".join(f"{exponent:g}" for exponent in EXPONENTS) + " |\n" + "|---" * (len(EXPONENTS) + 1) + "|")
    rows = {run.name: accuracies(run) for run in args.runs}
    for name, row in (rows | {"mean": list(np.mean(list(rows.values()), axis=0))}).items():
        print(f"| {name} | " + " | ".join(f"{value:.3f}" for value in row) + " |")


if __name__ == "__main__":
    main()
