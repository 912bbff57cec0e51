"""What one session of the dashboard has chosen; views watch it and never each other."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import param

from cryohype_app.wire import VolumeHead
from cryohype_model.palette import CATEGORIES, category_colour

Rows = npt.NDArray[np.int64]
Operation = Literal["replace", "add", "subtract", "intersect"]
UNDO_STEPS = 50
USUAL: str = VolumeHead.model_fields["colour"].default
COLOUR = re.compile(r"#[0-9a-fA-F]{6}")


@dataclass(frozen=True)
class Chosen:
    """Particles that are selected, and how they came to be.

    Attributes
    ----------
    rows : (n,) ascending zero-based particle numbers. origin : ``{"kind": "lasso", …}``, JSON values. name : for people.
    colour : ``#rrggbb`` that a stored selection has; empty of all others.
    """

    rows: Rows = field(default_factory=lambda: np.empty(0, np.int64))
    origin: dict[str, Any] = field(default_factory=dict)
    name: str = ""
    colour: str = ""

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def title(self) -> str:
        """The name, or how many they are."""
        return self.name or f"{len(self):,} particle{'' if len(self) == 1 else 's'}"

    def surface_colour(self, dark: bool) -> str:
        """``#rrggbb`` of its molecule: a stored selection's own, a group's as in the latent picture, else the usual one."""
        if self.colour:
            return self.colour
        group = {"cluster": "cluster", "group": "value"}.get(str(self.origin.get("kind")))
        return category_colour(int(self.origin[group]), dark) if group else USUAL


def stored_colour(origin: dict[str, Any]) -> str:
    """``#rrggbb`` of a stored selection; the first of the palette where its file names none."""
    colour = str(origin.get("colour", ""))
    return colour if COLOUR.fullmatch(colour) else CATEGORIES[0]


def combined(before: Rows, new: Rows, operation: Operation) -> Rows:
    """Two sets of particles put together."""
    combine: dict[str, Callable[[Rows, Rows], Rows]] = {
        "replace": lambda _, rows: np.unique(rows),
        "add": np.union1d,
        "subtract": lambda one, other: np.setdiff1d(one, other, assume_unique=True),
        "intersect": np.intersect1d,
    }
    return combine[operation](before, new).astype(np.int64)


class AppState(param.Parameterized):
    """Run, axes, colour and selection of a session."""

    run_id = param.String(default="", doc="identity of the run that is shown")
    checkpoint = param.String(default="", doc="checkpoint whose latents are shown; empty for the newest")
    x_axis = param.String(default="umap_x", doc="column along x")
    y_axis = param.String(default="umap_y", doc="column along y")
    colour = param.String(default="", doc="column that colours the particles; empty for their density")
    operation = param.Selector(default="replace", objects=["replace", "add", "subtract", "intersect"], doc="what a lasso does")
    chosen = param.ClassSelector(class_=Chosen, default=Chosen(), doc="the particles that are selected now")
    drawing = param.Selector(default="selection", objects=["selection", "path"], doc="what the next stroke of the lasso means")
    stroke = param.List(default=[], doc="corners of the last stroke that was meant as a path")
    path = param.ClassSelector(class_=np.ndarray, default=np.empty(0, np.int64), doc="the particles along the path that is shown")
    saved = param.Integer(default=0, doc="counts changes of the stored selections")

    def __init__(self, **given: Any) -> None:
        super().__init__(**given)
        self._undo: list[Chosen] = []
        self._redo: list[Chosen] = []

    def select(
        self, rows: Rows, origin: dict[str, Any], name: str = "", operation: Operation | None = None, colour: str = ""
    ) -> None:
        """Select particles, by the operation that is set or by another."""
        how = operation or self.operation
        found = combined(self.chosen.rows, np.asarray(rows, np.int64), how)
        if how != "replace" and self.chosen.origin:
            origin = {"kind": how, "of": [self.chosen.origin, origin]}
            name, colour = "", ""
        self._remember()
        self.chosen = Chosen(found, origin, name, colour)

    def invert(self, count: int) -> None:
        """Select what is not selected, of ``count`` particles."""
        rest = np.setdiff1d(np.arange(count, dtype=np.int64), self.chosen.rows, assume_unique=True)
        self._remember()
        self.chosen = Chosen(rest, {"kind": "invert", "of": [self.chosen.origin]})

    def clear(self) -> None:
        """Select nothing."""
        if len(self.chosen):
            self._remember()
            self.chosen = Chosen()

    def rename(self, name: str, colour: str) -> None:
        """Give the selection the name and the colour that it is stored with, without a step of undo."""
        self.chosen = replace(self.chosen, name=name, colour=colour)

    def undo(self) -> bool:
        """Back to the selection before; False when there is none."""
        return self._step(self._undo, self._redo)

    def redo(self) -> bool:
        """Forward again; False when nothing was undone."""
        return self._step(self._redo, self._undo)

    def forget(self) -> None:
        """Another run: neither its particles nor steps of undo mean anything here."""
        self._undo, self._redo = [], []
        self.chosen = Chosen()

    def _remember(self) -> None:
        self._undo = [*self._undo, self.chosen][-UNDO_STEPS:]
        self._redo = []

    def _step(self, source: list[Chosen], target: list[Chosen]) -> bool:
        if not source:
            return False
        target.append(self.chosen)
        self.chosen = source.pop()
        return True
