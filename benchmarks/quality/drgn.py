"""cryoDRGN, run as its users run it, in an environment of its own (GPL-3: nothing of it is imported here)."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from benchmarks.quality.cases import Data
from benchmarks.quality.processes import Budget, Moment, watched
from benchmarks.quality.protocol import Cost, Outcome, Rows, Space, outcome_of
from cryohype_model.errors import ConfigError
from cryohype_model.io.arrays import load_array

MOST_EPOCHS = 1000
SETTLED_S = 2.0  # a file that has just appeared may still be written
STARTED = "for data loading"  # its last message before the first epoch


@dataclass(frozen=True)
class CryoDrgn:
    """``cryodrgn train_vae`` and ``eval_vol``.

    Attributes
    ----------
    python : of the environment that it is installed in.
    options : architecture and optimiser, as its command line has them.
    """

    name: str
    python: Path
    options: tuple[str, ...]
    zdim: int = 8

    @property
    def program(self) -> Path:
        """Its command."""
        return self.python.parent / "cryodrgn"

    def missing(self) -> str | None:
        """Why it is left out."""
        if self.program.is_file():
            return None
        return (f"{self.name} is left out: {self.program} does not exist; `python -m venv E; E/bin/pip install torch cryodrgn`, "
                "and --rival-python E/bin/python")  # fmt: skip

    def reconstruct(self, data: Data, folder: Path, budget: Budget, seed: int, maps: int) -> Outcome:
        """Train until the epoch whose end is nearest to the budget, then decode its latents."""
        out = folder / "run"
        watch = EpochWatch(out, folder / "run.log", budget)
        epochs = budget.epochs or MOST_EPOCHS
        watched(
            [self.program, "train_vae", data.stack, "--poses", data.poses, "--ctf", data.ctf, "--zdim", str(self.zdim),
             "--seed", str(seed), "-n", str(epochs), "--no-analysis", "--no-amp", *self.options, "-o", out],
            watch.log, watch,
        )  # fmt: skip
        done, spent = watch.result()
        cost = Cost(spent.wall, spent.cpu, done, done * len(data.labels) / spent.wall)
        space = load_array(out / f"z.{done}.pkl").astype(np.float32)
        how = f"{self.name}: {version(self.python)}, zdim {self.zdim}, {' '.join(self.options)}, {done} epochs"

        def decode(groups: Sequence[Rows], where: Path) -> list[Path]:
            return self._decode(out, done, np.stack([space[rows].mean(axis=0) for rows in groups]), where, data)

        return outcome_of(data, space, decode, folder / "maps", maps, cost, how)

    def _decode(self, run: Path, epoch: int, latents: Space, where: Path, data: Data) -> list[Path]:
        """Maps of latents (m, zdim), in their order."""
        where.mkdir(parents=True, exist_ok=True)
        table = where / "latents.txt"
        np.savetxt(table, latents)
        watched(
            [self.program, "eval_vol", run / f"weights.{epoch}.pkl", "-c", run / "config.yaml", "--zfile", table,
             "--Apix", f"{data.case.pixel_size_angstrom:g}", "-o", where],
            where / "eval_vol.log",
        )  # fmt: skip
        paths = sorted(where.glob("vol_*.mrc"), key=lambda path: int(re.sub(r"\D", "", path.stem)))
        if len(paths) != len(latents):
            raise RuntimeError(f"cryoDRGN wrote {len(paths)} maps of {len(latents)} latents into {where}")
        return paths


@dataclass
class EpochWatch:
    """Notes when each epoch of cryoDRGN has ended, and says when another one would end farther from the budget than the last.

    Its epochs are counted by the latents that it writes after each; what it does between start and first epoch is not training.
    """

    run: Path
    log: Path
    budget: Budget
    began: Moment | None = None
    last: Moment | None = None
    ends: list[Moment] = field(default_factory=list)

    def __call__(self, moment: Moment) -> bool:
        """Whether to stop now."""
        self.look(moment)
        if self.budget.seconds is None or self.began is None or not self.ends or moment.wall - self.ends[-1].wall < SETTLED_S:
            return False
        spent = (self.ends[-1] - self.began).by(self.budget.clock)
        return spent + spent / len(self.ends) / 2 >= self.budget.seconds

    def result(self) -> tuple[int, Moment]:
        """Epochs done and what they took; call it when the program has ended.

        Raises
        ------
        ConfigError : not one epoch was finished.
        """
        if self.last is not None:
            self.look(self.last)
        if self.began is None or not self.ends:
            raise ConfigError(f"cryoDRGN finished no epoch; its messages are in {self.log}")
        return len(self.ends), self.ends[-1] - self.began

    def look(self, moment: Moment) -> None:
        """Note what has happened since the last look."""
        self.last = moment
        if self.began is None and any(STARTED in path.read_text() for path in (self.log, self.log.with_suffix(".out"))):
            self.began = moment
        while (self.run / f"z.{len(self.ends) + 1}.pkl").exists():
            self.ends.append(moment)


def version(python: Path) -> str:
    """Name and version of the rival."""
    code = "import importlib.metadata as m; print('cryoDRGN', m.version('cryodrgn'))"
    return subprocess.run([python, "-c", code], capture_output=True, text=True, check=True).stdout.strip()
