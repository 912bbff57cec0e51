"""What is measured: sizes, the images, and the configuration of ours that goes with them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.quality.cases import Case, Data, simulated
from cryohype_model.config import RunConfig, dump_config, load_config

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


def write_settings(sizes: Sizes, data: Data, config: RunConfig, device: str, folder: Path) -> tuple[Path, Path]:
    """What our contenders and cryoDRGN's read: a configuration and a table of settings."""
    ours, rival = folder / "config.toml", folder / "cryodrgn.json"
    ours.write_text(dump_config(config))
    settings = {
        "folder": str(data.folder.absolute()),
        "width": sizes.hidden,
        "layers": sizes.layers,
        "zdim": ZDIM,
        "device": device,
    }
    rival.write_text(json.dumps(settings))
    return ours, rival
