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
from cryohype_model.runs.columns import MEASURES, PERIODS, ParticleColumns, column_title
from cryohype_model.runs.embeddings import Embedding, list_embeddings, read_embedding
from cryohype_model.runs.latents import LatentSpace

Rows = npt.NDArray[np.int64]
Column = npt.NDArray[Any]
Kind = Literal["category", "quantity", "cyclic", "direction"]
MOST_CATEGORIES = 2000  # whole numbers with more values than this are a quantity, not names
PRIVATE = {"index", "umap_x", "umap_y"}
KNOWN_CATEGORIES = ("cluster", "label")
TITLES = {
    "umap_x": "UMAP 1", "umap_y": "UMAP 2", "cluster": "cluster", "label": "true structure", "loss": "loss",
    "defocus_um": "defocus (µm)", "direction": "viewing direction",
}  # fmt: skip
DIRECTION = "direction"
ROT, TILT = "rlnAngleRot", "rlnAngleTilt"
ROT_BINS, TILT_BINS = 21, 12  # of viewing directions; together fewer than the colours of a picture
SEPARATOR = "/"  # between a selection and an axis of its embedding; no name of a selection holds one


@dataclass(frozen=True)
class Medoid:
    """The particle that stands for a cluster."""

    cluster: int
    row: int


@dataclass
class LatentFrame:
    """Columns of one latent space, read when first asked for.

    An axis of the embedding of a selection is called ``NAME/umap_x``; it is not-a-number for all other particles.

    Parameters
    ----------
    space : a finished latents folder.
    particles : what is known of the particles beside it. Its columns take seconds to read: not for the event loop.
    """

    space: LatentSpace
    particles: ParticleColumns | None = None
    _columns: dict[str, Column] = field(default_factory=dict)
    _points: dict[tuple[str, str, str], pd.DataFrame] = field(default_factory=dict)
    _limits: dict[str, tuple[float, float]] = field(default_factory=dict)
    _embeddings: dict[str, Embedding] = field(default_factory=dict)
    _lock: RLock = field(default_factory=RLock)

    def __len__(self) -> int:
        return len(self.space)

    @property
    def axes(self) -> tuple[str, ...]:
        """Names that can be an axis of the picture: UMAP where it was made, then the principal components."""
        umap = ("umap_x", "umap_y") if "umap_x" in self.space.columns else ()
        return (*umap, *(f"pc{number}" for number in range(1, self.space.pca.shape[1] + 1)))

    def spaces(self) -> tuple[str, ...]:
        """Selections with an embedding of their own; looked for anew, what was made anew is forgotten."""
        found = {embedding.name: embedding for embedding in list_embeddings(self.space)}
        with self._lock:
            for name in [name for name, old in self._embeddings.items() if name not in found or found[name].meta != old.meta]:
                self._forget(name)
            self._embeddings = found | self._embeddings
        return tuple(found)

    def axes_of(self, space: str) -> tuple[str, ...]:
        """Names that can be an axis of the picture of a selection alone; of all particles for an empty name.

        Raises
        ------
        RunError : it has no embedding.
        """
        return tuple(f"{space}{SEPARATOR}{axis}" for axis in self._embedding(space).axes) if space else self.axes

    @property
    def colours(self) -> tuple[str, ...]:
        """Columns of the analysis that the particles can be coloured by, categories first."""
        names = [name for name, kind in self.space.columns.items() if name not in PRIVATE and kind.kind in "iufb"]
        return tuple(sorted(names, key=lambda name: (KNOWN_CATEGORIES.index(name) if name in KNOWN_CATEGORIES else 9, name)))

    @property
    def particle_colours(self) -> tuple[str, ...]:
        """Columns of the particles that they can be coloured by; reads the heads of files.

        Raises
        ------
        CryoHypeError : particles.star cannot be read.
        """
        names = () if self.particles is None else self.particles.names
        return (*((DIRECTION,) if {ROT, TILT} <= set(names) else ()), *(name for name in names if name not in self.space.columns))

    def column(self, name: str) -> Column:
        """(N,) one column, float32 or int64, in the order of the particles.

        Raises
        ------
        RunError : no such column; those there are are named.
        """
        with self._lock:
            if name in self._columns:
                return self._columns[name]
        if SEPARATOR in name or self._is_of_analysis(name):
            return self._columns.setdefault(name, self._read(name))
        if name == DIRECTION:
            return self._columns.setdefault(name, directions(self.column(ROT), self.column(TILT)))
        if self.particles is None or name not in self.particles.names:
            raise RunError(f"there is no column {name!r}; there are {', '.join(self._known())}")
        return self.particles.read(name).values

    def names(self, name: str) -> tuple[str, ...]:
        """What the numbers of a column of words stand for; empty for other columns."""
        if self._is_of_analysis(name) or self.particles is None or name not in self.particles.names:
            return ()
        return self.particles.read(name).names

    def kind(self, name: str) -> Kind:
        """Whether a column names groups, measures something, or is an angle or a direction."""
        if name == DIRECTION:
            return "direction"
        if name in PERIODS:
            return "cyclic"
        values = self.column(name)
        names_groups = values.dtype.kind in "ib" and int(values.max(initial=0)) - int(values.min(initial=0)) < MOST_CATEGORIES
        return "category" if (names_groups or self.names(name)) and name not in MEASURES else "quantity"

    def limits(self, name: str) -> tuple[float, float]:
        """Where the colours of a column begin and end: its 1st and 99th percentile, of an angle the whole turn."""
        if name in PERIODS:
            return (-PERIODS[name] / 2, PERIODS[name] / 2) if PERIODS[name] == 360 else (0.0, PERIODS[name])
        if name not in self._limits:
            values = self.column(name)
            finite = values[np.isfinite(values)]
            low, high = np.percentile(finite, (1, 99)) if len(finite) else (0.0, 1.0)
            self._limits[name] = (float(low), float(high))
        return self._limits[name]

    @cached_property
    def order(self) -> Rows:
        """(N,) a shuffling of the particles, always the same: what is drawn last hides no class."""
        return np.random.default_rng(0).permutation(len(self)).astype(np.int64)

    def points(self, x: str, y: str, colour: str = "") -> pd.DataFrame:
        """Columns x, y and value of the particles that have a place, shuffled, for drawing; the three last asked for are kept.

        The index tells their numbers.
        """
        key = (x, y, colour)
        with self._lock:
            known = self._points.get(key)
        if known is not None:
            return known
        made = self._shuffled(x, y, colour)
        with self._lock:
            while len(self._points) >= 3:
                self._points.pop(next(iter(self._points)))
            self._points[key] = made
        return made

    @cached_property
    def medoids(self) -> tuple[Medoid, ...]:
        """One of each cluster, as the analysis chose them."""
        found = self.space.meta.get("medoids") or {}
        return tuple(Medoid(int(cluster), int(row)) for cluster, row in found.items())

    def sizes(self, name: str) -> dict[int, int]:
        """Particles of each group of a category column, by its number."""
        values = self.column(name)
        if len(values) and self.kind(name) == "category":  # of small numbers this is twenty times as fast as sorting them
            lowest = int(values.min())
            counted = np.bincount(values - lowest)
            return {lowest + int(group): int(counted[group]) for group in np.flatnonzero(counted)}
        names, counts = np.unique(values, return_counts=True)
        return {int(group): int(count) for group, count in zip(names, counts, strict=True)}

    def title(self, name: str) -> str:
        """A column's name for people."""
        space, axis = split_axis(name)
        if axis.startswith("pc") and axis[2:].isdigit():
            meta = self._embedding(space).meta if space else self.space.meta
            shares = meta.get("explained_variance") or []
            number = int(axis[2:])
            return f"PC {number} ({shares[number - 1]:.1%})" if number <= len(shares) else f"PC {number}"
        if axis in TITLES:
            return TITLES[axis]
        return axis.replace("_", " ") if axis in self.space.columns else column_title(axis)

    def _shuffled(self, x: str, y: str, colour: str) -> pd.DataFrame:
        across, up, rows = self.column(x), self.column(y), self.order
        present = np.isfinite(across) & np.isfinite(up)
        if not present.all():
            rows = rows[present[rows]]
        columns = {"x": across[rows], "y": up[rows]}
        if colour:
            columns["value"] = self.column(colour)[rows]
        return pd.DataFrame(columns, index=rows, copy=False)

    def _read(self, name: str) -> Column:
        space, axis = split_axis(name)
        if space:
            embedding = self._embedding(space)
            if axis not in embedding.axes:
                raise RunError(f"the embedding of {space!r} has no axis {axis!r}; there are {', '.join(embedding.axes)}")
            values = np.full(len(self), np.nan, np.float32)
            table = embedding.read("index", axis)
            values[table["index"].to_numpy()] = table[axis]
            return values
        if name not in self.space.columns:
            return np.ascontiguousarray(self.space.pca[:, int(name[2:]) - 1])
        column = self.space.column(name)
        return column.astype(np.int64 if column.dtype.kind in "iub" else np.float32)

    def _is_of_analysis(self, name: str) -> bool:
        is_component = name.startswith("pc") and name[2:].isdigit() and 1 <= int(name[2:]) <= self.space.pca.shape[1]
        return is_component or name in self.space.columns

    def _embedding(self, space: str) -> Embedding:
        with self._lock:
            if space not in self._embeddings:
                self._embeddings[space] = read_embedding(self.space, space)
            return self._embeddings[space]

    def _forget(self, space: str) -> None:
        del self._embeddings[space]
        prefix = space + SEPARATOR
        self._columns = {name: column for name, column in self._columns.items() if not name.startswith(prefix)}
        self._points = {key: points for key, points in self._points.items() if not key[0].startswith(prefix)}

    def _known(self) -> Iterator[str]:
        yield from self.axes
        yield from self.colours
        yield from self.particle_colours


def split_axis(name: str) -> tuple[str, str]:
    """The selection whose embedding an axis is of, empty for all particles, and its name there."""
    space, _, axis = name.rpartition(SEPARATOR)
    return space, axis


def directions(rot_deg: Column, tilt_deg: Column) -> Rows:
    """(N,) the field of each viewing direction: TILT_BINS rows of equal area from the top view on, ROT_BINS fields each."""
    turn = np.floor((rot_deg + 180) % 360 / 360 * ROT_BINS).clip(0, ROT_BINS - 1)
    height = np.floor((1 - np.cos(np.deg2rad(tilt_deg))) / 2 * TILT_BINS).clip(0, TILT_BINS - 1)
    return (height * ROT_BINS + turn).astype(np.int64)
