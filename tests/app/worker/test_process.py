"""The life of the worker process: it dies, it idles, it is stopped, and nobody is left waiting."""

from __future__ import annotations

import asyncio
import logging
import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from cryohype_app.worker.client import VolumeWorker
from cryohype_app.worker.errors import FrameError, Superseded, VolumeGone, WorkerError, heard, told
from cryohype_app.worker.failures import is_broken_device, sentence
from cryohype_app.worker.frames import encode_frame, read_frame
from cryohype_model.errors import MetricError, RunError
from cryohype_model.runs.layout import Run

Play = Callable[..., Any]
Make = Callable[..., VolumeWorker]


def _gone(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return False


def test_a_kill_in_the_middle_is_one_error_each_and_the_next_request_works(
    own_worker: Make, play: Play, all_stages: Play
) -> None:
    worker = own_worker()

    async def kill() -> list[Any]:
        volume_id = (await all_stages(worker, [1]))[-1].volume_id
        assert worker.pid is not None
        os.kill(worker.pid, signal.SIGSTOP)  # so that the requests are surely pending
        pending = [asyncio.create_task(all_stages(worker, [2], slot=slot)) for slot in "ab"]
        pending.append(asyncio.create_task(worker.histogram(volume_id)))
        await asyncio.sleep(0.05)
        os.kill(worker.pid, signal.SIGKILL)
        failed = await asyncio.gather(*pending, return_exceptions=True)
        with pytest.raises(VolumeGone):
            await worker.histogram(volume_id)
        assert worker.pid is None
        return [*failed, (await all_stages(worker, [3]))[-1]]

    *failed, later = play(kill())
    for error in failed:
        assert type(error) is WorkerError
        assert str(error).startswith("The volume worker ended unexpectedly (killed by SIGKILL, often because memory ran out")
        assert str(error).endswith("; the next request starts it again.")
    assert later.last


def test_it_ends_when_it_idles_and_starts_again(own_worker: Make, play: Play, all_stages: Play) -> None:
    worker = own_worker(idle_seconds=0.2)

    async def idle() -> None:
        last = (await all_stages(worker, [1]))[-1]
        pid = worker.pid
        assert pid is not None
        while not _gone(pid):
            await asyncio.sleep(0.02)
        assert worker.pid is None
        for ask in (worker.mesh(last.volume_id, 0.0), worker.volume(last.volume_id), worker.difference(last.volume_id, "a")):
            with pytest.raises(VolumeGone, match="ask for it again"):
                await ask
        assert worker.pid is None  # nothing was started to say so
        again = (await all_stages(worker, [1]))[-1]
        assert again.volume_id != last.volume_id and worker.pid not in (None, pid)
        np.testing.assert_array_equal(again.array, last.array)

    play(idle())


STRAY = """
import os, sys, threading, time
def chatter():
    while "cryohype_app.worker.service" not in sys.modules:
        time.sleep(0.01)
    while True:
        print("a stray line", flush=True)
        os.write(1, b"a stray line of C code\\n")
        time.sleep(0.002)
threading.Thread(target=chatter, daemon=True).start()
"""


def test_stray_prints_go_to_the_log(
    own_worker: Make, play: Play, all_stages: Play, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "sitecustomize.py").write_text(STRAY)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "site"))
    worker = own_worker()
    for row in range(5):
        assert play(all_stages(worker, [row], box_px=32))[-1].array.shape == (32, 32, 32)
    log = (tmp_path / "worker.log").read_text()
    assert "a stray line\n" in log and "of C code" in log


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux limits the memory of another process")
def test_out_of_memory_is_a_sentence_and_the_process_lives_on(worker: VolumeWorker, play: Play, all_stages: Play) -> None:
    play(all_stages(worker, [1]))
    pid = worker.pid
    assert pid is not None
    used = int(Path(f"/proc/{pid}/statm").read_text().split()[0]) * resource.getpagesize()
    resource.prlimit(pid, resource.RLIMIT_AS, (used + (150 << 20), resource.RLIM_INFINITY))
    try:
        with pytest.raises(WorkerError, match=r"not enough memory for this .* smaller box or fewer particles"):
            play(all_stages(worker, [1], box_px=512))
    finally:
        resource.prlimit(pid, resource.RLIMIT_AS, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    assert play(all_stages(worker, [2]))[-1].last and worker.pid == pid


def test_a_run_that_cannot_be_opened_is_told(own_worker: Make, play: Play, all_stages: Play, run: Run) -> None:
    worker = own_worker(run.path, checkpoint="step-1")
    with pytest.raises(RunError, match=r"there is no checkpoint .*step-1"):
        play(asyncio.wait_for(worker.facts(), 50))
    (run.checkpoints / "step-1.ckpt").symlink_to(run.checkpoints / "last.ckpt")
    assert play(all_stages(worker, [1]))[-1].last


@pytest.mark.parametrize(
    ("script", "how"),
    [
        ("exit 7", r"\(exit code 7, log .*worker\.log\)"),
        ("printf 'no frame at all'; exec sleep 60", r"ended unexpectedly \(a frame states a header of"),
    ],
)
def test_a_process_that_makes_no_sense_is_ended_and_told(
    own_worker: Make, play: Play, all_stages: Play, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str, how: str
) -> None:
    (tmp_path / "python").write_text(f"#!/bin/sh\n{script}\n")
    (tmp_path / "python").chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    worker = own_worker()
    for _ in range(2):
        with pytest.raises(WorkerError, match=how):
            play(all_stages(worker, [1]))
    assert worker.pid is None


def test_close_ends_what_is_pending_and_answers_no_more(own_worker: Make, play: Play, all_stages: Play) -> None:
    worker = own_worker()

    async def close() -> Any:
        pending = asyncio.create_task(all_stages(worker, [1]))
        await asyncio.sleep(0.05)  # it is being started
        await worker.close()
        return await asyncio.gather(pending, return_exceptions=True)

    (error,) = play(close())
    assert isinstance(error, WorkerError) and "closed" in str(error)
    with pytest.raises(WorkerError, match="closed; open the run again"):
        play(all_stages(worker, [1]))
    play(worker.close())


def test_a_log_that_cannot_be_written_is_told(own_worker: Make, play: Play, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(WorkerError, match=r"cannot be started .*check its log file"):
        play(own_worker(log=tmp_path / "file" / "worker.log").facts())


def test_it_ends_with_the_server(pristine_run: Run, tmp_path: Path) -> None:
    """A server that was killed closes no channel in good order; its end of the pipe just goes away."""
    words = [sys.executable, "-m", "cryohype_app.worker", str(pristine_run.path), "--token", "t", "--accelerator", "cpu"]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        assert process.stdin is not None and process.stdout is not None
        ready = read_frame(process.stdout)  # type: ignore[arg-type]  # Popen's stream is a buffered reader
        assert ready is not None and ready.message["ready"]["particles"] == 60
        rows = {"rows": np.array([1])}
        ask = {"slot": "a", "method": "mean", "neighbours": 1, "box_px": 256, "coarsest_px": 16, "most_encoded": 9}
        for part in encode_frame({"id": 1, "kind": "stages", "ask": {**ask, "with_mesh": False}}, rows):
            process.stdin.write(part)
        began = time.monotonic()
        process.stdin.close()
        process.stdout.close()
        assert process.wait(timeout=20) == 0 and time.monotonic() - began < 15


def test_the_web_process_stays_light() -> None:
    code = "import sys, cryohype_app.worker.client; print(*{name.partition('.')[0] for name in sys.modules})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert set(done.stdout.split()) & {"torch", "scipy", "skimage", "sklearn", "umap", "pandas"} == set()


@pytest.mark.parametrize("kind", [WorkerError, Superseded, VolumeGone, FrameError, MetricError, RunError])
def test_an_error_crosses_the_pipe_as_itself(kind: type[WorkerError]) -> None:
    again = heard(told(kind("a sentence with Å")))
    assert type(again) is kind and str(again) == "a sentence with Å"
    assert type(heard({"kind": "SystemExit", "sentence": "no"})) is WorkerError


def test_whatever_goes_wrong_is_a_sentence(caplog: pytest.LogCaptureFixture) -> None:
    assert "not enough memory" in str(sentence(torch.OutOfMemoryError("CUDA out of memory. Tried ...")))
    assert "not enough memory" in str(sentence(MemoryError()))
    assert "[Errno 28] No space left" in str(sentence(OSError(28, "No space left on device")))
    with caplog.at_level(logging.ERROR):
        own = sentence(KeyError("rows"))
    assert type(own) is WorkerError and "error of its own (KeyError: 'rows')" in str(own) and "report" in str(own)
    assert caplog.records[0].exc_info is not None


def test_a_broken_gpu_is_known() -> None:
    assert is_broken_device(RuntimeError("CUDA error: an illegal memory access was encountered"))
    assert not is_broken_device(torch.OutOfMemoryError("CUDA error: out of memory"))
    assert not is_broken_device(ValueError("CUDA error"))
