"""The local lane: jobs are processes of this machine."""

from __future__ import annotations

import sys

from cryohype_app.jobs.ending import KILLED, ended, vanished
from cryohype_app.jobs.folder import JobFolder
from cryohype_app.jobs.job import Job, now
from cryohype_app.jobs.process import ask_to_stop, is_alive, kill, start_detached

RUNNER = "cryohype_app.jobs.runner"

_ORPHANED = "The process that watched this job vanished; the command was asked to stop."
_VANISHED = "The process that watched this job vanished (killed, or the machine was restarted)"


def runner_command(folder: JobFolder) -> tuple[str, ...]:
    """What runs a job, word by word."""
    return (sys.executable, "-m", RUNNER, str(folder.path))


def start(folder: JobFolder, job: Job) -> Job:
    """Start the runner; it is running once it has written runner.json."""
    try:
        pid, created = start_detached(runner_command(folder), folder.path, folder.log)
    except OSError as error:
        message = f"no process can be started ({error.strerror or error}); free memory or processes and submit it again"
        return job.changed(status="failed", ended=now(), message=message)
    return job.changed(pid=pid, process_created=created)


def look(folder: JobFolder, job: Job, grace_seconds: float) -> Job:
    """The job as its processes and files now have it.

    Parameters
    ----------
    folder, job : it holds devices.
    grace_seconds : so long may a runner take to appear whose server died while it started it.
    """
    alive = is_alive(job.pid, job.process_created)  # before the file is read: a dead runner writes no more
    if (record := folder.read_exit()) is not None:
        return ended(job, folder, record)
    runner = folder.read_runner()
    if alive:
        return job.changed(status="running") if runner and job.status == "starting" else job
    if job.pid is None and runner is not None:
        return job.changed(pid=runner.pid, process_created=runner.process_created)
    if job.pid is None and job.started is not None and (now() - job.started).total_seconds() < grace_seconds:
        return job
    if runner is not None and job.pid == runner.pid and ask_to_stop(runner.child_pid, runner.child_created):
        return job.changed(pid=runner.child_pid, process_created=runner.child_created, message=job.message or _ORPHANED)
    return vanished(job, _VANISHED)


def stop(job: Job) -> Job:
    """Ask a job that holds devices to stop; kill it when it was asked before."""
    if job.status == "stopping":
        kill(job.pid, job.process_created)
        return job.changed(message=KILLED)
    ask_to_stop(job.pid, job.process_created)
    return job.changed(status="stopping", message="")
