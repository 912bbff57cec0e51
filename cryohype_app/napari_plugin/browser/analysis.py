"""The latent space of one analysis as columns: opened at once, whatever the number of particles."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from cryohype_model.errors import RunError
from cryohype_model.palette import category_colour
from cryohype_model.runs.columns import column_title
from cryohype_model.runs.latents import LatentSpace
from cryohype_model.runs.selections import read_selection

Rows = npt.NDArray[np.int64]
TITLES = {
    "index": "particle", "cluster": "cluster", "label": "true structure", "loss": "loss", "defocus_um": "defocus (µm)",
    "umap_x": "UMAP 1", "umap_y": "UMAP 2",
}  # fmt: skip


@dataclass(frozen=True, eq=False)
class Column:
    """One column of a table: values (n,), and the colour of a dot before each, if it has one."""

    title: str
    values: npt.NDArray[Any]
    colour: Callable[[Any], str] | None = None
    text: Callable[[Any], str] = lambda value: f"{value:.4g}" if isinstance(value, float | np.floating) else str(value)


@dataclass(frozen=True)
class Cluster:
    """Its number, its particles, and the particle that stands for it."""

    number: int
    count: int
    medoid: int | None


@dataclass(frozen=True, eq=False)
class Analysis:
    """Columns of every particle, and clusters, without those that belong to none."""

    space: LatentSpace
    columns: tuple[Column, ...]
    clusters: tuple[Cluster, ...]

    def __len__(self) -> int:
        return len(self.space)

    @property
    def axes(self) -> tuple[Column, ...]:
        """Columns that can be an axis of a picture: UMAP and components first."""
        found = [column for column in self.columns if column.values.dtype.kind == "f"]
        return tuple(sorted(found, key=lambda column: not column.title.startswith(("UMAP", "PC "))))

    @property
    def facts(self) -> tuple[Column, ...]:
        """Columns that tell of a particle what people want to know first."""
        return tuple(column for column in self.columns if not column.title.startswith(("UMAP", "PC ")))

    def rows_of_cluster(self, number: int) -> Rows:
        """(n,) its particles."""
        cluster = self.space.cluster
        return np.empty(0, np.int64) if cluster is None else np.flatnonzero(cluster == number)

    def rows_of_selection(self, name: str) -> Rows:
        """(n,) particles of a stored selection of its run.

        Raises
        ------
        RunError : it is gone, or damaged.
        """
        rows = read_selection(self.space.path.parents[1], name)
        return rows[rows < len(self)]


def read_analysis(space: LatentSpace) -> Analysis:
    """Open an analysis; the components stay in their file.

    Raises
    ------
    RunError : damaged, or its parts disagree.
    """
    table, pca = space.table, space.pca
    if not len(table) == len(pca) == len(space):
        raise RunError(
            f"{space.path} tells of {len(space)} particles and holds {len(table)} rows and {len(pca)} components; "
            "run `cryohype analyze` again"
        )
    names = [name for name in TITLES if name in table]
    names += [str(name) for name in table if name not in TITLES and table[name].dtype.kind in "iufb"]
    columns = [_column(name, table[name].to_numpy()) for name in names]
    shares = space.meta.get("explained_variance") or []
    for number in range(pca.shape[1]):
        title = f"PC {number + 1} ({shares[number]:.1%})" if number < len(shares) else f"PC {number + 1}"
        columns.append(Column(title, pca[:, number]))
    return Analysis(space, tuple(columns), _clusters(space))


def _column(name: str, values: npt.NDArray[Any]) -> Column:
    colour = category_colour if name == "cluster" else None
    text = (lambda value: "none" if value < 0 else str(value)) if name in ("cluster", "label") else Column.text
    return Column(TITLES.get(name) or column_title(name), values, colour, text)


def _clusters(space: LatentSpace) -> tuple[Cluster, ...]:
    cluster = space.cluster
    if cluster is None:
        return ()
    medoids = space.meta.get("medoids") or {}
    numbers, counts = np.unique(cluster[cluster >= 0], return_counts=True)
    category_colour(int(numbers.max(initial=0)))  # finds the colours here, where nobody waits for them
    return tuple(
        Cluster(int(number), int(count), medoids.get(str(number))) for number, count in zip(numbers, counts, strict=True)
    )
