"""``python -m cryohype_app.jobs.runner JOB_FOLDER``: runs the command of a job and writes down how it ended.

It belongs to no server: a server that was killed meanwhile reads exit.json when it comes back.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from types import FrameType

import psutil

from cryohype_app.jobs.folder import ExitRecord, JobFolder, RunnerRecord
from cryohype_app.jobs.job import Job, now, read_job

COULD_NOT_START = 127  # as a shell has it

# The command is one process on one machine and starts its own further ones; with these, Fabric waits for srun's.
_SLURM_TASKS = ("SLURM_NTASKS", "SLURM_NTASKS_PER_NODE")


class _Forwarder:
    """Passes SIGTERM and SIGINT on to the command as SIGTERM, also one that came before the command had begun."""

    def __init__(self) -> None:
        self._child: subprocess.Popen[bytes] | None = None
        self._asked = False
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._receive)

    def attach(self, child: subprocess.Popen[bytes]) -> None:
        """From now on to this process."""
        self._child = child
        if self._asked:
            child.terminate()

    def _receive(self, _number: int, _frame: FrameType | None) -> None:
        self._asked = True
        if self._child is not None:
            self._child.terminate()


def job_environment(job: Job) -> dict[str, str]:
    """The environment of the command: which GPUs it sees, in nvidia-smi's order; SLURM's choice is left alone."""
    environment = {name: value for name, value in os.environ.items() if name not in _SLURM_TASKS}
    # nothing that lies in the working folder is imported by mistake
    environment |= {"PYTHONUNBUFFERED": "1", "PYTHONSAFEPATH": "1"}
    if job.is_local:
        environment |= {"CUDA_DEVICE_ORDER": "PCI_BUS_ID", "CUDA_VISIBLE_DEVICES": ",".join(map(str, job.gpus))}
    return environment


def run_job(folder: JobFolder) -> int:
    """Run the command to its end and write exit.json; the exit code."""
    forwarder = _Forwarder()
    job = read_job(folder.job)
    try:
        child = subprocess.Popen(job.command, cwd=job.cwd, env=job_environment(job), stdin=subprocess.DEVNULL)
    except (OSError, ValueError) as error:
        reason = f"{error.strerror}: {error.filename}" if isinstance(error, OSError) else str(error)
        message = f"{job.command[0]!r} could not be started in {job.cwd} ({reason}); check the command and the folder"
        folder.write_record(ExitRecord(exit_code=COULD_NOT_START, ended=now(), message=message))
        return COULD_NOT_START
    forwarder.attach(child)
    folder.write_record(_processes(child))
    code = child.wait()
    code = 128 - code if code < 0 else code
    folder.write_record(ExitRecord(exit_code=code, ended=now()))
    return code


def _processes(child: subprocess.Popen[bytes]) -> RunnerRecord:
    created = psutil.Process(child.pid).create_time()  # also of a zombie: nobody has waited for it yet
    return RunnerRecord(
        pid=os.getpid(), process_created=psutil.Process().create_time(), child_pid=child.pid, child_created=created
    )


if __name__ == "__main__":
    raise SystemExit(run_job(JobFolder(Path(sys.argv[1]).absolute())))
