"""A training of tiny networks as a function."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from cryohype_model.cli import main
from cryohype_model.config import dump_config


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
