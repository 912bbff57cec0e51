"""What our contenders do when asked: CryoHype, the plain formulation, and bare matrix products.

Run as ``python -m benchmarks.speed.duties ours|plain CONFIG.toml RUN``; the particles are those of the configuration.
"""

from __future__ import annotations

import sys
from abc import ABC, abstractmethod
from collections.abc import Mapping
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from benchmarks.speed.answering import Duty, serve
from benchmarks.speed.counting import counted_flops
from benchmarks.speed.plain import PlainTraining
from cryohype_model.analysis.progress import Silent
from cryohype_model.analysis.reduce import umap_coordinates
from cryohype_model.config import RunConfig, load_config
from cryohype_model.inference.principal import IncrementalPca
from cryohype_model.inference.trained import TrainedRun, open_trained_run, pick_device
from cryohype_model.nets.hypernetwork import HyperNetwork
from cryohype_model.runs.layout import Run
from cryohype_model.training.loop import _Trainer, make_fabric
from cryohype_model.training.prepare import open_training_set
from cryohype_model.training.stop import StopRequest

Request = Mapping[str, Any]
Facts = dict[str, Any]


@lru_cache(maxsize=4)
def _triples(
    shapes: tuple[tuple[int, int], ...], rows: int, backward: bool, device: torch.device
) -> list[tuple[Tensor, Tensor, Tensor]]:
    """Operands and answer of the product of each layer (in, out), kept from one round to the next."""
    triples = []
    for layer, (fan_in, out) in enumerate(shapes):
        x, weight, y = (torch.randn(shape, device=device) for shape in ((rows, fan_in), (fan_in, out), (rows, out)))
        pairs = [(x, weight)]
        if backward:
            pairs += [(x.T, y), (y, weight.T)] if layer else [(x.T, y)]  # nobody asks for the gradient of coordinates
        triples += [(a, b, a @ b) for a, b in pairs]
    return triples


class Duties(ABC):
    """What all of them share: the data, the device, counting.

    Parameters
    ----------
    config : of networks and data. run : folder of an untrained run of it.
    """

    def __init__(self, config: RunConfig, run: Path) -> None:
        self.config, self.run = config, run
        self.device = pick_device(config.training.accelerator)
        self.data = open_training_set(config.data)

    def duties(self) -> dict[str, Duty]:
        """By the names that they are asked for with."""
        return {"train": self.train, "volume": self.volume, "count": self.count}

    @abstractmethod
    def step(self, rows: list[list[int]]) -> Tensor:
        """One optimiser step for each list of rows; the last loss."""

    @abstractmethod
    def map(self) -> None:
        """One map, on the CPU."""

    def train(self, request: Request) -> Facts:
        """Steps on the rows of ``batches``."""
        return {"loss": float(self.step(request["batches"]).detach())}

    def volume(self, request: Request) -> Facts:
        """``count`` maps."""
        for _ in range(request["count"]):
            self.map()
        return {}

    def count(self, request: Request) -> Facts:
        """Floating-point operations of the matrix products in what ``duty`` names."""
        return {"flops": counted_flops(lambda: self.duties()[request["duty"]](request))}

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
        return _Trainer(Run(self.run), self.config, self.data, make_fabric(self.config.training), StopRequest())

    @cached_property
    def trained(self) -> TrainedRun:
        """Of untrained networks: they take as long as trained ones."""
        return open_trained_run(self.run, accelerator=self.config.training.accelerator)

    def duties(self) -> dict[str, Duty]:
        """With what the plain formulation has no own way for."""
        return super().duties() | {
            "first_map": self.first_map,
            "encode": self.encode,
            "load": self.load,
            "prepare": self.prepare,
            "pca": self.pca,
            "umap": self.umap,
            "products": self.products,
        }

    def step(self, rows: list[list[int]]) -> Tensor:
        """By the trainer, on batches read ahead."""
        loss = torch.zeros(())
        for batch in self.data.particles.prefetch(map(np.array, rows), pin=self.device.type == "cuda"):
            loss = self.trainer.take_step(batch.to(self.device), self.trainer.position)
            self.trainer.batch += 1
            self.trainer.step += 1
        return loss

    def map(self) -> None:
        """All shells at once."""
        self.trained.generator.volume(self.latent_of(self.trained.model))

    def first_map(self, request: Request) -> Facts:
        """``count`` times the coarse map that is seen first."""
        for _ in range(request["count"]):
            next(iter(self.trained.generator.stages(self.latent_of(self.trained.model))))
        return {}

    def encode(self, _request: Request) -> Facts:
        """The latent of every particle."""
        for _ in self.trained.latents_of(np.arange(len(self.trained.particles))):
            pass
        self._wait()
        return {}

    def load(self, request: Request) -> Facts:
        """The stored images of ``batches``."""
        return {"images": sum(len(batch.images) for batch in self.data.particles.prefetch(map(np.array, request["batches"])))}

    def prepare(self, request: Request) -> Facts:
        """The same, as the encoder reads them."""
        count = 0
        with torch.inference_mode():
            for batch in self.data.particles.prefetch(map(np.array, request["batches"]), pin=self.device.type == "cuda"):
                count += len(self.trained.loss.encoder_input(batch.to(self.device))[1])
        self._wait()
        return {"images": count}

    def pca(self, request: Request) -> Facts:
        """Principal components of the vectors in ``file``, read in batches as an analysis does."""
        vectors = torch.from_numpy(np.load(request["file"]))
        pca = IncrementalPca(request["components"])
        for part in vectors.split(256):
            pca.update(part)
        projected = (vectors - pca.mean) @ pca.signed_axes().T
        return {"variance": float(projected.var(dim=0).sum())}

    def umap(self, request: Request) -> Facts:
        """Two coordinates for each of them."""
        options = self.config.analysis
        umap_coordinates(
            np.load(request["file"]), options.umap_neighbors, options.umap_min_dist, options.umap_fit_particles, 0, Silent()
        )
        return {}

    def products(self, request: Request) -> Facts:
        """Products ``of`` the layers of the "inr" or "encoder" for ``rows`` vectors, ``count`` times, ``backward`` too or not.

        Operands and answers are kept and used again, so that this is as fast as this machine multiplies such matrices.
        """
        model = self.config.model
        width, inner = model.dim, model.heads * model.head_dim
        encoder = [(width, 3 * inner), (inner, width), (width, model.mlp_dim), (model.mlp_dim, width)]
        shapes = self.trained.model.inr.weight_shapes if request["of"] == "inr" else encoder
        triples = _triples(tuple(shapes), request["rows"], request["backward"], self.device)
        for _ in range(request["count"]):
            for a, b, answer in triples:
                torch.mm(a, b, out=answer)
        self._wait()
        return {"flops": request["count"] * sum(2 * len(a) * b.numel() for a, b, _ in triples)}

    def _wait(self) -> None:
        if self.device.type == "cuda":
            torch.cuda.synchronize()


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


def duties_of(kind: str, config: Path, run: Path) -> dict[str, Duty]:
    """What a contender does, "ours" or "plain"."""
    return {"ours": Ours, "plain": Plain}[kind](load_config(config), run).duties()


if __name__ == "__main__":
    serve(duties_of(sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3])))
