"""What a folder holds that can be shown: a run, a volume series, an export, or maps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from cryohype_app.napari_plugin.maps import MapFile, Tell, is_map_file
from cryohype_app.napari_plugin.series import file_of, files_of, is_series, read_series
from cryohype_model.errors import CryoHypeError, RunError
from cryohype_model.runs.layout import Run, unfinished_folders
from cryohype_model.runs.run import open_run
from cryohype_model.runs.store import RunStore
from cryohype_model.runs.volumes import VolumeSeries, list_volume_series, read_volume_series

MOST_LAYERS = 24
RUN_PARTS = ("config.toml", "particles.star")  # of a run whose manifest is not there yet


@dataclass(frozen=True)
class Group:
    """What becomes one layer: a map, or several that follow each other."""

    name: str
    files: tuple[MapFile, ...]


def is_ours(folder: Path) -> bool:
    """Whether a folder holds something to be shown, or to be told of."""
    known = ("manifest.json", "volumes.json", "maps/volumes.json")
    return (
        any((folder / name).is_file() for name in known)
        or _is_in_the_making(folder)
        or bool(_maps_in(folder))
        or bool(RunStore(folder).list_runs())
    )


def groups_of(folder: Path, tell: Tell) -> list[Group]:
    """What to show of a folder, the most telling first.

    Parameters
    ----------
    tell : called with what the user should know.

    Raises
    ------
    CryoHypeError : it is unfinished, damaged, or holds nothing to be shown.
    """
    if (folder / "manifest.json").is_file():
        return _first(groups_of_run(open_run(folder), tell), folder, tell)
    if _is_in_the_making(folder):
        raise RunError(f"{folder} is still being made, or was given up; open it once it has its manifest.json or meta.json")
    for place in (folder, folder / "maps"):  # of an export
        if is_series(place):
            return _first(groups_of_series(read_series(place)), folder, tell)
    maps = _maps_in(folder)
    if maps:
        return _first([Group(file.name, (file,)) for file in map(file_of, maps)], folder, tell)
    return _of_store(folder, tell)


def groups_of_run(run: Run, tell: Tell) -> list[Group]:
    """Every saved series of a run, its clusters' medoids first; what is damaged is told and hides nothing else.

    Raises
    ------
    RunError : there is none.
    """
    series = medoids_first(series_of_run(run, tell))
    if not series:
        busy = [folder.name for folder in unfinished_folders(run.volumes)]
        still = f" ({busy[0]} is being made or was given up)" if busy else ""
        raise RunError(f"{run.path} has no saved maps yet{still}; make them with `cryohype analyze {run.path}`")
    return [group for number, found in enumerate(series) for group in groups_of_series(found, qualified=number > 0)]


def groups_of_series(series: VolumeSeries, qualified: bool = False) -> list[Group]:
    """One layer for each map, and one for all that follow each other along a path.

    Parameters
    ----------
    qualified : the series is named with each of its maps.
    """
    files = files_of(series)
    if series.is_path and len(files) > 1:
        return [Group(series.name, tuple(files))]
    return [Group(f"{file.name} ({series.name})" if qualified else file.name, (file,)) for file in files]


def series_of_run(run: Run, tell: Tell) -> list[VolumeSeries]:
    """The finished series of a run; a damaged one is told."""
    found = []
    for name in list_volume_series(run):
        try:
            found.append(read_volume_series(run, name))
        except CryoHypeError as error:
            tell(str(error))
    return found


def medoids_first(series: Sequence[VolumeSeries]) -> list[VolumeSeries]:
    """Series of clusters' medoids, the newest first, then the others by name."""
    by_name = sorted(series, key=lambda one: one.name)
    medoids = [one for one in by_name if one.entries and all(entry.method == "medoid" for entry in one.entries)]
    medoids.sort(key=lambda one: str(one.meta.get("created")), reverse=True)
    return [*medoids, *(one for one in by_name if one not in medoids)]


def _first(groups: list[Group], folder: Path, tell: Tell) -> list[Group]:
    if len(groups) > MOST_LAYERS:
        tell(f"{folder.name}: the first {MOST_LAYERS} of {len(groups)} maps are opened; CryoHype's run browser shows the others.")
    return groups[:MOST_LAYERS]


def _of_store(folder: Path, tell: Tell) -> list[Group]:
    found = RunStore(folder).list_runs()
    if not found:
        raise RunError(f"{folder} holds no run and no map; open the folder that `cryohype train` wrote, or a .mrc file")
    if len(found) > 1:
        names = ", ".join(item.run.path.name for item in found[:5])
        raise RunError(f"{folder} holds {len(found)} runs ({names}{' …' if len(found) > 5 else ''}); open one of them")
    return groups_of(found[0].run.path, tell)


def _is_in_the_making(folder: Path) -> bool:
    is_run = any((folder / name).is_file() for name in RUN_PARTS) and (folder / "checkpoints").is_dir()
    is_artefact = folder.name.endswith(".partial") and not (folder / "meta.json").is_file()
    return (is_run or is_artefact) and not (folder / "manifest.json").is_file()


def _maps_in(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if is_map_file(path) and path.is_file())
