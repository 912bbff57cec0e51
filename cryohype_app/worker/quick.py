"""What is answered at once, beside a generation: surfaces, numbers and pictures of what is there already."""

from __future__ import annotations

import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np

from cryohype_app.worker.ask import Ask
from cryohype_app.worker.measure import measure
from cryohype_app.worker.mesh import MOST_FACES, surface
from cryohype_app.worker.montage import particle_images
from cryohype_app.worker.network import checked_rows
from cryohype_app.worker.results import (
    HistogramResult,
    MeshResult,
    MetricsResult,
    MontageResult,
    ProjectionsResult,
    StoredResult,
    VolumeResult,
)
from cryohype_app.worker.shelf import StoredVolume, VolumeShelf, suggested_level
from cryohype_app.worker.truth import true_map
from cryohype_model.errors import InputFileError, MetricError
from cryohype_model.inference.trained import TrainedRun
from cryohype_model.io.mrc import read_volume, write_volume
from cryohype_model.metrics.difference import DEVIATIONS, difference
from cryohype_model.metrics.lowpass import low_passed
from cryohype_model.metrics.match import centred_origin, on_one_grid

HISTOGRAM_BINS = 256


class Quick:
    """Answers about volumes on the shelf and about single particles.

    Parameters
    ----------
    trained : the run and its particles. shelf : the volumes.
    """

    def __init__(self, trained: TrainedRun, shelf: VolumeShelf) -> None:
        self.trained, self.shelf = trained, shelf

    def mesh(self, ask: Ask) -> MeshResult:
        """The surface of ``volume_id`` at ``level``; ``smooth`` and ``decimate_to`` faces may be said."""
        volume_id, level = ask.message["volume_id"], float(ask.message["level"])
        volume = self.shelf.get(volume_id)
        most = ask.message["decimate_to"] or MOST_FACES
        made = surface(volume.array, level, volume.pixel_size_angstrom, ask.message["smooth"], most)
        return MeshResult(volume_id, level, made.vertices, made.normals, made.faces, made.step_px)

    def metrics(self, ask: Ask) -> MetricsResult:
        """Shape of ``volume_id``, and its agreement with a reference."""
        volume_id = ask.message["volume_id"]
        return measure(
            volume_id, self.shelf.get(volume_id), ask.message["level"], self._reference(ask), ask.message["levels"]
        )  # fmt: skip

    def _reference(self, ask: Ask) -> StoredVolume | None:
        reference = ask.message["reference"]
        if not reference:
            return None
        if len(reference) > 1:
            raise MetricError(f"a volume is compared with one reference, not with {' and '.join(reference)}; choose one")
        if "volume" in reference:
            return self.shelf.get(reference["volume"])
        if "map" in reference:
            return stored_map(Path(reference["map"]))
        if "truth" in reference:
            name, path = true_map(self.trained, reference["truth"], ask.message["truth_dir"])
            return stored_map(path, name)
        raise MetricError(
            f"a volume cannot be compared with {next(iter(reference))!r}; choose map, volume, truth or backprojection"
        )

    def histogram(self, ask: Ask) -> HistogramResult:
        """Counts of the densities of ``volume_id``."""
        volume = self.shelf.get(ask.message["volume_id"])
        counts, edges = np.histogram(volume.array, bins=HISTOGRAM_BINS)
        mean, deviation = float(volume.array.mean(dtype=np.float64)), float(volume.array.std(dtype=np.float64))
        edges = edges.astype(np.float64)
        return HistogramResult(
            ask.message["volume_id"], counts.astype(np.int64), edges, mean, deviation, volume.level,
            len(volume.array), volume.pixel_size_angstrom, {"name": volume.name, **volume.facts},
        )  # fmt: skip

    def projections(self, ask: Ask) -> ProjectionsResult:
        """Sums of ``volume_id`` along its axes."""
        volume = self.shelf.get(ask.message["volume_id"])
        along_z, along_y, along_x = (volume.array.sum(axis=axis) for axis in range(3))
        return ProjectionsResult(ask.message["volume_id"], along_z, along_y, along_x, volume.pixel_size_angstrom)

    def difference(self, ask: Ask) -> StoredResult:
        """``first`` minus ``second`` on their common grid, the second scaled as ``scaling`` says."""
        first, second = (self.shelf.get(ask.message[name]) for name in ("first", "second"))
        maps, pixel_size = on_one_grid(first, second)
        array, scale = difference(maps[0], maps[1], ask.message["scaling"])
        level = DEVIATIONS * float(array.std())
        facts = {"scale": scale, "first": ask.message["first"], "second": ask.message["second"]}
        name = f"{first.name} minus {second.name}"
        origin = centred_origin(len(first.array), first.pixel_size_angstrom, first.origin_angstrom, len(array), pixel_size)
        made = StoredVolume(array, pixel_size, level or None, "difference", name, origin, facts)
        return StoredResult(self.shelf.put(made))

    def low_pass(self, ask: Ask) -> StoredResult:
        """``volume_id`` without what is finer than ``resolution_angstrom``, as a volume of its own."""
        held, resolution = self.shelf.get(ask.message["volume_id"]), float(ask.message["resolution_angstrom"])
        array = low_passed(held.array, held.pixel_size_angstrom, resolution)
        facts = held.facts | {"low_pass_angstrom": resolution}
        return StoredResult(self.shelf.put(replace(held, array=array, level=suggested_level(array), facts=facts, halves=())))

    def montage(self, ask: Ask) -> MontageResult:
        """Pictures of ``rows``."""
        rows = checked_rows(self.trained, ask.arrays["rows"])
        how = {name: ask.message[name] for name in ("px", "flip_ctf", "low_pass_angstrom")}
        return MontageResult(particle_images(self.trained.particles, self.trained.scale, rows, **how))

    def add_map(self, ask: Ask) -> StoredResult:
        """Keep a user's map: the file ``path``, or the bytes of one."""
        name, pixel_size = ask.message["name"], ask.message["pixel_size_angstrom"]
        if "content" not in ask.arrays:
            return StoredResult(self.shelf.put(stored_map(Path(ask.message["path"]), name, pixel_size)))
        with tempfile.TemporaryDirectory(prefix="cryohype-map-") as folder:
            path = Path(folder) / "map.mrc"
            path.write_bytes(ask.arrays["content"].data)
            try:
                return StoredResult(self.shelf.put(stored_map(path, name, pixel_size)))
            except InputFileError as error:
                raise InputFileError(str(error).replace(str(path), name)) from None

    def save(self, ask: Ask) -> StoredResult:
        """Write ``volume_id``, or one ``half`` of a back-projection, to ``path`` as ``cryohype volumes`` writes maps."""
        volume, half = self.shelf.get(ask.message["volume_id"]), ask.message["half"]
        if half is not None and half > len(volume.halves):
            raise MetricError(f"{volume.name} has no half maps; only a back-projection has them")
        array = volume.array if half is None else volume.halves[half - 1]
        write_volume(Path(ask.message["path"]), array, volume.pixel_size_angstrom, volume.origin_angstrom)
        return StoredResult(ask.message["volume_id"])

    def volume(self, ask: Ask) -> VolumeResult:
        """The array of ``volume_id`` and what is known of it."""
        held = self.shelf.get(ask.message["volume_id"])
        facts = {"name": held.name, **held.facts}
        return VolumeResult(
            ask.message["volume_id"], held.array, held.pixel_size_angstrom, held.origin_angstrom, held.level, held.kind, facts
        )


def stored_map(path: Path, name: str | None = None, pixel_size_angstrom: float | None = None) -> StoredVolume:
    """A map from an .mrc file.

    Parameters
    ----------
    name : for people; None for the file's. pixel_size_angstrom : instead of what the header says.

    Raises
    ------
    InputFileError : not a readable cubic map, or one of unknown pixel size.
    """
    array, stated, origin = read_volume(path, cubic=True)
    pixel_size = stated if pixel_size_angstrom is None else pixel_size_angstrom
    if not 0 < pixel_size < float("inf"):
        raise InputFileError(f"{path} does not state its pixel size; write it into the header, or give it in Å")
    return StoredVolume(array, pixel_size, suggested_level(array), "map", name or path.name, origin)
