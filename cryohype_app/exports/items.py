"""The structures of an export: selections, clusters and single particles, each with its name, file name and colour."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from cryohype_app.exports.source import ExportSource
from cryohype_app.exports.wish import Wish
from cryohype_app.frame import LatentFrame
from cryohype_app.plots.palette import category_colour
from cryohype_model.errors import RunError
from cryohype_model.palette import CATEGORIES
from cryohype_model.runs.layout import Run
from cryohype_model.runs.selections import read_selection, read_selection_facts

Rows = npt.NDArray[np.int64]
Kind = Literal["selection", "cluster", "particle"]
HEX_COLOUR = re.compile(r"#[0-9a-fA-F]{6}")


@dataclass(frozen=True, eq=False)
class Item:
    """One structure.

    Attributes
    ----------
    name : for people. stem : of its files. rows : (n,) its particles, ascending. colour : ``#rrggbb``.
    number : of the cluster or particle. origin : how the particles were chosen, JSON values.
    """

    kind: Kind
    name: str
    stem: str
    rows: Rows
    colour: str
    number: int | None = None
    origin: dict[str, Any] = field(default_factory=dict)

    @property
    def subject(self) -> dict[str, Any]:
        """What its map is of, as volumes.json has it."""
        return {self.kind: self.name if self.number is None else self.number}


def items_of(source: ExportSource, wish: Wish) -> tuple[Item, ...]:
    """The structures that a wish names, each once, their file names different.

    Raises
    ------
    RunError : no such selection, cluster or particle, or one without a particle.
    """
    found = [
        *(_selection(source.run, name, number) for number, name in enumerate(dict.fromkeys(wish.selections))),
        *_clusters(source.frame, dict.fromkeys(wish.clusters)),
        *_particles(source.frame, dict.fromkeys(wish.particles)),
    ]
    return tuple(_with_own_stems(found))


def _selection(run: Run, name: str, number: int) -> Item:
    rows, origin = read_selection(run, name), dict(read_selection_facts(run, name)["origin"])
    if not len(rows):
        raise RunError(f"the selection {name!r} holds no particle; choose another, or select at least one")
    colour = str(origin.pop("colour", ""))
    if not HEX_COLOUR.fullmatch(colour):
        colour = CATEGORIES[number % len(CATEGORIES)]
    return Item("selection", name, re.sub(r"[^\w.-]+", "_", name).strip("._") or "selection", rows, colour, None, origin)


def _clusters(frame: LatentFrame, numbers: Iterable[int]) -> Iterator[Item]:
    for number in numbers:
        known = frame.column("cluster") if "cluster" in frame.colours else np.empty(0, np.int64)
        rows = np.flatnonzero(known == number).astype(np.int64)
        if number < 0 or not len(rows):
            raise RunError(f"the analysis has no cluster {number}; choose one of those that are listed")
        origin = {"kind": "cluster", "cluster": number, "checkpoint": frame.space.checkpoint}
        colour = category_colour(number, dark=False)
        yield Item("cluster", f"cluster {number}", f"cluster_{number:04d}", rows, colour, number, origin)


def _particles(frame: LatentFrame, numbers: Iterable[int]) -> Iterator[Item]:
    for place, number in enumerate(numbers):
        if not 0 <= number < len(frame):
            raise RunError(f"there is no particle {number}; the run has particles 0 to {len(frame) - 1}")
        origin = {"kind": "particle", "particle": number}
        colour, rows = CATEGORIES[place % len(CATEGORIES)], np.array([number], np.int64)
        yield Item("particle", f"particle {number}", f"particle_{number:07d}", rows, colour, number, origin)


def _with_own_stems(items: Iterable[Item]) -> Iterator[Item]:
    """File systems may take a_b and A_B for the same."""
    taken: set[str] = set()
    for item in items:
        stem, number = item.stem, 1
        while stem.casefold() in taken:
            number += 1
            stem = f"{item.stem}_{number}"
        taken.add(stem.casefold())
        yield replace(item, stem=stem)
