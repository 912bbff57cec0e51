"""Volume series as the dashboard shows them: what each map is of, its name, colour and level."""

from __future__ import annotations

import json
import re
from pathlib import Path

from cryohype_app.napari_plugin.layers import COLOUR
from cryohype_app.napari_plugin.maps import MapFile, stem_of
from cryohype_model.errors import CryoHypeError
from cryohype_model.palette import CATEGORIES, category_colour
from cryohype_model.runs.layout import Run
from cryohype_model.runs.selections import read_selection_facts
from cryohype_model.runs.volumes import VolumeEntry, VolumeSeries, read_volume_series

HEX_COLOUR = re.compile(r"#[0-9a-fA-F]{6}")


def is_series(folder: Path) -> bool:
    """Whether a folder is a volume series, finished or not."""
    return (folder / "volumes.json").is_file()


def read_series(folder: Path) -> VolumeSeries:
    """The finished series in a folder.

    Raises
    ------
    RunError : unfinished, damaged, or of another format version.
    """
    return read_volume_series(folder.parent, folder.name)


def file_of(path: Path) -> MapFile:
    """A file by its own name; one of a volume series has its level and colour."""
    name = stem_of(path)
    if not is_series(path.parent):
        return MapFile(path, name)
    try:
        series = read_series(path.parent)
    except CryoHypeError:
        return MapFile(path, name)
    entry = next((entry for entry in series.entries if entry.file == path.name), None)
    return MapFile(path, name) if entry is None else MapFile(path, name, colour_of(series, entry), entry.level)


def files_of(series: VolumeSeries) -> list[MapFile]:
    """The maps of a series, named by what they are of."""
    return [file_of_entry(series, entry) for entry in series.entries]


def file_of_entry(series: VolumeSeries, entry: VolumeEntry) -> MapFile:
    """One map of a series, named by what it is of."""
    return MapFile(series.map_path(entry), name_of(entry), colour_of(series, entry), entry.level)


def name_of(entry: VolumeEntry) -> str:
    """What a map is of, for people."""
    if entry.selection is not None:
        return entry.selection
    if entry.cluster is not None:
        return f"cluster {entry.cluster}"
    return stem_of(Path(entry.file)) if entry.particle is None else f"particle {entry.particle}"


def colour_of(series: VolumeSeries, entry: VolumeEntry) -> str:
    """The colour of what a map is of, as the dashboard has it."""
    if entry.selection is not None:
        return _exported_colour(series.map_path(entry)) or selection_colour(Run(series.path.parents[1]), entry.selection)
    return COLOUR if entry.cluster is None else category_colour(entry.cluster)


def selection_colour(run: Run, name: str) -> str:
    """The colour that a stored selection was given."""
    try:
        origin = read_selection_facts(run, name).get("origin")
    except CryoHypeError:
        return COLOUR
    return _checked(origin, CATEGORIES[0])


def _exported_colour(path: Path) -> str:
    """What lies beside an exported map tells its colour; else nothing."""
    try:
        facts = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return ""
    return _checked(facts, "")


def _checked(facts: object, otherwise: str) -> str:
    colour = str(facts.get("colour", "")) if isinstance(facts, dict) else ""
    return colour if HEX_COLOUR.fullmatch(colour) else otherwise
