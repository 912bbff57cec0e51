"""The saved map of a cluster, a selection or a particle; where there is none, the command that makes it."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from cryohype_app.napari_plugin.browser.contents import Contents
from cryohype_app.napari_plugin.maps import MapFile
from cryohype_app.napari_plugin.series import file_of_entry
from cryohype_model.runs.latents import LatentSpace
from cryohype_model.runs.volumes import VolumeEntry, VolumeSeries

Kind = Literal["cluster", "selection", "particle"]


@dataclass(frozen=True)
class Wanted:
    """A structure that the user asked for, and its map, if there is one. ``note`` tells what is wrong with it."""

    kind: Kind
    which: str
    file: MapFile | None
    note: str = ""

    @property
    def name(self) -> str:
        """For people, in a sentence."""
        return f"{self.kind} {self.which!r}" if self.kind == "selection" else f"{self.kind} {self.which}"


@dataclass(frozen=True, eq=False)
class SavedMaps:
    """Maps of a run that belong to one of its analyses."""

    contents: Contents
    space: LatentSpace | None

    def of_cluster(self, number: int) -> Wanted:
        """Its medoid's map before others; none of an older analysis, whose clusters were others."""
        found = (pair for pair in self._entries() if pair[1].cluster == number and self._is_of_this(pair[0]))
        return Wanted("cluster", str(number), _file(next(found, None)))

    def of_particle(self, row: int) -> Wanted:
        """What the network sees in it alone."""
        found = (pair for pair in self._entries() if pair[1].particle == row and pair[1].method in ("particle", "medoid"))
        pair = next(found, None)
        file = _file(pair)
        if file is not None:
            file = MapFile(file.path, f"particle {row}", file.colour, file.level)
        return Wanted("particle", str(row), file)

    def of_selection(self, name: str) -> Wanted:
        """The newest map."""
        found = [pair for pair in self._entries() if pair[1].selection == name]
        pair = max(found, key=lambda pair: str(pair[0].meta.get("created")), default=None)
        made = next((one.created for one in self.contents.selections if one.name == name), "")
        is_old = pair is not None and str(pair[0].meta.get("created")) < made
        note = f"The map of {name!r} is older than the selection; make it anew:" if is_old else ""
        return Wanted("selection", name, _file(pair), note)

    def command(self, wanted: Sequence[Wanted]) -> str:
        """The command line that makes maps, of the kind of the first one."""
        first = wanted[0]
        same = [one.which for one in wanted if one.kind == first.kind]
        if first.kind == "particle":
            words = ["--particles", ",".join(same)]
        elif first.kind == "cluster":
            words = ["--cluster", "all" if len(same) > 1 else first.which]
        else:
            words = ["--selection", first.which]
        return self._line("volumes", *words)

    def command_of_analysis(self) -> str:
        """The command line that finds clusters, and makes their medoids' maps."""
        return self._line("analyze")

    def _line(self, command: str, *words: str) -> str:
        is_kept = self.space is not None and self.space.checkpoint in self.contents.checkpoints
        of = ["--checkpoint", self.space.checkpoint] if self.space is not None and is_kept else []
        return shlex.join(["cryohype", command, str(self.contents.run.path), *words, *of])

    def _entries(self) -> Iterator[tuple[VolumeSeries, VolumeEntry]]:
        """Of this analysis' checkpoint, medoids first."""
        for series in self.contents.series:
            for entry in series.entries:
                if self.space is None or entry.checkpoint == self.space.checkpoint:
                    yield series, entry

    def _is_of_this(self, series: VolumeSeries) -> bool:
        """Whether clusters of a series are those of this analysis."""
        if self.space is None:
            return False
        if "partition" in series.meta:
            return bool(series.meta["partition"] == self.space.meta.get("partition"))
        return str(series.meta.get("created")) >= str(self.space.meta.get("created"))


def _file(pair: tuple[VolumeSeries, VolumeEntry] | None) -> MapFile | None:
    return None if pair is None else file_of_entry(*pair)
