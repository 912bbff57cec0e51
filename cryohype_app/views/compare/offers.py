"""What a run has to be compared: clusters, selections, particles, true structures, stored maps."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from cryohype_app.frame import LatentFrame
from cryohype_app.state import Rows
from cryohype_app.store import DataStore, sentence
from cryohype_app.views.compare.address import Place, Source
from cryohype_model.errors import CryoHypeError, RunError
from cryohype_model.metrics.pairs import labelled_truths, truth_folder
from cryohype_model.runs.layout import Run, check_name
from cryohype_model.runs.manifest import Manifest, read_manifest
from cryohype_model.runs.run import read_config
from cryohype_model.runs.selections import list_selections, read_selection, read_selection_facts
from cryohype_model.runs.volumes import list_volume_series, read_volume_series

MOST_CLUSTERS = 1000  # of a list; more are no names
PARTICLE, UPLOAD = "particle", "upload"  # choices that something else must complete
Choices = dict[str, dict[str, str]]  # heading → name → source, as the address writes it


@dataclass(frozen=True, eq=False)
class Offers:
    """A run with one of its checkpoints, and everything of it that a map can be made of.

    Attributes
    ----------
    place : with its checkpoint. frame : its latent space, None where it was not analysed.
    choices : for the user. files : maps that lie on disk, by source.
    problem : of what could not be read, a sentence.
    """

    place: Place
    run: Run
    manifest: Manifest
    frame: LatentFrame | None
    choices: Choices
    files: dict[str, Path] = field(default_factory=dict)
    problem: str = ""

    def sources(self) -> list[str]:
        """All that can be chosen, in the order of the list."""
        return [source for group in self.choices.values() for source in group.values()]

    def check(self, source: Source) -> None:
        """RunError where the run has no such thing."""
        if source.kind == PARTICLE:
            if not 0 <= int(source.name) < self.manifest.particles:
                last = self.manifest.particles - 1
                raise RunError(f"{self.run.path.name} has no particle {source.name}; they are numbered from 0 to {last}")
        elif str(source) not in self.sources():
            kinds = ", ".join(name for name in self.sources() if name.startswith(f"{source.kind}:")) or "none"
            raise RunError(f"{self.run.path.name} has no {source}; there are: {kinds}; choose in the list")

    def rows(self, source: Source) -> Rows:
        """(n,) zero-based particle numbers of a group or of a particle, ascending."""
        if source.kind == PARTICLE:
            return np.array([int(source.name)], np.int64)
        if source.kind == "selection":
            return read_selection(self.run, source.name)
        if self.frame is None:
            raise RunError(f"{self.run.path.name} was not analysed, so it has no {source}; analyze it first")
        return np.flatnonzero(self.frame.column(source.kind) == int(source.name)).astype(np.int64)

    def name(self, source: Source) -> str:
        """For people."""
        if source.kind == PARTICLE:
            return f"particle {source.name}"
        names = {text: name for group in self.choices.values() for name, text in group.items()}
        return names.get(str(source), str(source)).partition(" · ")[0]


def places_of(data: DataStore) -> dict[str, Place]:
    """Every run that makes maps, newest first, once for each analysed checkpoint: name for people → place."""
    found: dict[str, Place] = {}
    for run_id, item in data.keyed_runs():
        if item.manifest is None or not (item.run.checkpoints / "last.ckpt").exists():
            continue
        for checkpoint in data.latents(run_id) or ["last"]:
            name = f"{item.run.path.name} · {checkpoint}"
            found[name if name not in found else f"{name} ({run_id[:6]})"] = Place(run_id, checkpoint)
    return found


def completed(data: DataStore, place: Place) -> Place:
    """The place with its checkpoint: that of the newest analysis, or the last one.

    Raises
    ------
    RunError : there is no such run, or no such checkpoint of it.
    """
    run = data.run(place.run_id)
    if not place.checkpoint:
        return Place(place.run_id, (data.latents(place.run_id) or ["last"])[0])
    if not (run.checkpoints / f"{check_name(place.checkpoint, 'checkpoint')}.ckpt").exists():
        raise RunError(f"{run.path.name} has no checkpoint {place.checkpoint!r}; choose another run or leave it out")
    return place


def offers_of(data: DataStore, place: Place) -> Offers:
    """Look at a run.

    Raises
    ------
    RunError : there is no such run, or no such checkpoint of it.
    """
    place = completed(data, place)
    run = data.run(place.run_id)
    analysed = place.checkpoint in data.latents(place.run_id)
    frame = data.frame(place.run_id, place.checkpoint) if analysed else None
    choices: Choices = {"Clusters": _clusters(frame), "Selections": _selections(run)}
    files: dict[str, Path] = {}
    problem = ""
    try:
        choices |= _truths(run, frame, files) | {"Stored maps": _stored_maps(run, files)}
    except CryoHypeError as error:
        problem = sentence(error)
    choices["Others"] = {"one particle…": PARTICLE, "a map of your own…": UPLOAD}
    kept = {heading: group for heading, group in choices.items() if group}
    return Offers(place, run, read_manifest(run), frame, kept, files, problem)


def _clusters(frame: LatentFrame | None) -> dict[str, str]:
    if frame is None or "cluster" not in frame.colours:
        return {}
    sizes = list(frame.sizes("cluster").items())[:MOST_CLUSTERS]
    return {f"cluster {number} · {count:,}": f"cluster:{number}" for number, count in sizes if number >= 0}


def _selections(run: Run) -> dict[str, str]:
    counts = {name: read_selection_facts(run, name)["count"] for name in list_selections(run)}
    return {f"selection {name} · {count:,}": f"selection:{name}" for name, count in counts.items() if count}


def _truths(run: Run, frame: LatentFrame | None, files: dict[str, Path]) -> Choices:
    """True maps of a simulation, and the particles of each; the maps' files are added to ``files``."""
    folder = truth_folder(Path(read_config(run).data.particles))
    truths = labelled_truths(folder) if folder is not None else {}
    files |= {f"truth:{label}": path for label, (_, path) in truths.items()}
    maps = {f"true map {label}, {name}": f"truth:{label}" for label, (name, _) in truths.items()}
    sizes = frame.sizes("label") if frame is not None and "label" in frame.colours else {}
    named = {label: f"structure {label}, {truths[label][0]}" if label in truths else f"structure {label}" for label in sizes}
    groups = {f"{named[label]} · {count:,}": f"label:{label}" for label, count in sizes.items() if label >= 0}
    return {"True structures": maps, "Particles of a true structure": groups}


def _stored_maps(run: Run, files: dict[str, Path]) -> dict[str, str]:
    found: dict[str, str] = {}
    for name in list_volume_series(run):
        series = read_volume_series(run, name)
        for entry in series.entries[:MOST_CLUSTERS]:
            found[f"{name} / {entry.file}"] = f"map:{name}/{entry.file}"
            files[f"map:{name}/{entry.file}"] = series.map_path(entry)
    return found
