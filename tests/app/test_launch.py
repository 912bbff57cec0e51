"""What is started: checked before anything is put into the queue."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from cryohype_app.jobs.book import JobBook
from cryohype_app.launch import RunBusyError, Training, default_device, resume_training, start_analysis, start_training
from cryohype_app.roots import Roots
from cryohype_app.services import Services
from cryohype_app.store import DataStore
from cryohype_model.cli import command_parser
from cryohype_model.errors import ConfigError, CryoHypeError, InputFileError, RunError
from cryohype_model.runs.layout import Run
from cryohype_model.runs.manifest import read_manifest, update_manifest


@pytest.fixture
def services(store: Path, mixture: Path) -> Services:
    return Services(DataStore((store,)), JobBook(store), Roots.of([store, mixture.parent]))


@pytest.fixture
def wish(mixture: Path) -> Callable[..., Training]:
    """A function that makes a wish: a training that could start, with these fields changed."""
    return lambda **changes: replace(Training(mixture, "second", "demo"), **changes)


def test_a_training_waits_in_the_queue_with_its_command(services: Services, wish: Callable[..., Training], mixture: Path) -> None:
    job = start_training(services, wish(overrides=["training.epochs=3"]))
    args = command_parser("train").parse_args(list(job.command[4:]))
    assert (args.particles, args.output) == (str(mixture), services.data.home / "second")
    assert "training.epochs=3" in args.overrides
    assert job.status == "queued"
    assert job.run == services.data.home / "second"


@pytest.mark.parametrize(
    ("changes", "kind", "told"),
    [
        ({"name": "../second"}, RunError, "cannot name a run"),
        ({"name": ".cryohype"}, RunError, "cannot name a run"),
        ({"name": "run"}, RunBusyError, "already holds a run"),
        ({"particles": Path("/etc/passwd")}, InputFileError, "outside of the folders"),
        ({"overrides": ["data.poses=/etc/passwd"]}, InputFileError, "outside of the folders"),
        ({"overrides": ["data.datadir=../.."]}, InputFileError, "outside of the folders"),
        ({"overrides": ["training.epoch=3"]}, ConfigError, "training.epochs"),
        ({"overrides": ["training.epochs=" + "9" * 5000]}, ConfigError, "training.epochs"),
        ({"overrides": ["training.epochs=" + "[" * 5000]}, ConfigError, "training.epochs"),
        ({"preset": "nothing"}, ConfigError, "no preset"),
        ({"device": "cuda:63"}, ConfigError, "no device 'cuda:63'"),
        ({"lane": "cluster"}, ConfigError, "no lane 'cluster'"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_told_and_nothing_is_started(
    services: Services, wish: Callable[..., Training], changes: dict[str, object], kind: type[CryoHypeError], told: str
) -> None:
    with pytest.raises(kind, match=told):
        start_training(services, wish(**changes))
    assert services.jobs.jobs() == ()


def test_absent_particles_are_told(services: Services, wish: Callable[..., Training], mixture: Path) -> None:
    with pytest.raises(InputFileError, match="does not exist"):
        start_training(services, wish(particles=mixture.with_name("absent.star")))


def test_a_name_that_leads_out_of_the_store_is_refused(services: Services, wish: Callable[..., Training], mixture: Path) -> None:
    (services.data.home / "second").symlink_to(mixture.parent / "elsewhere")
    with pytest.raises(InputFileError, match="leads out"):
        start_training(services, wish())


def test_two_of_one_name_are_one_too_many(services: Services, wish: Callable[..., Training]) -> None:
    start_training(services, wish())
    with pytest.raises(RunBusyError, match="queued"):
        start_training(services, wish())
    assert len(services.jobs.jobs()) == 1


def test_one_job_works_on_a_run(services: Services, analysed: Run) -> None:
    run_id = read_manifest(analysed).id
    job = start_analysis(services, run_id, default_device(services))
    assert (job.kind, job.run) == ("analyze", analysed.path)
    with pytest.raises(RunBusyError, match="analyze run"):
        start_analysis(services, run_id, "cpu")
    update_manifest(analysed, status="stopped")
    services.data.forget()
    with pytest.raises(RunBusyError, match="analyze run"):
        resume_training(services, run_id, "cpu")


def test_what_is_finished_or_being_trained_does_not_go_on(services: Services, analysed: Run) -> None:
    run_id = read_manifest(analysed).id
    update_manifest(analysed, status="running")
    with pytest.raises(RunBusyError, match="is being trained"):
        resume_training(services, run_id, "cpu")
    update_manifest(analysed, status="finished", epochs_done=2)
    services.data.forget()
    with pytest.raises(RunError, match="cannot go on"):
        resume_training(services, run_id, "cpu")
    update_manifest(analysed, status="stopped", epochs_done=1)
    services.data.forget()
    assert "--resume" in resume_training(services, run_id, "cpu").command


def test_without_a_checkpoint_there_is_nothing_to_analyse(services: Services, analysed: Run) -> None:
    for path in analysed.checkpoints.iterdir():
        path.unlink()
    with pytest.raises(RunError, match="no checkpoint yet"):
        start_analysis(services, read_manifest(analysed).id, "cpu")
