"""What is measured: sizes, the images, and the configuration of ours that goes with them."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from benchmarks.quality.cases import Case, Data, simulated
from cryohype_model.config import RunConfig, dump_config, load_config
from cryohype_model.io.write import write_star
from cryohype_model.nets.build import build_model
from cryohype_model.nets.checkpoint import Checkpoint
from cryohype_model.runs.run import create_run
from cryohype_model.training.checkpoints import keep_checkpoint
from cryohype_model.training.prepare import open_training_set, table_fingerprint

BOX_ANGSTROM = 224.0  # that made-up complexes fit
STRUCTURES = 4
ZDIM = 8  # of cryoDRGN
# the paper's encoder, a transformer over patches of the image without positions, small as for a CPU
ENCODER = (
    "model.patch_px=8", "model.dim=128", "model.depth=3", "model.heads=4", "model.head_dim=32", "model.mlp_dim=512",
    "model.weight_tokens=8", "model.positional_embedding=false",
)  # fmt: skip


@dataclass(frozen=True)
class Sizes:
    """Equal for all contenders.

    Attributes
    ----------
    box_px : D. hidden, layers : width and linear layers of the INR. batch : images a step. images : of the data set.
    """

    box_px: int
    hidden: int
    layers: int
    batch: int
    images: int

    @property
    def frequencies(self) -> int:
        """Random Fourier features, as many as cryoDRGN has at this box."""
        return 3 * self.box_px // 2

    def __str__(self) -> str:
        return (
            f"D = {self.box_px}, INR {self.layers} linear layers of {self.hidden}, {self.frequencies} frequencies, "
            f"batch {self.batch}, {self.images} images"
        )

    def batches(self, number: int, steps: int) -> list[list[int]]:
        """Rows of the batches of a round: its share of one fixed random order, begun again where it ends."""
        order = np.random.default_rng(0).permutation(self.images)
        first = number * steps * self.batch
        rows = order[np.arange(first, first + steps * self.batch) % self.images]
        return [[int(row) for row in part] for part in rows.reshape(steps, self.batch)]


def made_data(sizes: Sizes, folder: Path) -> Data:
    """The images, simulated or found in the folder, in our form and in cryoDRGN's."""
    pixel = BOX_ANGSTROM / sizes.box_px
    case = Case("procedural", STRUCTURES, sizes.box_px, pixel, "demo", images=sizes.images // STRUCTURES)
    return simulated(case, Path(), folder)


def our_config(sizes: Sizes, data: Data, device: str, overrides: list[str]) -> RunConfig:
    """The configuration of ours, with ``section.key=value`` overrides on top."""
    keys = [
        *ENCODER,
        f"data.particles={data.star.absolute()}",
        "data.contrast=bright",
        f"model.inr.hidden={sizes.hidden}",
        f"model.inr.layers={sizes.layers}",
        f"model.inr.frequencies={sizes.frequencies}",
        f"training.batch_size={sizes.batch}",
        f"training.accelerator={device}",
        *overrides,
    ]
    return load_config(overrides=keys)


@dataclass(frozen=True)
class Prepared:
    """What the contenders read.

    Attributes
    ----------
    folder : of everything. device : "cpu" or "cuda". config, run : of ours, the run untrained: its networks take as long.
    settings, rival_run : of cryoDRGN, the latter made where its commands are measured.
    """

    folder: Path
    device: str
    data: Data
    config: Path
    run: Path
    settings: Path
    rival_run: Path


def prepared(sizes: Sizes, folder: Path, device: str, overrides: list[str]) -> Prepared:
    """Data, settings and an untrained run; data that are in the folder already are used again.

    Raises
    ------
    ConfigError : an impossible override.
    """
    folder = folder.absolute()
    data = made_data(sizes, folder / f"data-{sizes.box_px}-{sizes.images}")
    config = our_config(sizes, data, device, overrides)
    rival_run = folder / f"cryodrgn-{sizes.box_px}-{sizes.images}-{sizes.hidden}-{sizes.layers}"
    made = Prepared(folder, device, data, folder / "config.toml", folder / "run", folder / "cryodrgn.json", rival_run)
    made.config.write_text(dump_config(config))
    settings = {"folder": str(data.folder.absolute()), "batch": sizes.batch, "width": sizes.hidden, "layers": sizes.layers}
    made.settings.write_text(json.dumps(settings | {"zdim": ZDIM, "device": device}))
    shutil.rmtree(made.run, ignore_errors=True)
    _untrained_run(made.run, config)
    return made


def _untrained_run(folder: Path, config: RunConfig) -> None:
    """A run with a checkpoint of initial weights."""
    data = open_training_set(config.data)
    table, scale = data.particles.table, data.scale
    run = create_run(
        folder,
        config,
        ["python", "-m", "benchmarks.speed"],
        table_fingerprint(table),
        lambda path: write_star(table, path),
        particles=len(table),
        box_px=scale.box_px,
        pixel_size_angstrom=scale.pixel_size_angstrom,
    )
    model = build_model(config.model, scale.box_px, config.training.seed)
    optimizer = torch.optim.AdamW(model.parameters())
    keep_checkpoint(run, Checkpoint(config, scale, model.state_dict(), optimizer.state_dict(), 1, 0, 1, 1.0, 0.0), True, 1)
