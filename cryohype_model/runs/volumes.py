"""volumes/<name>/: a named series of maps, each with what it is of and how it was made."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError, model_validator

from cryohype_model.errors import RunError
from cryohype_model.io.atomic import fresh_partial, replace_folder, write_atomically
from cryohype_model.runs.layout import RUN_FORMAT_VERSION, Run, check_name, complete_folders
from cryohype_model.runs.manifest import utc_now

MEANS = frozenset({"mean", "linear"})  # methods whose map is of the mean of all particles that it stands for
_OWN_FILES = frozenset({"meta.json", "volumes.json"})


class VolumeEntry(BaseModel):
    """One map of a series: of a particle, a cluster or a selection."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    file: str = Field(description="name of the .mrc in the series' folder")
    particle: int | None = Field(None, ge=0, description="zero-based particle that the map was made from")
    cluster: int | None = Field(None, description="cluster that the map stands for")
    selection: str | None = Field(None, description="selection that the map stands for")
    method: Literal["medoid", "mean", "neighbours", "particle", "linear"] = Field(
        description="which latent was decoded; linear: the basis volumes made the map, of the mean of the coefficients"
    )
    pixel_size_angstrom: float = Field(gt=0, description="of the map")
    checkpoint: str = Field(description="checkpoint that made the map")
    level: float | None = Field(None, description="suggested contour level")

    @model_validator(mode="after")
    def _file_is_a_name(self) -> VolumeEntry:
        check_name(self.file, "map")
        return self


_ENTRIES = TypeAdapter(tuple[VolumeEntry, ...])


@dataclass(frozen=True)
class VolumeSeries:
    """A read handle on a finished series of maps."""

    path: Path
    entries: tuple[VolumeEntry, ...]
    meta: dict[str, Any] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """Name of the series."""
        return self.path.name

    @property
    def is_path(self) -> bool:
        """Whether its maps follow each other along a path through the latent space."""
        return "path" in self.meta

    def map_path(self, entry: VolumeEntry) -> Path:
        """Where the map of an entry lies."""
        return self.path / entry.file

    def __len__(self) -> int:
        return len(self.entries)


def start_volume_series(run_or_dir: Run | Path, name: str) -> Path:
    """An empty folder to write the maps into, before :func:`write_volume_series` finishes it.

    Parameters
    ----------
    run_or_dir : a run (``volumes/<name>`` in it) or the folder that will hold ``<name>``.
    name : of the series; an older series is replaced at the end, any other file of the user's is never touched.

    Raises
    ------
    RunError : a bad name, or the folder holds files that are not of a series.
    """
    final = _series_folder(run_or_dir, name)
    if final.exists():
        _refuse_foreign_files(final)
    return fresh_partial(final)


def write_volume_series(
    run_or_dir: Run | Path, name: str, entries: Sequence[VolumeEntry | dict[str, Any]], meta: dict[str, Any]
) -> VolumeSeries:
    """Finish a started series: volumes.json, last meta.json, then the folder gets its name.

    Parameters
    ----------
    run_or_dir, name : as given to :func:`start_volume_series`, which made the folder that the maps were written into.
    entries : one a map.
    meta : facts of the series, JSON values.

    Raises
    ------
    RunError : an entry without its map, or no started series.
    """
    final = _series_folder(run_or_dir, name)
    partial = final.with_name(final.name + ".partial")
    checked = _ENTRIES.validate_python(entries)
    absent = [entry.file for entry in checked if not (partial / entry.file).is_file()]
    if absent:
        raise RunError(f"the volume series {final} lacks the map {absent[0]}; make the series again")
    write_atomically(partial / "volumes.json", _ENTRIES.dump_json(checked, indent=2) + b"\n")
    facts = {"format_version": RUN_FORMAT_VERSION, "created": utc_now().isoformat(), "count": len(checked)}
    write_atomically(partial / "meta.json", json.dumps(meta | facts, indent=2) + "\n")
    replace_folder(partial, final)
    return read_volume_series(run_or_dir, name)


def read_volume_series(run_or_dir: Run | Path, name: str) -> VolumeSeries:
    """A finished series.

    Raises
    ------
    RunError : no such series, unfinished, damaged, or of another format version.
    """
    path = _series_folder(run_or_dir, name)
    try:
        meta = json.loads((path / "meta.json").read_text(encoding="utf-8"))
        entries = _ENTRIES.validate_json((path / "volumes.json").read_bytes())
    except FileNotFoundError:
        raise RunError(f"{path} is not a finished volume series; make it with `cryohype volumes`") from None
    except (ValueError, ValidationError):
        raise RunError(f"{path} is a damaged volume series; make it again with `cryohype volumes`") from None
    if meta.get("format_version") != RUN_FORMAT_VERSION:
        version = meta.get("format_version")
        raise RunError(f"{path} has format version {version}, this release reads {RUN_FORMAT_VERSION}; make the series again")
    return VolumeSeries(path, entries, meta)


def list_volume_series(run_or_dir: Run | Path) -> list[str]:
    """Names of the finished series."""
    return [path.name for path in complete_folders(_parent(run_or_dir)) if (path / "volumes.json").is_file()]


def _parent(run_or_dir: Run | Path) -> Path:
    return run_or_dir.volumes if isinstance(run_or_dir, Run) else Path(run_or_dir)


def _series_folder(run_or_dir: Run | Path, name: str) -> Path:
    return _parent(run_or_dir) / check_name(name, "volume series")


def _refuse_foreign_files(final: Path) -> None:
    """RunError unless everything in the folder belongs to an older series that may be replaced."""
    if not final.is_dir():
        raise RunError(f"{final} is a file; choose another folder with -o")
    present = {child.name for child in final.iterdir()}
    own: set[str] = set()
    if present >= _OWN_FILES:
        own = {entry.file for entry in read_volume_series(final.parent, final.name).entries} | _OWN_FILES
    foreign = sorted(present - own)
    if foreign:
        raise RunError(f"{final} holds {foreign[0]}, which is not of a volume series; choose another folder with -o")
