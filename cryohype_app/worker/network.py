"""The trained network at work: maps of particles stage by stage, and the back-projections to hold against them."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
from torch import Tensor

from cryohype_app.worker.ask import Ask, Cancelled
from cryohype_app.worker.measure import shell_frequencies
from cryohype_app.worker.mesh import surface
from cryohype_app.worker.packing import unpack
from cryohype_app.worker.request import Rows, VolumeRequest
from cryohype_app.worker.results import BackprojectionResult, MeshResult, StageResult
from cryohype_app.worker.shelf import StoredVolume, VolumeShelf, suggested_level
from cryohype_model.analysis.medoids import medoid
from cryohype_model.errors import ConfigError, RunError
from cryohype_model.inference.backproject import Reconstruction, backproject
from cryohype_model.inference.evaluate_run import neighbours_of
from cryohype_model.inference.generate import Coefficients, Stage
from cryohype_model.inference.reconstruct import reconstruction_scale
from cryohype_model.inference.trained import TrainedRun, check_rows, code_of
from cryohype_model.runs.latents import read_latents
from cryohype_model.runs.volumes import MEANS

LARGEST_BOX_PX = 800  # 2 GB, what a frame carries
METHODS = ("mean", "medoid", "neighbours", "particle", "linear")


class Network:
    """Answers that need the network or its particles' images in bulk.

    Parameters
    ----------
    trained : one checkpoint on its device. shelf : where the maps are kept.
    """

    def __init__(self, trained: TrainedRun, shelf: VolumeShelf) -> None:
        self.trained, self.shelf = trained, shelf
        self.generator = trained.generator
        self._backprojected: dict[bytes, BackprojectionResult] = {}

    def stages(self, ask: Ask) -> Iterator[StageResult]:
        """The map of a :class:`VolumeRequest`, coarse first; ends early when it is cancelled."""
        request = unpack(VolumeRequest, ask.message, ask.arrays)
        _check(request)
        rows = checked_rows(self.trained, request.rows)
        used = self._rows_to_encode(rows, request)
        code = self._mean_code(used, request.method, ask)
        volume_id = None
        stages = self.generator.stages(code, request.box_px, coarsest_px=request.coarsest_px, cancelled=ask.cancelled)
        for number, stage in enumerate(stages):
            facts = {"method": request.method, "rows_used": len(used), "rows_total": len(rows), "stage": number}
            centre = None if request.method in MEANS else int(used[0])
            volume = self._stored(stage, facts)
            volume_id = self.shelf.put(volume, volume_id)
            mesh = _mesh_of(volume_id, volume) if request.with_mesh else None
            yield StageResult(
                volume_id, number, stage.last, stage.volume, stage.pixel_size_angstrom, volume.level,
                len(used), len(rows), request.method, self.trained.checkpoint, ask.seconds(), mesh, centre, time.time(),
            )  # fmt: skip

    def backproject(self, ask: Ask) -> Iterator[BackprojectionResult]:
        """The map that the particles make themselves, as ``cryohype backproject RUN`` makes it; the same rows are kept."""
        rows = checked_rows(self.trained, ask.arrays["rows"])
        digest = hashlib.sha256(np.sort(rows).tobytes()).digest()
        known = self._backprojected.get(digest)
        if known is None or not self.shelf.holds(known.volume_id):
            known = self._keep(self._reconstruct(rows, ask), digest)
        yield replace(known, seconds=ask.seconds())

    def _rows_to_encode(self, rows: Rows, request: VolumeRequest) -> Rows:
        """Particles whose latents are averaged: the choice of ``cryohype volumes``, but of a huge selection a sample."""
        if request.method in MEANS:
            if len(rows) <= request.most_encoded:
                return rows
            return np.sort(np.random.default_rng(0).choice(rows, request.most_encoded, replace=False))
        space = read_latents(self.trained.run, self.trained.checkpoint).pca if len(rows) > 1 else None
        centre = int(rows[0]) if space is None else medoid(space, rows)
        count = request.neighbours if request.method == "neighbours" else 1
        return neighbours_of(self.trained, centre, count)

    def _mean_code(self, rows: Rows, method: str, ask: Ask) -> Tensor | Coefficients:
        """What is decoded, encoded anew: batch by batch as the command line does, to the last bit."""
        total = None
        for _, codes in self.trained.codes_of(rows, method):
            subtotal = codes.sum(dim=0, keepdim=True)
            total = subtotal if total is None else total + subtotal
            if ask.cancelled():
                raise Cancelled
            ask.let_pass()
        assert total is not None  # the rows were checked
        return code_of(total / len(rows), method)

    def _stored(self, stage: Stage, facts: dict[str, Any]) -> StoredVolume:
        level = suggested_level(stage.volume)
        made = {"checkpoint": self.trained.checkpoint, **facts}
        return StoredVolume(stage.volume, stage.pixel_size_angstrom, level, "network", "the network's map", facts=made)

    def _reconstruct(self, rows: Rows, ask: Ask) -> Reconstruction:
        done = 0

        def report(count: int) -> None:
            nonlocal done
            done += count
            ask.report(done, len(rows))
            if ask.cancelled():
                raise Cancelled
            ask.let_pass()

        trained = self.trained
        scale = reconstruction_scale(trained.particles.table, trained.scale.box_px, trained.scale.contrast)
        return backproject(trained.particles, scale, rows, device=trained.device, report=report)

    def _keep(self, made: Reconstruction, digest: bytes) -> BackprojectionResult:
        box, pixel_size, level = len(made.volume), made.pixel_size_angstrom, suggested_level(made.volume)
        name = f"the back-projection of {made.count} particles"
        volume = StoredVolume(
            made.volume, pixel_size, level, "backprojection", name, (0.0, 0.0, 0.0), {"count": made.count}, made.fsc, made.halves
        )
        result = BackprojectionResult(
            self.shelf.put(volume), shell_frequencies(len(made.fsc), box, pixel_size), made.fsc,
            made.resolution_angstrom(0.143), made.resolution_angstrom(0.5), made.count, box, pixel_size, level, 0.0,
        )  # fmt: skip
        self._backprojected = {key: old for key, old in self._backprojected.items() if self.shelf.holds(old.volume_id)}
        self._backprojected[digest] = result
        return result


def checked_rows(trained: TrainedRun, rows: Rows) -> Rows:
    """The rows, refused where there are none or one is not of the run.

    Raises
    ------
    RunError : an empty selection or an unknown particle.
    """
    if not len(rows):
        raise RunError("no particle is selected; select at least one")
    return check_rows(rows, len(trained.particles))


def _check(request: VolumeRequest) -> None:
    if request.method not in METHODS:
        raise ConfigError(f"there is no method {request.method!r}; choose one of {', '.join(METHODS)}")
    if request.neighbours < 1 or request.most_encoded < 1:
        raise ConfigError("a map needs at least 1 neighbour and at least 1 encoded particle; give larger numbers")
    if request.box_px is not None and request.box_px > LARGEST_BOX_PX:
        raise ConfigError(f"a map's box is at most {LARGEST_BOX_PX} px here, not {request.box_px}; use `cryohype volumes --box`")
    if request.coarsest_px < 8 or request.coarsest_px % 2:
        raise ConfigError(f"the coarsest box must be even and at least 8 px, not {request.coarsest_px}")


def _mesh_of(volume_id: str, volume: StoredVolume) -> MeshResult | None:
    if volume.level is None:
        return None
    made = surface(volume.array, volume.level, volume.pixel_size_angstrom)
    return MeshResult(volume_id, volume.level, made.vertices, made.normals, made.faces, made.step_px)
