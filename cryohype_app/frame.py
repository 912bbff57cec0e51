"""The latent space of one analysis as the pages need it: coordinates and colours of every particle, held once a process."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from threading import RLock
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

from cryohype_model.errors import RunError
from cryohype_model.runs.latents import LatentSpace

Rows = npt.NDArray[np.int64]
Column = npt.NDArray[Any]
MOST_CATEGORIES = 2000  # whole numbers with more values than this are a quantity, not names
PRIVATE = {"index", "umap_x", "umap_y"}
KNOWN_CATEGORIES = ("cluster", "label")
TITLES = {
    "umap_x": "UMAP 1", "umap_y": "UMAP 2", "cluster": "cluster", "label": "true structure", "loss": "loss",
    "defocus_um": "defocus (µm)",
}  # fmt: skip


@dataclass(frozen=True)
class Medoid:
    """The particle that stands for a cluster."""

    cluster: int
    row: int


@dataclass
class LatentFrame:
    """Columns of one latent space, read when first asked for.

    Parameters
    ----------
    space : a finished latents folder.
    """

    space: LatentSpace
    _columns: dict[str, Column] = field(default_factory=dict)
    _points: dict[tuple[str, str, str], pd.DataFrame] = field(default_factory=dict)
    _limits: dict[str, tuple[float, float]] = field(default_factory=dict)
    _lock: RLock = field(default_factory=RLock)

    def __len__(self) -> int:
        return len(self.space)

    @property
    def axes(self) -> tuple[str, ...]:
        """Names that can be an axis of the picture: UMAP where it was made, then the principal components."""
        umap = ("umap_x", "umap_y") if "umap_x" in self.space.table else ()
        return (*umap, *(f"pc{number}" for number in range(1, self.space.pca.shape[1] + 1)))

    @property
    def colours(self) -> tuple[str, ...]:
        """Columns that the particles can be coloured by, categories first."""
        names = [name for name in self.space.table if name not in PRIVATE and self.space.table[name].dtype.kind in "iufb"]
        return tuple(sorted(names, key=lambda name: (KNOWN_CATEGORIES.index(name) if name in KNOWN_CATEGORIES else 9, name)))

    def column(self, name: str) -> Column:
        """(N,) one column, float32 or int64, in the order of the particles.

        Raises
        ------
        RunError : no such column; those there are are named.
        """
        with self._lock:
            if name not in self._columns:
                self._columns[name] = self._read(name)
            return self._columns[name]

    def kind(self, name: str) -> Literal["category", "quantity"]:
        """Whether a column names groups or measures something."""
        values = self.column(name)
        names_groups = values.dtype.kind in "ib" and int(values.max(initial=0)) - int(values.min(initial=0)) < MOST_CATEGORIES
        return "category" if names_groups else "quantity"

    def limits(self, name: str) -> tuple[float, float]:
        """The 1st and 99th percentile of a column: where its colours begin and end."""
        with self._lock:
            if name not in self._limits:
                low, high = np.nanpercentile(self.column(name), (1, 99))
                self._limits[name] = (float(low), float(high))
            return self._limits[name]

    @cached_property
    def order(self) -> Rows:
        """(N,) a shuffling of the particles, always the same: what is drawn last hides no class."""
        return np.random.default_rng(0).permutation(len(self)).astype(np.int64)

    def points(self, x: str, y: str, colour: str = "") -> pd.DataFrame:
        """Columns x, y and value in shuffled order, for drawing; the three last asked for are kept."""
        key = (x, y, colour)
        with self._lock:
            if key not in self._points:
                while len(self._points) >= 3:
                    self._points.pop(next(iter(self._points)))
                self._points[key] = self._shuffled(x, y, colour)
            return self._points[key]

    @cached_property
    def medoids(self) -> tuple[Medoid, ...]:
        """One of each cluster, as the analysis chose them."""
        found = self.space.meta.get("medoids") or {}
        return tuple(Medoid(int(cluster), int(row)) for cluster, row in found.items())

    def sizes(self, name: str) -> dict[int, int]:
        """Particles of each group of a category column, by its number."""
        names, counts = np.unique(self.column(name), return_counts=True)
        return {int(group): int(count) for group, count in zip(names, counts, strict=True)}

    def title(self, name: str) -> str:
        """A column's name for people."""
        if name.startswith("pc") and name[2:].isdigit():
            shares = self.space.meta.get("explained_variance") or []
            number = int(name[2:])
            return f"PC {number} ({shares[number - 1]:.1%})" if number <= len(shares) else f"PC {number}"
        return TITLES.get(name, name.replace("_", " "))

    def _shuffled(self, x: str, y: str, colour: str) -> pd.DataFrame:
        columns = {"x": self.column(x)[self.order], "y": self.column(y)[self.order]}
        if colour:
            columns["value"] = self.column(colour)[self.order]
        return pd.DataFrame(columns, copy=False)

    def _read(self, name: str) -> Column:
        if name.startswith("pc") and name[2:].isdigit() and 1 <= int(name[2:]) <= self.space.pca.shape[1]:
            return np.ascontiguousarray(self.space.pca[:, int(name[2:]) - 1])
        if name not in self.space.table:
            raise RunError(f"the analysis has no column {name!r}; there are {', '.join(self._known())}")
        values = self.space.table[name].to_numpy()
        return values.astype(np.int64 if values.dtype.kind in "iub" else np.float32)

    def _known(self) -> Iterator[str]:
        yield from self.axes
        yield from self.colours
