"""CryoHype and its variants, by the commands that users have."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.quality.cases import Data
from benchmarks.quality.processes import Budget, Moment, watched
from benchmarks.quality.protocol import Cost, Outcome, Rows, nearest_epochs, outcome_of
from cryohype_model.errors import ConfigError
from cryohype_model.inference.trained import TrainedRun, open_trained_run
from cryohype_model.io.mrc import write_volume
from cryohype_model.runs.latents import read_latents
from cryohype_model.runs.layout import Run
from cryohype_model.runs.metrics_log import read_metrics

# the paper's encoder at the size of `cpu-small`: a transformer over patches of the image, nothing held out
TOKENS = (
    "model.image_tokens=true", "model.basis_volumes=0", "model.basis_components=1", "model.patch_px=8", "model.depth=3",
    "model.weight_tokens=8", "training.held_out_fraction=0.0", "training.learning_rate=1.2e-3", "training.warmup_epochs=1.0",
)  # fmt: skip
# the basis volumes of `cpu-small` before they were values on a grid
BASIS_NETWORK = ("model.basis_form=network", "model.basis_components=1", "model.basis_volumes=32", "model.basis_radius=0.625")
LINEAR = "ours-linear"  # maps by the basis volumes alone, of the same training as `ours`
# what each variant changes in its preset: `ours` is the preset as it is, its others differ in one thing;
# `tokens` and its others are the paper's Table 3 (hypernetwork and ViT, concat, MLP, U-Net) and what belongs to image tokens
VARIANTS: dict[str, tuple[str, ...]] = {
    "ours": (),
    LINEAR: (),
    "ours-nothing-held-out": ("training.held_out_fraction=0.0",),
    "ours-tokens-too": ("model.image_tokens=true", "model.patch_px=8"),
    "ours-concat": ("model.conditioning=concat",),
    "ours-no-folding": ("model.inr.fold=false",),
    "ours-hartley": ("model.inr.output=hartley",),
    "ours-half-coordinates": ("training.coordinate_fraction=0.5",),
    "ours-coarse-to-fine": ("training.coarse_to_fine_epochs=2",),
    "ours-sigma-0.5": ("model.inr.feature_sigma=0.5",),
    "ours-one-gaussian": ("model.basis_components=1", "training.basis_passes=12"),
    "ours-basis-network": BASIS_NETWORK,
    "ours-no-basis-loss": (*BASIS_NETWORK, "training.basis_loss=0.0"),
    "tokens": TOKENS,
    "tokens-held-out": (*TOKENS, "training.held_out_fraction=0.5"),
    "tokens-concat": (*TOKENS, "model.conditioning=concat"),
    "tokens-mlp": (*TOKENS, "model.encoder=mlp"),
    "tokens-unet": (*TOKENS, "model.encoder=unet"),
    "tokens-no-positions": (*TOKENS, "model.positional_embedding=false"),
    "tokens-real-input": (*TOKENS, "model.input_domain=real"),
    "tokens-pose-and-ctf": (*TOKENS, "model.pose_token=true", "model.ctf_token=true"),
}
PROBE_S = 90.0  # a probe, with the time that starting takes in it; it tells what is done once, and what an epoch costs
PROBE_LINES = 6  # of its log of steps, at least
MOST_EPOCHS = 100_000


@dataclass(frozen=True)
class CryoHype:
    """One variant: a preset with some keys changed."""

    name: str
    preset: str
    overrides: tuple[str, ...]

    def missing(self) -> str | None:
        """It is always here."""
        return None

    def reconstruct(self, data: Data, folder: Path, budget: Budget, seed: int, maps: int) -> Outcome:
        """`cryohype train` and `analyze`; maps by the functions that `cryohype evaluate` and `volumes` use."""
        run = folder / "run"
        epochs = budget.epochs or self._epochs_within(data, folder / "probe", budget, seed)
        facts, cost = self._train(data, run, epochs, seed, None)
        watched(_command("analyze", run, "--no-umap", "--no-volumes", "--no-quality"), folder / "analyze.log")
        trained = open_trained_run(run)
        space = np.asarray(read_latents(trained.run, trained.checkpoint).pca, dtype=np.float32)
        how = f"{self.name}: preset {self.preset}, {epochs} epochs, batch {facts['batch_size']}"
        how += "".join(f", {override}" for override in self.overrides)
        method = "linear" if self.name == LINEAR else "mean"

        def decode(groups: Sequence[Rows], out: Path) -> list[Path]:
            return _decode(trained, groups, method, out)

        return outcome_of(data, space, decode, folder / "maps", maps, cost, how)

    def _epochs_within(self, data: Data, probe: Path, budget: Budget, seed: int) -> int:
        """How many epochs the budget holds: its schedule wants the number beforehand, and a short run tells the speed."""
        facts, cost = self._train(data, probe, MOST_EPOCHS, seed, PROBE_S)
        steps = read_metrics(Run(probe)).query("split == 'step'")
        if len(steps) < 2:
            raise ConfigError("hardly an image was trained on; give --epochs instead of --minutes")
        taken, done = (float(steps[name].iloc[-1] - steps[name].iloc[0]) for name in ("time", "step"))
        epoch = taken / done * len(data.labels) / float(facts["batch_size"])
        before = max(0.0, cost.wall_s - taken)  # basis volumes, and what the first step takes
        share = Moment(cost.wall_s, cost.cpu_s).by(budget.clock) / cost.wall_s
        return nearest_epochs((budget.seconds or 0.0) - before * share, epoch * share)

    def _train(self, data: Data, run: Path, epochs: int, seed: int, longest_s: float | None) -> tuple[dict[str, Any], Cost]:
        """Train; what the command says of it, and what it cost."""
        sets = [word for key in (*self.overrides, f"training.seed={seed}") for word in ("--set", key)]
        command = _command("train", data.star, "--preset", self.preset, "--box", data.case.box_px, "--epochs", epochs, *sets)
        done = watched(
            [*command, "-o", run, "--json"],
            run.with_suffix(".log"),
            None if longest_s is None else lambda moment: moment.wall > longest_s and _steps_logged(run) >= PROBE_LINES,
        )
        lines = done.output.strip().splitlines()
        if not lines:
            raise ConfigError(f"`cryohype train` was stopped before it began to train; its messages are in {run}.log")
        facts = dict(json.loads(lines[-1]))
        seconds = float(facts["training_seconds"])
        passes = float(facts["step"]) * float(facts["batch_size"]) / len(data.labels)
        speed = passes * len(data.labels) / seconds if seconds else 0.0
        return facts, Cost(seconds, done.share_of(seconds), passes if longest_s else float(facts["epochs"]), speed)


def _steps_logged(run: Path) -> int:
    file = Run(run).metrics_log
    return file.read_bytes().count(b"\n") if file.exists() else 0


def _command(*words: str | Path | float) -> list[str]:
    """A command of ours, of this environment."""
    return [str(Path(sys.executable).parent / "cryohype"), *map(str, words)]


def _decode(trained: TrainedRun, groups: Sequence[Rows], method: str, out: Path) -> list[Path]:
    """Maps of the means of groups of images, by a method of `cryohype volumes`."""
    out.mkdir(parents=True, exist_ok=True)
    generator = trained.generator
    paths = [out / f"map_{number:04d}.mrc" for number in range(len(groups))]
    for path, rows in zip(paths, groups, strict=True):
        write_volume(path, generator.volume(trained.mean_code(rows, method)), trained.scale.pixel_size_angstrom)
    return paths
