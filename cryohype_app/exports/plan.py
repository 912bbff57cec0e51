"""What will be written and done, known before anything is: the files with their sizes, and the steps that make them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from cryohype_app.exports.items import Item
from cryohype_app.exports.wish import PARTICLE_FORMS, Wish
from cryohype_model.errors import ConfigError
from cryohype_model.io.mrc import HEADER_BYTES
from cryohype_model.io.table import ParticleTable

Step = Literal["map", "backprojection", "measure", "particles", "report"]
SINGLE_PARTICLES = "single_particles"
SIDECAR_BYTES, SCRIPT_BYTES, PICKLE_BYTES, OWN_ROW_BYTES = 700, 150, 180, 330  # measured
REPORT_BYTES, REPORT_BYTES_A_MAP = 130_000, 30_000
MOST_DRAWN = 60  # structures that the report shows pictures of; of a thousand it would be a page that no browser opens


@dataclass(frozen=True)
class PlannedFile:
    """A file of the export; ``exact`` tells whether its size is known or estimated."""

    path: str
    bytes: int
    exact: bool = False


@dataclass(frozen=True, eq=False)
class PlannedStep:
    """Something to do: for an item, or (particles) for items together in one form."""

    kind: Step
    items: tuple[Item, ...]
    form: str = ""

    @property
    def doing(self) -> str:
        """What is said while it is done."""
        name = self.items[0].name if len(self.items) == 1 else f"{len(self.items)} structures"
        words = {"map": "map of", "backprojection": "back-projection of", "measure": "FSC of", "report": "report on"}
        return f"{words.get(self.kind, f'.{self.form} of')} {name}"


def particle_groups(items: Sequence[Item]) -> dict[str, tuple[Item, ...]]:
    """Stem of each particle file with what is in it: single particles share one."""
    groups = {item.stem: (item,) for item in items if item.kind != "particle"}
    single = tuple(item for item in items if item.kind == "particle")
    return groups | ({SINGLE_PARTICLES: single} if single else {})


def can_backproject(item: Item) -> bool:
    """Half maps need a particle each."""
    return len(item.rows) > 1


def planned_steps(wish: Wish, items: Sequence[Item]) -> list[PlannedStep]:
    """Everything to do, in order."""
    steps = []
    for item in items:
        if wish.makes_maps:
            steps.append(PlannedStep("map", (item,)))
        if wish.backprojects and can_backproject(item):
            steps.append(PlannedStep("backprojection", (item,)))
        if "report" in wish.forms:
            steps.append(PlannedStep("measure", (item,)))
    for form in PARTICLE_FORMS:
        if form in wish.forms:
            steps += [PlannedStep("particles", group, form) for group in particle_groups(items).values()]
    if "report" in wish.forms:
        steps.append(PlannedStep("report", tuple(items)))
    return steps


def planned_files(
    wish: Wish, items: Sequence[Item], table: ParticleTable, box_px: int, stored_box_px: int
) -> tuple[PlannedFile, ...]:
    """Every file that will be written, with its size.

    Parameters
    ----------
    table : of the run's particles. box_px : of the maps unless the wish says another.
    stored_box_px : of the back-projections.
    """
    files = [PlannedFile("README.txt", 1500), PlannedFile("meta.json", 1500)]
    if "maps" in wish.forms:
        files += _series(items, _map_bytes(wish.box_px or box_px))
    if "script" in wish.forms:
        files.append(PlannedFile("open.cxc", SCRIPT_BYTES * (len(items) + 4)))
    if "halves" in wish.forms:
        files += _backprojections([item for item in items if can_backproject(item)], stored_box_px)
    for form in PARTICLE_FORMS:
        if form in wish.forms:
            files += [
                PlannedFile(f"particles/{stem}.{form}", particle_bytes(table, sum(len(item.rows) for item in group), form))
                for stem, group in particle_groups(items).items()
            ]
    if "report" in wish.forms:
        drawn = REPORT_BYTES_A_MAP + 4 * (wish.box_px or box_px) ** 2
        files.append(PlannedFile("report.html", REPORT_BYTES + drawn * min(len(items), MOST_DRAWN)))
    return tuple(files)


def check_forms(wish: Wish, table: ParticleTable) -> None:
    """Refuse forms that these particles cannot have.

    Raises
    ------
    ConfigError : .cs of particles that came from something else, or columns of a file that is gone.
    """
    if "cs" in wish.forms and table.source.kind != "cs":
        raise ConfigError(f"the particles came from {table.source.path.name}, which is no .cs file; choose .star or .pkl")
    wants_columns = bool(wish.forms & {"star", "cs"})
    if wants_columns and table.source.kind != "stack" and not table.source.path.exists():
        raise ConfigError(
            f"{table.source.path}, which the particles came from, is gone and its columns with it; restore it, or choose .pkl"
        )


def particle_bytes(table: ParticleTable, count: int, form: str) -> int:
    """About how large a particle file of so many rows is: its share of the original file."""
    if form == "pkl":
        return PICKLE_BYTES + 8 * count
    source = table.source
    if source.kind != form or not source.path.exists():
        return OWN_ROW_BYTES * count
    whole = sum(path.stat().st_size for path in (source.path, *source.passthrough) if path.exists())
    return round(whole * count / max(len(table), int(source.row.max(initial=0)) + 1))


def _map_bytes(box_px: int) -> int:
    return HEADER_BYTES + 4 * box_px**3


def _series(items: Sequence[Item], map_bytes: int) -> Iterator[PlannedFile]:
    for item in items:
        yield PlannedFile(f"maps/{item.stem}.mrc", map_bytes, exact=True)
        yield PlannedFile(f"maps/{item.stem}.json", SIDECAR_BYTES)
    yield PlannedFile("maps/volumes.json", 300 * len(items))
    yield PlannedFile("maps/meta.json", 300)


def _backprojections(items: Sequence[Item], stored_box_px: int) -> Iterator[PlannedFile]:
    size = _map_bytes(stored_box_px)
    for item in items:
        yield PlannedFile(f"backprojections/{item.stem}.mrc", size, exact=True)
        for half in (1, 2):
            yield PlannedFile(f"backprojections/halves/{item.stem}_half{half}.mrc", size, exact=True)
        yield PlannedFile(f"backprojections/{item.stem}_fsc.csv", 18 * (stored_box_px // 2 + 2))
    if items:
        yield PlannedFile("backprojections/meta.json", 300 * len(items))
