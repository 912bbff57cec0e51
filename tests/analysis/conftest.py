"""A tiny run with a checkpoint of untrained networks: what an analysis needs, made in a second."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from cryohype_model.config import RunConfig
from cryohype_model.imaging.particles import Particles
from cryohype_model.io.particles import read_particles
from cryohype_model.io.write import write_star
from cryohype_model.nets.build import build_model
from cryohype_model.nets.checkpoint import Checkpoint
from cryohype_model.runs.layout import Run
from cryohype_model.runs.metrics_log import append_metrics
from cryohype_model.runs.run import create_run
from cryohype_model.simulate.config import MixtureConfig
from cryohype_model.simulate.mixture import simulate_mixture
from cryohype_model.simulate.procedural import procedural_complex
from cryohype_model.training.checkpoints import keep_checkpoint
from cryohype_model.training.prepare import image_scale

BOX_PX = 16
IMAGES_PER_STRUCTURE = 30
STRUCTURES = 2


@pytest.fixture(scope="session")
def mixture(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """particles.star of two structures."""
    config = MixtureConfig(IMAGES_PER_STRUCTURE, BOX_PX, 12.0, 30.0, snr=1.0, max_shift_px=1.0)
    structures = [procedural_complex(index) for index in range(STRUCTURES)]
    return simulate_mixture(structures, tmp_path_factory.mktemp("data") / "mixture", config)


def tiny_config(star: Path, **model: object) -> RunConfig:
    """Networks of a few thousand parameters."""
    small = {"patch_px": 4, "dim": 32, "depth": 1, "heads": 2, "head_dim": 16, "mlp_dim": 32, "weight_tokens": 4}
    inr = {"layers": 3, "hidden": 32, "frequencies": 16}
    return RunConfig.model_validate(
        {
            "data": {"particles": str(star), "contrast": "bright"},
            "model": small | model | {"inr": inr},
            "analysis": {"pca_components": 8, "umap_neighbors": 10},
        }
    )


def make_run(folder: Path, star: Path, **model: object) -> Run:
    """A run whose networks have not been trained; its metrics are made up."""
    config = tiny_config(star, **model)
    table = read_particles(star)
    scale = image_scale(Particles(table), config.data, contrast=1)
    run = create_run(
        folder,
        config,
        ["cryohype", "train", str(star)],
        "abc",
        lambda path: write_star(table, path),
        particles=len(table),
        box_px=BOX_PX,
        pixel_size_angstrom=scale.pixel_size_angstrom,
    )
    networks = build_model(config.model, BOX_PX)
    optimizer = torch.optim.AdamW(networks.parameters())
    checkpoint = Checkpoint(config, scale, networks.state_dict(), optimizer.state_dict(), 1, 0, 7, 1.0, 0.0)
    keep_checkpoint(run, checkpoint, is_best=True, keep=1)
    for step in range(1, 8):
        append_metrics(run, {"step": step, "epoch": 0, "split": "step", "loss": 1 + 1 / step})
    append_metrics(run, {"step": 7, "epoch": 1, "split": "epoch", "loss": 1.2})
    return run


@pytest.fixture(scope="session")
def pristine_run(mixture: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A run that tests copy."""
    return make_run(tmp_path_factory.mktemp("runs") / "run", mixture)


@pytest.fixture
def make_variant(mixture: Path, tmp_path: Path) -> Callable[..., Run]:
    """A function that makes a run of another model, ``make_variant(conditioning="concat")``."""
    return lambda **model: make_run(tmp_path / "variant", mixture, **model)


@pytest.fixture
def run(pristine_run: Run, tmp_path: Path) -> Run:
    """A run of the test's own."""
    shutil.copytree(pristine_run.path, tmp_path / "run")
    return Run(tmp_path / "run")
