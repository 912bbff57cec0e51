"""The server's side of the volume worker: typed questions, typed answers, nothing that blocks an event loop."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from pathlib import Path
from typing import Any, Literal, TypeVar

import numpy as np
import numpy.typing as npt

from cryohype_app.worker.errors import WorkerError, volume_gone
from cryohype_app.worker.keeper import Keeper
from cryohype_app.worker.packing import pack, unpack
from cryohype_app.worker.request import Reference, Rows, VolumeRequest
from cryohype_app.worker.results import (
    BackprojectionResult,
    HistogramResult,
    MeshResult,
    MetricsResult,
    MontageResult,
    ProjectionsResult,
    StageResult,
    StoredResult,
    VolumeResult,
    WorkerFacts,
)
from cryohype_model.metrics.difference import Scaling

T = TypeVar("T")


class VolumeWorker:
    """Volumes of one run, made by a process of its own that starts at the first question and ends when it idles.

    Every method raises a CryoHypeError with one sentence for the user: WorkerError where the process died or failed (the next
    question starts it again), VolumeGone where it no longer holds a volume (ask for that again), Superseded where a newer
    question took the place of this one, and the model's own errors where the question was impossible.

    Parameters
    ----------
    run_path : run folder. checkpoint : "last", "best" or a step's name. accelerator : where to compute.
    log : file that the process writes to; grows.
    idle_seconds : without a question, after which the process ends.
    """

    def __init__(
        self,
        run_path: Path,
        checkpoint: str = "last",
        accelerator: Literal["auto", "cpu", "cuda"] = "auto",
        *,
        log: Path,
        idle_seconds: float = 300.0,
    ) -> None:
        words = (str(Path(run_path).absolute()), "--checkpoint", checkpoint, "--accelerator", accelerator)
        self._keeper = Keeper(words, Path(log), idle_seconds)

    @property
    def pid(self) -> int | None:
        """Of the running process, None where there is none."""
        process = self._keeper.process
        return None if process is None else process.pid

    def made(self, volume_id: str) -> bool:
        """Whether the running process made the volume of an id; it may have let it go since."""
        process = self._keeper.process
        return process is not None and volume_id.startswith(f"{process.token}-")

    async def facts(self) -> WorkerFacts:
        """Checkpoint, device and particles; waits until the process is ready."""
        return unpack(WorkerFacts, (await self._keeper.ready()).message["ready"], {})

    async def stages(self, request: VolumeRequest) -> AsyncGenerator[StageResult, None]:
        """Maps of growing box; a newer request of the same slot ends this one with Superseded."""
        message, arrays = pack(request)
        async with aclosing(self._keeper.ask("stages", message, arrays)) as frames:
            async for frame in frames:
                yield unpack(StageResult, frame.message["result"], frame.arrays)

    async def mesh(
        self, volume_id: str, level: float, smooth: bool = False, decimate_to: int | None = None, *, slot: str | None = None
    ) -> MeshResult:
        """The surface at a level.

        Parameters
        ----------
        smooth : of the map low-passed by a Gaussian of one voxel.
        decimate_to : faces at most, to a few in a hundred; None for 300,000.
        slot : a newer mesh of the slot supersedes this one, as a slider's wants it; None for never.
        """
        how = {"level": float(level), "smooth": smooth, "decimate_to": decimate_to, "slot": slot}
        return await self._of(volume_id, MeshResult, "mesh", **how)

    async def metrics(
        self,
        volume_id: str,
        reference: Reference | None = None,
        *,
        level: float | None = None,
        levels: str = "best",
        truth_dir: Path | None = None,
        slot: str | None = None,
    ) -> MetricsResult:
        """Shape of a volume, and its agreement with a reference.

        Parameters
        ----------
        level : at which the shape is measured; None for the volume's own.
        levels : of vIoU and Chamfer distance: "best", "mass:KDA" or a density.
        truth_dir : where true maps are; None for those beside the run's particles.
        slot : newer metrics of the slot supersede these; None for never.
        """
        self._check_held(volume_id)
        against: dict[str, Any] = dict(reference or {})
        if "backprojection" in against:
            made = await self.backproject(against.pop("backprojection"), slot or f"metrics of {volume_id}")
            against["volume"] = made.volume_id
        if "map" in against:
            against["map"] = str(Path(against["map"]).absolute())
        folder = None if truth_dir is None else str(Path(truth_dir).absolute())
        how = {"reference": against, "level": level, "levels": levels, "truth_dir": folder, "slot": slot}
        return await self._of(volume_id, MetricsResult, "metrics", **how)

    async def histogram(self, volume_id: str) -> HistogramResult:
        """Counts of the densities."""
        return await self._of(volume_id, HistogramResult, "histogram")

    async def projections(self, volume_id: str) -> ProjectionsResult:
        """Sums along the three axes."""
        return await self._of(volume_id, ProjectionsResult, "projections")

    async def difference(self, id_a: str, id_b: str, scaling: Scaling = "least_squares") -> str:
        """Id of a new volume: a minus b on their common grid.

        Parameters
        ----------
        scaling : of b: so that the squares of the difference are least, to the standard deviation of a, or none.
        """
        self._check_held(id_a, id_b)
        return (await self._ask(StoredResult, "difference", {"first": id_a, "second": id_b, "scaling": scaling})).volume_id

    async def backproject(self, rows: Rows, slot: str, report: Callable[[int, int], None] | None = None) -> BackprojectionResult:
        """The map that particles make themselves; a newer one of the slot supersedes it. ``report`` hears done and total."""
        return await self._ask(BackprojectionResult, "backproject", {"slot": slot}, {"rows": _int64(rows)}, report)

    async def montage(
        self, rows: Rows, px: int, *, flip_ctf: bool = False, low_pass_angstrom: float | None = None
    ) -> npt.NDArray[np.uint8]:
        """(n, px, px) uint8 pictures of particles, in the order of ``rows``."""
        how = {"px": px, "flip_ctf": flip_ctf, "low_pass_angstrom": low_pass_angstrom}
        return (await self._ask(MontageResult, "montage", how, {"rows": _int64(rows)})).images

    async def add_map(self, source: Path | bytes, name: str | None = None, pixel_size_angstrom: float | None = None) -> str:
        """Id of a user's map: a file, or the bytes of one. ``pixel_size_angstrom`` counts instead of the header's."""
        how: dict[str, Any] = {"name": name, "pixel_size_angstrom": pixel_size_angstrom}
        if isinstance(source, bytes):
            how["name"] = name or "the uploaded map"
            return (await self._ask(StoredResult, "add_map", how, {"content": np.frombuffer(source, np.uint8)})).volume_id
        how["path"] = str(Path(source).absolute())
        return (await self._ask(StoredResult, "add_map", how)).volume_id

    async def low_pass(self, volume_id: str, resolution_angstrom: float) -> str:
        """Id of a new volume: the same through a Gaussian that falls to a half at the resolution."""
        return (await self._of(volume_id, StoredResult, "low_pass", resolution_angstrom=resolution_angstrom)).volume_id

    async def save(self, volume_id: str, path: Path, half: Literal[1, 2] | None = None) -> None:
        """Write a volume, or one of a back-projection's half maps, as .mrc, whole or not at all; an older file is replaced."""
        await self._of(volume_id, StoredResult, "save", path=str(Path(path).absolute()), half=half)

    async def volume(self, volume_id: str) -> VolumeResult:
        """The array and what is known of it."""
        return await self._of(volume_id, VolumeResult, "volume")

    async def close(self) -> None:
        """End the process; no question is answered after that."""
        await self._keeper.close()

    async def _of(self, volume_id: str, kind: type[T], verb: str, **how: Any) -> T:
        self._check_held(volume_id)
        return await self._ask(kind, verb, {"volume_id": volume_id, **how})

    def _check_held(self, *volume_ids: str) -> None:
        """VolumeGone for volumes of a process that is gone, without starting another."""
        for volume_id in volume_ids:
            if not self.made(volume_id):
                raise volume_gone(volume_id)

    async def _ask(
        self,
        kind: type[T],
        verb: str,
        message: dict[str, Any],
        arrays: dict[str, npt.NDArray[Any]] | None = None,
        report: Callable[[int, int], None] | None = None,
    ) -> T:
        """The one result of a question; its progress goes to ``report``."""
        found: T | None = None
        async with aclosing(self._keeper.ask(verb, message, arrays or {})) as frames:
            async for frame in frames:
                if "result" in frame.message:
                    found = unpack(kind, frame.message["result"], frame.arrays)
                elif report is not None:
                    report(*frame.message["progress"])
        if found is None:
            raise WorkerError(f"the volume worker gave no answer to {verb!r}; ask again")
        return found


def _int64(rows: npt.ArrayLike) -> Rows:
    return np.asarray(rows, dtype=np.int64)
