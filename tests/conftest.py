"""Tiny data, networks and runs. And: where everything that tests need is there, a skip is a failure (CRYOHYPE_REQUIRE_ALL)."""

from __future__ import annotations

import os
import shutil
import time
from collections import Counter
from collections.abc import Callable, Generator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings

if TYPE_CHECKING:
    from cryohype_model.config import RunConfig
    from cryohype_model.runs.layout import Run

settings.register_profile("no-deadline", deadline=None)  # how long an example takes says nothing on a shared machine
settings.load_profile("no-deadline")
REQUIRE_ALL = bool(os.environ.get("CRYOHYPE_REQUIRE_ALL"))
TINY_BOX_PX = 16
PROCESSOR_TIME_BEFORE = pytest.StashKey[float]()
LONGEST = ("tests/app/e2e/", "tests/app/", "tests/training/", "tests/analysis/")  # with browsers, servers and other processes


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """No two tests of one name, of which pytest-xdist would run one; in several processes the longest files first.

    So none of them is left to one process at the end.
    """
    times = Counter(item.nodeid for item in items)
    for item in items:
        if times[item.nodeid] > 1 and item.parent is not None:  # schemathesis has the operation in the name of the item only
            item._id = item.parent.id.child(item.name)
    assert len({item.nodeid for item in items}) == len(items), "some tests have the same name"
    if hasattr(config, "workerinput"):
        items.sort(
            key=lambda item: next((rank for rank, part in enumerate(LONGEST) if item.nodeid.startswith(part)), len(LONGEST))
        )


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real and odd files, ../shared/data beside the repository; CRYOHYPE_SHARED names another ``shared``."""
    default = Path(__file__).resolve().parents[2] / "shared"
    folder = Path(os.environ.get("CRYOHYPE_SHARED", default)) / "data"
    if not folder.is_dir():
        pytest.skip(f"{folder} is not there: set CRYOHYPE_SHARED to the folder that holds data/MANIFEST.tsv")
    return folder


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, None, None]:
    """How much processor time a test takes is kept, for the report of one that fails."""
    item.stash[PROCESSOR_TIME_BEFORE] = time.process_time()
    return (yield)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """A skip becomes a failure; what needs a GPU may still skip, as may an expected failure."""
    report = yield
    if report.failed and report.when == "call":  # was it slow, or did it wait?
        used = time.process_time() - item.stash[PROCESSOR_TIME_BEFORE]
        report.sections.append(("Time", f"{report.duration:.1f} s, {used:.1f} s of the processor in this process"))
    if REQUIRE_ALL and report.skipped and item.get_closest_marker("gpu") is None and not hasattr(report, "wasxfail"):
        _fail(report)
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """The same for a whole file that skips itself while it is collected."""
    report = yield
    if REQUIRE_ALL and report.skipped:
        _fail(report)
    return report


def _fail(report: pytest.TestReport | pytest.CollectReport) -> None:
    reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longrepr
    report.outcome = "failed"
    report.longrepr = f"skipped although CRYOHYPE_REQUIRE_ALL is set: {reason}"


@pytest.fixture(scope="session")
def mixture(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """particles.star of two structures, 30 images of 16 px each, CTF and shifts, SNR 1."""
    from cryohype_model.simulate.config import MixtureConfig
    from cryohype_model.simulate.mixture import simulate_mixture
    from cryohype_model.simulate.procedural import procedural_complex

    config = MixtureConfig(30, TINY_BOX_PX, 12.0, 30.0, snr=1.0, max_shift_px=1.0)
    structures = [procedural_complex(index) for index in range(2)]
    return simulate_mixture(structures, tmp_path_factory.mktemp("data") / "mixture", config)


@pytest.fixture(scope="session")
def tiny_config() -> Callable[..., RunConfig]:
    """A function that makes a configuration of a few thousand parameters, ``tiny_config(star, epochs=2, encoder="mlp")``."""
    return _tiny_config


def _tiny_config(
    star: Path, inr: dict[str, object] | None = None, training: dict[str, object] | None = None, **model: object
) -> RunConfig:
    from cryohype_model.config import RunConfig

    small = {"patch_px": 4, "dim": 32, "depth": 1, "heads": 2, "head_dim": 16, "mlp_dim": 32, "weight_tokens": 4}
    return RunConfig.model_validate(
        {
            "data": {"particles": str(star), "contrast": "bright"},
            "model": small | model | {"inr": {"layers": 3, "hidden": 32, "frequencies": 16} | (inr or {})},
            "training": {"epochs": 2, "batch_size": 8, "learning_rate": 1e-3, "warmup_epochs": 1, "accelerator": "cpu"}
            | (training or {}),
            "analysis": {"pca_components": 8, "umap_neighbors": 10},
        }
    )


def _untrained_run(folder: Path, star: Path, **model: object) -> Run:
    """A run whose networks have not been trained; its metrics are made up."""
    import torch

    from cryohype_model.imaging.particles import Particles
    from cryohype_model.io.particles import read_particles
    from cryohype_model.io.write import write_star
    from cryohype_model.nets.build import build_model
    from cryohype_model.nets.checkpoint import Checkpoint
    from cryohype_model.runs.metrics_log import append_metrics
    from cryohype_model.runs.run import create_run
    from cryohype_model.training.checkpoints import keep_checkpoint
    from cryohype_model.training.prepare import image_scale

    config = _tiny_config(star, **model)
    table = read_particles(star)
    scale = image_scale(Particles(table), config.data, contrast=1)
    run = create_run(
        folder,
        config,
        ["cryohype", "train", str(star)],
        "abc",
        lambda path: write_star(table, path),
        particles=len(table),
        box_px=TINY_BOX_PX,
        pixel_size_angstrom=scale.pixel_size_angstrom,
    )
    networks = build_model(config.model, TINY_BOX_PX)
    optimizer = torch.optim.AdamW(networks.parameters())
    checkpoint = Checkpoint(config, scale, networks.state_dict(), optimizer.state_dict(), 1, 0, 7, 1.0, 0.0)
    keep_checkpoint(run, checkpoint, is_best=True, keep=1)
    for step in range(1, 8):
        append_metrics(run, {"step": step, "epoch": 0, "split": "step", "loss": 1 + 1 / step})
    append_metrics(run, {"step": 7, "epoch": 1, "split": "epoch", "loss": 1.2})
    return run


@pytest.fixture(scope="session")
def pristine_run(mixture: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A run that tests copy: a checkpoint of untrained networks, made in a second."""
    return _untrained_run(tmp_path_factory.mktemp("runs") / "run", mixture)


@pytest.fixture
def make_variant(mixture: Path, tmp_path: Path) -> Callable[..., Run]:
    """A function that makes a run of another model, ``make_variant(conditioning="concat")``."""
    return lambda **model: _untrained_run(tmp_path / "variant", mixture, **model)


@pytest.fixture
def run(pristine_run: Run, tmp_path: Path) -> Run:
    """A run of the test's own."""
    shutil.copytree(pristine_run.path, tmp_path / "run")
    return type(pristine_run)(tmp_path / "run")
