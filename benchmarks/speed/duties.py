"""What our contenders do when asked: CryoHype, the plain formulation, and the bare matrix products of both.

Run as ``python -m benchmarks.speed.duties ours|plain CONFIG.toml``; the particles are those of the configuration.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from benchmarks.speed.answering import Duty, serve
from benchmarks.speed.counting import counted_flops
from benchmarks.speed.plain import PlainTraining
from cryohype_model.config import RunConfig, load_config
from cryohype_model.inference.generate import VolumeGenerator
from cryohype_model.inference.trained import pick_device
from cryohype_model.nets.build import build_model
from cryohype_model.nets.hypernetwork import HyperNetwork
from cryohype_model.runs.layout import Run
from cryohype_model.training.loop import _Trainer, make_fabric
from cryohype_model.training.prepare import open_training_set
from cryohype_model.training.stop import StopRequest

Request = Mapping[str, Any]
Facts = dict[str, Any]


class Duties:
    """What all of them share: the data, the device, counting."""

    def __init__(self, config: RunConfig) -> None:
        self.config = config
        self.device = pick_device(config.training.accelerator)
        self.data = open_training_set(config.data)

    def duties(self) -> dict[str, Duty]:
        """By the names that they are asked for with."""
        return {"train": self.train, "count_train": self.count_train, "volume": self.volume, "count_volume": self.count_volume}

    def step(self, rows: list[list[int]]) -> Tensor:
        """One optimiser step for each list of rows; the last loss."""
        raise NotImplementedError

    def map(self) -> None:
        """One map, on the CPU."""
        raise NotImplementedError

    def train(self, request: Request) -> Facts:
        """Steps on the rows of ``batches``."""
        return {"loss": float(self.step(request["batches"]).detach())}

    def volume(self, request: Request) -> Facts:
        """``count`` maps."""
        for _ in range(request["count"]):
            self.map()
        return {}

    def count_train(self, request: Request) -> Facts:
        """Floating-point operations of the matrix products in those steps."""
        return {"flops": counted_flops(lambda: self.step(request["batches"]))}

    def count_volume(self, _request: Request) -> Facts:
        """The same of one map."""
        return {"flops": counted_flops(self.map)}

    @staticmethod
    def latent_of(model: HyperNetwork) -> Tensor:
        """(1, tokens, width) random latent."""
        shape = model.encoder.weight_tokens.shape
        return torch.randn(1, *shape, generator=torch.Generator().manual_seed(0)).to(model.encoder.weight_tokens.device)


class Ours(Duties):
    """CryoHype by the code that its commands run."""

    @cached_property
    def trainer(self) -> Any:
        """The trainer itself, whose step is measured: a copy of it would go its own way."""
        return _Trainer(Run(Path()), self.config, self.data, make_fabric(self.config.training), StopRequest())

    @cached_property
    def generator(self) -> VolumeGenerator:
        """Of untrained networks: a map of theirs takes as long."""
        model = build_model(self.config.model, self.data.scale.box_px, self.config.training.seed)
        return VolumeGenerator(model.to(self.device).eval(), self.data.scale)

    def step(self, rows: list[list[int]]) -> Tensor:
        """By the trainer, on batches read ahead."""
        loss = torch.zeros(())
        for batch in self.data.particles.prefetch(map(np.array, rows), pin=self.device.type == "cuda"):
            loss = self.trainer._train_step(batch.to(self.device))
            self.trainer.batch += 1
            self.trainer.step += 1
        return loss

    def map(self) -> None:
        """All stages in one."""
        self.generator.volume(self.latent_of(self.generator.model))

    def duties(self) -> dict[str, Duty]:
        """With the matrix products alone."""
        return super().duties() | {"products": self.products}

    def products(self, request: Request) -> Facts:
        """The products of the INR's layers for ``rows`` coordinates, ``count`` times, forward and backward or forward only.

        Their operands are there already and are used again, so that this is as fast as this machine multiplies such matrices.
        """
        rows, flops = request["rows"], 0
        for first, (fan_in, out) in enumerate(self.generator.model.inr.weight_shapes):
            x, weight, y = (torch.randn(shape, device=self.device) for shape in ((rows, fan_in), (fan_in, out), (rows, out)))
            pairs = [(x, weight)]
            if request["backward"]:
                pairs += [(x.T, y), (y, weight.T)] if first else [(x.T, y)]  # nobody asks for the gradient of coordinates
            for _ in range(request["count"]):
                for a, b in pairs:
                    torch.mm(a, b)
            flops += 2 * rows * fan_in * out * len(pairs) * request["count"]
        if self.device.type == "cuda":
            torch.cuda.synchronize()
        return {"flops": flops}


class Plain(Duties):
    """The paper's formulation, written plainly."""

    @cached_property
    def training(self) -> PlainTraining:
        """Networks and optimiser."""
        return PlainTraining(self.config.model, self.data.scale, self.device, self.config.training.seed)

    def step(self, rows: list[list[int]]) -> Tensor:
        """On the same batches, read in the same way."""
        loss = torch.zeros(())
        for batch in self.data.particles.prefetch(map(np.array, rows), pin=self.device.type == "cuda"):
            loss = self.training.step(batch.to(self.device))
        return loss

    def map(self) -> None:
        """The whole sphere."""
        self.training.volume(self.latent_of(self.training.model)).cpu()


def duties_of(kind: str, config: Path) -> dict[str, Duty]:
    """What a contender does, "ours" or "plain"."""
    return {"ours": Ours, "plain": Plain}[kind](load_config(config)).duties()


if __name__ == "__main__":
    serve(duties_of(sys.argv[1], Path(sys.argv[2])))
