"""The SLURM lanes: jobs are batch scripts, each made from the lane's template."""

from __future__ import annotations

from pathlib import Path

from cryohype_app.jobs.ending import KILLED, ON_REQUEST, ended, vanished
from cryohype_app.jobs.folder import JobFolder
from cryohype_app.jobs.job import Job, now
from cryohype_app.jobs.local import runner_command
from cryohype_app.jobs.scheduler import ask_job_to_stop, cancel_job, submit_script
from cryohype_app.jobs.template import DEFAULT_TEMPLATE, fill_template, lane_names, read_template
from cryohype_model.io.atomic import write_atomically

__all__ = ["DEFAULT_TEMPLATE", "GONE", "lane_names", "look", "stop", "submit"]

GONE = ""  # the state of a job that SLURM was asked about and does not list

_WAITING = {"PENDING", "CONFIGURING", "REQUEUED", "REQUEUE_HOLD", "REQUEUE_FED", "RESV_DEL_HOLD", "SPECIAL_EXIT"}
_OVER = {"BOOT_FAIL", "CANCELLED", "COMPLETED", "DEADLINE", "FAILED", "NODE_FAIL", "OUT_OF_MEMORY", "PREEMPTED", "TIMEOUT"}
_VANISHED = "SLURM does not know this job any more"
_UNHANDED = "The server ended while it handed this job to SLURM"


def submit(lanes: Path, folder: JobFolder, job: Job) -> Job:
    """Write the script and hand it in; the job with SLURM's number.

    Parameters
    ----------
    lanes : folder of the templates.
    folder, job : job.json is written already, for SLURM may be quick.

    Raises
    ------
    ConfigError : no such lane, or a template without a place for the command.
    RunError : SLURM does not take it.
    """
    template = read_template(lanes, job.lane)
    script = fill_template(template, f"cryohype-{job.title}", folder.log, len(job.gpus), runner_command(folder))
    write_atomically(folder.script, script)
    return job.changed(scheduler_id=submit_script(folder.script))


def look(folder: JobFolder, job: Job, state: str | None, is_overdue: bool) -> Job:
    """The job as its files and SLURM now have it.

    Parameters
    ----------
    folder, job : it is not over.
    state : SLURM's word, ``GONE``, or None when SLURM was not asked.
    is_overdue : SLURM has not listed it for so long that exit.json will not come.
    """
    if (record := folder.read_exit()) is not None:
        return ended(job, folder, record)
    if job.scheduler_id is None:
        return vanished(job, _UNHANDED)
    if is_gone(state):
        return vanished(job, f"{_VANISHED} ({state or 'not in squeue'})") if is_overdue else job
    if state is None or job.status == "stopping":
        return job
    if state in _WAITING:
        return job.changed(status="queued", message=state)
    return job.changed(status="running", started=job.started or now(), message="" if state == "RUNNING" else state)


def is_gone(state: str | None) -> bool:
    """Whether SLURM says that no process of the job is left."""
    return state == GONE or state in _OVER


def stop(job: Job) -> Job:
    """Take a waiting job out of the queue, ask a running one to stop, cancel one that was asked before.

    Raises
    ------
    RunError : SLURM refuses.
    """
    number = job.scheduler_id or ""
    if job.status == "queued":
        if number:
            cancel_job(number)
        return job.changed(status="stopped", ended=now(), message=ON_REQUEST)
    if job.status == "stopping":
        cancel_job(number)
        return job.changed(message=KILLED)
    ask_job_to_stop(number)
    return job.changed(status="stopping", message="")
