"""Training in processes of its own: a signal from outside, and two processes that share a batch."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
import torch

from cryohype_model.config import dump_config
from cryohype_model.nets.checkpoint import load_checkpoint
from cryohype_model.runs.latents import read_latents
from cryohype_model.runs.layout import Run
from cryohype_model.runs.manifest import read_manifest, update_manifest
from cryohype_model.runs.metrics_log import read_metrics
from cryohype_model.training.resume import refuse_running

COMMAND = [str(Path(sys.executable).with_name("cryohype")), "train"]
RANKS = ("RANK", "LOCAL_RANK", "NODE_RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT")
BASIS = {"basis_volumes": 3, "basis_form": "grid"}  # beside image tokens
# the rate does not fall, so that the first epochs are the same however many there will be
STEADY = ["--set", "training.input_mask_fraction=0.2", "--set", "training.final_learning_rate=1.0"]
ENDLESS = ["--epochs", "100000"]


@pytest.fixture
def options(mixture: Path, tiny_config: Callable[..., Any], tmp_path: Path) -> list[str]:
    (tmp_path / "tiny.toml").write_text(dump_config(tiny_config(mixture, **BASIS)))
    return [str(mixture), "-c", str(tmp_path / "tiny.toml"), "--json"]


def _environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if name not in RANKS} | {"OMP_NUM_THREADS": "1"}


def _run(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*COMMAND, *words], env=_environment(), capture_output=True, text=True, timeout=120, check=False)


def _wait_for(condition: Callable[[], bool], process: subprocess.Popen[str], seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert process.poll() is None and time.monotonic() < end, process.communicate()
        time.sleep(0.02)


def test_sigterm_writes_a_checkpoint_and_resume_finishes(options: list[str], tmp_path: Path) -> None:
    run = Run(tmp_path / "run")
    words = [*COMMAND, *options, "-o", str(run.path), "--epochs", "100000"]
    process = subprocess.Popen(words, env=_environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    _wait_for(lambda: (run.checkpoints / "last.ckpt").exists(), process)
    refused = _run("--resume", str(run.path))
    assert refused.returncode == 2 and f"is being trained by process {process.pid}" in refused.stderr
    process.send_signal(signal.SIGTERM)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 143
    assert f"Go on with: cryohype train --resume {run.path}" in err
    assert json.loads(out)["finished"] is False
    stopped = load_checkpoint(run.checkpoints / "last.ckpt")
    assert read_manifest(run).status == "stopped" and stopped.step == json.loads(out)["step"]
    resumed = _run("--resume", str(run.path), "--epochs", str(stopped.epoch + 2), "--json")
    assert resumed.returncode == 0, resumed.stderr
    assert json.loads(resumed.stdout)["epochs"] == stopped.epoch + 2 and read_manifest(run).status == "finished"


def test_a_killed_run_resumes_from_its_last_checkpoint(options: list[str], tmp_path: Path) -> None:
    run = Run(tmp_path / "run")
    words = [*COMMAND, *options, "-o", str(run.path), "--epochs", "100000"]
    process = subprocess.Popen(words, env=_environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    _wait_for(lambda: (run.checkpoints / "last.ckpt").exists(), process)
    process.kill()
    process.communicate(timeout=60)
    assert read_manifest(run).status == "running"  # nobody could write another
    epoch = load_checkpoint(run.checkpoints / "last.ckpt").epoch
    resumed = _run("--resume", str(run.path), "--epochs", str(epoch + 1))
    assert resumed.returncode == 0, resumed.stderr
    assert read_manifest(run).status == "finished"


@pytest.fixture(scope="module")
def one(mixture: Path, tiny_config: Callable[..., Any], tmp_path_factory: pytest.TempPathFactory) -> Run:
    """What one process makes of two epochs."""
    folder = tmp_path_factory.mktemp("one")
    (folder / "tiny.toml").write_text(dump_config(tiny_config(mixture, **BASIS)))
    finished = _run(str(mixture), "-c", str(folder / "tiny.toml"), *STEADY, "--json", "-o", str(folder / "run"))
    assert finished.returncode == 0, finished.stderr
    assert json.loads(finished.stdout)["step"] == 16
    return Run(folder / "run")


def _check_same_curve(run: Run, one: Run) -> None:
    """Each line is there once, and the epochs of ``one`` have its losses."""
    metrics, expected = read_metrics(run), read_metrics(one)
    steps = metrics[metrics["split"] == "step"]["step"]
    assert steps.is_unique and steps.is_monotonic_increasing
    epochs = metrics[metrics["split"] == "epoch"].reset_index(drop=True)
    known = expected[expected["split"] == "epoch"].reset_index(drop=True)
    assert epochs["epoch"].tolist() == list(range(1, len(epochs) + 1)) and len(epochs) >= len(known) == 2
    np.testing.assert_allclose(epochs["loss"][:2], known["loss"], atol=1e-4)


def test_two_processes_take_the_steps_of_one(options: list[str], one: Run, tmp_path: Path) -> None:
    two = _run(*options, *STEADY, "-o", str(tmp_path / "two"), "--devices", "2")
    assert two.returncode == 0, two.stderr
    assert "2 process(es)" in two.stderr and two.stderr.count("Finished.") == 1
    assert json.loads(two.stdout)["step"] == 16  # one object, from one process
    _check_same_curve(Run(tmp_path / "two"), one)
    models = [load_checkpoint(run.checkpoints / "last.ckpt").model for run in (one, Run(tmp_path / "two"))]
    assert models[0].keys() == models[1].keys()
    for name, value in models[0].items():
        torch.testing.assert_close(value, models[1][name], atol=1e-3, rtol=1e-2)


SHARED = "2 processes encode a share of the images each."


def test_those_that_trained_analyse_too(options: list[str], tmp_path: Path) -> None:
    run = Run(tmp_path / "run")
    done = _run(*options, "--devices", "2", "--analyze", "--set", "analysis.clusters=2", "-o", str(run.path))
    assert done.returncode == 0, done.stderr
    assert done.stderr.count(SHARED) == done.stderr.count("2 clusters by kmeans") == done.stdout.count("\n") == 1
    space = read_latents(run)
    assert space.table["loss"].notna().all() and list(space.path.glob("*.partial")) == []


def test_those_that_torchrun_started_analyse_too(options: list[str], tmp_path: Path) -> None:
    run = Run(tmp_path / "run")
    words = [*COMMAND, *options, "--devices", "2", "--analyze", "--set", "analysis.clusters=2", "-o", str(run.path)]
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", "--no-python"]
    out, err = (process := _start([*torchrun, *words])).communicate(timeout=120)
    assert process.returncode == 0, err
    assert err.count(SHARED) == err.count("2 clusters by kmeans") == out.count("\n") == 1
    assert read_latents(run).table["loss"].notna().all()


def test_an_analysis_after_training_is_stopped_by_a_signal_to_the_training(options: list[str], tmp_path: Path) -> None:
    run = Run(tmp_path / "run")
    process = _start([*COMMAND, *options[:-1], "--devices", "2", "--analyze", "-o", str(run.path)])
    _wait_for(lambda: run.manifest.exists() and read_manifest(run).status == "finished", process)  # the training is
    others = psutil.Process(process.pid).children(recursive=True)
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=120)
    assert process.returncode not in (0, None)
    psutil.wait_procs(others, timeout=30)
    assert not any(other.is_running() and other.status() != psutil.STATUS_ZOMBIE for other in others)
    assert read_manifest(run).status == "finished" and not list(run.latents.glob("*"))


def _port() -> str:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return str(server.getsockname()[1])


def _start(words: list[str], **variables: str) -> subprocess.Popen[str]:
    environment = _environment() | variables
    return subprocess.Popen(words, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def _has_epochs(run: Run, count: int) -> bool:
    return (run.path / "metrics.jsonl").exists() and sum(read_metrics(run)["split"] == "epoch") >= count


def test_two_nodes_of_torchrun_take_the_steps_of_one_and_stop_together(options: list[str], one: Run, tmp_path: Path) -> None:
    run, port = Run(tmp_path / "run"), _port()
    words = [*COMMAND, *options, *STEADY, *ENDLESS, "--set", "training.nodes=2", "-o", str(run.path)]
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--nnodes", "2", "--nproc-per-node", "1", "--no-python"]
    meeting = ["--master-addr", "127.0.0.1", "--master-port", port]
    nodes = [_start([*torchrun, "--node-rank", str(rank), *meeting, *words]) for rank in (0, 1)]
    _wait_for(lambda: _has_epochs(run, 2), nodes[0], seconds=120)
    nodes[1].send_signal(signal.SIGTERM)  # to the machine that does not write
    (out, err), (others_out, _) = (node.communicate(timeout=60) for node in nodes)
    assert json.loads(out)["finished"] is False and others_out == "", err
    assert "2 process(es)" in err and err.count("Go on with") == 1 and read_manifest(run).status == "stopped"
    _check_same_curve(run, one)


def test_two_tasks_of_slurm_take_the_steps_of_one_and_stop_together(options: list[str], one: Run, tmp_path: Path) -> None:
    run = Run(tmp_path / "run")
    words = [*COMMAND, *options, *STEADY, *ENDLESS, "--devices", "2", "-o", str(run.path)]
    same = {"SLURM_JOB_ID": "4242", "SLURM_JOB_NAME": "cryohype", "SLURM_NNODES": "1", "SLURM_NODEID": "0"}
    same |= {"SLURM_NTASKS": "2", "SLURM_NTASKS_PER_NODE": "2", "SLURM_STEP_NUM_TASKS": "2"}
    same |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": _port()}
    tasks = [_start(words, **same, SLURM_PROCID=str(rank), SLURM_LOCALID=str(rank)) for rank in (0, 1)]
    _wait_for(lambda: _has_epochs(run, 2), tasks[0], seconds=120)
    tasks[0].send_signal(signal.SIGTERM)
    (out, err), (others_out, _) = (task.communicate(timeout=60) for task in tasks)
    assert tasks[0].returncode == 143, err
    assert json.loads(out)["finished"] is False and others_out == ""
    assert "2 process(es)" in err and err.count("Go on with") == 1 and read_manifest(run).status == "stopped"
    _check_same_curve(run, one)


def test_two_processes_stop_together_and_go_on(options: list[str], tmp_path: Path) -> None:
    run = Run(tmp_path / "run")
    # a checkpoint is due at almost every step: the processes must agree when, or they wait for each other for ever
    often = ["--set", "training.checkpoint_minutes=0.0005", "--devices", "2", "--epochs", "100000"]
    words = [*COMMAND, *options, *often, "-o", str(run.path)]
    process = subprocess.Popen(words, env=_environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    _wait_for(lambda: (run.checkpoints / "last.ckpt").exists(), process)
    process.send_signal(signal.SIGTERM)  # to the first only
    out, err = process.communicate(timeout=60)
    assert process.returncode == 143, err
    assert err.count("Go on with") == 1 and json.loads(out)["finished"] is False
    epochs = load_checkpoint(run.checkpoints / "last.ckpt").epoch + 1
    resumed = _run("--resume", str(run.path), "--epochs", str(epochs))
    assert resumed.returncode == 0, resumed.stderr
    assert "2 process(es)" in resumed.stderr and read_manifest(run).epochs_done == epochs


@pytest.mark.parametrize("torchrun", [False, True])
def test_bad_input_is_told_once_by_two_processes(options: list[str], tmp_path: Path, torchrun: bool) -> None:
    launcher = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", "--no-python"]
    words = [*COMMAND, str(tmp_path / "none.star"), *options[1:], "-o", str(tmp_path / "bad"), "--devices", "2"]
    process = _start([*launcher, *words] if torchrun else words)
    _, err = process.communicate(timeout=120)
    assert process.returncode == (1 if torchrun else 2)  # torchrun has a status and much to say of its own
    assert err.count("none.star") == 1 and (torchrun or err.count("\n") == 1)
    assert not (tmp_path / "bad").exists()


def test_the_first_of_two_processes_reads_the_table_for_both(options: list[str], tmp_path: Path, monkeypatch: Any) -> None:
    counted = tmp_path / "reads"
    (tmp_path / "sitecustomize.py").write_text(
        "import os, sys\n"
        f"sys.addaudithook(lambda name, args: name == 'open' and str(args[0]) == {options[0]!r}"
        f" and open({str(counted)!r}, 'a').write(os.environ.get('LOCAL_RANK', '0')))\n"
    )
    monkeypatch.setenv("PYTHONPATH", str(tmp_path), prepend=os.pathsep)
    done = _run(*options, "--devices", "2", "-o", str(tmp_path / "run"))
    assert done.returncode == 0, done.stderr
    assert set(counted.read_text()) == {"0"}


def test_a_process_that_nobody_reaped_does_not_hold_the_run(run: Run) -> None:
    ended = subprocess.Popen([sys.executable, "-c", ""])
    process = psutil.Process(ended.pid)
    update_manifest(run, status="running", pid=ended.pid, process_created=process.create_time())
    deadline = time.monotonic() + 20
    while process.status() != psutil.STATUS_ZOMBIE:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    refuse_running(run)
    ended.wait()
