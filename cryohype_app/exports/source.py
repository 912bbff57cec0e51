"""The run that an export is made of."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from cryohype_app.frame import LatentFrame
from cryohype_app.store import DataStore
from cryohype_app.worker.client import VolumeWorker
from cryohype_model.errors import RunError
from cryohype_model.io.table import ParticleTable
from cryohype_model.runs.latents import read_latents
from cryohype_model.runs.layout import Run
from cryohype_model.runs.manifest import Manifest


@dataclass(frozen=True, eq=False)
class ExportSource:
    """A run, one of its analyses, and the process that makes its maps.

    Parameters
    ----------
    frame : of the analysis whose clusters are exported. worker : of the same checkpoint.
    """

    data: DataStore
    run_id: str
    frame: LatentFrame
    worker: VolumeWorker

    @property
    def run(self) -> Run:
        """Its folder."""
        return self.data.run(self.run_id)

    @property
    def checkpoint(self) -> str:
        """Name of the checkpoint that was analysed and makes the maps."""
        return self.frame.space.checkpoint

    def manifest(self) -> Manifest:
        """How the run stands, read anew."""
        return self.data.manifest(self.run_id)

    def settings(self) -> str:
        """config.toml as it is."""
        return self.run.config.read_text(encoding="utf-8")

    def table(self) -> ParticleTable:
        """Its particles, without images."""
        return self.data.table(self.run_id)

    def curve(self) -> pd.DataFrame:
        """The course of its training."""
        return self.data.metrics(self.run)

    def box_px(self) -> int:
        """Side of the images as trained on.

        Raises
        ------
        RunError : the run was made before the manifest told it.
        """
        box = self.manifest().box_px
        if box is None:
            raise RunError(f"the manifest of {self.run.path} does not tell the box of its images; give the box of the maps")
        return box

    def check_unchanged(self) -> None:
        """Refuse to go on with two analyses in one export.

        Raises
        ------
        RunError : the run was analysed anew since the frame was read.
        """
        now = read_latents(self.run, self.checkpoint).meta.get("created")
        if now != self.frame.space.meta.get("created"):
            raise RunError(f"{self.run.path.name} was analysed anew while it was exported; export it again")
