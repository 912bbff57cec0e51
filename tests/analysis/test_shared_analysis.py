"""An analysis by several processes finds what one finds; what stops one stops all."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import mrcfile
import numpy as np
import pytest

from cryohype_model.analysis.analyze import Parts, analyze
from cryohype_model.analysis.progress import Silent
from cryohype_model.inference.trained import open_trained_run
from cryohype_model.nets.checkpoint import load_checkpoint
from cryohype_model.runs.latents import read_latents
from cryohype_model.runs.layout import Run
from cryohype_model.training.checkpoints import keep_checkpoint

COMMAND = [str(Path(sys.executable).with_name("cryohype")), "analyze"]
OPTIONS = ["--accelerator", "cpu", "--no-umap", "--no-volumes", "--json"]
SEED, SAMPLE = 0, 10  # of the particles that the principal components are fitted on


def _start(run: Run, *options: str, **environment: str) -> subprocess.Popen[str]:
    variables = os.environ | {"OMP_NUM_THREADS": "1"} | environment
    words = [*COMMAND, str(run.path), *OPTIONS, *options]
    return subprocess.Popen(words, env=variables, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def _slurm(rank: int, port: int) -> dict[str, str]:
    """What srun --nodes 2 --ntasks-per-node 1 tells a task."""
    return {
        "SLURM_JOB_ID": "4242",
        "SLURM_JOB_NAME": "cryohype",
        "SLURM_NNODES": "2",
        "SLURM_NTASKS": "2",
        "SLURM_NTASKS_PER_NODE": "1",
        "SLURM_STEP_NUM_TASKS": "2",
        "SLURM_PROCID": str(rank),
        "SLURM_NODEID": str(rank),
        "SLURM_LOCALID": "0",
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": str(port),
    }


def test_two_nodes_of_slurm_find_what_one_process_finds(run: Run) -> None:
    opened = open_trained_run(run.path, accelerator="cpu")
    alone = analyze(opened, opened.config.analysis, Silent(), Parts(umap=False, medoid_volumes=False, quality=False)).latents
    expected, table = np.array(alone.pca), alone.table
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    tasks = [_start(run, "--nodes", "2", **_slurm(rank, port)) for rank in (0, 1)]
    (out, err), (others_out, others_err) = (task.communicate(timeout=120) for task in tasks)
    assert [task.returncode for task in tasks] == [0, 0], err + others_err
    record = json.loads(out)  # one object, from one process
    assert others_out == "" and record["particles"] == 60
    assert err.count("encoding images 60/60") == 1 and "encoding" not in others_err
    together = read_latents(run)
    assert together.meta["created"] > alone.meta["created"]
    np.testing.assert_allclose(together.pca, expected, atol=1e-4)
    np.testing.assert_allclose(together.table["loss"], table["loss"], rtol=1e-5)
    assert together.table["cluster"].tolist() == table["cluster"].tolist()
    assert [path.name for path in run.latents.iterdir()] == [together.path.name]


@pytest.fixture
def broken_share(run: Run) -> int:
    """A run with an image that is no number: the second of two processes comes upon it, and the fit does not; its row."""
    sample = np.random.default_rng(SEED).permutation(60)[:SAMPLE]
    row = int(np.setdiff1d(np.arange(30, 60), sample)[5])
    checkpoint = load_checkpoint(run.checkpoints / "last.ckpt")
    tree: dict[str, Any] = checkpoint.config.model_dump()
    tree["analysis"] |= {"pca_fit_particles": SAMPLE, "seed": SEED}
    keep_checkpoint(run, replace(checkpoint, config=type(checkpoint.config).model_validate(tree)), is_best=True, keep=1)
    stack = open_trained_run(run.path, accelerator="cpu").particles.table.stacks[0]
    copy = run.path / "particles.mrcs"
    copy.write_bytes(stack.read_bytes())
    with mrcfile.mmap(copy, mode="r+", permissive=True) as mrc:
        mrc.data[row, 3, 3] = np.nan
    text = run.particles_star.read_text()
    run.particles_star.write_text(text.replace(str(stack), str(copy)))
    return row


def test_the_failure_of_one_is_told_once_and_leaves_nothing(run: Run, broken_share: int) -> None:
    process = _start(run, "--devices", "2")
    out, err = process.communicate(timeout=120)
    assert process.returncode == 2 and out == ""
    assert err.count("cryohype analyze:") == 1 and "Traceback" not in err
    assert "process 1 of 2" in err and f"(particle {broken_share})" in err
    assert list(run.latents.iterdir()) == []
