"""Processes that share a pass: equal shares, one voice, and no work done twice because nobody counted them."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from cryohype_model.cli import analyze_command, main
from cryohype_model.errors import ConfigError, InputFileError, RunError
from cryohype_model.inference.processes import ALONE, Processes, check_met, check_started, launcher

SAID = "--devices and --nodes"
Meet = Callable[[int, "list[Any]"], Processes]


@given(st.integers(0, 50), st.integers(1, 12))
def test_shares_are_consecutive_and_equal(count: int, world: int) -> None:
    shares = Processes(world=world).shares(count)
    assert [row for share in shares for row in share] == list(range(count))
    assert len(shares) == world and len(shares[0]) == max(map(len, shares)) <= min(map(len, shares)) + 1


@pytest.fixture
def meet(monkeypatch: pytest.MonkeyPatch) -> Meet:
    """A function that makes a process which hears of the others what it is told."""

    def make(rank: int, said: list[Any]) -> Processes:
        monkeypatch.setattr(Processes, "_gather", lambda self, item: [*said[: self.rank], item, *said[self.rank + 1 :]])
        return Processes(rank, len(said))

    return make


def test_nobody_failed(meet: Meet) -> None:
    for rank in (0, 1):
        with meet(rank, [None, None]).together():
            pass


def test_the_first_tells_the_failure_of_another(meet: Meet) -> None:
    with pytest.raises(RunError, match="process 2 of 3 on gpu17: image 5 is no number"):
        meet(0, [None, None, ("image 5 is no number", "gpu17")]).agree()


def test_the_first_tells_its_own_failure_as_it_was(meet: Meet) -> None:
    with pytest.raises(InputFileError, match=r"^mine$"), meet(0, [None, ("theirs", "gpu17")]).together():
        raise InputFileError("mine")


@pytest.mark.parametrize("said", [[("theirs", "gpu17"), None], [None, None]])
def test_the_others_end_without_a_word(meet: Meet, said: list[Any]) -> None:
    with pytest.raises(SystemExit) as ended, meet(1, said).together():
        raise InputFileError("mine")
    assert ended.value.code == 0


def test_a_mistake_of_ours_keeps_its_traceback_wherever_it_happens(meet: Meet) -> None:
    with pytest.raises(ZeroDivisionError), meet(1, [None, None]).together():
        raise ZeroDivisionError


def test_alone_an_error_is_just_raised() -> None:
    with pytest.raises(InputFileError, match=r"^mine$"), ALONE.together():
        raise InputFileError("mine")
    assert ALONE.of_first(lambda: 3) == 3


def test_a_process_that_was_killed_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    def break_off(gathered: list[Any], item: object, group: Any) -> None:
        raise RuntimeError("[gloo/transport/tcp/pair.cc:534] Connection closed by peer [127.0.0.1]:42")

    monkeypatch.setattr(torch.distributed, "all_gather_object", break_off)
    with pytest.raises(RunError, match="was killed"):
        Processes(0, 2).agree()
    with pytest.raises(SystemExit):
        Processes(1, 2).agree()


@pytest.mark.parametrize(
    ("environment", "by", "devices", "nodes", "sentence"),
    [
        ({}, None, 1, 1, None),
        ({}, None, 4, 1, None),
        ({}, None, 1, 2, "was started alone"),
        ({"NODE_RANK": "1"}, None, 1, 2, None),
        ({"TORCHELASTIC_RUN_ID": "none", "WORLD_SIZE": "2"}, "torchrun", 2, 1, None),
        ({"TORCHELASTIC_RUN_ID": "none", "WORLD_SIZE": "2"}, "torchrun", 1, 1, r"torchrun started 2 process\(es\)"),
        ({"SLURM_NTASKS": "4", "SLURM_STEP_NUM_TASKS": "4"}, "srun", 2, 2, None),
        ({"SLURM_NTASKS": "4", "SLURM_STEP_NUM_TASKS": "4"}, "srun", 1, 1, r"srun started 4 process\(es\)"),
        ({"SLURM_NTASKS": "4", "SLURM_STEP_NUM_TASKS": "1"}, None, 1, 1, None),  # a batch script
    ],
)
def test_what_was_started_is_what_is_asked_for(
    environment: dict[str, str], by: str | None, devices: int, nodes: int, sentence: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("TORCHELASTIC_RUN_ID", "WORLD_SIZE", "NODE_RANK", "SLURM_NTASKS", "SLURM_STEP_NUM_TASKS"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    if sentence is None:
        check_started(devices, nodes, SAID)
    else:
        with pytest.raises(ConfigError, match=sentence):
            check_started(devices, nodes, SAID)
    assert launcher() == by


def test_a_batch_script_without_srun_is_told_apart() -> None:
    check_met(4, 2, 2, SAID)
    with pytest.raises(ConfigError, match="srun --ntasks-per-node=4"):
        check_met(1, 4, 1, SAID)


@pytest.mark.parametrize("end", [None, RunError("told"), SystemExit(0), KeyboardInterrupt(), ZeroDivisionError()])
def test_a_command_parts_from_the_others_however_it_ends(
    end: BaseException | None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """PyTorch left to itself now and then aborts a process whose work is done ("terminate called without an active ...")."""

    def meet(_: argparse.Namespace) -> int:
        torch.distributed.init_process_group("gloo", init_method=f"file://{tmp_path / 'met'}", rank=0, world_size=1)
        if end is not None:
            raise end
        return 0

    monkeypatch.setattr(analyze_command, "run", meet)
    try:
        with suppress(SystemExit, ZeroDivisionError):
            main(["analyze", str(tmp_path)])
        assert not torch.distributed.is_initialized()
    finally:
        if torch.distributed.is_initialized():
            torch.distributed.destroy_process_group()


def test_a_command_that_met_nobody_just_ends(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(analyze_command, "run", lambda _: 3)
    assert main(["analyze", str(tmp_path)]) == 3
