"""What is known of each particle beside its latent: columns of particles.star and of the file that it was made of."""

from __future__ import annotations

import re
from collections import OrderedDict
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from threading import RLock

from cryohype_model.errors import CryoHypeError, RunError
from cryohype_model.io.columns import Column, CsColumns, StarColumns
from cryohype_model.runs.layout import Run

KEPT = 12  # columns in memory, of eight bytes a particle at most
UNTOLD = {"rlnImageName", "cryohypeLabel", "cryohypeSourceRow"}  # a name a particle; known from the analysis; ours
TITLES = {
    "rlnAngleRot": "rot (°)", "rlnAngleTilt": "tilt (°)", "rlnAnglePsi": "psi (°)", "rlnOriginXAngst": "shift x (Å)",
    "rlnOriginYAngst": "shift y (Å)", "rlnOriginX": "shift x (px)", "rlnOriginY": "shift y (px)", "rlnDefocusU": "defocus U (Å)",
    "rlnDefocusV": "defocus V (Å)", "rlnDefocusAngle": "astigmatism angle (°)", "rlnPhaseShift": "phase shift (°)",
    "rlnCtfBfactor": "CTF B-factor (Å²)", "rlnCtfScalefactor": "CTF scale", "rlnMicrographName": "micrograph",
    "rlnCoordinateX": "x in the micrograph (px)", "rlnCoordinateY": "y in the micrograph (px)", "rlnVoltage": "voltage (kV)",
    "rlnMaxValueProbDistribution": "probability of the pose", "rlnLogLikeliContribution": "log-likelihood",
}  # fmt: skip
PERIODS = {"rlnAngleRot": 360.0, "rlnAnglePsi": 360.0, "rlnDefocusAngle": 180.0}
MEASURES = {"rlnNrOfSignificantSamples", "rlnNrOfFrames"}  # whole numbers that are no groups


@dataclass
class ParticleColumns:
    """Columns of the particles of a run, in their order, each read when first asked for; the last few are kept.

    Several threads may ask: one reads, the others wait.
    """

    run: Run
    _read: OrderedDict[str, Column] = field(default_factory=OrderedDict)
    _lock: RLock = field(default_factory=RLock)

    @property
    def names(self) -> tuple[str, ...]:
        """Every column: those that were trained with, then the others of the original file.

        Raises
        ------
        CryoHypeError : particles.star cannot be read.
        """
        with self._lock:
            ours = [name for name in self._ours.names if name not in UNTOLD]
            theirs = [] if self._theirs is None else [name for name in self._theirs.names if name not in {*ours, *UNTOLD}]
            return (*ours, *theirs)

    def read(self, name: str) -> Column:
        """One column.

        Raises
        ------
        CryoHypeError : there is none of the name, or a file is damaged, or the original file is no longer what it was.
        """
        with self._lock:
            if name in self._read:
                self._read.move_to_end(name)
            else:
                self._read[name] = self._fresh(name)
            while len(self._read) > KEPT:
                self._read.popitem(last=False)
            return self._read[name]

    @cached_property
    def _ours(self) -> StarColumns:
        return StarColumns(self.run.particles_star)

    @cached_property
    def _theirs(self) -> StarColumns | CsColumns | None:
        """The original file; None where it is ours, is a bare stack, or has gone: then only its further columns are missing."""
        source = self._ours.block("cryohype_source")
        if source is None:
            return None
        path, *passthrough = [Path(word) for word in source["cryohypeSourcePath"]]
        kind = source["cryohypeSourceKind"][0]
        try:
            if not path.is_file() or path == self.run.particles_star:
                return None
            return CsColumns(path, passthrough) if kind == "cs" else StarColumns(path) if kind == "star" else None
        except CryoHypeError:
            return None

    def _fresh(self, name: str) -> Column:
        if name not in self.names:
            raise RunError(f"the particles have no column {name!r}; there are {', '.join(self.names)}")
        if name in self._ours.names or self._theirs is None:
            return self._ours.read(name)
        column = self._theirs.read(name)
        rows = self._ours.read("cryohypeSourceRow").values
        if len(rows) and rows.max() >= len(column.values):
            raise RunError(
                f"{self._theirs.path} has {len(column.values)} rows and row {rows.max()} is wanted: it changed since; restore it"
            )
        return column[rows]


def column_title(name: str) -> str:
    """A column's name for people: ``rlnGroupNumber`` is "group number"."""
    if name in TITLES:
        return TITLES[name]
    words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", name.removeprefix("rln").replace("_", " ")).split()
    return " ".join(word if word.isupper() else word.lower() for word in words) or name
