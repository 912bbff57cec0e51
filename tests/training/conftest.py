"""A training of tiny networks as a function, and densities in Fourier space."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from cryohype_model.cli import main
from cryohype_model.config import dump_config
from cryohype_model.nets.grid_volumes import GridVolumes


@pytest.fixture
def config_file(mixture: Path, tiny_config: Callable[..., Any], tmp_path: Path) -> Path:
    """Tiny networks, 2 epochs of 8 steps."""
    path = tmp_path / "tiny.toml"
    path.write_text(dump_config(tiny_config(mixture)))
    return path


@pytest.fixture
def train(mixture: Path, config_file: Path, tmp_path: Path) -> Callable[..., int]:
    """``cryohype train`` of the mixture into tmp_path / name."""
    return lambda name, *options: main(["train", str(mixture), "-c", str(config_file), "-o", str(tmp_path / name), *options])


@pytest.fixture(scope="session")
def densities_on() -> Callable[[GridVolumes, torch.Tensor], torch.Tensor]:
    """A function that gives (points, n) transforms of n densities (n, D, D, D) within a quarter of the box."""

    def transforms(volumes: GridVolumes, densities: torch.Tensor) -> torch.Tensor:
        box = volumes.lattice.box_px
        axis = torch.arange(box) - box // 2
        distance = torch.cartesian_prod(axis, axis, axis).square().sum(1).reshape(box, box, box)
        within = torch.fft.ifftshift(densities * (distance < (box / 4) ** 2), dim=(1, 2, 3))
        kx, ky, kz = (volumes.lattice.pixels() % box).unbind(1)
        return torch.fft.fftn(within, dim=(1, 2, 3))[:, kx, ky, kz].T / 5

    return transforms
