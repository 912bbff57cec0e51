"""Networks of a preset on given images, untrained, by the code that the commands run: they take as long as trained ones."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cryohype_model.config import RunConfig, load_config
from cryohype_model.inference.trained import TrainedRun
from cryohype_model.runs.layout import Run
from cryohype_model.training.loop import _Trainer, make_fabric
from cryohype_model.training.prepare import TrainingSet, open_training_set
from cryohype_model.training.stop import StopRequest


@dataclass(frozen=True)
class Opened:
    """A training that can be stepped through, and the same networks as an analysis has them.

    Attributes
    ----------
    trainer : whose ``take_step`` is measured: a copy of it would go its own way.
    """

    config: RunConfig
    data: TrainingSet
    trainer: Any
    trained: TrainedRun

    def step(self, batch: Any) -> None:
        """One optimiser step on a batch that is on the device."""
        self.trainer.take_step(batch, self.trainer.position)
        self.trainer.batch += 1


def opened(preset: str, star: Path, box_px: int, device: str, overrides: list[str]) -> Opened:
    """Set up as ``cryohype train`` does, without a run folder.

    Parameters
    ----------
    device : "cpu" or "cuda". overrides : ``section.key=value``.
    """
    keys = [f"data.particles={star}", "data.contrast=bright", f"data.box_px={box_px}", f"training.accelerator={device}"]
    config = load_config(preset=preset, overrides=[*keys, *overrides])
    data = open_training_set(config.data)
    run = Run(star.parent / "nothing-is-written")
    fabric = make_fabric(config.training)
    trainer: Any = _Trainer(run, config, data, fabric, StopRequest())
    trained = TrainedRun(run, "none", config, data.scale, trainer.model.module, fabric.device)
    trained.__dict__["particles"] = data.particles
    return Opened(config, data, trainer, trained)
