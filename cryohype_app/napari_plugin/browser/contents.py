"""What is in a run folder, read in one go: small files only, whatever the number of particles."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cryohype_app.napari_plugin.folders import medoids_first, series_of_run
from cryohype_app.napari_plugin.series import selection_colour
from cryohype_model.errors import CryoHypeError, RunError
from cryohype_model.runs.latents import LatentSpace
from cryohype_model.runs.layout import RUN_FORMAT_VERSION, Run, complete_folders, unfinished_folders
from cryohype_model.runs.manifest import Manifest, read_manifest
from cryohype_model.runs.run import open_run
from cryohype_model.runs.selections import list_selections, read_selection_facts
from cryohype_model.runs.store import RunStore
from cryohype_model.runs.volumes import VolumeSeries

DEEPEST = 3  # folders of a run's artefacts lie that far below it at most


@dataclass(frozen=True)
class StoredSelection:
    """A named set of particles. ``made`` tells how it was chosen, ``created`` when (ISO 8601)."""

    name: str
    count: int
    made: str
    created: str
    colour: str


@dataclass(frozen=True, eq=False)
class Contents:
    """A run as it was when it was looked at.

    Attributes
    ----------
    spaces : its analyses, the newest first. series : its saved maps, medoids first. notes : what is damaged, or being made.
    """

    run: Run
    manifest: Manifest
    spaces: tuple[LatentSpace, ...]
    series: tuple[VolumeSeries, ...]
    selections: tuple[StoredSelection, ...]
    checkpoints: tuple[str, ...]
    notes: tuple[str, ...]

    @property
    def state(self) -> tuple[Any, ...]:
        """Differs where something changed."""
        spaces = tuple((one.path, str(one.meta.get("created"))) for one in self.spaces)
        series = tuple((one.path, str(one.meta.get("created"))) for one in self.series)
        return self.run, self.manifest, spaces, series, self.selections, self.checkpoints, self.notes

    def words(self) -> str:
        """Name, standing and particles, for people."""
        found = self.manifest
        epochs = f"{found.epochs_done} epoch{'' if found.epochs_done == 1 else 's'} done"
        size = f"{found.box_px} px" if found.box_px else "box not known"
        pixel = f"{found.pixel_size_angstrom:.4g} Å a pixel" if found.pixel_size_angstrom else "pixel size not known"
        lines = [
            f"{self.run.path.name}: {found.status}, {epochs}",
            f"{found.particles:,} particles, {size}, {pixel}",
            f"checkpoint {self.checkpoints[-1]}" if self.checkpoints else "no checkpoint yet",
            f"updated {found.updated:%Y-%m-%d %H:%M} UTC",
        ]
        return "\n".join([*lines, *([found.message] if found.message else [])])


def read_contents(folder: Path) -> Contents:
    """What is in a run.

    Parameters
    ----------
    folder : a run, a folder inside of one, or one that holds a single run.

    Raises
    ------
    RunError : there is no run, or there are several.
    """
    run = open_run(_run_folder(folder.expanduser().absolute()))
    notes: list[str] = []
    for parent in (run.latents, run.volumes):
        notes += [f"{path.name} is being made, or was given up." for path in unfinished_folders(parent)]
    return Contents(
        run=run,
        manifest=read_manifest(run),
        spaces=tuple(_spaces(run, notes.append)),
        series=tuple(medoids_first(series_of_run(run, notes.append))),
        selections=tuple(_selections(run, notes.append)),
        checkpoints=tuple(sorted(path.stem for path in run.checkpoints.glob("step-*.ckpt"))),
        notes=tuple(notes),
    )


def _run_folder(folder: Path) -> Path:
    if not folder.is_dir():
        raise RunError(f"{folder} is not a folder; choose the folder that `cryohype train` wrote")
    for place in (folder, *list(folder.parents)[:DEEPEST]):
        if (place / "manifest.json").is_file():
            return place
    found = RunStore(folder).list_runs()
    if len(found) > 1:
        names = ", ".join(str(item.run.path.relative_to(folder)) for item in found[:5])
        raise RunError(f"{folder} holds {len(found)} runs ({names}{' …' if len(found) > 5 else ''}); choose one of them")
    if not found:
        raise RunError(
            f"{folder} is not a run: it has no manifest.json (yet); choose the folder that `cryohype train` wrote, or wait for it"
        )
    return found[0].run.path


def _spaces(run: Run, tell: Callable[[str], None]) -> list[LatentSpace]:
    found = []
    for path in complete_folders(run.latents):
        space = LatentSpace(path)
        try:
            version = space.meta.get("format_version")
        except CryoHypeError as error:
            tell(str(error))
            continue
        if version == RUN_FORMAT_VERSION:
            found.append(space)
        else:
            tell(f"{path} has format version {version}, not {RUN_FORMAT_VERSION}; run `cryohype analyze` again.")
    return sorted(found, key=lambda space: str(space.meta.get("created")), reverse=True)


def _selections(run: Run, tell: Callable[[str], None]) -> Iterator[StoredSelection]:
    for name in list_selections(run):
        try:
            facts = read_selection_facts(run, name)
        except CryoHypeError as error:
            tell(str(error))
            continue
        origin = facts.get("origin")
        made = str(origin.get("kind", "")) if isinstance(origin, dict) else ""
        yield StoredSelection(name, int(facts.get("count", 0)), made, str(facts.get("created")), selection_colour(run, name))


def watched(contents: Contents) -> Iterable[Path]:
    """Folders in which something appears when the run goes on."""
    run = contents.run
    return [path for path in (run.path, run.checkpoints, run.latents, run.volumes, run.selections) if path.is_dir()]
