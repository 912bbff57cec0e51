"""What is compared, as the address of the page says it: a reload or a shared link shows the same."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal
from urllib.parse import urlencode

from cryohype_app.store import sentence
from cryohype_model.errors import ConfigError, CryoHypeError

How = Literal["mean", "medoid", "neighbours", "linear", "backprojection"]
Mode = Literal["overlay", "difference"]
SCALINGS = ("none", "deviation", "least_squares")
HOWS: tuple[How, ...] = ("mean", "medoid", "neighbours", "linear", "backprojection")
GROUPS = ("cluster", "selection", "label")
KINDS = (*GROUPS, "particle", "truth", "map", "upload")
EXAMPLES = "cluster:3, selection:NAME, label:2, particle:17, truth:2, map:SERIES/FILE or upload"
LOBES_DEVIATIONS = 3.0
FEWEST_DEVIATIONS, MOST_DEVIATIONS = 1.0, 12.0  # of the lobes of a difference


@dataclass(frozen=True)
class Place:
    """A run, and the checkpoint whose networks make its maps; without one, that of its newest analysis."""

    run_id: str = ""
    checkpoint: str = ""

    def __str__(self) -> str:
        return f"{self.run_id}@{self.checkpoint}" if self.checkpoint else self.run_id

    @classmethod
    def parse(cls, text: str) -> Place:
        """The place that ``str`` wrote."""
        before, at, after = text.rpartition("@")
        return cls(before, after) if at else cls(text)


@dataclass(frozen=True)
class Source:
    """What a map is made of.

    Attributes
    ----------
    kind : particles of a cluster, a selection or a label; one particle; a true structure; a stored map; an uploaded map.
    name : which of its kind.
    """

    kind: str
    name: str = ""

    def __str__(self) -> str:
        return f"{self.kind}:{self.name}" if self.name else self.kind

    @property
    def is_group(self) -> bool:
        """Whether it is a set of particles, of which maps are made in several ways."""
        return self.kind in GROUPS

    @classmethod
    def parse(cls, text: str) -> Source:
        """The source that ``str`` wrote.

        Raises
        ------
        ConfigError : no kind of source, or one that does not say which.
        """
        kind, _, name = text.partition(":")
        if kind not in KINDS or (kind != "upload" and not name):
            raise ConfigError(f"the address asks for {text!r}, which is nothing that can be compared; write {EXAMPLES}")
        if kind in ("cluster", "label", "particle", "truth") and not name.removeprefix("-").isdecimal():
            raise ConfigError(f"the address asks for {text!r}, but a {kind} has a number; write {kind}:3")
        return cls(kind, name)


@dataclass(frozen=True)
class Side:
    """One of the two maps.

    Attributes
    ----------
    source : None for the first that the run offers. how : a group's map is made.
    deviations : contour level in standard deviations above the mean; None for the suggested level.
    problem : why the address could not be followed, a sentence.
    """

    place: Place = Place()
    source: Source | None = None
    how: How = "mean"
    deviations: float | None = None
    problem: str = ""


@dataclass(frozen=True)
class Comparison:
    """Both sides, and what is between them.

    Attributes
    ----------
    together : what the third picture shows. lobes : of a difference, are drawn at so many of its standard deviations.
    scaling : of B in the difference, one of ``SCALINGS``; empty for what suits the maps.
    linked : the contour levels of both are the same number of standard deviations.
    """

    a: Side = field(default_factory=Side)
    b: Side = field(default_factory=Side)
    together: Mode = "overlay"
    lobes: float = LOBES_DEVIATIONS
    scaling: str = ""
    linked: bool = False


def read_address(argument: Callable[[str], str], run_id: str) -> Comparison:
    """The comparison of an address.

    Parameters
    ----------
    argument : value of a name in the address, empty where it has none. run_id : where it names no run.
    """
    first = Place.parse(argument("run") or run_id)
    second = Place.parse(argument("b_run")) if argument("b_run") else first
    together: Mode = "difference" if argument("view") == "difference" else "overlay"
    try:
        lobes = _number("lobes", argument("lobes"))
    except ConfigError:
        lobes = None
    lobes = LOBES_DEVIATIONS if lobes is None else min(max(lobes, FEWEST_DEVIATIONS), MOST_DEVIATIONS)
    scaling = argument("scale") if argument("scale") in SCALINGS else ""
    sides = (_side("a", first, argument), _side("b", second, argument))
    return Comparison(*sides, together, lobes, scaling, argument("same_level") == "1")


def write_address(comparison: Comparison, kept: dict[str, str]) -> str:
    """The query that :func:`read_address` reads, without what is as it would be anyway; ``kept`` comes last."""
    a, b = comparison.a, comparison.b
    query = {"run": str(a.place)} | ({"b_run": str(b.place)} if b.place != a.place else {})
    for letter, side in (("a", a), ("b", b)):
        if side.source is not None:
            query[letter] = str(side.source)
            query |= {f"{letter}_how": side.how} if side.source.is_group and side.how != "mean" else {}
        query |= {f"{letter}_level": f"{side.deviations:.4g}"} if side.deviations is not None else {}
    if comparison.together == "difference":
        query |= {"view": "difference", "lobes": f"{comparison.lobes:.3g}"}
        query |= {"scale": comparison.scaling} if comparison.scaling else {}
    query |= {"same_level": "1"} if comparison.linked else {}
    return urlencode(query | kept, safe=":/@")


def _side(letter: str, place: Place, argument: Callable[[str], str]) -> Side:
    how = argument(f"{letter}_how") or "mean"
    try:
        source = Source.parse(text) if (text := argument(letter)) else None
        if how not in HOWS:
            raise ConfigError(f"the address asks for {letter}_how={how!r}; a map is made by {', '.join(HOWS)}")
        return Side(place, source, how, _number(f"{letter}_level", argument(f"{letter}_level")))
    except CryoHypeError as error:
        return Side(place, problem=sentence(error))


def _number(name: str, text: str) -> float | None:
    if not text:
        return None
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise ConfigError(f"the address says {name}={text!r}, which is no number; give standard deviations, such as 2.5")
    return value
